/** Convolution over a map with its channels last. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum, linear, packed } from './matmul.ts';
import { reshape } from './elementwise.ts';

const CHUNKS = 32;
const LEAST_CHUNK_PIXELS = 512;

interface MapSize {
  readonly height: number;
  readonly width: number;
}

/** y = x * filters (+ bias), or with the filters turned around and their two channel dimensions exchanged. Not recorded. */
function convolve(x: Tensor, filters: Tensor, { height, width }: MapSize, turn: boolean, bias?: Tensor): Tensor {
  const { device } = x;
  const [first = 0, second = 0, size = 0] = filters.shape;
  const [inner, cols] = turn ? [first, second] : [second, first];
  const taps = size * size;
  return device.scope(() => {
    const count = taps * inner * Math.ceil(cols / 4) * 4;
    const { y: b } = device.run(k.packFilters, { filters }, { y: [count] }, { count, channels: second, outputs: first, taps }, { turn });
    return device.run(k.conv2d, { x, b, bias: bias ?? x, stats: x }, { y: [height, width, cols] },
      { height, width, channels: inner, size, cols }, { bias: bias !== undefined }).y;
  });
}

/** The gradient of the filters: a product over all pixels in chunks, summed in order. Not recorded. */
function filterGradient(x: Tensor, dy: Tensor, filters: Tensor, { height, width }: MapSize): Tensor {
  const { device } = x;
  const [outputs = 0, channels = 0, size = 0] = filters.shape;
  const taps = size * size;
  const pixels = height * width;
  // The side with more channels makes the columns: the rows then are few, and no lane is wasted.
  const turn = outputs < channels;
  const [map, columns, inner, cols] = turn ? [dy, x, outputs, channels] : [x, dy, channels, outputs];
  const chunkPixels = Math.max(LEAST_CHUNK_PIXELS, Math.ceil(pixels / CHUNKS));
  const chunks = Math.ceil(pixels / chunkPixels);
  return device.scope(() => {
    const b = packed(columns, pixels, cols, false);
    const { y } = device.run(k.conv2dBackwardWeight, { x: map, b, stats: map }, { y: [chunks, taps * inner, cols] },
      { height, width, channels: inner, size, cols, chunkPixels });
    return device.run(k.sumFilters, { x: y }, { dfilters: filters.shape },
      { count: filters.size, channels, outputs, taps, chunks }, { turn }).dfilters;
  });
}

/**
 * Convolution with odd square filters, stride 1, zero padding to the same size.
 * @param x [height, width, channels]
 * @param filters [outputs, channels, size, size]
 * @param bias [outputs]
 * @returns [height, width, outputs]
 */
export function conv2d(x: Tensor, filters: Tensor, bias?: Tensor): Tensor {
  const [height = 0, width = 0, channels = 0] = x.shape;
  const [outputs = 0, inner = 0, size = 0] = filters.shape;
  requireShape(
    x.shape.length === 3 && filters.shape.length === 4 && inner === channels && filters.shape[3] === size && size % 2 === 1 && (bias?.size ?? outputs) === outputs,
    'conv2d', x.shape, filters.shape);
  if (size === 1) return linear(x, reshape(filters, [outputs, channels]), bias);
  const map = { height, width };
  const y = convolve(x, filters, map, false, bias);
  return record(y, bias === undefined ? [x, filters] : [x, filters, bias], (dy, [needsX, needsFilters, needsBias]) => [
    needsX === true ? convolve(dy, filters, map, true) : undefined,
    needsFilters === true ? filterGradient(x, dy, filters, map) : undefined,
    needsBias === true ? columnSum(dy, height * width, outputs) : undefined,
  ]);
}
