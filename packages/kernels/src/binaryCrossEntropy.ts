/**
 * Binary cross entropy with logits: ℓ(x, t) = max(x, 0) − x·t + log(1 + e^−|x|). Over a map of pairs it is pairLoss.ts.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/**
 * `log1pExp(v)` = log(1 + e^−|v|), as 2·artanh(s) with s = e / (2 + e) ≤ 1/3, e = e^−|v|, whose series keeps its
 * relative accuracy where e is tiny, as it is for the many answers that a trained model is sure of; and `sigmoid(v)`.
 */
export const logisticWgsl = /* wgsl */ `
fn log1pExp(v: f32) -> f32 {
  let e = exp(-abs(v));
  let s = e / (2.0 + e);
  let z = s * s;
  return 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z / 15.0)))))));
}
fn sigmoid(v: f32) -> f32 {
  let e = exp(-abs(v));
  return select(e, 1.0, v >= 0.0) / (1.0 + e);
}`;

const uniforms = { count: 'u32', positive: 'f32' } as const;

/**
 * y = ℓ(x, labels), element by element, where a term that draws x up counts `positive` times; 0 where the label is
 * negative.
 */
export const binaryCrossEntropy = defineKernel({
  name: 'binaryCrossEntropy',
  inputs: { x: 'f32', labels: 'f32' },
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => logisticWgsl,
  body: () => /* wgsl */ `${flatIndex}
  let v = x[i];
  let label = labels[i];
  let rest = log1pExp(v);
  let value = max(v, 0.0) - v * label + rest + (u.positive - 1.0) * label * (max(-v, 0.0) + rest);
  y[i] = select(value, 0.0, label < 0.0);`,
});

/** dx = dy · (σ(x) − labels − (positive − 1) · labels · (1 − σ(x))), or 0 where the label is negative. */
export const binaryCrossEntropyBackward = defineKernel({
  name: 'binaryCrossEntropyBackward',
  inputs: { dy: 'f32', x: 'f32', labels: 'f32' },
  outputs: { dx: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => logisticWgsl,
  body: () => /* wgsl */ `${flatIndex}
  let label = labels[i];
  let value = sigmoid(x[i]) - label - (u.positive - 1.0) * label * sigmoid(-x[i]);
  dx[i] = dy[i] * select(value, 0.0, label < 0.0);`,
});
