/** LayerNorm and RMSNorm over the last dimension. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type FloatType, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

const CHUNK_ROWS = 64;

/** Chunks of rows in which parameter gradients are summed before the chunks are. */
function chunking(rows: number): { chunkRows: number; chunks: number } {
  const chunkRows = Math.max(CHUNK_ROWS, Math.ceil(Math.sqrt(rows)));
  return { chunkRows, chunks: Math.ceil(rows / chunkRows) };
}

/** (x − mean) / √(variance + eps) · weight + bias over the last dimension, stored as `dtype`; biased variance. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps = 1e-5, dtype: FloatType = 'f32'): Tensor {
  const cols = weight.size;
  requireShape(x.shape.at(-1) === cols && bias.size === cols, 'layerNorm', x.shape, weight.shape, bias.shape);
  const { device } = x;
  const rows = x.size / cols;
  const aligned = cols % 4 === 0;
  const { y, mean, rstd } = device.run(
    k.layerNorm,
    { x, weight, bias },
    { y: { shape: x.shape, dtype }, mean: [rows], rstd: [rows] },
    { rows, cols, eps },
    { aligned },
  );
  return record(
    y,
    [x, weight, bias],
    (dy, [needsX, needsWeight, needsBias]) => {
      const dx =
        needsX === true
          ? device.run(k.layerNormBackward, { dy, x, weight, mean, rstd }, { dx: x.shape }, { rows, cols }, { aligned })
              .dx
          : undefined;
      if (needsWeight !== true && needsBias !== true) return [dx, undefined, undefined];
      const { chunkRows, chunks } = chunking(rows);
      const partial = device.run(
        k.layerNormBackwardWeight,
        { dy, x, mean, rstd },
        { dweight: [chunks, cols], dbias: [chunks, cols] },
        { rows, cols, chunkRows },
        { aligned },
      );
      return [dx, columnSum(partial.dweight, chunks, cols), columnSum(partial.dbias, chunks, cols)];
    },
    [mean, rstd],
  );
}

/** x / √(mean(x²) + eps) · weight over the last dimension (Zhang and Sennrich 2019), stored as `dtype`. */
export function rmsNorm(x: Tensor, weight: Tensor, eps = 1e-5, dtype: FloatType = 'f32'): Tensor {
  const cols = weight.size;
  requireShape(x.shape.at(-1) === cols, 'rmsNorm', x.shape, weight.shape);
  const { device } = x;
  const rows = x.size / cols;
  const aligned = cols % 4 === 0;
  const { y, rstd } = device.run(
    k.rmsNorm,
    { x, weight },
    { y: { shape: x.shape, dtype }, rstd: [rows] },
    { rows, cols, eps },
    { aligned },
  );
  return record(
    y,
    [x, weight],
    (dy, [needsX, needsWeight]) => {
      const dx =
        needsX === true
          ? device.run(k.rmsNormBackward, { dy, x, weight, rstd }, { dx: x.shape }, { rows, cols }, { aligned }).dx
          : undefined;
      if (needsWeight !== true) return [dx, undefined];
      const { chunkRows, chunks } = chunking(rows);
      const { dweight } = device.run(
        k.rmsNormBackwardWeight,
        { dy, x, rstd },
        { dweight: [chunks, cols] },
        { rows, cols, chunkRows },
        { aligned },
      );
      return [dx, columnSum(dweight, chunks, cols)];
    },
    [rstd],
  );
}
