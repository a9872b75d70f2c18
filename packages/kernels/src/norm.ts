/** LayerNorm and RMSNorm over the last dimension, with their gradients. */
import { defineKernel, flatGrid, FLAT_SIZE, type Grid, type Uniforms } from './kernel.ts';
import { columns, rowDeclarations, rowHead, rowwise, type RowVariant } from './rowwise.ts';

const oneLane: RowVariant = { lanes: 1 };
const sizes = { rows: 'u32', cols: 'u32' } as const;

/** y = (x − mean) · rstd · weight + bias, with mean and rstd = 1/√(variance + eps) of each row; biased variance. */
export const layerNorm = defineKernel({
  name: 'layerNorm',
  inputs: { x: 'f32', weight: 'f32', bias: 'f32' },
  outputs: { y: 'f32', mean: 'f32', rstd: 'f32' },
  uniforms: { ...sizes, eps: 'f32' },
  variant: oneLane,
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  var sum = 0.0;
  ${columns(v, 'sum += x[base + c];')}
  let mu = rowSum(sum, lane) / f32(u.cols);
  var squares = 0.0;
  ${columns(v, 'let d = x[base + c] - mu; squares += d * d;')}
  let r = inverseSqrt(rowSum(squares, lane) / f32(u.cols) + u.eps);
  ${columns(v, 'y[base + c] = (x[base + c] - mu) * r * weight[c] + bias[c];')}
  mean[row] = mu;
  rstd[row] = r;`,
});

/** With x̂ = (x − mean)·rstd and g = dy·weight: dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)). */
export const layerNormBackward = defineKernel({
  name: 'layerNormBackward',
  inputs: { dy: 'f32', x: 'f32', weight: 'f32', mean: 'f32', rstd: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: sizes,
  variant: oneLane,
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  let mu = mean[row];
  let r = rstd[row];
  var sumG = 0.0;
  var sumGx = 0.0;
  ${columns(v, 'let g = dy[base + c] * weight[c]; sumG += g; sumGx += g * (x[base + c] - mu) * r;')}
  let meanG = rowSum(sumG, lane) / f32(u.cols);
  let meanGx = rowSum(sumGx, lane) / f32(u.cols);
  ${columns(v, 'dx[base + c] = r * (dy[base + c] * weight[c] - meanG - (x[base + c] - mu) * r * meanGx);')}`,
});

const chunked = {
  uniforms: { ...sizes, chunkRows: 'u32' },
  variant: {},
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: ({ rows, cols, chunkRows }: Uniforms<{ rows: 'u32'; cols: 'u32'; chunkRows: 'u32' }>): Grid =>
    flatGrid(Math.ceil(rows / chunkRows) * cols, FLAT_SIZE),
} as const;

const chunkHead = /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let chunk = i / u.cols;
  let c = i % u.cols;
  if (chunk * u.chunkRows >= u.rows) { return; }
  let end = min(u.rows, (chunk + 1u) * u.chunkRows);`;

/** dweight = Σ dy · x̂ and dbias = Σ dy over each chunk of rows: [chunks, cols]. */
export const layerNormBackwardWeight = defineKernel({
  name: 'layerNormBackwardWeight',
  inputs: { dy: 'f32', x: 'f32', mean: 'f32', rstd: 'f32' },
  outputs: { dweight: 'f32', dbias: 'f32' },
  ...chunked,
  body: () => /* wgsl */ `${chunkHead}
  var sumW = 0.0;
  var sumB = 0.0;
  for (var row = chunk * u.chunkRows; row < end; row++) {
    let g = dy[row * u.cols + c];
    sumW += g * (x[row * u.cols + c] - mean[row]) * rstd[row];
    sumB += g;
  }
  dweight[i] = sumW;
  dbias[i] = sumB;`,
});

/** y = x · rstd · weight with rstd = 1/√(mean(x²) + eps) of each row. */
export const rmsNorm = defineKernel({
  name: 'rmsNorm',
  inputs: { x: 'f32', weight: 'f32' },
  outputs: { y: 'f32', rstd: 'f32' },
  uniforms: { ...sizes, eps: 'f32' },
  variant: oneLane,
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  var squares = 0.0;
  ${columns(v, 'let d = x[base + c]; squares += d * d;')}
  let r = inverseSqrt(rowSum(squares, lane) / f32(u.cols) + u.eps);
  ${columns(v, 'y[base + c] = x[base + c] * r * weight[c];')}
  rstd[row] = r;`,
});

/** With x̂ = x·rstd and g = dy·weight: dx = rstd · (g − x̂ · mean(g · x̂)). */
export const rmsNormBackward = defineKernel({
  name: 'rmsNormBackward',
  inputs: { dy: 'f32', x: 'f32', weight: 'f32', rstd: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: sizes,
  variant: oneLane,
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  let r = rstd[row];
  var sum = 0.0;
  ${columns(v, 'sum += dy[base + c] * weight[c] * x[base + c] * r;')}
  let meanGx = rowSum(sum, lane) / f32(u.cols);
  ${columns(v, 'dx[base + c] = r * (dy[base + c] * weight[c] - x[base + c] * r * meanGx);')}`,
});

/** dweight = Σ dy · x̂ over each chunk of rows: [chunks, cols]. */
export const rmsNormBackwardWeight = defineKernel({
  name: 'rmsNormBackwardWeight',
  inputs: { dy: 'f32', x: 'f32', rstd: 'f32' },
  outputs: { dweight: 'f32' },
  ...chunked,
  body: () => /* wgsl */ `${chunkHead}
  var sum = 0.0;
  for (var row = chunk * u.chunkRows; row < end; row++) { sum += dy[row * u.cols + c] * x[row * u.cols + c] * rstd[row]; }
  dweight[i] = sum;`,
});
