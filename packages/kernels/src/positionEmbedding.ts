/** Learned absolute positions (RNA-FM): a row of a table for each place in a sequence, and the table's gradient. */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/**
 * y[t, d] = x[t, d] + weight[first + p, d], p the place of token t in its sequence, from 0; `segments` is
 * segmentTable's.
 */
export const positionEmbedding = defineKernel({
  name: 'positionEmbedding',
  inputs: { x: 'f32', weight: 'f32', segments: 'u32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', cols: 'u32', first: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let t = i / u.cols;
  y[i] = x[i] + weight[(u.first + t - segments[2u * t]) * u.cols + i % u.cols];`,
});

/**
 * dweight[r, d] = Σ dy[t, d] over the tokens t that read row r, one at most of each sequence and in their order; 0 for
 * a row that none reads. count = rows of the table · cols.
 */
export const positionEmbeddingBackward = defineKernel({
  name: 'positionEmbeddingBackward',
  inputs: { dy: 'f32', segments: 'u32' },
  outputs: { dweight: 'f32' },
  uniforms: { count: 'u32', cols: 'u32', first: 'u32', tokens: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let row = i / u.cols;
  let c = i % u.cols;
  var sum = 0.0;
  if (row >= u.first) {
    var start = 0u;
    while (start < u.tokens) {
      let end = segments[2u * start + 1u];
      let t = start + row - u.first;
      if (t < end) { sum += dy[t * u.cols + c]; }
      start = end;
    }
  }
  dweight[i] = sum;`,
});
