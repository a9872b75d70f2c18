/** InstanceNorm over a map's pixels, with the ReLU and the residual add that follow it. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { ShapeError } from '../errors.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

const EPS = 1e-5;
const LEAST_CHUNK_PIXELS = 64;

export interface InstanceNormOptions {
  readonly relu?: boolean;
  /** Added after the ReLU; of x's shape. */
  readonly residual?: Tensor;
}

interface Chunks {
  readonly pixels: number;
  readonly channels: number;
  readonly chunkPixels: number;
}

function chunksOf(x: Tensor): Chunks {
  const channels = x.shape.at(-1) ?? 1;
  const pixels = x.size / channels;
  return { pixels, channels, chunkPixels: Math.max(LEAST_CHUNK_PIXELS, Math.ceil(Math.sqrt(pixels))) };
}

/**
 * Mean and 1 / √(variance + 1e-5) of each channel of x [height, width, channels], not recorded: [2, channels].
 * @throws ShapeError for a map of one pixel, whose variance says nothing.
 */
export function instanceStats(x: Tensor): Tensor {
  requireShape(x.shape.length === 3, 'instanceNorm', x.shape);
  const { device } = x;
  const sizes = chunksOf(x);
  const { pixels, channels, chunkPixels } = sizes;
  if (pixels < 2) throw new ShapeError('instanceNorm: a map of one pixel cannot be normalised; leave out sequences of length 1');
  return device.scope(() => {
    const { y } = device.run(k.instanceNormChunks, { x }, { y: [Math.ceil(pixels / chunkPixels), 2 * channels] }, sizes);
    return device.run(k.instanceNormStats, { chunks: y }, { stats: [2, channels] }, { count: channels, pixels, chunkPixels, eps: EPS }).stats;
  });
}

/** The normalised map, or relu of it, plus the residual if there is one; not recorded. */
export function normalise(x: Tensor, stats: Tensor, { relu = false, residual }: InstanceNormOptions): Tensor {
  return x.device.run(k.instanceNorm, { x, stats, residual: residual ?? x }, { y: x.shape }, { count: x.size, channels: x.shape.at(-1)! },
    { relu, residual: residual !== undefined }).y;
}

/** The gradient of x from that of its normalised map, not recorded; `relu` says whether a ReLU followed. */
export function instanceNormGradient(x: Tensor, stats: Tensor, dy: Tensor, relu: boolean): Tensor {
  const { device } = x;
  const sizes = chunksOf(x);
  const { pixels, channels, chunkPixels } = sizes;
  const chunks = Math.ceil(pixels / chunkPixels);
  return device.scope(() => {
    const { y } = device.run(k.instanceNormBackwardSums, { x, stats, dy }, { y: [chunks, 2 * channels] }, sizes, { relu });
    const sums = columnSum(y, chunks, 2 * channels);
    return device.run(k.instanceNormBackward, { x, stats, sums, dy }, { dx: x.shape }, { count: x.size, channels }, { relu }).dx;
  });
}

/**
 * (x − mean) / √(variance + 1e-5) of each channel over all pixels, without affine parameters, biased variance;
 * then the ReLU and the residual add if asked for.
 * @param x [height, width, channels]
 * @throws ShapeError for a map of one pixel, whose variance says nothing.
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const { relu = false, residual } = options;
  requireShape((residual?.size ?? x.size) === x.size, 'instanceNorm', x.shape, residual?.shape ?? x.shape);
  const stats = instanceStats(x);
  const y = normalise(x, stats, options);
  return record(y, residual === undefined ? [x] : [x, residual], (dy, [needsX]) => {
    const dx = needsX === true ? instanceNormGradient(x, stats, dy, relu) : undefined;
    return residual === undefined ? [dx] : [dx, dy.alias()];
  }, [stats]);
}
