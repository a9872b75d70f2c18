/**
 * Token embedding with a factor per token (RiNALMo's token-dropout scaling, RINALMO section 3 step 2), and its
 * gradient.
 */
import { defineKernel, elementwise, flatGrid, flatIndex, FLAT_SIZE } from './kernel.ts';

/** y[t, d] = factor[t] · weight[token[t], d]. */
export const embedding = defineKernel({
  name: 'embedding',
  inputs: { tokens: 'u32', factor: 'f32', weight: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', cols: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let t = i / u.cols;
  y[i] = factor[t] * weight[tokens[t] * u.cols + i % u.cols];`,
});

const officialVocabulary: { vocabulary: number } = { vocabulary: 22 };

/**
 * dweight[v, d] = Σ factor[t] · dy[t, d] over the tokens t of value v in each chunk of rows: [chunks, vocabulary,
 * cols].
 */
export const embeddingBackward = defineKernel({
  name: 'embeddingBackward',
  inputs: { dy: 'f32', tokens: 'u32', factor: 'f32' },
  outputs: { dweight: 'f32' },
  uniforms: { rows: 'u32', cols: 'u32', chunkRows: 'u32' },
  variant: officialVocabulary,
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ rows, cols, chunkRows }) => flatGrid(Math.ceil(rows / chunkRows) * cols, FLAT_SIZE),
  body: ({ vocabulary }) => /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let chunk = i / u.cols;
  let c = i % u.cols;
  if (chunk * u.chunkRows >= u.rows) { return; }
  let end = min(u.rows, (chunk + 1u) * u.chunkRows);
  var sums: array<f32, ${vocabulary}>;
  for (var t = chunk * u.chunkRows; t < end; t++) { sums[tokens[t]] += factor[t] * dy[t * u.cols + c]; }
  for (var v = 0u; v < ${vocabulary}u; v++) { dweight[(chunk * ${vocabulary}u + v) * u.cols + c] = sums[v]; }`,
});
