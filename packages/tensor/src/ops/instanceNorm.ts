/**
 * InstanceNorm over a map's pixels, or those of bands of its rows (bands.ts), with the ReLU and the residual add that
 * follow it.
 */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { ShapeError } from '../errors.ts';
import { requireShape, type Shape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';
import { concatenate } from './pair.ts';

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

/**
 * The chunks over which a map in bands of its rows is summed. In a square map with 64 rows or more a chunk is a row, so
 * bands do not show in the sums.
 */
function chunksOf(bands: readonly Tensor[]): Chunks {
  const channels = bands[0]!.shape.at(-1) ?? 1;
  const pixels = bands.reduce((sum, { size }) => sum + size, 0) / channels;
  return { pixels, channels, chunkPixels: Math.max(LEAST_CHUNK_PIXELS, Math.ceil(Math.sqrt(pixels))) };
}

/** [chunks, 2·channels]: what a kernel gives for each chunk of each band, in order. */
function overChunks(
  bands: readonly Tensor[],
  { channels, chunkPixels }: Chunks,
  run: (band: Tensor, index: number, shape: Shape, sizes: Chunks) => Tensor,
): Tensor {
  const parts = bands.map((band, i) => {
    const pixels = band.size / channels;
    return run(band, i, [Math.ceil(pixels / chunkPixels), 2 * channels], { pixels, channels, chunkPixels });
  });
  return concatenate(parts, [parts.reduce((sum, { shape }) => sum + shape[0]!, 0), 2 * channels]);
}

/**
 * Mean and 1 / √(variance + 1e-5) of each channel of a map [height, width, channels] in one or more bands, not
 * recorded: [2, channels].
 * @throws ShapeError for a map of one pixel, whose variance says nothing.
 */
export function instanceStats(...bands: readonly Tensor[]): Tensor {
  bands.forEach(({ shape }) => {
    requireShape(shape.length === 3, 'instanceNorm', shape);
  });
  const { device } = bands[0]!;
  const sizes = chunksOf(bands);
  const { pixels, channels, chunkPixels } = sizes;
  if (pixels < 2)
    throw new ShapeError('instanceNorm: a map of one pixel cannot be normalised; leave out sequences of length 1');
  return device.scope(() => {
    const chunks = overChunks(bands, sizes, (x, _, y, part) => device.run(k.instanceNormChunks, { x }, { y }, part).y);
    return device.run(
      k.instanceNormStats,
      { chunks },
      { stats: [2, channels] },
      { count: channels, pixels, chunkPixels, eps: EPS },
    ).stats;
  });
}

/** The normalised map, or relu of it, plus the residual if there is one; not recorded. */
export function normalise(x: Tensor, stats: Tensor, { relu = false, residual }: InstanceNormOptions): Tensor {
  const channels = x.shape.at(-1)!;
  return x.device.run(k.instanceNorm, { x, stats, residual }, { y: x.shape }, { count: x.size, channels }, { relu }).y;
}

/** The gradient of x from that of its normalised map, not recorded; `relu` says whether a ReLU followed. */
export function instanceNormGradient(x: Tensor, stats: Tensor, dy: Tensor, relu: boolean): Tensor {
  return x.device.scope(() => instanceNormGradients([x], stats, [dy], relu)(0));
}

/** As `instanceNormGradient` in bands: the gradient of each band, made when it is asked for. */
export function instanceNormGradients(
  bands: readonly Tensor[],
  stats: Tensor,
  dy: readonly Tensor[],
  relu: boolean,
): (band: number) => Tensor {
  const { device } = stats;
  const sizes = chunksOf(bands);
  const { pixels, channels } = sizes;
  const sums = device.scope(() => {
    const chunks = overChunks(
      bands,
      sizes,
      (x, i, y, part) => device.run(k.instanceNormBackwardSums, { x, stats, dy: dy[i]! }, { y }, part, { relu }).y,
    );
    return columnSum(chunks, chunks.shape[0]!, 2 * channels);
  });
  return (i) => {
    const x = bands[i]!;
    return device.run(
      k.instanceNormBackward,
      { x, stats, sums, dy: dy[i]! },
      { dx: x.shape },
      { count: x.size, channels, pixels },
      { relu },
    ).dx;
  };
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
  return record(
    y,
    residual === undefined ? [x] : [x, residual],
    (dy, [needsX]) => {
      const dx = needsX === true ? instanceNormGradient(x, stats, dy, relu) : undefined;
      return residual === undefined ? [dx] : [dx, dy.alias()];
    },
    [stats],
  );
}
