/** Check of the bins of lDDT. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { lddtBins } from './lddtBins.ts';
import type { RandomStream } from './random.ts';

function callOf(random: RandomStream, length: number, slots: number, slot: number): Call {
  const goal = normals(random, 3 * length * slots, 8);
  const noise = normals(random, goal.length, 1);
  return {
    inputs: {
      goal,
      coordinates: goal.map((value, at) => Math.fround(value + noise[at]!)),
      mask: Float64Array.from({ length: length * slots }, (_, at) => (at % 7 === 5 ? 0 : 1)),
    },
    outputs: { y: length },
    uniforms: { count: length, slots, slot },
  };
}

export const lddtBinsCheck: KernelCheck = {
  kernel: lddtBins,
  calls: (random) => [callOf(random, 1, 1, 0), callOf(random, 9, 3, 1), callOf(random, 70, 4, 3)],
  benchmark: (random) => [callOf(random, 256, 23, 1)],
  reference: (call) => {
    const [length, slots, slot] = [uniform(call, 'count'), uniform(call, 'slots'), uniform(call, 'slot')];
    const [goal, coordinates, mask] = [floats(call, 'goal'), floats(call, 'coordinates'), floats(call, 'mask')];
    const apart = (values: Float64Array, i: number, j: number): number =>
      Math.hypot(...[0, 1, 2].map((k) => values[3 * (i * slots + slot) + k]! - values[3 * (j * slots + slot) + k]!));
    const y = Int32Array.from({ length }, (_, i) => {
      if (mask[i * slots + slot] === 0) return -1;
      let [kept, pairs] = [0, 0];
      for (let j = 0; j < length; j++) {
        if (j === i || mask[j * slots + slot] === 0 || apart(goal, i, j) >= 15) continue;
        const error = Math.abs(apart(goal, i, j) - apart(coordinates, i, j));
        pairs++;
        kept += [0.5, 1, 2, 4].filter((threshold) => error < threshold).length;
      }
      return pairs === 0 ? 49 : Math.min(49, Math.floor((50 * kept) / (4 * pairs)));
    });
    return { y };
  },
  work: (call) => ({ flops: 25 * uniform(call, 'count') ** 2, bytes: 28 * uniform(call, 'count') }),
  tolerance: 0,
};
