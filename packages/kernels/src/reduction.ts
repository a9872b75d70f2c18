/** Sums over rows, in a fixed order and in parallel chunks: bias gradients, parameter gradients of norms. */
import { defineKernel, flatGrid, FLAT_SIZE } from './kernel.ts';

/**
 * y[chunk, c] = Σ x[r, c] over the rows of a chunk. Two calls, the second with one chunk over the first's
 * output, sum a tall matrix in parallel.
 */
export const columnSum = defineKernel({
  name: 'columnSum',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { rows: 'u32', cols: 'u32', chunkRows: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ rows, cols, chunkRows }) => flatGrid(Math.ceil(rows / chunkRows) * cols, FLAT_SIZE),
  body: () => /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let chunk = i / u.cols;
  let col = i % u.cols;
  if (chunk * u.chunkRows >= u.rows) { return; }
  let end = min(u.rows, (chunk + 1u) * u.chunkRows);
  var sum = 0.0;
  for (var row = chunk * u.chunkRows; row < end; row++) { sum += x[row * u.cols + col]; }
  y[i] = sum;`,
});
