/**
 * Binary cross entropy with logits over the strict upper triangle of a matrix
 * of pairs: ℓ(x, t) = max(x, 0) − x·t + log(1 + e^−|x|), every pair weighted alike.
 */
import { defineKernel, elementwise, flatGrid, FLAT_SIZE, flatIndex } from './kernel.ts';

/**
 * y[chunk, j] = scale · Σ ℓ(x[i, j], labels[i, j]) over the rows i < j of a chunk; the loss is the sum of all.
 *
 * log(1 + e) is 2·artanh(s) with s = e / (2 + e) ≤ 1/3, whose series keeps its relative accuracy where e is tiny,
 * as it is for the many pairs that a trained model is sure of.
 */
export const pairLoss = defineKernel({
  name: 'pairLoss',
  inputs: { x: 'f32', labels: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { length: 'u32', chunkRows: 'u32', scale: 'f32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ length, chunkRows }) => flatGrid(Math.ceil(length / chunkRows) * length, FLAT_SIZE),
  body: () => /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let chunk = i / u.length;
  let col = i % u.length;
  if (chunk * u.chunkRows >= u.length) { return; }
  let end = min(col, (chunk + 1u) * u.chunkRows);
  var sum = 0.0;
  for (var row = chunk * u.chunkRows; row < end; row++) {
    let v = x[row * u.length + col];
    let e = exp(-abs(v));
    let s = e / (2.0 + e);
    let z = s * s;
    let series = 1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z / 15.0))))));
    sum += max(v, 0.0) - v * labels[row * u.length + col] + 2.0 * s * series;
  }
  y[i] = u.scale * sum;`,
});

/** dx[i, j] = scale · dy · (σ(x[i, j]) − labels[i, j]) above the diagonal, else 0; dy is one number. */
export const pairLossBackward = defineKernel({
  name: 'pairLossBackward',
  inputs: { x: 'f32', labels: 'f32', dy: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', length: 'u32', scale: 'f32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let e = exp(-abs(x[i]));
  let sigmoid = select(e, 1.0, x[i] >= 0.0) / (1.0 + e);
  dx[i] = select(0.0, u.scale * dy[0] * (sigmoid - labels[i]), i / u.length < i % u.length);`,
});
