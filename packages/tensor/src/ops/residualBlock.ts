/**
 * The residual block of a map over pairs as one step of the tape that keeps
 * nothing but its input: everything between is made again on the walk back, map
 * by map, each freed as soon as it is done with. What fills the memory of a long
 * RNA are these maps; three a block are saved for a third more work.
 */
import { accumulate } from '../accumulate.ts';
import { record } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { conv2d, convolve, filterGradient, mapSize, normConv2d } from './conv2d.ts';
import { instanceNorm, instanceNormGradient, instanceStats, normalise } from './instanceNorm.ts';

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

/** `residualBlock` with the same bits, of which a tape keeps x alone. The walk back holds x and four more maps at most. */
export function recomputedResidualBlock(x: Tensor, filters: BlockFilters): Tensor {
  const { device } = x;
  const { tape } = device;
  const [w1, w2, w3] = filters;
  const map = mapSize('residualBlock', x, w1);
  let y: Tensor;
  try {
    device.tape = undefined;
    y = device.scope(() => residualBlock(x, filters));
  } finally {
    device.tape = tape;
  }
  return record(y, [x, ...filters], (dy, [needsX, ...needs]) => device.scope(() => {
    // No rule reads its output here, and whatever came after has run.
    y.dispose();
    const relu = { relu: true };
    const made = (body: () => Tensor): Tensor => device.scope(body);
    /** conv(relu(norm(c))), whose normalised map goes at once. */
    const next = (c: Tensor, stats: Tensor, filter: Tensor): Tensor => made(() => convolve(normalise(c, stats, relu), filter, map, {}));
    /** The gradient of c from that of conv(relu(norm(c))), which is freed. */
    const back = (c: Tensor, stats: Tensor, dnext: Tensor, filter: Tensor): Tensor => made(() => {
      const dnormalised = convolve(dnext, filter, map, { turn: true });
      dnext.dispose();
      return instanceNormGradient(c, stats, dnormalised, true);
    });
    const filterOf = (c: Tensor, stats: Tensor, dnext: Tensor, filter: Tensor, isNeeded: boolean | undefined): Tensor | undefined =>
      (isNeeded === true ? made(() => filterGradient(normalise(c, stats, relu), dnext, filter, map)) : undefined);
    const firstMap = (): Tensor => made(() => convolve(x, w1, map, {}));

    let c1 = firstMap();
    const stats1 = instanceStats(c1);
    const c2 = next(c1, stats1, w2);
    c1.dispose();
    const stats2 = instanceStats(c2);
    const c3 = next(c2, stats2, w3);
    const dc3 = instanceNormGradient(c3, instanceStats(c3), dy, true);
    c3.dispose();
    const dw3 = filterOf(c2, stats2, dc3, w3, needs[2]);
    const dc2 = back(c2, stats2, dc3, w3);
    c2.dispose();
    c1 = firstMap();
    const dw2 = filterOf(c1, stats1, dc2, w2, needs[1]);
    const dc1 = back(c1, stats1, dc2, w2);
    c1.dispose();
    const dw1 = needs[0] === true ? filterGradient(x, dc1, w1, map) : undefined;
    if (needsX !== true) return [undefined, dw1, dw2, dw3];
    const through = convolve(dc1, w1, map, { turn: true });
    dc1.dispose();
    return [accumulate(dy.alias(), through), dw1, dw2, dw3];
  }));
}
