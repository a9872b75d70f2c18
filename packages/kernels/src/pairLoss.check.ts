/** Checks of `pairLoss` and its backward. */
import { floats, normals, uniform, type Call, type KernelCheck, type Values } from './check.ts';
import { pairLoss, pairLossBackward } from './pairLoss.ts';
import type { RandomStream } from './random.ts';

const LENGTHS = [2, 3, 17, 70];
const BENCHMARK = [128, 256];

/** Logits from well below to well above 0, where a careless log(1 + e) or σ would fail, and targets 0 or 1. */
function matrices(random: RandomStream, length: number): { x: Float64Array; labels: Float64Array } {
  return {
    x: normals(random, length ** 2, 12),
    labels: Float64Array.from({ length: length ** 2 }, () => random.below(2)),
  };
}

const pairs = (length: number): number => (length * (length - 1)) / 2;
const loss = (x: number, label: number): number => Math.max(x, 0) - x * label + Math.log1p(Math.exp(-Math.abs(x)));

function losses(random: RandomStream, length: number, chunkRows: number): Call {
  const { x, labels } = matrices(random, length);
  return {
    inputs: { x, labels },
    outputs: { y: Math.ceil(length / chunkRows) * length },
    // Not the mean's factor, so that the sums are large enough to compare.
    uniforms: { length, chunkRows, scale: 0.5 },
  };
}

export const pairLossCheck: KernelCheck = {
  kernel: pairLoss,
  calls: (random) => LENGTHS.flatMap((length) => [losses(random, length, 1), losses(random, length, 32)]),
  benchmark: (random) => BENCHMARK.map((length) => losses(random, length, 32)),
  reference: (call) => {
    const [length, chunkRows, x, labels] = [
      uniform(call, 'length'),
      uniform(call, 'chunkRows'),
      floats(call, 'x'),
      floats(call, 'labels'),
    ];
    const y = new Float64Array(Math.ceil(length / chunkRows) * length);
    for (let i = 0; i < length; i++) {
      for (let j = i + 1; j < length; j++)
        y[Math.floor(i / chunkRows) * length + j]! +=
          uniform(call, 'scale') * loss(x[i * length + j]!, labels[i * length + j]!);
    }
    return { y };
  },
  work: (call) => ({ flops: 25 * pairs(uniform(call, 'length')), bytes: 8 * pairs(uniform(call, 'length')) }),
  tolerance: 2e-6,
};

/** The whole loss, which the backward kernel is the gradient of. */
const total: KernelCheck = {
  ...pairLossCheck,
  reference: (call): Values => {
    const { y } = pairLossCheck.reference({
      ...call,
      uniforms: { ...call.uniforms, chunkRows: uniform(call, 'length') },
    });
    return { y: Float64Array.of((y as Float64Array).reduce((sum, value) => sum + value, 0)) };
  },
};

function backward(random: RandomStream, length: number): Call {
  return {
    inputs: { ...matrices(random, length), dy: normals(random, 1) },
    outputs: { dx: length ** 2 },
    uniforms: { count: length ** 2, length, scale: 0.5 },
  };
}

export const pairLossBackwardCheck: KernelCheck = {
  kernel: pairLossBackward,
  gradientOf: total,
  calls: (random) => LENGTHS.map((length) => backward(random, length)),
  benchmark: (random) => BENCHMARK.map((length) => backward(random, length)),
  reference: (call) => {
    const [length, x, labels, dy] = [
      uniform(call, 'length'),
      floats(call, 'x'),
      floats(call, 'labels'),
      floats(call, 'dy'),
    ];
    const dx = new Float64Array(length ** 2);
    for (let i = 0; i < length; i++) {
      for (let j = i + 1; j < length; j++) {
        const at = i * length + j;
        dx[at] = uniform(call, 'scale') * dy[0]! * (1 / (1 + Math.exp(-x[at]!)) - labels[at]!);
      }
    }
    return { dx };
  },
  work: (call) => ({
    flops: 6 * pairs(uniform(call, 'length')),
    bytes: 8 * pairs(uniform(call, 'length')) + 4 * uniform(call, 'count'),
  }),
  tolerance: 2e-6,
};
