/** LayerNorm over the last dimension (Ba et al. 2016), with its gradients. */
import { defineKernel } from './kernel.ts';
import { chunkedColumns, columnHead, inColumns, type ColumnVariant } from './reduction.ts';
import { columns, inRows, rowDeclarations, rowHead, rowwise, type RowVariant } from './rowwise.ts';

const oneLane: RowVariant = { lanes: 1, aligned: false };
const sizes = { rows: 'u32', cols: 'u32' } as const;

/** y = (x − mean) · rstd · weight + bias, with mean and rstd = 1/√(variance + eps) of each row; biased variance. */
export const layerNorm = defineKernel({
  name: 'layerNorm',
  inputs: { x: 'f32', weight: 'f32', bias: 'f32' },
  outputs: { y: 'f32', mean: 'f32', rstd: 'f32' },
  uniforms: { ...sizes, eps: 'f32' },
  variant: oneLane,
  halves: ['y'],
  elements: inRows('x', 'weight', 'bias', 'y'),
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  var sum = Part();
  ${columns(v, 'sum += x[base + c];')}
  let mu = rowSum(sum, lane) / f32(u.cols);
  var squares = Part();
  ${columns(v, 'let d = x[base + c] - mu; squares += d * d;')}
  let r = inverseSqrt(rowSum(squares, lane) / f32(u.cols) + u.eps);
  ${columns(v, 'y[base + c] = y_t((x[base + c] - mu) * r * weight[c] + bias[c]);')}
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
  halves: ['dy'],
  elements: inRows('dy', 'x', 'weight', 'dx'),
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  let mu = mean[row];
  let r = rstd[row];
  var sumG = Part();
  var sumGx = Part();
  ${columns(v, 'let g = Part(dy[base + c]) * weight[c]; sumG += g; sumGx += g * (x[base + c] - mu) * r;')}
  let meanG = rowSum(sumG, lane) / f32(u.cols);
  let meanGx = rowSum(sumGx, lane) / f32(u.cols);
  ${columns(v, 'dx[base + c] = r * (Part(dy[base + c]) * weight[c] - meanG - (x[base + c] - mu) * r * meanGx);')}`,
});

const wholeColumns: ColumnVariant = { aligned: false };
const chunked = { uniforms: { ...sizes, chunkRows: 'u32' }, variant: wholeColumns, ...chunkedColumns } as const;

/** dweight = Σ dy · x̂ and dbias = Σ dy over each chunk of rows: [chunks, cols]. */
export const layerNormBackwardWeight = defineKernel({
  name: 'layerNormBackwardWeight',
  inputs: { dy: 'f32', x: 'f32', mean: 'f32', rstd: 'f32' },
  outputs: { dweight: 'f32', dbias: 'f32' },
  ...chunked,
  halves: ['dy'],
  elements: inColumns('dy', 'x', 'dweight', 'dbias'),
  body: (v) => /* wgsl */ `${columnHead(v)}
  var sumW = Part();
  var sumB = Part();
  for (var row = chunk * u.chunkRows; row < end; row++) {
    let g = Part(dy[row * parts + c]);
    sumW += g * (x[row * parts + c] - mean[row]) * rstd[row];
    sumB += g;
  }
  dweight[i] = sumW;
  dbias[i] = sumB;`,
});
