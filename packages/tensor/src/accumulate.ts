/** The sum of two gradients of one tensor, without a recording: what the tape does where a tensor has several uses. */
import * as k from '@rna/kernels';
import type { Tensor } from './tensor.ts';

/**
 * sum + more, for gradients: in place where one of the two is held by nobody else. Takes over both and
 * returns the sum.
 */
export function accumulate(sum: Tensor, more: Tensor): Tensor {
  const { device } = sum;
  const [target, other] = sum.storage.references === 1 ? [sum, more] : [more, sum];
  if (target.storage.references === 1) {
    device.run(k.accumulate, { x: other, y: target }, {}, { count: sum.size });
    other.dispose();
    return target;
  }
  const { y } = device.run(k.add, { a: sum, b: more }, { y: sum.shape }, { count: sum.size });
  sum.dispose();
  more.dispose();
  return y;
}
