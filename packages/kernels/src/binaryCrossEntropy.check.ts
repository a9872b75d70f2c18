/** Checks of `binaryCrossEntropy` and its backward. */
import { binaryCrossEntropy, binaryCrossEntropyBackward } from './binaryCrossEntropy.ts';
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';

/** Logits from well below to well above 0, where a careless log(1 + e) or σ would fail. */
function call(random: RandomStream, count: number, output: string): Call {
  const labels = Float64Array.from({ length: count }, () => random.below(2));
  return {
    inputs: { x: normals(random, count, 12), labels, dy: normals(random, count) },
    outputs: { [output]: count },
    uniforms: { count },
  };
}

export const binaryCrossEntropyCheck: KernelCheck = {
  kernel: binaryCrossEntropy,
  calls: (random) => [1, 64, 999].map((count) => call(random, count, 'y')),
  benchmark: (random) => [call(random, 1024, 'y')],
  reference: (each) => {
    const labels = floats(each, 'labels');
    return { y: floats(each, 'x').map((x, i) => Math.max(x, 0) - x * labels[i]! + Math.log1p(Math.exp(-Math.abs(x)))) };
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
    const [labels, dy] = [floats(each, 'labels'), floats(each, 'dy')];
    return { dx: floats(each, 'x').map((x, i) => dy[i]! * (1 / (1 + Math.exp(-x)) - labels[i]!)) };
  },
  work: (each) => ({ flops: 8 * uniform(each, 'count'), bytes: 16 * uniform(each, 'count') }),
  tolerance: 2e-6,
};
