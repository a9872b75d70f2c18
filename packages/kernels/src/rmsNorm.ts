/** RMSNorm over the last dimension (Zhang and Sennrich 2019), with its gradients. */
import { defineKernel } from './kernel.ts';
import { chunkedColumns, columnHead, inColumns, type ColumnVariant } from './reduction.ts';
import { columns, inRows, rowDeclarations, rowHead, rowwise, type RowVariant } from './rowwise.ts';

const oneLane: RowVariant = { lanes: 1, aligned: false };
const sizes = { rows: 'u32', cols: 'u32' } as const;

/** y = x · rstd · weight with rstd = 1/√(mean(x²) + eps) of each row. */
export const rmsNorm = defineKernel({
  name: 'rmsNorm',
  inputs: { x: 'f32', weight: 'f32' },
  outputs: { y: 'f32', rstd: 'f32' },
  uniforms: { ...sizes, eps: 'f32' },
  variant: oneLane,
  halves: ['y'],
  elements: inRows('x', 'weight', 'y'),
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  var squares = Part();
  ${columns(v, 'let d = x[base + c]; squares += d * d;')}
  let r = inverseSqrt(rowSum(squares, lane) / f32(u.cols) + u.eps);
  ${columns(v, 'y[base + c] = y_t(x[base + c] * r * weight[c]);')}
  rstd[row] = r;`,
});

/** With x̂ = x·rstd and g = dy·weight: dx = rstd · (g − x̂ · mean(g · x̂)). */
export const rmsNormBackward = defineKernel({
  name: 'rmsNormBackward',
  inputs: { dy: 'f32', x: 'f32', weight: 'f32', rstd: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: sizes,
  variant: oneLane,
  halves: ['dy'],
  elements: inRows('dy', 'x', 'weight', 'dx'),
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  let r = rstd[row];
  var sum = Part();
  ${columns(v, 'sum += Part(dy[base + c]) * weight[c] * x[base + c] * r;')}
  let meanGx = rowSum(sum, lane) / f32(u.cols);
  ${columns(v, 'dx[base + c] = r * (Part(dy[base + c]) * weight[c] - x[base + c] * r * meanGx);')}`,
});

const wholeColumns: ColumnVariant = { aligned: false };
const chunked = { uniforms: { ...sizes, chunkRows: 'u32' }, variant: wholeColumns, ...chunkedColumns } as const;

/** dweight = Σ dy · x̂ over each chunk of rows: [chunks, cols]. */
export const rmsNormBackwardWeight = defineKernel({
  name: 'rmsNormBackwardWeight',
  inputs: { dy: 'f32', x: 'f32', rstd: 'f32' },
  outputs: { dweight: 'f32' },
  ...chunked,
  halves: ['dy'],
  elements: inColumns('dy', 'x', 'dweight'),
  body: (v) => /* wgsl */ `${columnHead(v)}
  var sum = Part();
  for (var row = chunk * u.chunkRows; row < end; row++) { sum += Part(dy[row * parts + c]) * x[row * parts + c] * rstd[row]; }
  dweight[i] = sum;`,
});
