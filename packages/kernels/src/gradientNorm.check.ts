/** Checks of the global gradient norm. What they do with NaN and infinity is tested with the optimiser. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { clipFactor, SQUARED_TENSORS, stridedSum, sumOfSquares } from './gradientNorm.ts';
import type { RandomStream } from './random.ts';

const slots = Array.from({ length: SQUARED_TENSORS }, (_, slot) => slot);

function squares(random: RandomStream, counts: readonly number[], threads: number, first = 0): Call {
  const countOf = (slot: number): number => counts[slot] ?? 0;
  const partials = new Float64Array(first + counts.length * threads + 3).fill(-1);
  return {
    inputs: { ...Object.fromEntries(slots.map((t) => [`x${t}`, normals(random, Math.max(1, countOf(t)))])), partials },
    outputs: {},
    uniforms: {
      tensors: counts.length,
      threads,
      first,
      ...Object.fromEntries(slots.map((t) => [`count${t}`, countOf(t)])),
    },
  };
}

const totalCount = (call: Call): number => slots.reduce((sum, t) => sum + uniform(call, `count${t}`), 0);

export const sumOfSquaresCheck: KernelCheck = {
  kernel: sumOfSquares,
  calls: (random) => [
    squares(random, [1], 1),
    squares(random, [5, 300, 1], 3, 7),
    squares(random, [640, 64, 64, 1, 999, 128, 2000], 100, 50),
  ],
  benchmark: (random) => [
    squares(
      random,
      slots.map(() => 640 * 640),
      4096,
    ),
  ],
  reference: (call) => {
    const partials = floats(call, 'partials').slice();
    const [threads, first] = [uniform(call, 'threads'), uniform(call, 'first')];
    for (let t = 0; t < uniform(call, 'tensors'); t++) {
      const x = floats(call, `x${t}`);
      const begin = first + t * threads;
      partials.fill(0, begin, begin + threads);
      for (let k = 0; k < uniform(call, `count${t}`); k++) partials[begin + (k % threads)]! += x[k]! ** 2;
    }
    return { partials };
  },
  work: (call) => ({ flops: 2 * totalCount(call), bytes: 4 * totalCount(call) }),
  tolerance: 1e-6,
};

export const stridedSumCheck: KernelCheck = {
  kernel: stridedSum,
  calls: (random) =>
    [
      [1, 1],
      [5, 8],
      [1000, 256],
      [777, 10],
    ].map(([count = 0, cols = 0]) => ({
      inputs: { x: normals(random, count) },
      outputs: { y: cols },
      uniforms: { count, cols },
    })),
  reference: (call) => {
    const y = new Float64Array(uniform(call, 'cols'));
    floats(call, 'x').forEach((value, k) => {
      y[k % y.length]! += value;
    });
    return { y };
  },
  work: (call) => ({ flops: uniform(call, 'count'), bytes: 4 * uniform(call, 'count') }),
  tolerance: 1e-6,
};

export const clipFactorCheck: KernelCheck = {
  kernel: clipFactor,
  calls: (random) =>
    [
      [1, 0.5],
      [256, 1],
      [256, 1e6],
      [3, 0.001],
    ].map(([count = 0, maxNorm = 0]) => ({
      inputs: { squares: normals(random, count).map((value) => Math.fround(value * value)), loss: normals(random, 1) },
      outputs: { report: 4 },
      uniforms: { count, maxNorm },
    })),
  reference: (call) => {
    const norm = Math.sqrt(floats(call, 'squares').reduce((sum, value) => sum + value, 0));
    return {
      report: Float64Array.of(floats(call, 'loss')[0]!, norm, Math.min(1, uniform(call, 'maxNorm') / (norm + 1e-6)), 1),
    };
  },
  work: (call) => ({ flops: uniform(call, 'count'), bytes: 4 * uniform(call, 'count') }),
  tolerance: 1e-6,
};
