/** Checks of `distanceBins`; points lie on a grid, so that no square is near an edge but those that are on one. */
import { floats, uniform, type Call, type KernelCheck } from './check.ts';
import { distanceBins } from './distanceBins.ts';
import type { RandomStream } from './random.ts';

function call(random: RandomStream, length: number, bins: number): Call {
  return {
    inputs: {
      x: Float64Array.from({ length: 3 * length }, () => random.below(12)),
      edges: Float64Array.from({ length: bins + 1 }, (_, k) => (k === bins ? 1e8 : 4 + 20 * k)),
    },
    outputs: { y: length * length * bins },
    uniforms: { count: length * length * bins, length, bins },
  };
}

export const distanceBinsCheck: KernelCheck = {
  kernel: distanceBins,
  calls: (random) => [call(random, 1, 1), call(random, 9, 5), call(random, 17, 12)],
  benchmark: (random) => [call(random, 64, 40)],
  reference: (each) => {
    const [length, bins] = [uniform(each, 'length'), uniform(each, 'bins')];
    const [x, edges] = [floats(each, 'x'), floats(each, 'edges')];
    return {
      y: new Float64Array(uniform(each, 'count')).map((_, i) => {
        const pixel = Math.floor(i / bins);
        const [a, b, k] = [Math.floor(pixel / length), pixel % length, i % bins];
        const square = [0, 1, 2].reduce((sum, axis) => sum + (x[3 * a + axis]! - x[3 * b + axis]!) ** 2, 0);
        return square > edges[k]! && square < edges[k + 1]! ? 1 : 0;
      }),
    };
  },
  work: (each) => ({ flops: 8 * uniform(each, 'length') ** 2, bytes: 4 * uniform(each, 'count') }),
  tolerance: 0,
};
