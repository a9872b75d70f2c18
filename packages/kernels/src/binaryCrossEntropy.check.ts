/** Checks of `binaryCrossEntropy` and its backward. */
import { binaryCrossEntropy, binaryCrossEntropyBackward } from './binaryCrossEntropy.ts';
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';

/**
 * Logits from well below to well above 0, where a careless log(1 + e) or σ would fail. Longer calls have labels that do
 * not count, and weigh the positive ones.
 */
function call(random: RandomStream, count: number, output: string): Call {
  const labels = Float64Array.from({ length: count }, (_, i) => (i % 70 === 69 ? -1 : random.below(2)));
  return {
    inputs: { x: normals(random, count, 12), labels, dy: normals(random, count) },
    outputs: { [output]: count },
    uniforms: { count, positive: count > 64 ? 5 : 1 },
  };
}

export const binaryCrossEntropyCheck: KernelCheck = {
  kernel: binaryCrossEntropy,
  calls: (random) => [1, 64, 999].map((count) => call(random, count, 'y')),
  benchmark: (random) => [call(random, 1024, 'y')],
  reference: (each) => {
    const [labels, positive] = [floats(each, 'labels'), uniform(each, 'positive')];
    const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    return {
      y: floats(each, 'x').map((x, i) =>
        labels[i]! < 0 ? 0 : (1 - labels[i]!) * softplus(x) + positive * labels[i]! * softplus(-x),
      ),
    };
  },
  work: (each) => ({ flops: 25 * uniform(each, 'count'), bytes: 12 * uniform(each, 'count') }),
  tolerance: 2e-6,
};

export const binaryCrossEntropyBackwardCheck: KernelCheck = {
  kernel: binaryCrossEntropyBackward,
  gradientOf: binaryCrossEntropyCheck,
  calls: (random) => [1, 64, 999].map((count) => call(random, count, 'dx')),
  benchmark: (random) => [call(random, 1024, 'dx')],
  reference: (each) => {
    const [labels, dy, positive] = [floats(each, 'labels'), floats(each, 'dy'), uniform(each, 'positive')];
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    return {
      dx: floats(each, 'x').map((x, i) =>
        labels[i]! < 0 ? 0 : dy[i]! * ((1 - labels[i]!) * sigmoid(x) - positive * labels[i]! * sigmoid(-x)),
      ),
    };
  },
  work: (each) => ({ flops: 8 * uniform(each, 'count'), bytes: 16 * uniform(each, 'count') }),
  tolerance: 2e-6,
};
