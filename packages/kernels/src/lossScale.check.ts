/** Check of `lossScale`. What its rules come to over many steps is tested with the optimiser. */
import { floats, uniform, type Call, type KernelCheck } from './check.ts';
import { LARGEST_SCALE, lossScale, SCALED_REPORT } from './lossScale.ts';

const call = (
  norm: number,
  applied: number,
  scaler: readonly [scale: number, good: number, skipped: number],
  maxNorm = 1,
): Call => ({
  inputs: { report: Float64Array.of(2.5, norm, 0.5, applied, 0, 0, 0, 0, 0, 0), scaler: Float64Array.from(scaler) },
  outputs: {},
  uniforms: { maxNorm, interval: 3 },
});

export const lossScaleCheck: KernelCheck = {
  kernel: lossScale,
  calls: () => [
    call(65536, 1, [65536, 0, 0]),
    call(4000, 1, [8, 2, 5]),
    call(12, 0, [1024, 2, 1]),
    call(3, 1, [LARGEST_SCALE, 2, 0]),
    call(1, 0, [0.25, 0, 9], 1000),
  ],
  reference: (each) => {
    const [report, [scale = 0, good = 0, skipped = 0]] = [floats(each, 'report').slice(), floats(each, 'scaler')];
    const applied = report[3] === 1;
    const norm = report[1]! / scale;
    const run = applied ? good + 1 : 0;
    const grows = run >= uniform(each, 'interval');
    const scaler = Float64Array.of(
      !applied ? scale / 2 : grows ? Math.min(2 * scale, LARGEST_SCALE) : scale,
      grows ? 0 : run,
      skipped + (applied ? 0 : 1),
    );
    report.set([norm, Math.min(1, uniform(each, 'maxNorm') / (norm + 1e-6)) / scale], 1);
    report.set([scale, scaler[2]!], SCALED_REPORT.scale);
    return { report, scaler };
  },
  work: () => ({ flops: 10, bytes: 36 }),
  tolerance: 1e-6,
};
