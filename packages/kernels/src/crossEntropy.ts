/** Cross entropy with ignored targets, from logits, and its gradient. */
import { defineKernel, elementwise, flatGrid, flatIndex, FLAT_SIZE, type Grid } from './kernel.ts';

const perRow = {
  uniforms: { rows: 'u32', cols: 'u32' },
  variant: {},
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: ({ rows }: { readonly rows: number }): Grid => flatGrid(rows, FLAT_SIZE),
} as const;

const rowHead = /* wgsl */ `
  let row = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (row >= u.rows) { return; }
  let base = row * u.cols;
  let label = labels[row];`;

const logSumExp = /* wgsl */ `
  var largest = logits[base];
  for (var c = 1u; c < u.cols; c++) { largest = max(largest, logits[base + c]); }
  var sum = 0.0;
  for (var c = 0u; c < u.cols; c++) { sum += exp(logits[base + c] - largest); }`;

/** loss[r] = log Σ exp(logits[r]) − logits[r, label[r]], or 0 where the label is negative. */
export const crossEntropy = defineKernel({
  name: 'crossEntropy',
  inputs: { logits: 'f32', labels: 'i32' },
  outputs: { loss: 'f32' },
  ...perRow,
  body: () => /* wgsl */ `${rowHead}
  if (label < 0) { loss[row] = 0.0; return; }
  ${logSumExp}
  loss[row] = log(sum) + largest - logits[base + u32(label)];`,
});

/** dlogits[r, c] = dloss[r] · (softmax(logits[r])[c] − [c = label[r]]), or 0 where the label is negative. */
export const crossEntropyBackward = defineKernel({
  name: 'crossEntropyBackward',
  inputs: { dloss: 'f32', logits: 'f32', labels: 'i32' },
  outputs: { dlogits: 'f32' },
  ...perRow,
  body: () => /* wgsl */ `${rowHead}
  if (label < 0) {
    for (var c = 0u; c < u.cols; c++) { dlogits[base + c] = 0.0; }
    return;
  }
  ${logSumExp}
  for (var c = 0u; c < u.cols; c++) {
    let p = exp(logits[base + c] - largest) / sum;
    dlogits[base + c] = dloss[row] * (p - select(0.0, 1.0, c == u32(label)));
  }`,
});

/** y[i] = factor · x[0]: the gradient of a sum. */
export const broadcast = defineKernel({
  name: 'broadcast',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', factor: 'f32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  y[i] = u.factor * x[0];`,
});
