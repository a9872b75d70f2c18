/** The first two axes of an array exchanged. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';

/** y[c, r, …] = x[r, c, …]: a transposed matrix, or a map over pairs turned over. At least two axes. */
export function swapAxes(x: Tensor): Tensor {
  const [rows = 0, cols = 0, ...rest] = x.shape;
  requireShape(x.shape.length >= 2, 'swapAxes', x.shape);
  const inner = x.size / (rows * cols);
  const { y } = x.device.run(k.swapAxes, { x }, { y: [cols, rows, ...rest] }, k.swapSizes(rows, cols, inner));
  return record(y, [x], (dy) => [swapAxes(dy)]);
}
