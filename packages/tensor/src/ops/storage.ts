/** How values are stored: casts between f32 and f16, and weights as bytes for inference. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { floatTypeOf, requireShape, Tensor, type FloatType } from '../tensor.ts';

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
    device.memory.retain(y.storage);
    return device.adopt(new Tensor(device, y.storage, weight.shape, 'i8'));
  });
}
