/** Checks of `swapAxes`. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';
import { swapAxes, swapSizes } from './swapAxes.ts';

const call = (random: RandomStream, rows: number, cols: number, inner: number): Call => ({
  inputs: { x: normals(random, rows * cols * inner) },
  outputs: { y: rows * cols * inner },
  uniforms: swapSizes(rows, cols, inner),
});

export const swapAxesCheck: KernelCheck = {
  kernel: swapAxes,
  calls: (random) => [
    call(random, 1, 1, 1),
    call(random, 5, 7, 1),
    call(random, 12, 33, 1),
    call(random, 6, 3, 5),
    call(random, 7, 6, 8),
  ],
  benchmark: (random) => [call(random, 128, 64 * 64, 1), call(random, 64, 64, 128)],
  reference: (each) => {
    const [rows, cols, inner] = [uniform(each, 'rows'), uniform(each, 'cols'), uniform(each, 'inner')];
    const x = floats(each, 'x');
    const y = new Float64Array(x.length);
    for (let r = 0, at = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) for (let i = 0; i < inner; i++, at++) y[(c * rows + r) * inner + i] = x[at]!;
    }
    return { y };
  },
  work: (each) => ({ flops: 0, bytes: 8 * uniform(each, 'count') }),
  tolerance: 0,
};
