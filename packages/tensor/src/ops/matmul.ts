/** Products: the linear layer and the column sums of its bias. */
import * as k from '@rna/kernels';
import type { Device } from '../device.ts';
import { record } from '../tape.ts';
import { describe, floatTypeOf, isQuantized, requireShape, type FloatType, type Shape, type Tensor } from '../tensor.ts';

interface ProductOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: Tensor | undefined;
  /** [rows, cols], added to the product. */
  readonly residual?: Tensor | undefined;
  /** The shape of the result; [rows, cols] by default. */
  readonly shape?: Shape;
  /** How the result is stored; f32 by default. */
  readonly dtype?: FloatType;
}

// A GPU wants this many workgroups; a product with fewer 64 × 64 tiles is taken in parts, none shorter than this.
const WORKGROUPS = 128;
const LEAST_DEPTH = 256;

/** How much of the inner index a workgroup takes: all of it but where a GPU would idle. */
function splitDepth(device: Device, rows: number, inner: number, cols: number): number {
  if (device.traits.class !== 'gpu') return inner;
  const tiles = Math.ceil(rows / 64) * Math.ceil(cols / 64);
  const parts = Math.min(Math.floor(WORKGROUPS / tiles), Math.floor(inner / LEAST_DEPTH));
  return parts < 2 ? inner : Math.ceil(inner / parts / 4) * 4;
}

/**
 * y [rows, cols] = A·B (+ bias) (+ residual), not recorded; operands may be stored transposed, B also quantised by its
 * columns.
 */
export function product(
  a: Tensor,
  b: Tensor,
  rows: number,
  inner: number,
  cols: number,
  options: ProductOptions = {},
): Tensor {
  const { device } = a;
  const { transposeA = false, transposeB = false, bias, residual, shape = [rows, cols], dtype = 'f32' } = options;
  const depth = bias === undefined && residual === undefined ? splitDepth(device, rows, inner, cols) : inner;
  const parts = Math.ceil(inner / depth);
  return device.scope(() => {
    const { y } = device.run(
      k.matmul,
      { a, b, bias, residual },
      { y: parts === 1 ? { shape, dtype } : [parts, rows, cols] },
      { rows, inner, cols, depth },
      { transposeA, transposeB, quantized: b.dtype === 'i8', grouped: b.dtype === 'i4' },
    );
    if (parts === 1) return y;
    return device.run(
      k.columnSum,
      { x: y },
      { y: { shape, dtype } },
      { rows: parts, cols: rows * cols, chunkRows: parts },
    ).y;
  });
}

const CHUNK_ROWS = 64;

/**
 * Chunks of rows in which sums over rows are made before the chunks are summed, √rows but at least 64 long: parallel,
 * and the same order on every adapter.
 */
export function rowChunks(rows: number): { chunkRows: number; chunks: number } {
  const chunkRows = Math.max(CHUNK_ROWS, Math.ceil(Math.sqrt(rows)));
  return { chunkRows, chunks: Math.ceil(rows / chunkRows) };
}

/** Σ over rows of x [rows, cols], not recorded: shape [cols]. */
export function columnSum(x: Tensor, rows: number, cols: number): Tensor {
  const { device } = x;
  return device.scope(() => {
    const { chunkRows, chunks } = rowChunks(rows);
    const { y } = device.run(k.columnSum, { x }, { y: [chunks, cols] }, { rows, cols, chunkRows });
    if (chunks === 1) return y.alias([cols]); // in a scope, which frees the other name of the storage
    return device.run(k.columnSum, { x: y }, { y: [cols] }, { rows: chunks, cols, chunkRows: chunks }).y;
  });
}

/**
 * x·Wᵀ + b (+ residual), the linear layer.
 * @param x [rows, inner]; leading dimensions are taken together as rows.
 * @param weight [cols, inner], of any dtype but integers; a quantised one has no gradients, nor has x through it.
 * @param bias [cols]
 * @param residual [...leading, cols]
 * @param dtype How the result is stored. The gradient of x is stored as x is, that of the weight is f32.
 * @returns [...leading, cols]
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, residual?: Tensor, dtype: FloatType = 'f32'): Tensor {
  const [cols = 0, inner = 0] = weight.shape;
  requireShape(weight.shape.length === 2 && x.shape.at(-1) === inner, 'linear', x.shape, weight.shape);
  requireShape(bias === undefined || bias.size === cols, 'linear', weight.shape, bias?.shape ?? []);
  if (isQuantized(weight) && x.device.tape !== undefined && (x.tracked || residual?.tracked === true)) {
    throw new TypeError(
      `linear: no gradient goes through the quantised weight ${describe(weight.shape)}; train with f32 or f16 weights`,
    );
  }
  const rows = x.size / inner;
  requireShape(
    residual === undefined || residual.size === rows * cols,
    'linear',
    x.shape,
    weight.shape,
    residual?.shape ?? [],
  );
  const y = product(x, weight, rows, inner, cols, {
    transposeB: true,
    bias,
    residual,
    shape: [...x.shape.slice(0, -1), cols],
    dtype,
  });
  const added = [...(bias === undefined ? [] : [bias]), ...(residual === undefined ? [] : [residual])];
  return record(y, [x, weight, ...added], (dy, [needsX, needsWeight, ...needsAdded]) => [
    needsX === true ? product(dy, weight, rows, cols, inner, { shape: x.shape, dtype: floatTypeOf(x) }) : undefined,
    needsWeight === true ? product(dy, x, cols, rows, inner, { transposeA: true }) : undefined,
    ...added.map((tensor, i) =>
      needsAdded[i] !== true ? undefined : tensor === bias ? columnSum(dy, rows, cols) : dy.alias(),
    ),
  ]);
}

/**
 * W·xᵀ, the linear layer with channels first and without bias.
 * @param x [rows, inner]; leading dimensions are taken together as rows.
 * @param weight [cols, inner]
 * @returns [cols, rows]
 */
export function linearChannels(x: Tensor, weight: Tensor): Tensor {
  const [cols = 0, inner = 0] = weight.shape;
  requireShape(weight.shape.length === 2 && x.shape.at(-1) === inner, 'linearChannels', x.shape, weight.shape);
  const rows = x.size / inner;
  const y = product(weight, x, cols, inner, rows, { transposeB: true });
  return record(y, [x, weight], (dy, [needsX, needsWeight]) => [
    needsX === true ? product(dy, weight, rows, cols, inner, { transposeA: true, shape: x.shape }) : undefined,
    needsWeight === true ? product(dy, x, cols, rows, inner) : undefined,
  ]);
}
