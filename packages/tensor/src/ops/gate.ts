/** The gates of AlphaFold's layers. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

/** σ(g) · x (+ residual), all of one size. */
export function gate(x: Tensor, g: Tensor, residual?: Tensor): Tensor {
  requireShape(x.size === g.size && (residual?.size ?? x.size) === x.size, 'gate', x.shape, g.shape);
  const { device, shape, size: count } = x;
  const { y } = device.run(k.gate, { x, g, residual }, { y: shape }, { count });
  return record(y, [x, g, ...(residual === undefined ? [] : [residual])], (dy) => {
    const { dx, dg } = device.run(k.gateBackward, { dy, x, g }, { dx: shape, dg: g.shape }, { count });
    return [dx, dg, ...(residual === undefined ? [] : [dy.alias(residual.shape)])];
  });
}

/**
 * σ(g + gateBias) · (x + bias), with a bias a channel.
 * @param x [channels, …pixels], as g
 * @param bias [channels], as gateBias
 */
export function channelGate(x: Tensor, g: Tensor, bias: Tensor, gateBias: Tensor): Tensor {
  const { device, shape, size: count } = x;
  const [channels = 0] = shape;
  requireShape(
    g.size === count && bias.size === channels && gateBias.size === channels,
    'channelGate',
    shape,
    g.shape,
    bias.shape,
    gateBias.shape,
  );
  const pixels = count / channels;
  const { y } = device.run(k.channelGate, { x, g, bias, gateBias }, { y: shape }, { count, pixels });
  return record(y, [x, g, bias, gateBias], (dy) => {
    const { dx, dg } = device.run(
      k.channelGateBackward,
      { dy, x, g, bias, gateBias },
      { dx: shape, dg: g.shape },
      { count, pixels },
    );
    return [dx, dg, rowSum(dx, channels, pixels), rowSum(dg, channels, pixels)];
  });
}

/** Σ over the columns of x [rows, cols]: [rows]. */
function rowSum(x: Tensor, rows: number, cols: number): Tensor {
  return x.device.scope(() => {
    const { y } = x.device.run(k.swapAxes, { x }, { y: [cols, rows] }, k.swapSizes(rows, cols, 1));
    return columnSum(y, cols, rows);
  });
}
