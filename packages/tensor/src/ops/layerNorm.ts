/** LayerNorm over the last dimension. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type FloatType, type Tensor } from '../tensor.ts';
import { columnSum, rowChunks } from './matmul.ts';

/** (x − mean) / √(variance + eps) · weight + bias over the last dimension, stored as `dtype`; biased variance. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps = 1e-5, dtype: FloatType = 'f32'): Tensor {
  const cols = weight.size;
  requireShape(x.shape.at(-1) === cols && bias.size === cols, 'layerNorm', x.shape, weight.shape, bias.shape);
  const { device } = x;
  const rows = x.size / cols;
  const { y, mean, rstd } = device.run(
    k.layerNorm,
    { x, weight, bias },
    { y: { shape: x.shape, dtype }, mean: [rows], rstd: [rows] },
    { rows, cols, eps },
  );
  return record(
    y,
    [x, weight, bias],
    (dy, [needsX, needsWeight, needsBias]) => {
      const dx =
        needsX === true
          ? device.run(k.layerNormBackward, { dy, x, weight, mean, rstd }, { dx: x.shape }, { rows, cols }).dx
          : undefined;
      if (needsWeight !== true && needsBias !== true) return [dx, undefined, undefined];
      const { chunkRows, chunks } = rowChunks(rows);
      const partial = device.run(
        k.layerNormBackwardWeight,
        { dy, x, mean, rstd },
        { dweight: [chunks, cols], dbias: [chunks, cols] },
        { rows, cols, chunkRows },
      );
      return [dx, columnSum(partial.dweight, chunks, cols), columnSum(partial.dbias, chunks, cols)];
    },
    [mean, rstd],
  );
}
