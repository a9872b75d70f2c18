/**
 * Binary cross entropy with logits over the strict upper triangle of a matrix
 * of pairs: ℓ(x, t) = max(x, 0) − x·t + log(1 + e^−|x|), every pair weighted alike.
 */
import { logisticWgsl } from './binaryCrossEntropy.ts';
import { defineKernel, elementwise, flatGrid, FLAT_SIZE, flatIndex } from './kernel.ts';

/** y[chunk, j] = scale · Σ ℓ(x[i, j], labels[i, j]) over the rows i < j of a chunk; the loss is the sum of all. */
export const pairLoss = defineKernel({
  name: 'pairLoss',
  inputs: { x: 'f32', labels: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { length: 'u32', chunkRows: 'u32', scale: 'f32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ length, chunkRows }) => flatGrid(Math.ceil(length / chunkRows) * length, FLAT_SIZE),
  declarations: () => logisticWgsl,
  body: () => /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let chunk = i / u.length;
  let col = i % u.length;
  if (chunk * u.chunkRows >= u.length) { return; }
  let end = min(col, (chunk + 1u) * u.chunkRows);
  var sum = 0.0;
  for (var row = chunk * u.chunkRows; row < end; row++) {
    let v = x[row * u.length + col];
    sum += max(v, 0.0) - v * labels[row * u.length + col] + log1pExp(v);
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
  declarations: () => logisticWgsl,
  body: () => /* wgsl */ `${flatIndex}
  dx[i] = select(0.0, u.scale * dy[0] * (sigmoid(x[i]) - labels[i]), i / u.length < i % u.length);`,
});
