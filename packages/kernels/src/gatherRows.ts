/**
 * Rows of a matrix by number, with zeros where there is none: the `<cls>` rows
 * of a pack, or a pack laid out with padding. No row is taken twice, so the
 * gradient is the same kernel with the inverse numbering.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/** y[r, c] = x[index[r], c], or 0 where index[r] is negative. */
export const gatherRows = defineKernel({
  name: 'gatherRows',
  inputs: { x: 'f32', index: 'i32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', cols: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let row = index[i / u.cols];
  y[i] = select(0.0, x[u32(max(row, 0)) * u.cols + i % u.cols], row >= 0);`,
});
