/** Many products of matrices of one size. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

/** Which of the operands is stored transposed. */
export interface Transposed {
  readonly a?: boolean;
  readonly b?: boolean;
}

export interface BatchedOptions {
  readonly transposed?: Transposed;
  /** [cols] */
  readonly bias?: Tensor;
  /** [batches, rows, cols], added to the product. */
  readonly residual?: Tensor;
}

/** An operand as seen by a product: of `batches` matrices, or one for all. */
interface Operand {
  readonly tensor: Tensor;
  readonly batches: number;
  readonly rows: number;
  readonly cols: number;
}

function operandOf(tensor: Tensor, transposed: boolean): Operand {
  const { shape } = tensor;
  const [first = 0, second = 0] = shape.slice(-2);
  const [rows, cols] = transposed ? [second, first] : [first, second];
  return { tensor, batches: shape.length === 3 ? shape[0]! : 1, rows, cols };
}

function run(
  a: Tensor,
  b: Tensor,
  transposed: Transposed,
  added: { readonly bias?: Tensor; readonly residual?: Tensor } = {},
): Tensor {
  const { a: transposeA = false, b: transposeB = false } = transposed;
  const [left, right] = [operandOf(a, transposeA), operandOf(b, transposeB)];
  const batches = Math.max(left.batches, right.batches);
  const [rows, inner, cols] = [left.rows, left.cols, right.cols];
  requireShape(
    inner === right.rows &&
      [left, right].every((operand) => operand.batches === 1 || operand.batches === batches) &&
      (added.bias?.size ?? cols) === cols &&
      (added.residual?.size ?? batches * rows * cols) === batches * rows * cols,
    'batchedProduct',
    a.shape,
    b.shape,
  );
  const stride = ({ tensor, batches: own }: Operand): number => (own === 1 ? 0 : tensor.size / own);
  return a.device.run(
    k.batchedMatmul,
    { a, b, ...added },
    { y: [batches, rows, cols] },
    { batches, rows, inner, cols, strideA: stride(left), strideB: stride(right) },
    { transposeA, transposeB },
  ).y;
}

/** The sum over the batches, where the operand was one for all. */
function reduced(gradient: Tensor, operand: Tensor): Tensor {
  if (gradient.size === operand.size) return gradient.alias(operand.shape);
  return columnSum(gradient, gradient.size / operand.size, operand.size).alias(operand.shape);
}

/**
 * y[n] = A[n]·B[n] (+ bias) (+ residual[n]).
 * @param a [batches, rows, inner], or [rows, inner] for all; the last two exchanged where it is transposed
 * @param b [batches, inner, cols], or [inner, cols] for all; the last two exchanged where it is transposed
 * @returns [batches, rows, cols]
 */
export function batchedProduct(a: Tensor, b: Tensor, options: BatchedOptions = {}): Tensor {
  const { transposed = {}, bias, residual } = options;
  const { device } = a;
  const y = run(a, b, transposed, { ...(bias && { bias }), ...(residual && { residual }) });
  const added = [...(bias === undefined ? [] : [bias]), ...(residual === undefined ? [] : [residual])];
  const cols = y.shape[2]!;
  return record(y, [a, b, ...added], (dy, [needsA, needsB, ...needsAdded]) => {
    const { a: ta = false, b: tb = false } = transposed;
    return device.scope(() => [
      // dA = dY·Bᵀ and dB = Aᵀ·dY, each stored as its operand is.
      needsA === true ? reduced(ta ? run(b, dy, { a: tb, b: true }) : run(dy, b, { b: !tb }), a) : undefined,
      needsB === true ? reduced(tb ? run(dy, a, { a: true, b: ta }) : run(a, dy, { a: !ta }), b) : undefined,
      ...added.map((tensor, i) =>
        needsAdded[i] !== true
          ? undefined
          : tensor === bias
            ? columnSum(dy, dy.size / cols, cols)
            : dy.alias(tensor.shape),
      ),
    ]);
  });
}
