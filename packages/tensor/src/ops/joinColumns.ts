/** Columns of two matrices side by side, and columns of one by themselves. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';

/** a [rows, left] and b [rows, right] side by side: [rows, left + right]. */
export function joinColumns(a: Tensor, b: Tensor): Tensor {
  const [rows = 0, left = 0] = a.shape;
  const [, right = 0] = b.shape;
  requireShape(a.shape.length === 2 && b.shape.length === 2 && b.shape[0] === rows, 'joinColumns', a.shape, b.shape);
  const cols = left + right;
  const { y } = a.device.run(k.joinColumns, { a, b }, { y: [rows, cols] }, { count: rows * cols, left, right });
  return record(y, [a, b], (dy, [needsA, needsB]) => [
    needsA === true ? takeColumns(dy, 0, left) : undefined,
    needsB === true ? takeColumns(dy, left, right) : undefined,
  ]);
}

/** Columns `first … first + cols − 1` of x [rows, width], not recorded: [rows, cols]. */
function takeColumns(x: Tensor, first: number, cols: number): Tensor {
  const [rows = 0, width = 0] = x.shape;
  return x.device.run(k.takeColumns, { x }, { y: [rows, cols] }, { count: rows * cols, width, first, cols }).y;
}

/** Columns `first … first + cols − 1` of x [rows, width]: [rows, cols]. */
export function columns(x: Tensor, first: number, cols: number): Tensor {
  const [rows = 0, width = 0] = x.shape;
  requireShape(x.shape.length === 2 && first >= 0 && cols >= 1 && first + cols <= width, 'columns', x.shape, [
    first,
    cols,
  ]);
  const { device } = x;
  return record(takeColumns(x, first, cols), [x], (dy) => [
    device.scope(() => {
      const rest = width - first - cols;
      const right = rest === 0 ? dy : joinColumns(dy, device.zeros([rows, rest]));
      return first === 0 ? right.alias() : joinColumns(device.zeros([rows, first]), right);
    }),
  ]);
}
