/** Convolution over a map with its channels last, or over bands of its rows (bands.ts). */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { instanceNormGradient, instanceStats, normalise } from './instanceNorm.ts';
import { columnSum, product } from './matmul.ts';
import { concatenate } from './pair.ts';

const MOST_CHUNKS = 64;
const LEAST_CHUNK_PIXELS = 512;
const LEAST_CHUNK_ROWS = 4; // as a chunk's pixels are a multiple of four

export interface MapSize {
  readonly height: number;
  readonly width: number;
}

/** Rows of a map that are computed: so many, below so many others that filters reach. */
export interface RowWindow {
  readonly rows: number;
  readonly above: number;
}

interface ConvolveOptions {
  readonly bias?: Tensor | undefined;
  /** Turns the filters around and exchanges their two channel dimensions: the gradient of the map. */
  readonly turn?: boolean;
  /** Pixels from one filter tap to the next; default 1. */
  readonly dilation?: number;
  /** Default: all rows. Those beyond the window are read where a filter reaches them; single filter taps reach none. */
  readonly window?: RowWindow;
}

/** y = x * filters (+ bias), not recorded. */
export function convolve(
  x: Tensor,
  filters: Tensor,
  { height, width }: MapSize,
  { bias, turn = false, dilation = 1, window = { rows: height, above: 0 } }: ConvolveOptions,
): Tensor {
  const { device } = x;
  const [first = 0, second = 0, size = 0] = filters.shape;
  const [inner, cols] = turn ? [first, second] : [second, first];
  const taps = size * size;
  const shape = [window.rows, width, cols];
  return device.scope(() => {
    if (size === 1) return product(x, filters, height * width, inner, cols, { transposeB: !turn, bias, shape });
    if (cols === 1 && !turn) {
      const products = product(x, filters, height * width, inner, taps);
      return device.run(
        k.sumTaps,
        { x: products, bias },
        { y: shape },
        { count: window.rows * width, height, width, above: window.above, size, dilation },
      ).y;
    }
    const count = taps * inner * Math.ceil(cols / 4) * 4;
    const { y: b } = device.run(
      k.packFilters,
      { filters },
      { y: [count] },
      { count, channels: second, outputs: first, taps },
      { turn },
    );
    return device.run(
      k.conv2d,
      { x, b, bias },
      { y: shape },
      { height, width, ...window, channels: inner, size, dilation, cols },
    ).y;
  });
}

/**
 * Rows of a map over which the gradient of filters is summed at once. Bands of whole chunks give the sums of the map.
 */
export function chunkRowsOf({ height, width }: MapSize): number {
  return Math.max(
    LEAST_CHUNK_ROWS,
    2 ** Math.ceil(Math.log2(Math.max(height / MOST_CHUNKS, LEAST_CHUNK_PIXELS / width))),
  );
}

/**
 * What the gradient of filters is made of: x and dy of the same rows, one of which may have more around them
 * (`filtersTakeRowsOf`).
 */
export interface FilterBand {
  readonly x: Tensor;
  readonly dy: Tensor;
  /** Rows above the common ones in the one that has more. */
  readonly above: number;
}

/**
 * Which of the two maps the filters reach across: the one with fewer channels, whose patches are few rows of a product,
 * so that no lane is wasted.
 */
export const filtersTakeRowsOf = ({ shape: [outputs = 0, channels = 0] }: Tensor): 'x' | 'dy' =>
  outputs < channels ? 'dy' : 'x';

/** The gradient of the filters: a product over all pixels in chunks, summed in order. Not recorded. */
export function filterGradient(
  filters: Tensor,
  map: MapSize,
  bands: readonly (() => FilterBand)[],
  dilation: number,
): Tensor {
  const {
    device,
    shape: [outputs = 0, channels = 0, size = 0],
  } = filters;
  const taps = size * size;
  const turn = filtersTakeRowsOf(filters) === 'dy';
  const [inner, cols] = turn ? [outputs, channels] : [channels, outputs];
  const chunkPixels = chunkRowsOf(map) * map.width;
  const chunks = Math.ceil((map.height * map.width) / chunkPixels);
  return device.scope(() => {
    const parts = bands.map((band) =>
      device.scope(() => {
        const { x, dy, above } = band();
        const [reached, columns] = turn ? [dy, x] : [x, dy];
        const rows = columns.size / cols / map.width;
        return device.run(
          k.conv2dBackwardWeight,
          { x: reached, dy: columns },
          { y: [Math.ceil((rows * map.width) / chunkPixels), taps * inner, cols] },
          {
            height: reached.size / inner / map.width,
            width: map.width,
            rows,
            above,
            channels: inner,
            size,
            dilation,
            cols,
            chunkPixels,
          },
        ).y;
      }),
    );
    return device.run(
      k.sumFilters,
      { x: concatenate(parts, [chunks, taps * inner, cols]) },
      { dfilters: filters.shape },
      { count: filters.size, channels, outputs, taps, chunks },
      { turn },
    ).dfilters;
  });
}

export function mapSize(op: string, x: Tensor, filters: Tensor, bias?: Tensor): MapSize {
  const [height = 0, width = 0, channels = 0] = x.shape;
  const [outputs = 0, inner = 0, size = 0] = filters.shape;
  requireShape(
    x.shape.length === 3 &&
      filters.shape.length === 4 &&
      inner === channels &&
      filters.shape[3] === size &&
      size % 2 === 1 &&
      (bias?.size ?? outputs) === outputs,
    op,
    x.shape,
    filters.shape,
  );
  return { height, width };
}

/**
 * Convolution with odd square filters, stride 1, zero padding to the same size.
 * @param x [height, width, channels]
 * @param filters [outputs, channels, size, size]
 * @param bias [outputs]
 * @param dilation Pixels from one filter tap to the next
 * @returns [height, width, outputs]
 */
export function conv2d(x: Tensor, filters: Tensor, bias?: Tensor, dilation = 1): Tensor {
  const map = mapSize('conv2d', x, filters, bias);
  const y = convolve(x, filters, map, { bias, dilation });
  return record(y, bias === undefined ? [x, filters] : [x, filters, bias], (dy, [needsX, needsFilters, needsBias]) => [
    needsX === true ? convolve(dy, filters, map, { turn: true, dilation }) : undefined,
    needsFilters === true ? filterGradient(filters, map, [() => ({ x, dy, above: 0 })], dilation) : undefined,
    needsBias === true ? columnSum(dy, map.height * map.width, bias!.size) : undefined,
  ]);
}

/**
 * conv2d(relu(instanceNorm(x)), filters). The normalised map is made again for the gradient instead of being
 * kept, so a tape holds one map less: maps over pairs are what fills the memory.
 * @param x [height, width, channels], more than one pixel
 * @param filters [outputs, channels, size, size]
 * @param dilation Pixels from one filter tap to the next
 * @returns [height, width, outputs]
 */
export function normConv2d(x: Tensor, filters: Tensor, dilation = 1): Tensor {
  const { device } = x;
  const map = mapSize('normConv2d', x, filters);
  const stats = instanceStats(x);
  const normalised = (): Tensor => normalise(x, stats, { relu: true });
  const y = device.scope(() => convolve(normalised(), filters, map, { dilation }));
  return record(
    y,
    [x, filters],
    (dy, [needsX, needsFilters]) => [
      needsX === true
        ? device.scope(() => instanceNormGradient(x, stats, convolve(dy, filters, map, { turn: true, dilation }), true))
        : undefined,
      needsFilters === true
        ? filterGradient(filters, map, [() => ({ x: normalised(), dy, above: 0 })], dilation)
        : undefined,
    ],
    [stats],
  );
}
