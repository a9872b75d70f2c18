/** The softmax of rows, and its gradient. Attention and the cross entropy have theirs fused in. */
import { defineKernel } from './kernel.ts';
import { columns, inRows, rowDeclarations, rowHead, rowMaxDeclarations, rowwise, type RowVariant } from './rowwise.ts';

const oneLane: RowVariant = { lanes: 1, aligned: false };
const sizes = { rows: 'u32', cols: 'u32' } as const;

/** y[r, c] = exp(x[r, c] − max x[r]) / Σ exp(x[r] − max x[r]). */
export const softmax = defineKernel({
  name: 'softmax',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: sizes,
  variant: oneLane,
  elements: inRows('x', 'y'),
  ...rowwise,
  declarations: (v) => rowDeclarations(v) + rowMaxDeclarations(v),
  body: (v) => /* wgsl */ `${rowHead(v)}
  var top = Part(-3.4e38);
  ${columns(v, 'top = max(top, x[base + c]);')}
  let largest = rowMax(top, lane);
  var sum = Part();
  ${columns(v, 'sum += exp(x[base + c] - largest);')}
  let whole = rowSum(sum, lane);
  ${columns(v, 'y[base + c] = exp(x[base + c] - largest) / whole;')}`,
});

/** dx = y · (dy − Σ dy · y) of each row. */
export const softmaxBackward = defineKernel({
  name: 'softmaxBackward',
  inputs: { dy: 'f32', y: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: sizes,
  variant: oneLane,
  elements: inRows('dy', 'y', 'dx'),
  ...rowwise,
  declarations: rowDeclarations,
  body: (v) => /* wgsl */ `${rowHead(v)}
  var sum = Part();
  ${columns(v, 'sum += dy[base + c] * y[base + c];')}
  let dot = rowSum(sum, lane);
  ${columns(v, 'dx[base + c] = y[base + c] * (dy[base + c] - dot);')}`,
});
