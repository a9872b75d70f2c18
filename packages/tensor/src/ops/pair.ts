/** Between one row a token and a map over pairs of tokens, and the loss over pairs. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { ShapeError } from '../errors.ts';
import { requireShape, type Shape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

/** Rows `first … first + count − 1` of x [rows, cols]: [count, cols]. */
export function rows(x: Tensor, first: number, count: number): Tensor {
  const [total = 0, cols = 0] = x.shape;
  requireShape(x.shape.length === 2 && first >= 0 && count >= 1 && first + count <= total, 'rows', x.shape, [
    first,
    count,
  ]);
  const { device } = x;
  const offset = first * cols;
  const { y } = device.run(k.rows, { x }, { y: [count, cols] }, { count: count * cols, offset });
  return record(y, [x], (dy) => [
    device.run(k.rowsBackward, { dy }, { dx: x.shape }, { count: x.size, offset, length: count * cols }).dx,
  ]);
}

/** The values of several tensors one after the other, not recorded. The tensors are freed. */
export function concatenate(parts: readonly Tensor[], shape: Shape): Tensor {
  const joined = parts.reduce((a, x) => {
    const count = a.size + x.size;
    const { y } = x.device.run(
      k.joinRows,
      { a, x, b: x },
      { y: [count] },
      { count, offset: 0, before: a.size, middle: x.size },
    );
    a.dispose();
    x.dispose();
    return y;
  });
  const whole = joined.alias(shape);
  joined.dispose();
  return whole;
}

/**
 * p[i, c] + q[j, c] + bias[c]: a linear layer over the outer concatenation of rows, which is never made.
 * @param pq [length, 2·channels], p and q of a channel side by side
 * @param bias [channels]
 * @returns [length, length, channels]
 */
export function pairSum(pq: Tensor, bias: Tensor): Tensor {
  const length = pq.shape[0] ?? 0;
  const channels = bias.size;
  requireShape(pq.shape.length === 2 && pq.shape[1] === 2 * channels, 'pairSum', pq.shape, bias.shape);
  const { device } = pq;
  const { y } = device.run(
    k.pairSum,
    { pq, bias },
    { y: [length, length, channels] },
    { count: length * length * channels, length, channels, first: 0 },
  );
  return record(y, [pq, bias], (dy, [needsPq, needsBias]) => [
    // What follows may have seen the map as pixels alone.
    needsPq === true ? device.scope(() => pairSumGradient(pq.shape, [dy.alias(y.shape)])) : undefined,
    needsBias === true ? columnSum(dy, length * length, channels) : undefined,
  ]);
}

/** The gradient of pq from that of the map, of which the bands follow each other; not recorded. */
export function pairSumGradient(shape: Shape, bands: readonly Tensor[]): Tensor {
  const {
    device,
    shape: [, length = 0, channels = 0],
  } = bands[0]!;
  const dpq = device.zeros(shape);
  let first = 0;
  for (const dy of bands) {
    const [count = 0] = dy.shape;
    device.run(k.pairSumBackward, { dy, dpq }, {}, { count: dpq.size, length, channels, first, rows: count });
    first += count;
  }
  return dpq;
}

/**
 * The strict upper triangle of x [length, length] and its mirror image, with a zero diagonal (RINALMO section 5.1, step
 * 6).
 */
export function pairLogits(x: Tensor): Tensor {
  const length = squareLength(x, 'pairLogits');
  const { device } = x;
  const uniforms = { count: x.size, length };
  const { y } = device.run(k.pairLogits, { x }, { y: [length, length] }, uniforms);
  return record(y, [x], (dy) => [device.run(k.pairLogitsBackward, { dy }, { dx: x.shape }, uniforms).dx]);
}

const CHUNK_ROWS = 16;

/**
 * Binary cross entropy with logits, the mean over the strict upper triangle.
 * @param x logits [length, length]
 * @param labels [length, length], 0 or 1
 * @returns [1]
 * @throws ShapeError for one nucleotide, which has no pair.
 */
export function pairLoss(x: Tensor, labels: Tensor): Tensor {
  const length = squareLength(x, 'pairLoss');
  requireShape(labels.size === x.size, 'pairLoss', x.shape, labels.shape);
  if (length < 2) throw new ShapeError('pairLoss: one nucleotide has no pairs; leave out sequences of length 1');
  const { device } = x;
  const scale = 2 / (length * (length - 1));
  const loss = device.scope(() => {
    const chunks = Math.ceil(length / CHUNK_ROWS);
    const { y } = device.run(
      k.pairLoss,
      { x, labels },
      { y: [chunks, length] },
      { length, chunkRows: CHUNK_ROWS, scale },
    );
    return columnSum(y, chunks * length, 1);
  });
  return record(loss, [x, labels], (dy) => [
    device.run(k.pairLossBackward, { x, labels, dy }, { dx: x.shape }, { count: x.size, length, scale }).dx,
    undefined,
  ]);
}

function squareLength(x: Tensor, op: string): number {
  const length = Math.sqrt(x.size);
  requireShape(Number.isInteger(length), op, x.shape);
  return length;
}
