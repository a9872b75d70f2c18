/** Checks of `gatherRows`. */
import { floats, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { gatherRows } from './gatherRows.ts';
import type { RandomStream } from './random.ts';

/** Some of `sources` rows in a random order, with gaps between them. */
function gather(random: RandomStream, sources: number, rows: number, cols: number): Call {
  const numbers = random
    .shuffle(Array.from({ length: Math.max(sources, rows) }, (_, i) => (i < sources ? i : -1)))
    .slice(0, rows);
  return {
    inputs: { x: normals(random, sources * cols), index: Int32Array.from(numbers) },
    outputs: { y: rows * cols },
    uniforms: { count: rows * cols, cols },
  };
}

export const gatherRowsCheck: KernelCheck = {
  kernel: gatherRows,
  calls: (random) => [
    gather(random, 1, 1, 1),
    gather(random, 5, 9, 3),
    gather(random, 40, 7, 64),
    gather(random, 30, 31, 5),
  ],
  benchmark: (random) => [gather(random, 4000, 6528, 480)],
  reference: (call) => {
    const [x, index, cols] = [floats(call, 'x'), integers(call, 'index'), uniform(call, 'cols')];
    const y = Float64Array.from({ length: index.length * cols }, (_, i) => {
      const row = index[Math.floor(i / cols)]!;
      return row < 0 ? 0 : x[row * cols + (i % cols)]!;
    });
    return { y };
  },
  work: (call) => ({ flops: 0, bytes: 8 * uniform(call, 'count') }),
  tolerance: 0,
};
