/** Checks of the kernels of torsion angles. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';
import { torsionLoss, torsionLossBackward, unitAngles, unitAnglesBackward } from './torsions.ts';

const COUNTS = [1, 6, 999];

const pairAt = (values: Float64Array, at: number): [number, number] => [values[2 * at]!, values[2 * at + 1]!];
const sizeOf = ([a, b]: readonly [number, number]): number => Math.sqrt(Math.max(a * a + b * b, 1e-8));

/** What (I − x̂ x̂ᵀ) / |x| makes of g. */
function unitGradient(x: readonly [number, number], g: readonly [number, number]): [number, number] {
  const size = sizeOf(x);
  const along = size > 1e-4 ? (g[0] * x[0] + g[1] * x[1]) / size ** 2 : 0;
  return [(g[0] - along * x[0]) / size, (g[1] - along * x[1]) / size];
}

function unitCalls(random: RandomStream, counts: readonly number[], output: 'y' | 'dx'): Call[] {
  return counts.map((count) => ({
    inputs: { x: normals(random, 2 * count), dy: normals(random, 2 * count) },
    outputs: { [output]: 2 * count },
    uniforms: { count },
  }));
}

const work = (call: Call) => ({ flops: 12 * uniform(call, 'count'), bytes: 24 * uniform(call, 'count') });

export const unitAnglesCheck: KernelCheck = {
  kernel: unitAngles,
  calls: (random) => unitCalls(random, COUNTS, 'y'),
  benchmark: (random) => unitCalls(random, [256 * 6], 'y'),
  reference: (call) => {
    const x = floats(call, 'x');
    return { y: x.map((value, at) => value / sizeOf(pairAt(x, Math.floor(at / 2)))) };
  },
  work,
  tolerance: 2e-6,
};

export const unitAnglesBackwardCheck: KernelCheck = {
  kernel: unitAnglesBackward,
  gradientOf: unitAnglesCheck,
  calls: (random) => unitCalls(random, COUNTS, 'dx'),
  benchmark: (random) => unitCalls(random, [256 * 6], 'dx'),
  reference: (call) => {
    const [x, dy] = [floats(call, 'x'), floats(call, 'dy')];
    const dx = new Float64Array(x.length);
    for (let at = 0; at < x.length / 2; at++) dx.set(unitGradient(pairAt(x, at), pairAt(dy, at)), 2 * at);
    return { dx };
  },
  work,
  tolerance: 5e-6,
};

function lossCalls(random: RandomStream, counts: readonly number[], output: 'y' | 'dx'): Call[] {
  return counts.map((count) => {
    const targets = Math.ceil(count / 3);
    const goal = normals(random, 2 * targets);
    return {
      inputs: {
        x: normals(random, 2 * count),
        goal: goal.map((value, at) => Math.fround(value / sizeOf(pairAt(goal, Math.floor(at / 2))))),
        weight: normals(random, targets).map(Math.abs),
        sizeWeight: normals(random, targets).map(Math.abs),
        dy: normals(random, count),
      },
      outputs: { [output]: output === 'y' ? count : 2 * count },
      uniforms: { count, targets },
    };
  });
}

/** The angle of a row, its target and the two weights. */
function lossTerm(call: Call, at: number) {
  const t = at % uniform(call, 'targets');
  const x = pairAt(floats(call, 'x'), at);
  const goal = pairAt(floats(call, 'goal'), t);
  return {
    x,
    apart: [x[0] / sizeOf(x) - goal[0], x[1] / sizeOf(x) - goal[1]] as const,
    size: Math.sqrt(x[0] ** 2 + x[1] ** 2 + 1e-6),
    weight: floats(call, 'weight')[t]!,
    sizeWeight: floats(call, 'sizeWeight')[t]!,
  };
}

export const torsionLossCheck: KernelCheck = {
  kernel: torsionLoss,
  calls: (random) => lossCalls(random, COUNTS, 'y'),
  benchmark: (random) => lossCalls(random, [256 * 6], 'y'),
  reference: (call) => ({
    y: Float64Array.from({ length: uniform(call, 'count') }, (_, at) => {
      const { apart, size, weight, sizeWeight } = lossTerm(call, at);
      return weight * (apart[0] ** 2 + apart[1] ** 2) + sizeWeight * Math.abs(size - 1);
    }),
  }),
  work,
  tolerance: 5e-6,
};

export const torsionLossBackwardCheck: KernelCheck = {
  kernel: torsionLossBackward,
  gradientOf: torsionLossCheck,
  calls: (random) => lossCalls(random, COUNTS, 'dx'),
  benchmark: (random) => lossCalls(random, [256 * 6], 'dx'),
  reference: (call) => {
    const dx = new Float64Array(2 * uniform(call, 'count'));
    for (let at = 0; at < dx.length / 2; at++) {
      const { x, apart, size, weight, sizeWeight } = lossTerm(call, at);
      const g = unitGradient(x, [2 * apart[0], 2 * apart[1]]);
      const drawn = (sizeWeight * Math.sign(size - 1)) / size;
      const dy = floats(call, 'dy')[at]!;
      dx.set([dy * (weight * g[0] + drawn * x[0]), dy * (weight * g[1] + drawn * x[1])], 2 * at);
    }
    return { dx };
  },
  work,
  tolerance: 5e-6,
};
