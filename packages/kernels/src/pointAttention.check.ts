/**
 * Checks of invariant point attention: forward and backward as a whole in plain loops and doubles, of which each kernel
 * gives a part. A kernel's call has what the kernels before it give.
 */
import { floats, normals, uniform, type Call, type GradientCheck, type KernelCheck, type Values } from './check.ts';
import { quaternionGradient, outer, randomFrames, rotationOf, turn } from './frames.check.ts';
import type { AnyKernel } from './kernel.ts';
import {
  pointAttentionBiasBackward,
  pointAttentionFramesBackward,
  pointAttentionHeadsBackward,
  pointAttentionKeysBackward,
  pointAttentionLogits,
  pointAttentionPairs,
  pointAttentionPairsBackward,
  pointAttentionPointsBackward,
  pointAttentionQueriesBackward,
  pointAttentionValues,
  pointAttentionValuesBackward,
  pointAttentionWeightsBackward,
} from './pointAttention.ts';
import type { RandomStream } from './random.ts';

interface Sizes {
  readonly length: number;
  readonly heads: number;
  readonly channels: number;
  readonly queryPoints: number;
  readonly valuePoints: number;
  readonly pairChannels: number;
}

const sizes = (
  length: number,
  heads: number,
  channels: number,
  queryPoints: number,
  valuePoints: number,
  pairChannels: number,
): Sizes => ({ length, heads, channels, queryPoints, valuePoints, pairChannels });

const SIZES = [sizes(1, 1, 1, 1, 1, 1), sizes(7, 3, 8, 2, 5, 6), sizes(19, 2, 5, 4, 3, 9)];
const GRADIENT_SIZES = [sizes(4, 2, 3, 2, 3, 4)];
/** The published sizes. */
const BENCHMARK = [sizes(64, 12, 16, 4, 8, 128)];

const sizesOf = (call: Call): Sizes => ({
  length: uniform(call, 'length'),
  heads: uniform(call, 'heads'),
  channels: uniform(call, 'channels'),
  queryPoints: uniform(call, 'queryPoints'),
  valuePoints: uniform(call, 'valuePoints'),
  pairChannels: uniform(call, 'pairChannels'),
});

const widthOf = ({ heads, channels, valuePoints, pairChannels }: Sizes): number =>
  heads * (channels + 4 * valuePoints + pairChannels);

/** What the model gives: all that the whole depends on. */
function modelInputs(random: RandomStream, s: Sizes): Values {
  const { length, heads, channels, queryPoints, valuePoints, pairChannels } = s;
  return {
    q: normals(random, length * heads * channels),
    kv: normals(random, 2 * length * heads * channels),
    qPoints: normals(random, 3 * length * heads * queryPoints),
    kvPoints: normals(random, 3 * length * heads * (queryPoints + valuePoints)),
    bias: normals(random, length * length * heads),
    headWeights: normals(random, heads),
    mask: Float64Array.from({ length }, (_, i) => (i % 5 === 3 ? 0 : 1)),
    z: normals(random, length * length * pairChannels),
    frames: randomFrames(random, length),
    dy: normals(random, length * widthOf(s)),
  };
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Places in the buffers, and the points in them. */
function layout(s: Sizes) {
  const { length, heads, channels, queryPoints, valuePoints, pairChannels } = s;
  const points = (values: Float64Array, each: number, row: number, h: number, p: number): number[] =>
    [0, 1, 2].map((k) => values[(3 * row + k) * heads * each + h * each + p]!);
  const addPoint = (
    values: Float64Array,
    each: number,
    row: number,
    h: number,
    p: number,
    value: readonly number[],
  ) => {
    for (let k = 0; k < 3; k++) values[(3 * row + k) * heads * each + h * each + p]! += value[k]!;
  };
  return {
    keyPoints: queryPoints + valuePoints,
    points,
    addPoint,
    weight: (i: number, h: number, j: number) => (i * heads + h) * length + j,
    value: (i: number, h: number, c: number) => i * widthOf(s) + h * channels + c,
    point: (i: number, h: number, p: number, k: number) =>
      i * widthOf(s) + heads * channels + (k * heads + h) * valuePoints + p,
    pair: (i: number, h: number, c: number) =>
      i * widthOf(s) + heads * (channels + 4 * valuePoints) + h * pairChannels + c,
  };
}

const difference = (a: readonly number[], b: readonly number[]): number[] => a.map((value, k) => value - b[k]!);
const squared = (a: readonly number[]): number => a.reduce((sum, value) => sum + value * value, 0);

/** Calls f(i, h, j) for every query, head and key. */
function overWeights({ length, heads }: Sizes, f: (i: number, h: number, j: number) => void): void {
  for (let i = 0; i < length; i++) for (let h = 0; h < heads; h++) for (let j = 0; j < length; j++) f(i, h, j);
}

interface Forward {
  readonly logits: Float64Array;
  readonly a: Float64Array;
  readonly y: Float64Array;
}

function forward(call: Call): Forward {
  const s = sizesOf(call);
  const { length, heads, channels, queryPoints, valuePoints, pairChannels } = s;
  const at = layout(s);
  const [q, kv, qPoints, kvPoints] = ['q', 'kv', 'qPoints', 'kvPoints'].map((name) => floats(call, name)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const [bias, headWeights, mask] = [floats(call, 'bias'), floats(call, 'headWeights'), floats(call, 'mask')];
  const [z, frames] = [floats(call, 'z'), floats(call, 'frames')];
  const masked = call.variant?.['mask'] === true;
  const logits = new Float64Array(length * heads * length);
  overWeights(s, (i, h, j) => {
    let product = 0;
    for (let c = 0; c < channels; c++)
      product += q[(i * heads + h) * channels + c]! * kv[2 * (j * heads + h) * channels + c]!;
    let apart = 0;
    for (let p = 0; p < queryPoints; p++)
      apart += squared(
        difference(at.points(qPoints, queryPoints, i, h, p), at.points(kvPoints, at.keyPoints, j, h, p)),
      );
    const gamma = softplus(headWeights[h]!) * Math.sqrt(2 / (27 * queryPoints));
    logits[at.weight(i, h, j)] =
      product / Math.sqrt(3 * channels) +
      Math.sqrt(1 / 3) * bias[(i * length + j) * heads + h]! -
      0.5 * gamma * apart +
      (masked ? 1e5 * (mask[j]! - 1) : 0);
  });
  const a = new Float64Array(logits.length);
  for (let row = 0; row < length * heads; row++) {
    const own = logits.subarray(row * length, (row + 1) * length);
    const top = Math.max(...own);
    const total = own.reduce((sum, value) => sum + Math.exp(value - top), 0);
    own.forEach((value, j) => (a[row * length + j] = Math.exp(value - top) / total));
  }
  const y = new Float64Array(length * widthOf(s));
  const sums = new Float64Array(3 * length * heads * valuePoints);
  overWeights(s, (i, h, j) => {
    const weight = a[at.weight(i, h, j)]!;
    for (let c = 0; c < channels; c++) y[at.value(i, h, c)]! += weight * kv[(2 * (j * heads + h) + 1) * channels + c]!;
    for (let p = 0; p < valuePoints; p++)
      at.addPoint(
        sums,
        valuePoints,
        i,
        h,
        p,
        at.points(kvPoints, at.keyPoints, j, h, queryPoints + p).map((v) => weight * v),
      );
    for (let c = 0; c < pairChannels; c++) y[at.pair(i, h, c)]! += weight * z[(i * length + j) * pairChannels + c]!;
  });
  for (let i = 0; i < length; i++)
    for (let h = 0; h < heads; h++)
      for (let p = 0; p < valuePoints; p++) {
        const moved = difference(at.points(sums, valuePoints, i, h, p), [...frames.subarray(7 * i + 4, 7 * i + 7)]);
        const local = turn(rotationOf(frames, i), moved, true);
        [...local, Math.sqrt(squared(local) + 1e-8)].forEach((value, k) => (y[at.point(i, h, p, k)] = value));
      }
  return { logits, a, y };
}

/** Every gradient, and what is computed on the way. */
function backward(call: Call) {
  const s = sizesOf(call);
  const { length, heads, channels, queryPoints, valuePoints, pairChannels } = s;
  const at = layout(s);
  const [q, kv, qPoints, kvPoints] = ['q', 'kv', 'qPoints', 'kvPoints'].map((name) => floats(call, name)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const [headWeights, z, frames, dy] = ['headWeights', 'z', 'frames', 'dy'].map((name) => floats(call, name)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const { a, y } = forward(call);
  const dsums = new Float64Array(3 * length * heads * valuePoints);
  const dframes = new Float64Array(7 * length);
  for (let i = 0; i < length; i++)
    for (let h = 0; h < heads; h++)
      for (let p = 0; p < valuePoints; p++) {
        const [local, given] = [y, dy].map((values) => [0, 1, 2].map((k) => values[at.point(i, h, p, k)]!)) as [
          number[],
          number[],
        ];
        const along = dy[at.point(i, h, p, 3)]! / y[at.point(i, h, p, 3)]!;
        const g = given.map((value, k) => value + along * local[k]!);
        const r = rotationOf(frames, i);
        const moved = turn(r, g);
        at.addPoint(dsums, valuePoints, i, h, p, moved);
        moved.forEach((value, k) => (dframes[7 * i + 4 + k]! -= value));
        // The matrix of a quaternion that is not quite of length 1 is a rotation times its squared length.
        const size = squared([...frames.subarray(7 * i, 7 * i + 4)]);
        const apart = turn(r, local).map((value) => value / size ** 2);
        quaternionGradient(frames, i, outer(apart, g)).forEach((value, k) => (dframes[7 * i + k]! += value));
      }
  const da = new Float64Array(a.length);
  const dkv = new Float64Array(kv.length);
  const dkvPoints = new Float64Array(kvPoints.length);
  const dz = new Float64Array(z.length);
  overWeights(s, (i, h, j) => {
    const weight = a[at.weight(i, h, j)]!;
    let sum = 0;
    for (let c = 0; c < channels; c++) {
      const [g, v] = [dy[at.value(i, h, c)]!, (2 * (j * heads + h) + 1) * channels + c];
      sum += g * kv[v]!;
      dkv[v]! += weight * g;
    }
    for (let p = 0; p < valuePoints; p++) {
      const g = at.points(dsums, valuePoints, i, h, p);
      const v = at.points(kvPoints, at.keyPoints, j, h, queryPoints + p);
      for (let k = 0; k < 3; k++) sum += g[k]! * v[k]!;
      at.addPoint(
        dkvPoints,
        at.keyPoints,
        j,
        h,
        queryPoints + p,
        g.map((value) => weight * value),
      );
    }
    for (let c = 0; c < pairChannels; c++) {
      const [g, pair] = [dy[at.pair(i, h, c)]!, (i * length + j) * pairChannels + c];
      sum += g * z[pair]!;
      dz[pair]! += weight * g;
    }
    da[at.weight(i, h, j)] = sum;
  });
  const dlogits = new Float64Array(a.length);
  for (let row = 0; row < length * heads; row++) {
    let mean = 0;
    for (let j = row * length; j < (row + 1) * length; j++) mean += a[j]! * da[j]!;
    for (let j = row * length; j < (row + 1) * length; j++) dlogits[j] = a[j]! * (da[j]! - mean);
  }
  const dq = new Float64Array(q.length);
  const dqPoints = new Float64Array(qPoints.length);
  const dbias = new Float64Array(length * length * heads);
  const headSums = new Float64Array(length * heads);
  overWeights(s, (i, h, j) => {
    const g = dlogits[at.weight(i, h, j)]!;
    dbias[(i * length + j) * heads + h] = Math.sqrt(1 / 3) * g;
    for (let c = 0; c < channels; c++) {
      const [query, key] = [(i * heads + h) * channels + c, 2 * (j * heads + h) * channels + c];
      dq[query]! += (g * kv[key]!) / Math.sqrt(3 * channels);
      dkv[key]! += (g * q[query]!) / Math.sqrt(3 * channels);
    }
    const factor = Math.sqrt(2 / (27 * queryPoints));
    for (let p = 0; p < queryPoints; p++) {
      const d = difference(at.points(qPoints, queryPoints, i, h, p), at.points(kvPoints, at.keyPoints, j, h, p));
      const slope = g * softplus(headWeights[h]!) * factor;
      at.addPoint(
        dqPoints,
        queryPoints,
        i,
        h,
        p,
        d.map((value) => -slope * value),
      );
      at.addPoint(
        dkvPoints,
        at.keyPoints,
        j,
        h,
        p,
        d.map((value) => slope * value),
      );
      headSums[i * heads + h]! -= (0.5 * factor * g * squared(d)) / (1 + Math.exp(-headWeights[h]!));
    }
  });
  const dheadWeights = new Float64Array(heads);
  headSums.forEach((value, at) => (dheadWeights[at % heads]! += value));
  return { dsums, dframes, da, dkv, dkvPoints, dz, dlogits, dq, dqPoints, dbias, headSums, dheadWeights };
}

/** Elements that a kernel writes of a buffer: of heads, keys or queries. */
type Part = (s: Sizes) => (at: number) => boolean;

const keysOf: Record<string, Part> = {
  dkv:
    ({ channels }) =>
    (at) =>
      at % (2 * channels) < channels,
  dkvPoints:
    ({ queryPoints, valuePoints }) =>
    (at) =>
      at % (queryPoints + valuePoints) < queryPoints,
};
const pairsOf: Part = (s) => (at) => at % widthOf(s) >= widthOf(s) - s.heads * s.pairChannels;
const not =
  (part: Part): Part =>
  (s) =>
  (at) =>
    !part(s)(at);

interface Spec {
  readonly kernel: AnyKernel;
  /** Invocations of a call. */
  readonly count: (s: Sizes) => number;
  /** The buffers that it writes, in whole or in part. */
  readonly writes: Readonly<Record<string, Part | undefined>>;
  /** Those that are updates: their other elements stay. */
  readonly updates?: boolean;
  /** Multiplications of each invocation. */
  readonly flops: (s: Sizes) => number;
  readonly variant?: (s: Sizes) => Call['variant'];
}

function pointAttentionCheck({ kernel, count, writes, updates = false, flops, variant }: Spec): KernelCheck {
  const call = (random: RandomStream, s: Sizes): Call => {
    const base: Call = { inputs: modelInputs(random, s), outputs: {}, uniforms: { ...s, count: count(s) } };
    const own = variant?.(s);
    const given = own === undefined ? base : { ...base, variant: own };
    const [{ a, y, logits }, { headSums, ...gradients }] = [forward(given), backward(given)];
    const all: Values = { ...given.inputs, ...gradients, a, y, logits, headSums };
    const names = Object.keys(writes);
    const stale = Object.fromEntries(names.map((name) => [name, normals(random, all[name]!.length)]));
    // What a kernel writes whole is no input of its call.
    const others = Object.entries(all).filter(([name]) => !names.some((own) => outputName(own) === name));
    return {
      ...given,
      inputs: updates ? { ...all, ...stale } : Object.fromEntries(others),
      outputs: updates ? {} : Object.fromEntries(names.map((name) => [outputName(name), all[name]!.length])),
    };
  };
  return {
    kernel,
    calls: (random) => SIZES.map((s) => call(random, s)),
    benchmark: (random) => BENCHMARK.map((s) => call(random, s)),
    reference: (each) => {
      const s = sizesOf(each);
      const { logits, y } = forward(each);
      const all: Record<string, Float64Array> = { ...backward(each), logits, y };
      return Object.fromEntries(
        Object.entries(writes).map(([name, part]) => [
          outputName(name),
          part === undefined
            ? all[name]!
            : all[name]!.map((value, at) => (part(s)(at) ? value : floats(each, name)[at]!)),
        ]),
      );
    },
    work: (each) => {
      const s = sizesOf(each);
      const buffers = Object.keys({ ...kernel.inputs, ...kernel.updates, ...kernel.outputs });
      const bytes = buffers.reduce((sum, name) => sum + 4 * (each.outputs[name] ?? each.inputs[name]?.length ?? 0), 0);
      return { flops: 2 * count(s) * flops(s), bytes };
    },
    tolerance: 5e-6,
  };
}

/** The sums of the gradient of the heads' weights are that kernel's y. */
const outputName = (name: string): string => (name === 'headSums' ? 'y' : name);

const weights = ({ length, heads }: Sizes): number => length * length * heads;

export const pointAttentionLogitsCheck: KernelCheck = (() => {
  const spec: Spec = {
    kernel: pointAttentionLogits,
    count: weights,
    writes: { logits: undefined },
    flops: ({ channels, queryPoints }) => channels + 4 * queryPoints,
  };
  const [plain, masked] = [
    pointAttentionCheck(spec),
    pointAttentionCheck({ ...spec, variant: () => ({ mask: true }) }),
  ];
  return { ...plain, calls: (random) => [...plain.calls(random), ...masked.calls(random).slice(1)] };
})();
export const pointAttentionValuesCheck = pointAttentionCheck({
  kernel: pointAttentionValues,
  count: ({ length, heads, channels, valuePoints }) => length * heads * (channels + valuePoints),
  writes: { y: not(pairsOf) },
  updates: true,
  flops: ({ length, channels, valuePoints }) => (length * (channels + 3 * valuePoints)) / (channels + valuePoints),
});
export const pointAttentionPairsCheck = pointAttentionCheck({
  kernel: pointAttentionPairs,
  count: ({ length, pairChannels }) => length * pairChannels,
  writes: { y: pairsOf },
  updates: true,
  flops: ({ length, heads }) => length * heads,
  variant: ({ heads }) => ({ heads }),
});
export const pointAttentionPointsBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionPointsBackward,
  count: ({ length, heads, valuePoints }) => length * heads * valuePoints,
  writes: { dsums: undefined },
  flops: () => 12,
});
export const pointAttentionFramesBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionFramesBackward,
  count: ({ length }) => length,
  writes: { dframes: undefined },
  flops: ({ heads, valuePoints }) => 30 * heads * valuePoints,
});
export const pointAttentionWeightsBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionWeightsBackward,
  count: weights,
  writes: { da: undefined },
  flops: ({ channels, valuePoints, pairChannels }) => channels + 3 * valuePoints + pairChannels,
});
export const pointAttentionQueriesBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionQueriesBackward,
  count: ({ length, heads, channels, queryPoints }) => length * heads * (channels + queryPoints),
  writes: { dq: undefined, dqPoints: undefined },
  flops: ({ length, channels, queryPoints }) => (length * (channels + 3 * queryPoints)) / (channels + queryPoints),
});
export const pointAttentionKeysBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionKeysBackward,
  count: ({ length, heads, channels, queryPoints }) => length * heads * (channels + queryPoints),
  writes: keysOf,
  updates: true,
  flops: ({ length, channels, queryPoints }) => (length * (channels + 3 * queryPoints)) / (channels + queryPoints),
});
export const pointAttentionValuesBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionValuesBackward,
  count: ({ length, heads, channels, valuePoints }) => length * heads * (channels + valuePoints),
  writes: { dkv: not(keysOf['dkv']!), dkvPoints: not(keysOf['dkvPoints']!) },
  updates: true,
  flops: ({ length, channels, valuePoints }) => (length * (channels + 3 * valuePoints)) / (channels + valuePoints),
});
export const pointAttentionHeadsBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionHeadsBackward,
  count: ({ length, heads }) => length * heads,
  writes: { headSums: undefined },
  flops: ({ length, queryPoints }) => 4 * length * queryPoints,
});
export const pointAttentionBiasBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionBiasBackward,
  count: weights,
  writes: { dbias: undefined },
  flops: () => 1,
});
export const pointAttentionPairsBackwardCheck = pointAttentionCheck({
  kernel: pointAttentionPairsBackward,
  count: ({ length, pairChannels }) => length * length * pairChannels,
  writes: { dz: undefined },
  flops: ({ heads }) => heads,
});

/** The gradient of the whole, of which the kernels give parts. */
export const pointAttentionGradient: GradientCheck = {
  gradientOf: { ...pointAttentionValuesCheck, reference: (call) => ({ y: forward(call).y }) },
  gradientCalls: (random) =>
    GRADIENT_SIZES.map((s) => ({ inputs: modelInputs(random, s), outputs: {}, uniforms: { ...s, count: 0 } })),
  reference: (call) => {
    const { dq, dkv, dqPoints, dkvPoints, dbias, dheadWeights, dz, dframes } = backward(call);
    return { dq, dkv, dqPoints, dkvPoints, dbias, dheadWeights, dz, dframes };
  },
};
