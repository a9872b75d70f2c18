/** Columns of two matrices side by side, and columns of one by themselves: each is the gradient of the other. */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

const columnUniforms = { count: 'u32', left: 'u32', right: 'u32' } as const;

/** y[r] = the columns of a and then those of b: [rows, left + right]. */
export const joinColumns = defineKernel({
  name: 'joinColumns',
  inputs: { a: 'f32', b: 'f32' },
  outputs: { y: 'f32' },
  uniforms: columnUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let cols = u.left + u.right;
  let r = i / cols;
  let c = i - r * cols;
  if (c < u.left) { y[i] = a[r * u.left + c]; } else { y[i] = b[r * u.right + c - u.left]; }`,
});

/** y = `cols` columns of x [rows, width] from column `first` on. */
export const takeColumns = defineKernel({
  name: 'takeColumns',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', width: 'u32', first: 'u32', cols: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  y[i] = x[i / u.cols * u.width + u.first + i % u.cols];`,
});
