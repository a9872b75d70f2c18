/** RMSNorm over the last dimension. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type FloatType, type Tensor } from '../tensor.ts';
import { columnSum, rowChunks } from './matmul.ts';

/** x / √(mean(x²) + eps) · weight over the last dimension (Zhang and Sennrich 2019), stored as `dtype`. */
export function rmsNorm(x: Tensor, weight: Tensor, eps = 1e-5, dtype: FloatType = 'f32'): Tensor {
  const cols = weight.size;
  requireShape(x.shape.at(-1) === cols, 'rmsNorm', x.shape, weight.shape);
  const { device } = x;
  const rows = x.size / cols;
  const { y, rstd } = device.run(
    k.rmsNorm,
    { x, weight },
    { y: { shape: x.shape, dtype }, rstd: [rows] },
    { rows, cols, eps },
  );
  return record(
    y,
    [x, weight],
    (dy, [needsX, needsWeight]) => {
      const dx =
        needsX === true
          ? device.run(k.rmsNormBackward, { dy, x, weight, rstd }, { dx: x.shape }, { rows, cols }).dx
          : undefined;
      if (needsWeight !== true) return [dx, undefined];
      const { chunkRows, chunks } = rowChunks(rows);
      const { dweight } = device.run(
        k.rmsNormBackwardWeight,
        { dy, x, rstd },
        { dweight: [chunks, cols] },
        { rows, cols, chunkRows },
      );
      return [dx, columnSum(dweight, chunks, cols)];
    },
    [rstd],
  );
}
