/** Sums, the cross entropies of classes and of yes or no, and losses of numbers. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum, linear } from './matmul.ts';
import { reshape, scale } from './elementwise.ts';

/** factor · Σ x, of shape [1]; summed in a fixed order. */
export function sum(x: Tensor, factor = 1): Tensor {
  const { device } = x;
  const y = device.scope(() => {
    const total = columnSum(x, x.size, 1);
    return factor === 1 ? total : scale(total, factor);
  });
  return record(y, [x], (dy) => [device.run(k.broadcast, { x: dy }, { y: x.shape }, { count: x.size, factor }).y]);
}

/**
 * Cross entropy of rows of logits: the mean over the rows whose label is not negative.
 * @param logits [rows, classes]
 * @param labels [rows]; −100 or any negative number marks a row that does not count
 * @param weights [classes], by which a row's term is multiplied; the mean is still by the number of rows
 * @returns [1]
 * @throws RangeError when no row has a label, or a label is no class.
 */
export function crossEntropy(logits: Tensor, labels: Int32Array, weights?: Float32Array): Tensor {
  const [rows = 0, cols = 0] = logits.shape;
  requireShape(logits.shape.length === 2 && labels.length === rows, 'crossEntropy', logits.shape, [labels.length]);
  const outside = labels.findIndex((label) => label >= cols);
  if (outside >= 0)
    throw new RangeError(`crossEntropy: label ${labels[outside]} of row ${outside} is no class of ${cols}`);
  const counted = labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
  if (counted === 0) throw new RangeError('crossEntropy: no row has a label');
  const { device } = logits;
  const target = device.tensor(labels);
  const { loss } = device.run(k.crossEntropy, { logits, labels: target }, { loss: [rows] }, { rows, cols });
  const recorded = record(loss, [logits, target], (dloss) => [
    device.run(k.crossEntropyBackward, { dloss, logits, labels: target }, { dlogits: logits.shape }, { rows, cols })
      .dlogits,
    undefined,
  ]);
  if (weights === undefined) return sum(recorded, 1 / counted);
  requireShape(weights.length === cols, 'crossEntropy', logits.shape, [weights.length]);
  const factors = device.tensor(
    Float32Array.from(labels, (label) => (label < 0 ? 0 : weights[label]! / counted)),
    [1, rows],
  );
  return reshape(linear(reshape(recorded, [1, rows]), factors), [1]);
}

/** Labels or targets of `x` on its device. Throws a ShapeError where their number differs from its size. */
function targetsOf(op: string, x: Tensor, values: Float32Array): Tensor {
  requireShape(values.length === x.size, op, x.shape, [values.length]);
  return x.device.tensor(values);
}

/**
 * Binary cross entropy with logits, the mean over those that have a label.
 * @param x logits, of any shape
 * @param values 0 or 1 for each; a negative number marks one that does not count
 * @param positive How many times the term of a label of 1 counts. The mean is still by the number of labels.
 * @returns [1]
 * @throws RangeError when nothing has a label.
 */
export function binaryCrossEntropy(x: Tensor, values: Float32Array, positive = 1): Tensor {
  const { device, size: count } = x;
  const labels = targetsOf('binaryCrossEntropy', x, values);
  const counted = values.reduce((total, value) => total + (value >= 0 ? 1 : 0), 0);
  if (counted === 0) throw new RangeError('binaryCrossEntropy: nothing has a label');
  const uniforms = { count, positive };
  const { y } = device.run(k.binaryCrossEntropy, { x, labels }, { y: x.shape }, uniforms);
  const recorded = record(y, [x, labels], (dy) => [
    device.run(k.binaryCrossEntropyBackward, { dy, x, labels }, { dx: x.shape }, uniforms).dx,
    undefined,
  ]);
  return sum(recorded, 1 / counted);
}

/** The sum of the Huber losses of x − values, times a factor: [1]. */
function hubers(op: string, x: Tensor, values: Float32Array, delta: number, factor: number): Tensor {
  const { device, size: count } = x;
  const goal = targetsOf(op, x, values);
  const { y } = device.run(k.huber, { x, goal }, { y: x.shape }, { count, delta });
  const recorded = record(y, [x, goal], (dy) => [
    device.run(k.huberBackward, { dy, x, goal }, { dx: x.shape }, { count, delta }).dx,
    undefined,
  ]);
  return sum(recorded, factor);
}

/** The Huber loss with δ = 1, the mean over the elements of x: [1]. */
export const huberLoss = (x: Tensor, values: Float32Array): Tensor => hubers('huberLoss', x, values, 1, 1 / x.size);

// Twice the Huber loss of errors below delta; this is no error's size.
const BEYOND_ANY_ERROR = 3e38;

/** The mean squared error over the elements of x: [1]. */
export const squaredError = (x: Tensor, values: Float32Array): Tensor =>
  hubers('squaredError', x, values, BEYOND_ANY_ERROR, 2 / x.size);
