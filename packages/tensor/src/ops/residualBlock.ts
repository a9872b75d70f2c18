/** The residual block of a map over pairs, op by op; pairResNet.ts has it for maps that are too large for that. */
import type { Tensor } from '../tensor.ts';
import { conv2d, normConv2d } from './conv2d.ts';
import { instanceNorm } from './instanceNorm.ts';

export type BlockFilters = readonly [first: Tensor, second: Tensor, third: Tensor];

/**
 * x + relu(norm(conv(relu(norm(conv(relu(norm(conv(x)))))))), each op recorded: a tape keeps four maps.
 * @param x [height, width, channels], more than one pixel
 * @param filters Three of [channels, channels, size, size], of any odd sizes
 */
export function residualBlock(x: Tensor, [first, second, third]: BlockFilters): Tensor {
  const { device } = x;
  // A scope around each step's input frees that map as soon as the step is done.
  const c1 = (): Tensor => conv2d(x, first);
  const c2 = (): Tensor => normConv2d(device.scope(c1), second);
  const c3 = (): Tensor => normConv2d(device.scope(c2), third);
  return instanceNorm(device.scope(c3), { relu: true, residual: x });
}
