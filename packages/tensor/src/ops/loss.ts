/** Sums and the cross entropy. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';
import { scale } from './elementwise.ts';

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
 * @returns [1]
 * @throws RangeError when no row has a label, or a label is no class.
 */
export function crossEntropy(logits: Tensor, labels: Int32Array): Tensor {
  const [rows = 0, cols = 0] = logits.shape;
  requireShape(logits.shape.length === 2 && labels.length === rows, 'crossEntropy', logits.shape, [labels.length]);
  const outside = labels.findIndex((label) => label >= cols);
  if (outside >= 0) throw new RangeError(`crossEntropy: label ${labels[outside]} of row ${outside} is no class of ${cols}`);
  const counted = labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
  if (counted === 0) throw new RangeError('crossEntropy: no row has a label');
  const { device } = logits;
  const target = device.tensor(labels);
  const { loss } = device.run(k.crossEntropy, { logits, labels: target }, { loss: [rows] }, { rows, cols });
  const recorded = record(loss, [logits, target], (dloss) =>
    [device.run(k.crossEntropyBackward, { dloss, logits, labels: target }, { dlogits: logits.shape }, { rows, cols }).dlogits, undefined]);
  return sum(recorded, 1 / counted);
}
