/** Elementwise ops: sums, scaling, reshaping, dropout and the residual add. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Shape, type Tensor } from '../tensor.ts';

/** a + b, same shapes. */
export function add(a: Tensor, b: Tensor): Tensor {
  requireShape(a.size === b.size, 'add', a.shape, b.shape);
  const { y } = a.device.run(k.add, { a, b }, { y: a.shape }, { count: a.size });
  return record(y, [a, b], (dy) => [dy.alias(), dy.alias()]);
}

/** factor · x. */
export function scale(x: Tensor, factor: number): Tensor {
  const { y } = x.device.run(k.scale, { x }, { y: x.shape }, { count: x.size, factor });
  return record(y, [x], (dy) => [scale(dy, factor)]);
}

/** x seen with another shape of the same size. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return record(x.alias(shape), [x], (dy) => [dy.alias(x.shape)]);
}

/** Where a dropout's random numbers come from: the rate and the key of its stream. The mask is never stored. */
export interface Dropout {
  /** Probability that an element is dropped, in [0, 1). */
  readonly rate: number;
  readonly key: readonly [number, number];
}

const uniforms = (
  count: number,
  { rate, key }: Dropout,
): { count: number; threshold: number; key0: number; key1: number } => ({
  count,
  threshold: k.dropoutThreshold(rate),
  key0: key[0],
  key1: key[1],
});

/** x with elements dropped and the others scaled by 1 / (1 − rate); x itself at rate 0 or without a dropout. */
export function dropout(x: Tensor, drop: Dropout | undefined): Tensor {
  if (drop === undefined || drop.rate === 0) return x;
  const { y } = x.device.run(k.dropout, { x }, { y: x.shape }, uniforms(x.size, drop));
  return record(y, [x], (dy) => [dropout(dy, drop)]);
}

/** x + dropout(branch): the residual add. */
export function residual(x: Tensor, branch: Tensor, drop?: Dropout): Tensor {
  if (drop === undefined || drop.rate === 0) return add(x, branch);
  requireShape(x.size === branch.size, 'residual', x.shape, branch.shape);
  const { y } = x.device.run(k.dropoutAdd, { x, branch }, { y: x.shape }, uniforms(x.size, drop));
  return record(y, [x, branch], (dy, [, needsBranch]) => [
    dy.alias(),
    needsBranch === true ? dropout(dy, drop) : undefined,
  ]);
}
