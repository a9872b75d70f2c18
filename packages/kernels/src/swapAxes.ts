/** The first two axes of an array exchanged: a matrix transposed, channels put first or last, a map turned over. */
import { defineKernel, flatGrid, FLAT_SIZE, type ElementType } from './kernel.ts';

export type SwapVariant = {
  /**
   * What an invocation moves: a block of 4 × 4 elements where `inner` is one, vectors where it is a multiple of four,
   * or one element.
   */
  unit: 'block' | 'vector' | 'element';
};

const defaults: SwapVariant = { unit: 'element' };

/** Sizes of a call on x [rows, cols, inner]. */
export const swapSizes = (
  rows: number,
  cols: number,
  inner: number,
): { count: number; rows: number; cols: number; inner: number } => ({ count: rows * cols * inner, rows, cols, inner });

/** y[c, r, i] = x[r, c, i], with x [rows, cols, inner]. */
export const swapAxes = defineKernel({
  name: 'swapAxes',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', rows: 'u32', cols: 'u32', inner: 'u32' },
  variant: defaults,
  derived: ({ inner }) => ({ unit: inner === 1 ? 'block' : inner % 4 === 0 ? 'vector' : 'element' }),
  elements: ({ unit }): Record<string, ElementType> => (unit === 'vector' ? { x: 'vec4f', y: 'vec4f' } : {}),
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ count, rows, cols }, { unit }) =>
    flatGrid(
      unit === 'block' ? Math.ceil(rows / 4) * Math.ceil(cols / 4) : unit === 'vector' ? count / 4 : count,
      FLAT_SIZE,
    ),
  body: ({ unit }) =>
    unit === 'block'
      ? /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let across = (u.cols + 3u) / 4u;
  let r0 = i / across * 4u;
  let c0 = i % across * 4u;
  if (r0 >= u.rows) { return; }
  for (var r = r0; r < min(r0 + 4u, u.rows); r++) {
    for (var c = c0; c < min(c0 + 4u, u.cols); c++) { y[c * u.rows + r] = x[r * u.cols + c]; }
  }`
      : /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let inner = u.inner${unit === 'vector' ? ' / 4u' : ''};
  let at = i / inner;
  if (at >= u.rows * u.cols) { return; }
  let c = at / u.rows;
  let r = at % u.rows;
  y[i] = x[(r * u.cols + c) * inner + i % inner];`,
});
