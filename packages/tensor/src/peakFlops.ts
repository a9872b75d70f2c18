/**
 * The adapter's ceiling for floating-point work, measured in a fraction of a
 * second: the best of a few samples of multiply-adds in registers. It is what
 * the utilisation of a training run is a share of; the benchmarks measure it
 * with more forms and more patience.
 */
import { multiplyAdd, multiplyAddFlops } from '@rna/kernels';
import type { Device } from './device.ts';

const ACCUMULATORS = 8;
const SAMPLES = 3;
const SAMPLE_MS = 20;
const MOST_RUNS = 256;

/** Floating-point operations a second. */
export async function measurePeakFlops(device: Device): Promise<number> {
  const uniforms = {
    count: device.traits.class === 'cpu' ? 2 ** 13 : 2 ** 18,
    iterations: 128,
    factor: 0.999,
    addend: 0.001,
  };
  let peak = 0;
  for (const fused of [true, false]) {
    const timed = async (runs: number): Promise<number> => {
      const begin = performance.now();
      for (let i = 0; i < runs; i++)
        device.scope(() => {
          device.run(multiplyAdd, {}, { y: [4 * uniforms.count] }, uniforms, { accumulators: ACCUMULATORS, fused });
        });
      await device.idle();
      return performance.now() - begin;
    };
    // The first compiles.
    await timed(1);
    const runs = Math.min(MOST_RUNS, Math.max(1, Math.round(SAMPLE_MS / (await timed(1)))));
    for (let sample = 0; sample < SAMPLES; sample++) {
      const ms = await timed(runs);
      if (ms > 0) peak = Math.max(peak, (1000 * runs * multiplyAddFlops(uniforms, ACCUMULATORS)) / ms);
    }
  }
  return peak;
}
