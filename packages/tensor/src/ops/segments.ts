/**
 * Ops along packed sequences [rows, channels]: rows by number, convolution,
 * InstanceNorm, mean. A sequence never sees its neighbours in the pack.
 */
import * as k from '@rna/kernels';
import type { Device } from '../device.ts';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { reshape } from './elementwise.ts';
import { linear } from './matmul.ts';

const EPS = 1e-5;

/** Where the sequences of packed rows lie. */
export interface Segments {
  readonly rows: number;
  readonly count: number;
  /** u32 [rows]: the number of each row's sequence. */
  readonly sequences: Tensor;
  /** u32 [count, 2]: the first row of each sequence, and the row behind its last. */
  readonly bounds: Tensor;
}

/** Uploads a pack's tables from the cumulative lengths [sequences + 1]; they belong to the current scope. */
export function uploadSegments(device: Device, offsets: Uint32Array): Segments {
  const bounds = Uint32Array.from({ length: 2 * (offsets.length - 1) }, (_, i) => offsets[(i + 1) >> 1]!);
  const rows = offsets.at(-1) ?? 0;
  return {
    rows,
    count: offsets.length - 1,
    sequences: device.tensor(k.sequenceTable(offsets)),
    bounds: device.tensor(bounds, [offsets.length - 1, 2]),
  };
}

/** The same rows, but of each sequence no more than the first `lengths[s]`, for `segmentMean`. */
export function firstRows(
  { bounds, ...segments }: Segments,
  offsets: Uint32Array,
  lengths: readonly number[],
): Segments {
  requireShape(lengths.length === segments.count, 'firstRows', [lengths.length], bounds.shape);
  const values = Uint32Array.from(lengths.flatMap((length, s) => [offsets[s]!, offsets[s]! + length]));
  return { ...segments, bounds: bounds.device.tensor(values, bounds.shape) };
}

/**
 * Rows of x by number, zeros where the number is negative.
 * @param x [rows, cols]
 * @param numbers Each at most once, below `rows`.
 * @returns [numbers.length, cols]
 * @throws RangeError for a row that is not there or comes twice.
 */
export function gatherRows(x: Tensor, numbers: Int32Array): Tensor {
  const [rows = 0, cols = 0] = x.shape;
  requireShape(x.shape.length === 2 && numbers.length > 0, 'gatherRows', x.shape, [numbers.length]);
  const inverse = new Int32Array(rows).fill(-1);
  numbers.forEach((row, i) => {
    if (row < 0) return;
    if (row >= rows || inverse[row] !== -1)
      throw new RangeError(`gatherRows: row ${row} of ${rows} ${row >= rows ? 'is not there' : 'is asked for twice'}`);
    inverse[row] = i;
  });
  return record(gathered(x, numbers, cols), [x], (dy) => [gathered(dy, inverse, cols)]);
}

function gathered(x: Tensor, numbers: Int32Array, cols: number): Tensor {
  const { device } = x;
  return device.scope(
    () =>
      device.run(
        k.gatherRows,
        { x, index: device.tensor(numbers) },
        { y: [numbers.length, cols] },
        { count: numbers.length * cols, cols },
      ).y,
  );
}

function requireSegments(op: string, x: Tensor, { rows }: Segments): void {
  requireShape(x.shape.length === 2 && x.shape[0] === rows, op, x.shape, [rows]);
}

/** x under each tap of a filter, [rows, channels · size]: zeros beyond a sequence's ends. */
function unfold(x: Tensor, { sequences, bounds }: Segments, size: number): Tensor {
  const {
    device,
    shape: [rows = 0, channels = 0],
  } = x;
  const { y } = device.run(
    k.unfold,
    { x, sequences, bounds },
    { y: [rows, channels * size] },
    { count: x.size * size, channels, size },
  );
  return record(y, [x, sequences, bounds], (dy) => [
    device.run(k.unfoldBackward, { dy, sequences, bounds }, { dx: x.shape }, { count: x.size, channels, size }).dx,
    undefined,
    undefined,
  ]);
}

/**
 * Convolution along each sequence with filters of odd width, stride 1, zero padding to the same length.
 * @param x [rows, channels]
 * @param filters [outputs, channels, size]
 * @param bias [outputs]
 * @returns [rows, outputs]
 */
export function conv1d(x: Tensor, filters: Tensor, segments: Segments, bias?: Tensor): Tensor {
  requireSegments('conv1d', x, segments);
  const [outputs = 0, channels = 0, size = 0] = filters.shape;
  requireShape(
    filters.shape.length === 3 && x.shape[1] === channels && size % 2 === 1,
    'conv1d',
    x.shape,
    filters.shape,
  );
  return x.device.scope(() => linear(unfold(x, segments, size), reshape(filters, [outputs, channels * size]), bias));
}

export interface SegmentNormOptions {
  /** elu(v) = v, or e^v − 1 below 0, of the normalised value. */
  readonly elu?: boolean;
  /** Added after the ELU; of x's shape. */
  readonly residual?: Tensor;
}

/**
 * (x − mean) / √(variance + 1e-5) of each channel over the rows of each sequence, without affine parameters, biased
 * variance; then the ELU and the residual add if asked for.
 * @param x [rows, channels], of sequences within `segments` that have more than one row
 */
export function segmentNorm(x: Tensor, segments: Segments, options: SegmentNormOptions = {}): Tensor {
  const { elu = false, residual } = options;
  requireSegments('segmentNorm', x, segments);
  requireShape((residual?.size ?? x.size) === x.size, 'segmentNorm', x.shape, residual?.shape ?? x.shape);
  const { device } = x;
  const { sequences, bounds, count } = segments;
  const channels = x.shape[1]!;
  const perSequence = { count: count * channels, channels };
  const perElement = { count: x.size, channels };
  const { stats } = device.run(
    k.segmentStats,
    { x, bounds },
    { stats: [count, 2, channels] },
    { ...perSequence, eps: EPS },
  );
  const { y } = device.run(k.segmentNorm, { x, stats, residual, sequences }, { y: x.shape }, perElement, { elu });
  const added = residual === undefined ? [] : [residual];
  return record(
    y,
    [x, sequences, bounds, ...added],
    (dy, [needsX]) => {
      const dx =
        needsX === true
          ? device.scope(() => {
              const { sums } = device.run(
                k.segmentNormBackwardSums,
                { x, stats, dy, bounds },
                { sums: stats.shape },
                perSequence,
                { elu },
              );
              return device.run(
                k.segmentNormBackward,
                { x, stats, sums, dy, sequences, bounds },
                { dx: x.shape },
                perElement,
                { elu },
              ).dx;
            })
          : undefined;
      return [dx, undefined, undefined, ...added.map(() => dy.alias())];
    },
    [stats],
  );
}

/** The mean over the rows of each sequence: [sequences, channels]. Throws a ShapeError where the pack does not fit. */
export function segmentMean(x: Tensor, segments: Segments): Tensor {
  requireSegments('segmentMean', x, segments);
  const { device } = x;
  const { sequences, bounds, count } = segments;
  const channels = x.shape[1]!;
  const { y } = device.run(
    k.segmentMean,
    { x, bounds },
    { y: [count, channels] },
    { count: count * channels, channels },
  );
  return record(y, [x, sequences, bounds], (dy) => [
    device.run(k.segmentMeanBackward, { dy, sequences, bounds }, { dx: x.shape }, { count: x.size, channels }).dx,
    undefined,
    undefined,
  ]);
}
