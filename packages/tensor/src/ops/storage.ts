/** How values are stored: casts between f32 and f16, and weights in 8 or 4 bits for inference. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { columnSum } from './matmul.ts';
import { floatTypeOf, requireShape, Tensor, type DType, type FloatType } from '../tensor.ts';

/** x stored as `dtype`; x itself where it is stored so already. Its gradient is stored as x is. */
export function cast(x: Tensor, dtype: FloatType): Tensor {
  if (x.dtype === dtype) return x;
  const { y } = x.device.run(k.cast, { x }, { y: { shape: x.shape, dtype } }, { count: x.size });
  return record(y, [x], (dy) => [x.dtype === dy.dtype ? dy.alias() : cast(dy, floatTypeOf(x))]);
}

/**
 * A weight [rows, cols] as signed bytes with a scale per row, for the right operand of `linear`. Not recorded.
 * An element is off by at most 1/254 of the largest magnitude of its row.
 */
export function quantize(weight: Tensor): Tensor {
  const {
    device,
    shape: [rows = 0, cols = 0],
  } = weight;
  requireShape(weight.shape.length === 2, 'quantize', weight.shape);
  return device.scope(() => {
    const { y } = device.run(k.quantizeRows, { x: weight }, { y: [rows, k.quantizedRowWords(cols)] }, { rows, cols });
    return asMatrix(y, weight, 'i8');
  });
}

/** A weight in 4 bits, and what that changed. */
export interface GroupedWeight {
  readonly weight: Tensor;
  /** [2]: the sum of squares of what quantising changed, and that of the weight itself. */
  readonly squares: Tensor;
}

/**
 * A weight [rows, cols] in 4 bits with a scale for each 32 columns of a row, for the right operand of `linear`. Not
 * recorded. An element is off by at most 1/14 of the largest magnitude of its group, and by what the scale is off as a
 * half.
 */
export function quantizeGroups(weight: Tensor): GroupedWeight {
  const {
    device,
    shape: [rows = 0, cols = 0],
  } = weight;
  requireShape(weight.shape.length === 2, 'quantizeGroups', weight.shape);
  return device.scope(() => {
    const pairs = rows * Math.ceil(cols / (2 * k.QUANTIZED_GROUP));
    const { y, squares } = device.run(
      k.quantizeGroups,
      { x: weight },
      { y: [rows, k.groupedRowWords(cols)], squares: [pairs, 2] },
      { rows, cols },
    );
    return { weight: asMatrix(y, weight, 'i4'), squares: columnSum(squares, pairs, 2) };
  });
}

/** Words as the matrix that they stand for. */
function asMatrix(words: Tensor, { device, shape }: Tensor, dtype: DType): Tensor {
  device.memory.retain(words.storage);
  return device.adopt(new Tensor(device, words.storage, shape, dtype));
}
