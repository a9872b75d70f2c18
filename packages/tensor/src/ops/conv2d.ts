/** Convolution over a map with its channels last. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { instanceNormGradient, instanceStats, normalise } from './instanceNorm.ts';
import { columnSum, product } from './matmul.ts';

const CHUNKS = 32;
const LEAST_CHUNK_PIXELS = 512;

export interface MapSize {
  readonly height: number;
  readonly width: number;
}

interface ConvolveOptions {
  readonly bias?: Tensor | undefined;
  /** Turns the filters around and exchanges their two channel dimensions: the gradient of the map. */
  readonly turn?: boolean;
}

/** y = x * filters (+ bias), not recorded. */
export function convolve(x: Tensor, filters: Tensor, { height, width }: MapSize, { bias, turn = false }: ConvolveOptions): Tensor {
  const { device } = x;
  const [first = 0, second = 0, size = 0] = filters.shape;
  const [inner, cols] = turn ? [first, second] : [second, first];
  const taps = size * size;
  const shape = [height, width, cols];
  return device.scope(() => {
    if (size === 1) return product(x, filters, height * width, inner, cols, { transposeB: !turn, bias, shape });
    if (cols === 1 && !turn) {
      const products = product(x, filters, height * width, inner, taps);
      return device.run(k.sumTaps, { x: products, bias: bias ?? x }, { y: shape }, { count: height * width, height, width, size }, { bias: bias !== undefined }).y;
    }
    const count = taps * inner * Math.ceil(cols / 4) * 4;
    const { y: b } = device.run(k.packFilters, { filters }, { y: [count] }, { count, channels: second, outputs: first, taps }, { turn });
    return device.run(k.conv2d, { x, b, bias: bias ?? x }, { y: shape },
      { height, width, channels: inner, size, cols }, { bias: bias !== undefined }).y;
  });
}

/** The gradient of the filters: a product over all pixels in chunks, summed in order. Not recorded. */
export function filterGradient(x: Tensor, dy: Tensor, filters: Tensor, { height, width }: MapSize): Tensor {
  const { device } = x;
  const [outputs = 0, channels = 0, size = 0] = filters.shape;
  const taps = size * size;
  const pixels = height * width;
  // The side with more channels makes the columns: the rows then are few, and no lane is wasted.
  const turn = outputs < channels;
  const [map, columns, inner, cols] = turn ? [dy, x, outputs, channels] : [x, dy, channels, outputs];
  const chunkPixels = Math.max(LEAST_CHUNK_PIXELS, Math.ceil(pixels / CHUNKS / 4) * 4);
  const chunks = Math.ceil(pixels / chunkPixels);
  return device.scope(() => {
    const { y } = device.run(k.conv2dBackwardWeight, { x: map, dy: columns }, { y: [chunks, taps * inner, cols] },
      { height, width, channels: inner, size, cols, chunkPixels }, { aligned: cols % 4 === 0 });
    return device.run(k.sumFilters, { x: y }, { dfilters: filters.shape },
      { count: filters.size, channels, outputs, taps, chunks }, { turn }).dfilters;
  });
}

export function mapSize(op: string, x: Tensor, filters: Tensor, bias?: Tensor): MapSize {
  const [height = 0, width = 0, channels = 0] = x.shape;
  const [outputs = 0, inner = 0, size = 0] = filters.shape;
  requireShape(
    x.shape.length === 3 && filters.shape.length === 4 && inner === channels && filters.shape[3] === size && size % 2 === 1 && (bias?.size ?? outputs) === outputs,
    op, x.shape, filters.shape);
  return { height, width };
}

/**
 * Convolution with odd square filters, stride 1, zero padding to the same size.
 * @param x [height, width, channels]
 * @param filters [outputs, channels, size, size]
 * @param bias [outputs]
 * @returns [height, width, outputs]
 */
export function conv2d(x: Tensor, filters: Tensor, bias?: Tensor): Tensor {
  const map = mapSize('conv2d', x, filters, bias);
  const y = convolve(x, filters, map, { bias });
  return record(y, bias === undefined ? [x, filters] : [x, filters, bias], (dy, [needsX, needsFilters, needsBias]) => [
    needsX === true ? convolve(dy, filters, map, { turn: true }) : undefined,
    needsFilters === true ? filterGradient(x, dy, filters, map) : undefined,
    needsBias === true ? columnSum(dy, map.height * map.width, bias!.size) : undefined,
  ]);
}

/**
 * conv2d(relu(instanceNorm(x)), filters). The normalised map is made again for the gradient instead of being
 * kept, so a tape holds one map less: maps over pairs are what fills the memory.
 * @param x [height, width, channels], more than one pixel
 * @param filters [outputs, channels, size, size]
 * @returns [height, width, outputs]
 */
export function normConv2d(x: Tensor, filters: Tensor): Tensor {
  const { device } = x;
  const map = mapSize('normConv2d', x, filters);
  const stats = instanceStats(x);
  const normalised = (): Tensor => normalise(x, stats, { relu: true });
  const y = device.scope(() => convolve(normalised(), filters, map, {}));
  return record(y, [x, filters], (dy, [needsX, needsFilters]) => [
    needsX === true ? device.scope(() => instanceNormGradient(x, stats, convolve(dy, filters, map, { turn: true }), true)) : undefined,
    needsFilters === true ? device.scope(() => filterGradient(normalised(), dy, filters, map)) : undefined,
  ], [stats]);
}
