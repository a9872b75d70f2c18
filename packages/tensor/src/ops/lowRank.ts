/**
 * The linear layer of LoRA (Hu et al. 2021): a frozen matrix and a trained
 * product of two narrow ones beside it. Both terms of a result are one product
 * that starts from the other, so no map is made twice, and nothing is computed
 * for a gradient of the frozen matrix.
 */
import { record } from '../tape.ts';
import { describe, floatTypeOf, isQuantized, requireShape, type FloatType, type Tensor } from '../tensor.ts';
import { scale } from './elementwise.ts';
import { product } from './matmul.ts';

/** factor · B·A, added to a matrix [cols, inner]. */
export interface LowRank {
  /** [rank, inner] */
  readonly a: Tensor;
  /** [cols, rank] */
  readonly b: Tensor;
  readonly factor: number;
}

/**
 * x·Wᵀ + factor · (x·Aᵀ)·Bᵀ (+ b) (+ residual), with gradients of x, A, B and the residual.
 * @param x [...leading, inner]
 * @param weight [cols, inner], frozen as its bias is; a quantised one has no gradient of x through it
 * @param bias [cols]
 * @param residual [...leading, cols]
 * @param dtype How the result is stored. The gradient of x is stored as x is, those of A and B are f32.
 * @returns [...leading, cols]
 * @throws TypeError where weight or bias are to be trained.
 */
export function lowRankLinear(
  x: Tensor,
  weight: Tensor,
  { a, b, factor }: LowRank,
  bias?: Tensor,
  residual?: Tensor,
  dtype: FloatType = 'f32',
): Tensor {
  const { device } = x;
  const [cols = 0, inner = 0] = weight.shape;
  const [rank = 0] = a.shape;
  const rows = x.size / inner;
  requireShape(
    weight.shape.length === 2 && x.shape.at(-1) === inner && a.size === rank * inner && b.size === cols * rank,
    'lowRankLinear',
    x.shape,
    weight.shape,
    a.shape,
    b.shape,
  );
  requireShape(
    (bias?.size ?? cols) === cols && (residual?.size ?? rows * cols) === rows * cols,
    'lowRankLinear',
    weight.shape,
    bias?.shape ?? [],
    residual?.shape ?? [],
  );
  if (device.tape !== undefined) {
    if (weight.tracked || bias?.tracked === true)
      throw new TypeError(
        `lowRankLinear: the matrix ${describe(weight.shape)} under a low-rank term is frozen; train either`,
      );
    if (isQuantized(weight))
      throw new TypeError(
        `lowRankLinear: no gradient goes through the quantised weight ${describe(weight.shape)}; train with f32 or f16 weights`,
      );
  }
  const low = device.scope(() => scale(product(x, a, rows, inner, rank, { transposeB: true }), factor));
  const y = device.scope(() =>
    product(x, weight, rows, inner, cols, {
      transposeB: true,
      bias,
      residual: product(low, b, rows, rank, cols, { transposeB: true, residual }),
      shape: [...x.shape.slice(0, -1), cols],
      dtype,
    }),
  );
  return record(
    y,
    [x, a, b, ...(residual === undefined ? [] : [residual])],
    (dy, [needsX, needsA, needsB, needsResidual]) =>
      device.scope(() => {
        const dlow = scale(product(dy, b, rows, cols, rank), factor);
        const gradients = [
          needsX === true
            ? product(dy, weight, rows, cols, inner, {
                shape: x.shape,
                dtype: floatTypeOf(x),
                residual: product(dlow, a, rows, rank, inner),
              })
            : undefined,
          needsA === true ? product(dlow, x, rank, rows, inner, { transposeA: true }) : undefined,
          needsB === true ? product(dy, low, cols, rows, rank, { transposeA: true }) : undefined,
          ...(needsResidual === true ? [dy.alias()] : []),
        ];
        return gradients;
      }),
    [low],
  );
}
