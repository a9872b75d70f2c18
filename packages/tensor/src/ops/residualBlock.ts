/** The residual block of a map over pairs, op by op; pairResNet.ts has it for maps that are too large for that. */
import type { Tensor } from '../tensor.ts';
import { conv2d, normConv2d } from './conv2d.ts';
import { instanceNorm } from './instanceNorm.ts';

/** One after the other. */
export type BlockFilters = readonly [first: Tensor, ...others: Tensor[]];

/**
 * x + relu(norm(conv( … relu(norm(conv(x)))))), each op recorded: a tape keeps a map more than there are convolutions.
 * @param x [height, width, channels], more than one pixel
 * @param filters [channels, channels, size, size] each, of any odd sizes
 * @param dilation Pixels from one filter tap to the next
 */
export function residualBlock(x: Tensor, [first, ...others]: BlockFilters, dilation = 1): Tensor {
  const { device } = x;
  // A scope around each step's input frees that map as soon as the step is done.
  const last = others.reduce(
    (before, filters) => (): Tensor => normConv2d(device.scope(before), filters, dilation),
    (): Tensor => conv2d(x, first, undefined, dilation),
  );
  return instanceNorm(device.scope(last), { relu: true, residual: x });
}
