/** SwiGLU, GELU, ReLU, SiLU and the softmax. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { floatTypeOf, requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

/**
 * a · σ(beta · a) · b, where x [rows, 2·cols] is [a, b] (Shazeer 2020).
 * @param beta [1], the learnable slope; 1 without it.
 * @returns [rows, cols], stored as x is
 */
export function swiglu(x: Tensor, beta?: Tensor): Tensor {
  const [rows = 0, twice = 0] = x.shape;
  requireShape(
    x.shape.length === 2 && twice % 2 === 0 && (beta?.size ?? 1) === 1,
    'swiglu',
    x.shape,
    beta?.shape ?? [1],
  );
  const { device } = x;
  const cols = twice / 2;
  const dtype = floatTypeOf(x);
  const uniforms = { count: rows * cols, cols };
  const { y } = device.run(k.swiglu, { x, beta }, { y: { shape: [rows, cols], dtype } }, uniforms);
  return record(y, beta === undefined ? [x] : [x, beta], (dy, [needsX, needsBeta]) => [
    needsX === true
      ? device.run(k.swigluBackward, { dy, x, beta }, { dx: { shape: x.shape, dtype } }, uniforms).dx
      : undefined,
    needsBeta === true && beta !== undefined
      ? columnSum(device.run(k.swigluBackwardBeta, { dy, x, beta }, { dbeta: [rows] }, { rows, cols }).dbeta, rows, 1)
      : undefined,
  ]);
}

/** x · Φ(x), the exact GELU (Hendrycks and Gimpel 2016), stored as x is. */
export function gelu(x: Tensor): Tensor {
  const { device, shape, size: count } = x;
  const dtype = floatTypeOf(x);
  const { y } = device.run(k.gelu, { x }, { y: { shape, dtype } }, { count });
  return record(y, [x], (dy) => [device.run(k.geluBackward, { dy, x }, { dx: { shape, dtype } }, { count }).dx]);
}

/** x where it is above 0, else 0. */
export function relu(x: Tensor): Tensor {
  const { device, shape, size: count } = x;
  const { y } = device.run(k.relu, { x }, { y: shape }, { count });
  return record(y, [x], (dy) => [device.run(k.reluBackward, { dy, x }, { dx: shape }, { count }).dx]);
}

/** x · σ(x), the SiLU or swish. */
export function silu(x: Tensor): Tensor {
  const { device, shape, size: count } = x;
  const { y } = device.run(k.silu, { x }, { y: shape }, { count });
  return record(y, [x], (dy) => [device.run(k.siluBackward, { dy, x }, { dx: shape }, { count }).dx]);
}

/** exp(x) / Σ exp(x) over the last dimension. */
export function softmax(x: Tensor): Tensor {
  const cols = x.shape.at(-1) ?? 1;
  const uniforms = { rows: x.size / cols, cols };
  const { y } = x.device.run(k.softmax, { x }, { y: x.shape }, uniforms);
  return record(y, [x], (dy) => [x.device.run(k.softmaxBackward, { dy, y }, { dx: x.shape }, uniforms).dx]);
}
