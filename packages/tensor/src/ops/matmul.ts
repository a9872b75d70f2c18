/** Products: the linear layer and the column sums of its bias. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Shape, type Tensor } from '../tensor.ts';

/** B [inner, cols] as vec4 columns, not recorded: packed anew, or B itself where its rows are whole vectors already. */
export function packed(b: Tensor, inner: number, cols: number, transpose: boolean): Tensor {
  if (!transpose && cols % 4 === 0) return b.alias();
  const count = inner * Math.ceil(cols / 4) * 4;
  return b.device.run(k.packColumns, { b }, { y: [count] }, { count, inner, cols }, { transpose }).y;
}

interface ProductOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: Tensor | undefined;
  /** Of the result; [rows, cols] by default. */
  readonly shape?: Shape;
}

/** y [rows, cols] = A·B (+ bias), not recorded; operands may be stored transposed. */
export function product(a: Tensor, b: Tensor, rows: number, inner: number, cols: number, options: ProductOptions = {}): Tensor {
  const { device } = a;
  return device.scope(() => {
    const columns = packed(b, inner, cols, options.transposeB ?? false);
    const { y } = device.run(k.matmul, { a, b: columns, bias: options.bias ?? a }, { y: options.shape ?? [rows, cols] }, { rows, inner, cols },
      { ...k.narrowTile(cols), transposeA: options.transposeA ?? false, bias: options.bias !== undefined });
    return y;
  });
}

const CHUNK_ROWS = 64;

/** Σ over rows of x [rows, cols], not recorded: shape [cols]. */
export function columnSum(x: Tensor, rows: number, cols: number): Tensor {
  const { device } = x;
  return device.scope(() => {
    // Two levels, chunks of √rows but at least 64: parallel, and the same order on every adapter.
    const chunkRows = Math.max(CHUNK_ROWS, Math.ceil(Math.sqrt(rows)));
    const chunks = Math.ceil(rows / chunkRows);
    const { y } = device.run(k.columnSum, { x }, { y: [chunks, cols] }, { rows, cols, chunkRows });
    if (chunks === 1) return y.alias([cols]); // in a scope, which frees the other name of the storage
    return device.run(k.columnSum, { x: y }, { y: [cols] }, { rows: chunks, cols, chunkRows: chunks }).y;
  });
}

/**
 * x·Wᵀ + b, the linear layer.
 * @param x [rows, inner]; leading dimensions are taken together as rows.
 * @param weight [cols, inner]
 * @param bias [cols]
 * @returns [...leading, cols]
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [cols = 0, inner = 0] = weight.shape;
  requireShape(weight.shape.length === 2 && x.shape.at(-1) === inner, 'linear', x.shape, weight.shape);
  requireShape(bias === undefined || bias.size === cols, 'linear', weight.shape, bias?.shape ?? []);
  const rows = x.size / inner;
  const y = product(x, weight, rows, inner, cols, { transposeB: true, bias, shape: [...x.shape.slice(0, -1), cols] });
  return record(y, bias === undefined ? [x, weight] : [x, weight, bias], (dy, [needsX, needsWeight, needsBias]) => [
    needsX === true ? product(dy, weight, rows, cols, inner, { shape: x.shape }) : undefined,
    needsWeight === true ? product(dy, x, cols, rows, inner, { transposeA: true }) : undefined,
    needsBias === true ? columnSum(dy, rows, cols) : undefined,
  ]);
}
