/**
 * What is known of pairs before any training, added to a map over pairs or to
 * bands of its rows: log-odds of folding engines by learned weights, and a
 * learned row for the distance along the sequence.
 */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Shape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';
import { concatenate } from './pair.ts';

/** Log-odds of pairs as a map is given them: factor · prior + shift. */
export interface PriorScale {
  readonly factor: number;
  readonly shift: number;
}

const AS_IT_IS: PriorScale = { factor: 1, shift: 0 };

/**
 * x[i, j, c] + Σ over engines of weight[c, engine] · (factor · prior[i, j, engine] + shift).
 * @param x [length, length, channels], or [length, length] for one channel
 * @param prior [length, length, engines], which has no gradient
 * @param weight [channels, engines], or [engines] for one channel
 * @returns of x's shape
 */
export function pairPrior(x: Tensor, prior: Tensor, weight: Tensor, scale = AS_IT_IS): Tensor {
  const [length = 0, width = 0, channels = 1] = x.shape;
  const [rows, cols, engines = 0] = prior.shape;
  requireShape(
    length === width && rows === length && cols === length && weight.size === channels * engines,
    'pairPrior',
    x.shape,
    prior.shape,
    weight.shape,
  );
  const y = pairPriorBand(x, prior, weight, scale, 0);
  return record(y, [x, weight, prior], (dy, [needsX, needsWeight]) => [
    needsX === true ? dy.alias() : undefined,
    needsWeight === true ? pairPriorGradient([dy], prior, weight.shape, scale) : undefined,
    undefined,
  ]);
}

/** `pairPrior` of the rows of a map from `first` on, not recorded. */
export function pairPriorBand(x: Tensor, prior: Tensor, weight: Tensor, scale: PriorScale, first: number): Tensor {
  return x.device.run(
    k.pairPrior,
    { x, prior, weight },
    { y: x.shape },
    { count: x.size, ...priorSizes(prior, weight.size), ...scale, first },
  ).y;
}

const priorSizes = ({ shape: [length = 0, , engines = 0] }: Tensor, weights: number) => ({
  length,
  engines,
  channels: weights / engines,
});

/** The gradient of the weights from that of the map, of which the bands follow each other; not recorded. */
export function pairPriorGradient(
  bands: readonly Tensor[],
  prior: Tensor,
  shape: Shape,
  scale: PriorScale = AS_IT_IS,
): Tensor {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const sizes = priorSizes(prior, count);
  return sumOfRows(
    bands,
    sizes.length,
    shape,
    (dy, first, y) =>
      dy.device.run(k.pairPriorBackward, { dy, prior }, { y }, { count: y[0]! * count, ...sizes, ...scale, first }).y,
  );
}

/**
 * x[i, j, c] + table[min(|i − j|, distances − 1), c].
 * @param x [length, length, channels]
 * @param table [distances, channels]
 * @returns of x's shape
 */
export function pairDistance(x: Tensor, table: Tensor): Tensor {
  requireShape(
    x.shape.length === 3 && x.shape[0] === x.shape[1] && table.shape.length === 2 && table.shape[1] === x.shape[2],
    'pairDistance',
    x.shape,
    table.shape,
  );
  const y = pairDistanceBand(x, table, 0);
  return record(y, [x, table], (dy, [needsX, needsTable]) => [
    needsX === true ? dy.alias() : undefined,
    needsTable === true ? pairDistanceGradient([dy], table.shape) : undefined,
  ]);
}

/** `pairDistance` of the rows of a map from `first` on, not recorded. */
export function pairDistanceBand(x: Tensor, table: Tensor, first: number): Tensor {
  const [, length = 0, channels = 0] = x.shape;
  return x.device.run(
    k.pairDistance,
    { x, table },
    { y: x.shape },
    { count: x.size, length, channels, distances: table.shape[0]!, first },
  ).y;
}

/** The gradient of the table from that of the map, of which the bands follow each other; not recorded. */
export function pairDistanceGradient(bands: readonly Tensor[], shape: Shape): Tensor {
  const [distances = 0, channels = 0] = shape;
  const length = bands[0]!.shape[1]!;
  return sumOfRows(
    bands,
    length,
    shape,
    (dy, first, y) =>
      dy.device.run(
        k.pairDistanceBackward,
        { dy },
        { y },
        { count: y[0]! * distances * channels, length, channels, distances, first },
      ).y,
  );
}

/** Σ over the rows of a map of what `run` gives for each row of a band; it is told the band's first row. */
function sumOfRows(
  bands: readonly Tensor[],
  length: number,
  shape: Shape,
  run: (dy: Tensor, first: number, shape: Shape) => Tensor,
): Tensor {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return bands[0]!.device.scope(() => {
    let first = 0;
    const parts = bands.map((dy) => {
      const rows = dy.shape[0]!;
      const part = run(dy, first, [rows, count]);
      first += rows;
      return part;
    });
    const sum = columnSum(concatenate(parts, [length, count]), length, count);
    return sum.alias(shape);
  });
}
