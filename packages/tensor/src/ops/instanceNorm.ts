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

/**
 * (x − mean) / √(variance + 1e-5) of each channel over all pixels, without affine parameters, biased variance;
 * then the ReLU and the residual add if asked for.
 * @param x [height, width, channels]
 * @throws ShapeError for a map of one pixel, whose variance says nothing.
 */
export function instanceNorm(x: Tensor, { relu = false, residual }: InstanceNormOptions = {}): Tensor {
  const channels = x.shape.at(-1) ?? 0;
  requireShape(x.shape.length === 3 && (residual?.size ?? x.size) === x.size, 'instanceNorm', x.shape, residual?.shape ?? x.shape);
  const pixels = x.size / channels;
  if (pixels < 2) throw new ShapeError('instanceNorm: a map of one pixel cannot be normalised; leave out sequences of length 1');
  const { device } = x;
  const chunkPixels = Math.max(LEAST_CHUNK_PIXELS, Math.ceil(Math.sqrt(pixels)));
  const chunks = Math.ceil(pixels / chunkPixels);
  const stats = device.scope(() => {
    const { y } = device.run(k.instanceNormChunks, { x }, { y: [chunks, 2 * channels] }, { pixels, channels, chunkPixels });
    return device.run(k.instanceNormStats, { chunks: y }, { stats: [2, channels] }, { count: channels, pixels, chunkPixels, eps: EPS }).stats;
  });
  const uniforms = { count: x.size, channels };
  const { y } = device.run(k.instanceNorm, { x, stats, residual: residual ?? x }, { y: x.shape }, uniforms, { relu, residual: residual !== undefined });
  return record(y, residual === undefined ? [x] : [x, residual], (dy, [needsX]) => {
    const dx = needsX !== true ? undefined : device.scope(() => {
      const partial = device.run(k.instanceNormBackwardSums, { x, stats, dy }, { y: [chunks, 2 * channels] }, { pixels, channels, chunkPixels }, { relu });
      const sums = columnSum(partial.y, chunks, 2 * channels);
      return device.run(k.instanceNormBackward, { x, stats, sums, dy }, { dx: x.shape }, uniforms, { relu }).dx;
    });
    return residual === undefined ? [dx] : [dx, dy.alias()];
  }, [stats]);
}
