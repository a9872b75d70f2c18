/** Checks of FAPE: masks, a clamp that cuts some of the errors, chunks that do not divide. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { fape, fapeBackwardFrames, fapeBackwardPoints } from './fape.ts';
import { outer, randomFrames, rotationOf, turn } from './frames.check.ts';
import type { RandomStream } from './random.ts';

type Size = readonly [frames: number, points: number, chunk: number, clamp: number];
const SIZES: readonly Size[] = [
  [1, 1, 16, 3e38],
  [5, 19, 4, 3],
  [40, 7, 16, 3e38],
];
// One chunk holds all, so that a call gives whole gradients.
const GRADIENT_SIZES: readonly Size[] = [[5, 6, 8, 4]];
const BENCHMARK: readonly Size[] = [[640, 2944, 256, 10]];

const matrices = (random: RandomStream, count: number): Float64Array => {
  const frames = randomFrames(random, count);
  const rows = Array.from({ length: count }, (_, f) => [
    ...rotationOf(frames, f).map(Math.fround),
    ...frames.subarray(7 * f + 4, 7 * f + 7),
  ]);
  return Float64Array.from(rows.flat());
};
const mask = (length: number): Float64Array => Float64Array.from({ length }, (_, at) => (at % 5 === 3 ? 0 : 1));

function callOf(
  random: RandomStream,
  [frames, points, chunk, clamp]: Size,
  output: 'sums' | 'frames' | 'points',
): Call {
  const rows = output === 'points' ? points : frames;
  const count = rows * Math.ceil((output === 'points' ? frames : points) / chunk);
  return {
    inputs: {
      frames: matrices(random, frames),
      points: normals(random, 3 * points, 2),
      goalFrames: matrices(random, frames),
      goalPoints: normals(random, 3 * points, 2),
      frameMask: mask(frames),
      pointMask: mask(points),
      dy: normals(random, 1),
    },
    outputs: { y: count * { sums: 1, frames: 12, points: 3 }[output] },
    uniforms: { count, frames, points, chunk, clamp, epsilon: 1e-4, scale: 0.3 },
  };
}

/** A point from a frame, its error and what one unit of its size is worth. */
function termOf(call: Call, f: number, p: number) {
  const [frames, points] = [floats(call, 'frames'), floats(call, 'points')];
  const [goalFrames, goalPoints] = [floats(call, 'goalFrames'), floats(call, 'goalPoints')];
  const from = (of: Float64Array, at: Float64Array): number[] =>
    [0, 1, 2].map((k) => at[3 * p + k]! - of[12 * f + 9 + k]!);
  const apart = from(frames, points);
  const rotation = [...frames.subarray(12 * f, 12 * f + 9)];
  const goal = turn([...goalFrames.subarray(12 * f, 12 * f + 9)], from(goalFrames, goalPoints), true);
  const error = turn(rotation, apart, true).map((value, k) => value - goal[k]!);
  const size = Math.sqrt(error.reduce((sum, value) => sum + value * value, 0) + uniform(call, 'epsilon'));
  const weight = uniform(call, 'scale') * floats(call, 'frameMask')[f]! * floats(call, 'pointMask')[p]!;
  return { apart, rotation, error, size, weight };
}

/** Calls f(frame, point) for each. */
function overTerms(call: Call, visit: (f: number, p: number) => void): void {
  for (let f = 0; f < uniform(call, 'frames'); f++) for (let p = 0; p < uniform(call, 'points'); p++) visit(f, p);
}

/** The gradient of an error in its frame. */
function errorGradient(call: Call, f: number, p: number): number[] {
  const { error, size, weight } = termOf(call, f, p);
  const slope = size < uniform(call, 'clamp') ? (floats(call, 'dy')[0]! * weight) / size : 0;
  return error.map((value) => slope * value);
}

const work = (flops: number) => (call: Call) => {
  const terms = uniform(call, 'frames') * uniform(call, 'points');
  return { flops: flops * terms, bytes: 4 * (26 * uniform(call, 'frames') + 7 * uniform(call, 'points')) };
};

export const fapeCheck: KernelCheck = {
  kernel: fape,
  calls: (random) => SIZES.map((size) => callOf(random, size, 'sums')),
  benchmark: (random) => BENCHMARK.map((size) => callOf(random, size, 'sums')),
  reference: (call) => {
    const y = new Float64Array(uniform(call, 'count'));
    overTerms(call, (f, p) => {
      const { size, weight } = termOf(call, f, p);
      y[Math.floor(p / uniform(call, 'chunk')) * uniform(call, 'frames') + f]! +=
        weight * Math.min(size, uniform(call, 'clamp'));
    });
    return { y };
  },
  work: work(42),
  tolerance: 2e-6,
};

export const fapeBackwardFramesCheck: KernelCheck = {
  kernel: fapeBackwardFrames,
  calls: (random) => SIZES.map((size) => callOf(random, size, 'frames')),
  benchmark: (random) => BENCHMARK.map((size) => callOf(random, size, 'frames')),
  reference: (call) => {
    const y = new Float64Array(12 * uniform(call, 'count'));
    overTerms(call, (f, p) => {
      const { apart, rotation } = termOf(call, f, p);
      const g = errorGradient(call, f, p);
      const at = 12 * (Math.floor(p / uniform(call, 'chunk')) * uniform(call, 'frames') + f);
      [...outer(apart, g), ...turn(rotation, g).map((value) => -value)].forEach((value, k) => (y[at + k]! += value));
    });
    return { y };
  },
  work: work(70),
  tolerance: 5e-6,
};

export const fapeBackwardPointsCheck: KernelCheck = {
  kernel: fapeBackwardPoints,
  calls: (random) => SIZES.map((size) => callOf(random, size, 'points')),
  benchmark: (random) => BENCHMARK.map((size) => callOf(random, size, 'points')),
  reference: (call) => {
    const y = new Float64Array(3 * uniform(call, 'count'));
    overTerms(call, (f, p) => {
      const at = 3 * (Math.floor(f / uniform(call, 'chunk')) * uniform(call, 'points') + p);
      turn(termOf(call, f, p).rotation, errorGradient(call, f, p)).forEach((value, k) => (y[at + k]! += value));
    });
    return { y };
  },
  work: work(60),
  tolerance: 5e-6,
};

/** With one chunk the kernels give whole gradients of the sum of what the forward gives. */
export const fapeGradient = {
  gradientOf: {
    ...fapeCheck,
    reference: (call: Call) => ({
      y: Float64Array.of([...fapeCheck.reference(call)['y']!].reduce((sum, value) => sum + value, 0)),
    }),
  },
  gradientCalls: (random: RandomStream) => GRADIENT_SIZES.map((size) => callOf(random, size, 'sums')),
  reference: (call: Call) => ({
    dframes: fapeBackwardFramesCheck.reference(call)['y']!,
    dpoints: fapeBackwardPointsCheck.reference({
      ...call,
      uniforms: { ...call.uniforms, count: uniform(call, 'points') },
    })['y']!,
  }),
};
