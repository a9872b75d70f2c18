/** Two linear layers with a ReLU between them, the wider values between them in bands of rows where they must be. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Shape, type Tensor } from '../tensor.ts';
import { relu } from './activations.ts';
import { reshape } from './elementwise.ts';
import { linear } from './matmul.ts';
import { rows } from './pair.ts';

export interface LinearLayer {
  /** [cols, inner] */
  readonly weight: Tensor;
  /** [cols] */
  readonly bias: Tensor;
}

/**
 * W₂·relu(W₁·x + b₁) + b₂ (+ residual). Rows go in as many bands as the values in between need so that each fits into
 * one binding; no bit of the result depends on them.
 * @param x [...leading, inner]
 * @param residual [...leading, cols]
 * @returns [...leading, cols]
 */
export function feedForward(x: Tensor, first: LinearLayer, second: LinearLayer, residual?: Tensor): Tensor {
  const { device } = x;
  const [hidden = 0, inner = 0] = first.weight.shape;
  const [cols = 0] = second.weight.shape;
  requireShape(x.shape.at(-1) === inner, 'feedForward', x.shape, first.weight.shape);
  const count = x.size / inner;
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  // Rows of a band are whole vectors and whole alignments, whatever the width.
  const most = 64 * Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / (4 * hidden) / 64);
  const layers = (part: Tensor, added?: Tensor): Tensor =>
    device.scope(() => linear(relu(linear(part, first.weight, first.bias)), second.weight, second.bias, added));
  if (count <= most) return layers(x, residual);
  requireShape(most > 0, 'feedForward', x.shape, first.weight.shape);
  const band = (whole: Tensor, width: number, at: number): Tensor =>
    rows(reshape(whole, [count, width]), at, Math.min(most, count - at));
  return device.scope(() => {
    const bands: Tensor[] = [];
    for (let at = 0; at < count; at += most)
      bands.push(
        device.scope(() => layers(band(x, inner, at), residual === undefined ? undefined : band(residual, cols, at))),
      );
    return joinBands(bands, [...x.shape.slice(0, -1), cols]);
  });
}

/** Bands of rows one after the other; they stay. Each has a multiple of 64 rows but the last. */
function joinBands(bands: readonly Tensor[], shape: Shape): Tensor {
  const { device } = bands[0]!;
  const y = device.empty(shape, 'f32', 'feedForward');
  const starts: number[] = [];
  bands.reduce((at, band) => {
    device.scope(() => {
      device.copy(band, y.part(at, band.shape));
    });
    starts.push(at);
    return at + band.size;
  }, 0);
  return record(y, bands, (dy) =>
    bands.map(
      (band, i) => device.run(k.rows, { x: dy }, { y: band.shape }, { count: band.size, offset: starts[i]! }).y,
    ),
  );
}
