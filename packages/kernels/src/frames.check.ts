/** Checks of the kernels of frames, with rotations and their gradients in doubles. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import {
  frameMatrices,
  frameMatricesBackward,
  framePoints,
  framePointsBackward,
  framePointsBackwardFrames,
  scaleFrames,
  updateFrames,
  updateFramesBackward,
} from './frames.ts';
import type { RandomStream } from './random.ts';

/** R(q) by rows. */
export function rotationOf(frames: Float64Array, l: number): readonly number[] {
  const [w, x, y, z] = [0, 1, 2, 3].map((k) => frames[7 * l + k]!) as [number, number, number, number];
  return [
    w * w + x * x - y * y - z * z,
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    w * w - x * x + y * y - z * z,
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    w * w - x * x - y * y + z * z,
  ];
}

/** The gradient of a quaternion from that of its matrix, by rows: each entry is a quadratic form of it. */
export function quaternionGradient(frames: Float64Array, l: number, g: ArrayLike<number>): readonly number[] {
  const [w, x, y, z] = [0, 1, 2, 3].map((k) => 2 * frames[7 * l + k]!) as [number, number, number, number];
  const slopes = [
    [w, -z, y, z, w, -x, -y, x, w],
    [x, y, z, y, -x, -w, z, w, -x],
    [-y, x, w, x, y, z, -w, z, -y],
    [-z, -w, x, w, -z, y, x, y, z],
  ];
  return slopes.map((slope) => slope.reduce((sum, value, k) => sum + value * g[k]!, 0));
}

/** Random frames, with quaternions of length 1 or of about 1. */
export function randomFrames(random: RandomStream, length: number, unit = true): Float64Array {
  const frames = normals(random, 7 * length);
  for (let l = 0; l < length; l++) {
    const size = unit ? Math.hypot(...frames.subarray(7 * l, 7 * l + 4)) : 1;
    for (let k = 0; k < 4; k++) frames[7 * l + k] = Math.fround(frames[7 * l + k]! / size);
  }
  return frames;
}

/** What a matrix by rows makes of a vector, or its transpose does. */
export const turn = (r: readonly number[], v: readonly number[], transposed = false): number[] =>
  [0, 1, 2].map((row) =>
    [0, 1, 2].reduce((sum, k) => sum + (transposed ? r[3 * k + row]! : r[3 * row + k]!) * v[k]!, 0),
  );

const POINT_SIZES = [
  [1, 1],
  [3, 5],
  [17, 24],
] as const;
const POINT_BENCHMARK = [[256, 144]] as const;

const pointAt = (values: Float64Array, points: number, l: number, p: number): number[] =>
  [0, 1, 2].map((k) => values[(3 * l + k) * points + p]!);

function pointCalls(
  random: RandomStream,
  sizes: readonly (readonly [number, number])[],
  output: 'y' | 'dx' | 'dframes',
): Call[] {
  return sizes.map(([length, points]) => ({
    inputs: {
      x: normals(random, 3 * length * points, 2),
      frames: randomFrames(random, length, false),
      dy: normals(random, 3 * length * points),
    },
    outputs: { [output]: output === 'dframes' ? 7 * length : 3 * length * points },
    uniforms: { count: output === 'dframes' ? length : length * points, points },
  }));
}

/** Calls f(l, p) for every point. */
function overPoints(call: Call, f: (l: number, p: number, points: number) => void): void {
  const points = uniform(call, 'points');
  for (let at = 0; at < floats(call, 'x').length / 3; at++) f(Math.floor(at / points), at % points, points);
}

const pointWork = (call: Call) => ({ flops: 6 * floats(call, 'x').length, bytes: 8 * floats(call, 'x').length });

export const framePointsCheck: KernelCheck = {
  kernel: framePoints,
  calls: (random) => pointCalls(random, POINT_SIZES, 'y'),
  benchmark: (random) => pointCalls(random, POINT_BENCHMARK, 'y'),
  reference: (call) => {
    const [x, frames] = [floats(call, 'x'), floats(call, 'frames')];
    const y = new Float64Array(x.length);
    overPoints(call, (l, p, points) => {
      turn(rotationOf(frames, l), pointAt(x, points, l, p)).forEach((value, k) => {
        y[(3 * l + k) * points + p] = value + frames[7 * l + 4 + k]!;
      });
    });
    return { y };
  },
  work: pointWork,
  tolerance: 2e-6,
};

export const framePointsBackwardCheck: KernelCheck = {
  kernel: framePointsBackward,
  gradientOf: framePointsCheck,
  calls: (random) => pointCalls(random, POINT_SIZES, 'dx'),
  benchmark: (random) => pointCalls(random, POINT_BENCHMARK, 'dx'),
  reference: (call) => {
    const [dy, frames] = [floats(call, 'dy'), floats(call, 'frames')];
    const dx = new Float64Array(dy.length);
    overPoints(call, (l, p, points) => {
      turn(rotationOf(frames, l), pointAt(dy, points, l, p), true).forEach((value, k) => {
        dx[(3 * l + k) * points + p] = value;
      });
    });
    return { dx };
  },
  work: pointWork,
  tolerance: 2e-6,
};

export const framePointsBackwardFramesCheck: KernelCheck = {
  kernel: framePointsBackwardFrames,
  gradientOf: framePointsCheck,
  calls: (random) => pointCalls(random, POINT_SIZES, 'dframes'),
  benchmark: (random) => pointCalls(random, POINT_BENCHMARK, 'dframes'),
  reference: (call) => {
    const [dy, x, frames] = [floats(call, 'dy'), floats(call, 'x'), floats(call, 'frames')];
    const dframes = new Float64Array(frames.length);
    overPoints(call, (l, p, points) => {
      const [g, v] = [pointAt(dy, points, l, p), pointAt(x, points, l, p)];
      g.forEach((value, k) => (dframes[7 * l + 4 + k]! += value));
      quaternionGradient(frames, l, outer(g, v)).forEach((value, k) => (dframes[7 * l + k]! += value));
    });
    return { dframes };
  },
  work: (call) => ({ flops: 8 * floats(call, 'x').length, bytes: 8 * floats(call, 'x').length }),
  tolerance: 5e-6,
};

/** g vᵀ by rows. */
export const outer = (g: readonly number[], v: readonly number[]): number[] =>
  g.flatMap((value) => v.map((other) => value * other));

const cross = ([a, b, c]: readonly number[], [d, e, f]: readonly number[]): number[] => [
  b! * f! - c! * e!,
  c! * d! - a! * f!,
  a! * e! - b! * d!,
];
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);

const LENGTHS = [1, 3, 70];

function updateCalls(
  random: RandomStream,
  lengths: readonly number[],
  outputs: (l: number) => Call['outputs'],
): Call[] {
  return lengths.map((length) => ({
    inputs: {
      frames: randomFrames(random, length),
      update: normals(random, 6 * length, 0.5),
      dy: normals(random, 7 * length),
    },
    outputs: outputs(length),
    uniforms: { count: length },
  }));
}

/** The numbers of one nucleotide's update: quaternion, rotation vector, shift, and the quaternion turned. */
function updateOf(call: Call, l: number) {
  const [frames, update] = [floats(call, 'frames'), floats(call, 'update')];
  const w = frames[7 * l]!;
  const v = [...frames.subarray(7 * l + 1, 7 * l + 4)];
  const b = [...update.subarray(6 * l, 6 * l + 3)];
  const shift = [...update.subarray(6 * l + 3, 6 * l + 6)];
  const turned = [w - dot(v, b), ...cross(v, b).map((value, k) => value + v[k]! + w * b[k]!)];
  return { w, v, b, shift, turned, size: Math.hypot(...turned) };
}

const updateWork = (call: Call) => ({ flops: 90 * uniform(call, 'count'), bytes: 80 * uniform(call, 'count') });

export const updateFramesCheck: KernelCheck = {
  kernel: updateFrames,
  calls: (random) => updateCalls(random, LENGTHS, (length) => ({ y: 7 * length })),
  benchmark: (random) => updateCalls(random, [256], (length) => ({ y: 7 * length })),
  reference: (call) => {
    const frames = floats(call, 'frames');
    const y = new Float64Array(frames.length);
    for (let l = 0; l < uniform(call, 'count'); l++) {
      const { shift, turned, size } = updateOf(call, l);
      y.set([...turned.map((value) => value / size)], 7 * l);
      turn(rotationOf(frames, l), shift).forEach((value, k) => {
        y[7 * l + 4 + k] = frames[7 * l + 4 + k]! + value;
      });
    }
    return { y };
  },
  work: updateWork,
  tolerance: 2e-6,
};

export const updateFramesBackwardCheck: KernelCheck = {
  kernel: updateFramesBackward,
  gradientOf: updateFramesCheck,
  calls: (random) => updateCalls(random, LENGTHS, (length) => ({ dframes: 7 * length, dupdate: 6 * length })),
  benchmark: (random) => updateCalls(random, [256], (length) => ({ dframes: 7 * length, dupdate: 6 * length })),
  reference: (call) => {
    const [frames, dy] = [floats(call, 'frames'), floats(call, 'dy')];
    const dframes = new Float64Array(frames.length);
    const dupdate = new Float64Array((6 * frames.length) / 7);
    for (let l = 0; l < uniform(call, 'count'); l++) {
      const { w, v, b, shift, turned, size } = updateOf(call, l);
      const given = [...dy.subarray(7 * l, 7 * l + 4)];
      const dt = [...dy.subarray(7 * l + 4, 7 * l + 7)];
      const along = dot(given, turned) / size ** 2;
      const g = given.map((value, k) => (value - along * turned[k]!) / size);
      const gv = g.slice(1);
      const [gCrossV, bCrossG] = [cross(gv, v), cross(b, gv)];
      const moved = quaternionGradient(frames, l, outer(dt, shift));
      dframes.set(
        [
          moved[0]! + g[0]! + dot(gv, b),
          ...[0, 1, 2].map((k) => moved[k + 1]! + gv[k]! - g[0]! * b[k]! + bCrossG[k]!),
          ...dt,
        ],
        7 * l,
      );
      dupdate.set(
        [...[0, 1, 2].map((k) => w * gv[k]! - g[0]! * v[k]! + gCrossV[k]!), ...turn(rotationOf(frames, l), dt, true)],
        6 * l,
      );
    }
    return { dframes, dupdate };
  },
  work: updateWork,
  tolerance: 5e-6,
};

export const scaleFramesCheck: KernelCheck = {
  kernel: scaleFrames,
  calls: (random) =>
    LENGTHS.map((length) => ({
      inputs: { x: normals(random, 7 * length) },
      outputs: { y: 7 * length },
      uniforms: { count: 7 * length, rotation: 0, translation: 10 },
    })),
  reference: (call) => ({
    y: floats(call, 'x').map((x, i) => x * uniform(call, i % 7 < 4 ? 'rotation' : 'translation')),
  }),
  work: (call) => ({ flops: uniform(call, 'count'), bytes: 8 * uniform(call, 'count') }),
  tolerance: 1e-6,
};

function matrixCalls(random: RandomStream, lengths: readonly number[], output: 'y' | 'dframes'): Call[] {
  return lengths.map((length) => ({
    inputs: { frames: randomFrames(random, length, false), dy: normals(random, 12 * length) },
    outputs: { [output]: (output === 'y' ? 12 : 7) * length },
    uniforms: { count: length },
  }));
}

const matrixWork = (call: Call) => ({ flops: 40 * uniform(call, 'count'), bytes: 76 * uniform(call, 'count') });

export const frameMatricesCheck: KernelCheck = {
  kernel: frameMatrices,
  calls: (random) => matrixCalls(random, LENGTHS, 'y'),
  benchmark: (random) => matrixCalls(random, [256], 'y'),
  reference: (call) => {
    const frames = floats(call, 'frames');
    const y = new Float64Array((12 * frames.length) / 7);
    for (let l = 0; l < uniform(call, 'count'); l++)
      y.set([...rotationOf(frames, l), ...frames.subarray(7 * l + 4, 7 * l + 7)], 12 * l);
    return { y };
  },
  work: matrixWork,
  tolerance: 2e-6,
};

export const frameMatricesBackwardCheck: KernelCheck = {
  kernel: frameMatricesBackward,
  gradientOf: frameMatricesCheck,
  calls: (random) => matrixCalls(random, LENGTHS, 'dframes'),
  benchmark: (random) => matrixCalls(random, [256], 'dframes'),
  reference: (call) => {
    const [frames, dy] = [floats(call, 'frames'), floats(call, 'dy')];
    const dframes = new Float64Array(frames.length);
    for (let l = 0; l < uniform(call, 'count'); l++)
      dframes.set(
        [...quaternionGradient(frames, l, dy.subarray(12 * l)), ...dy.subarray(12 * l + 9, 12 * l + 12)],
        7 * l,
      );
    return { dframes };
  },
  work: matrixWork,
  tolerance: 5e-6,
};
