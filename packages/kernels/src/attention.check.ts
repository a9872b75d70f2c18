/** Checks of the attention kernels: packs of very different lengths, grouped heads, head dims that are no powers of two. */
import { attention, attentionBackwardKey, attentionBackwardQuery, attentionDelta, attentionMap } from './attention.ts';
import { floats, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { keepFactor } from './elementwise.check.ts';
import type { RandomStream } from './random.ts';
import { ropeTable, segmentTable } from './sequences.ts';

interface Size {
  readonly lengths: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rate?: number;
}

const SIZES: readonly Size[] = [
  { lengths: [1], heads: 1, kvHeads: 1, headDim: 2 },
  { lengths: [5, 1, 30], heads: 4, kvHeads: 2, headDim: 16 },
  { lengths: [3, 67, 2, 9], heads: 3, kvHeads: 1, headDim: 24, rate: 0.1 },
  { lengths: [41], heads: 2, kvHeads: 2, headDim: 88 },
  { lengths: [140, 7], heads: 1, kvHeads: 1, headDim: 10, rate: 0.5 },
  { lengths: [9, 1, 44], heads: 2, kvHeads: 1, headDim: 6, rate: 0.2 },
];
const GRADIENT_SIZES: readonly Size[] = [
  { lengths: [5, 1, 7], heads: 4, kvHeads: 2, headDim: 6 },
  { lengths: [3, 9], heads: 2, kvHeads: 1, headDim: 4, rate: 0.3 },
];
const BENCHMARK: readonly Size[] = [
  { lengths: [512], heads: 8, kvHeads: 8, headDim: 64 },
  { lengths: [64, 400, 120, 30, 410], heads: 20, kvHeads: 20, headDim: 24 },
];

function forwardCall(random: RandomStream, size: Size): Call {
  const { lengths, heads, kvHeads, headDim, rate = 0 } = size;
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const cuSeqlens = Uint32Array.from([0, ...lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, length) => sum + length, 0))]);
  return {
    inputs: {
      qkv: normals(random, tokens * (heads + 2 * kvHeads) * headDim),
      rope: Float64Array.from(ropeTable(headDim, Math.max(...lengths), 10000)),
      segments: segmentTable(cuSeqlens),
    },
    outputs: { y: tokens * heads * headDim, lse: tokens * heads },
    uniforms: { tokens, heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim), threshold: Math.round(rate * 65536), key0: 17, key1: 99 },
    variant: { headDim, dropout: rate > 0 },
  };
}

/** Rotated heads of a call in doubles: a getter of component d of head h (queries, then keys, then values) at token t. */
function headsOf(call: Call): { at: (t: number, h: number) => Float64Array; headDim: number; width: number } {
  const [qkv, rope, segments] = [floats(call, 'qkv'), floats(call, 'rope'), integers(call, 'segments')];
  const [heads, kvHeads] = [uniform(call, 'heads'), uniform(call, 'kvHeads')];
  const headDim = uniform(call, 'headDim');
  const width = (heads + 2 * kvHeads) * headDim;
  const half = headDim / 2;
  return {
    headDim,
    width,
    at: (t, h) => {
      const x = qkv.slice(t * width + h * headDim, t * width + (h + 1) * headDim);
      if (h >= heads + kvHeads) return x;
      const angles = rope.subarray((t - segments[2 * t]!) * headDim);
      return x.map((value, d) => (d < half
        ? value * angles[d]! - x[d + half]! * angles[d + half]!
        : value * angles[d - half]! + x[d - half]! * angles[d]!));
    },
  };
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** Calls `visit` for each query token and head with the keys' rows, their probabilities and dropout factors. */
function attend(call: Call, visit: (t: number, h: number, first: number, p: Float64Array, keep: Float64Array, lse: number) => void): void {
  const { at } = headsOf(call);
  const segments = integers(call, 'segments');
  const [tokens, heads, kvHeads] = [segments.length / 2, uniform(call, 'heads'), uniform(call, 'kvHeads')];
  for (let h = 0; h < heads; h++) {
    const keyHead = heads + Math.floor(h / (heads / kvHeads));
    const keys = Array.from({ length: tokens }, (_, t) => at(t, keyHead));
    for (let t = 0; t < tokens; t++) {
      const q = at(t, h);
      const [first, end] = [segments[2 * t]!, segments[2 * t + 1]!];
      const scores = Float64Array.from({ length: end - first }, (_, j) => uniform(call, 'scale') * dot(q, keys[first + j]!));
      const lse = Math.log(scores.reduce((sum, s) => sum + Math.exp(s), 0));
      const keep = scores.map((_, j) => (call.variant?.['dropout'] === true
        ? keepFactor(call, Math.floor((first + j) / 4), t * heads + h, (first + j) % 4) : 1));
      visit(t, h, first, scores.map((s) => Math.exp(s - lse)), keep, lse);
    }
  }
}

function forwardReference(call: Call): { y: Float64Array; lse: Float64Array } {
  const { at, headDim } = headsOf(call);
  const [heads, kvHeads] = [uniform(call, 'heads'), uniform(call, 'kvHeads')];
  const tokens = integers(call, 'segments').length / 2;
  const y = new Float64Array(tokens * heads * headDim);
  const lse = new Float64Array(tokens * heads);
  attend(call, (t, h, first, p, keep, logSum) => {
    lse[t * heads + h] = logSum;
    p.forEach((probability, j) => {
      const v = at(first + j, heads + kvHeads + Math.floor(h / (heads / kvHeads)));
      for (let d = 0; d < headDim; d++) y[(t * heads + h) * headDim + d]! += probability * keep[j]! * v[d]!;
    });
  });
  return { y, lse };
}

/** 4 flops for each pair of tokens of a sequence and component: two products of two flops. */
function pairFlops(call: Call): number {
  const segments = integers(call, 'segments');
  let pairs = 0;
  for (let t = 0; t < segments.length; t += 2) pairs += segments[t + 1]! - segments[t]!;
  return 4 * pairs * uniform(call, 'heads') * uniform(call, 'headDim');
}

const qkvBytes = (call: Call): number => 4 * call.inputs['qkv']!.length;

export const attentionCheck: KernelCheck = {
  kernel: attention,
  calls: (random) => SIZES.map((size) => forwardCall(random, size)),
  benchmark: (random) => BENCHMARK.map((size) => forwardCall(random, size)),
  reference: forwardReference,
  work: (call) => ({ flops: pairFlops(call), bytes: qkvBytes(call) + 4 * call.outputs['y']! }),
  tolerance: 2e-5,
};

/** dqkv of all three parts, for the gradient dy of the output. */
function gradient(call: Call): Float64Array {
  const { at, headDim, width } = headsOf(call);
  const [heads, kvHeads, scale] = [uniform(call, 'heads'), uniform(call, 'kvHeads'), uniform(call, 'scale')];
  const [dy, rope, segments] = [floats(call, 'dy'), floats(call, 'rope'), integers(call, 'segments')];
  const tokens = segments.length / 2;
  const rotated = new Float64Array(tokens * width);
  attend(call, (t, h, first, p, keep) => {
    const kv = Math.floor(h / (heads / kvHeads));
    const g = dy.subarray((t * heads + h) * headDim, (t * heads + h + 1) * headDim);
    const q = at(t, h);
    const dp = p.map((_, j) => dot(g, at(first + j, heads + kvHeads + kv)) * keep[j]!);
    const delta = dot(p, dp);
    p.forEach((probability, j) => {
      const k = at(first + j, heads + kv);
      const ds = scale * probability * (dp[j]! - delta);
      for (let d = 0; d < headDim; d++) {
        rotated[t * width + h * headDim + d]! += ds * k[d]!;
        rotated[(first + j) * width + (heads + kv) * headDim + d]! += ds * q[d]!;
        rotated[(first + j) * width + (heads + kvHeads + kv) * headDim + d]! += probability * keep[j]! * g[d]!;
      }
    });
  });
  const half = headDim / 2;
  return rotated.map((value, i) => {
    const [t, h, d] = [Math.floor(i / width), Math.floor((i % width) / headDim), i % headDim];
    if (h >= heads + kvHeads) return value;
    const angles = rope.subarray((t - segments[2 * t]!) * headDim);
    return d < half ? value * angles[d]! + rotated[i + half]! * angles[d + half]! : value * angles[d - half]! - rotated[i - half]! * angles[d]!;
  });
}

/** A backward call; `dqkv` enters as zeros, so that each kernel's part can be told from what it leaves alone. */
function backwardCall(random: RandomStream, size: Size): Call {
  const forward = forwardCall(random, size);
  const saved = forwardReference(forward);
  const dy = normals(random, saved.y.length);
  const headDim = size.headDim;
  const delta = Float64Array.from({ length: saved.lse.length }, (_, i) =>
    dot(dy.subarray(i * headDim, (i + 1) * headDim), saved.y.subarray(i * headDim, (i + 1) * headDim)));
  return { ...forward, inputs: { ...forward.inputs, dy, lse: saved.lse, delta, dqkv: new Float64Array(forward.inputs['qkv']!.length) }, outputs: {} };
}

function backwardCheck(kernel: KernelCheck['kernel'], part: 'queries' | 'keys', flops: number): KernelCheck {
  return {
    kernel,
    calls: (random) => SIZES.map((size) => backwardCall(random, size)),
    benchmark: (random) => BENCHMARK.map((size) => backwardCall(random, size)),
    reference: (call) => {
      const { headDim, width } = headsOf(call);
      const boundary = uniform(call, 'heads') * headDim;
      return { dqkv: gradient(call).map((value, i) => ((i % width < boundary) === (part === 'queries') ? value : 0)) };
    },
    work: (call) => ({ flops: (flops / 4) * pairFlops(call), bytes: 2 * qkvBytes(call) }),
    tolerance: 3e-5,
  };
}

export const attentionBackwardQueryCheck = backwardCheck(attentionBackwardQuery, 'queries', 6);
export const attentionBackwardKeyCheck = backwardCheck(attentionBackwardKey, 'keys', 8);

/** Both parts together, for the gradient check alone. */
export const attentionGradient: Pick<KernelCheck, 'gradientOf' | 'gradientCalls' | 'reference'> = {
  gradientOf: attentionCheck,
  gradientCalls: (random) => GRADIENT_SIZES.map((size) => backwardCall(random, size)),
  reference: (call) => ({ dqkv: gradient(call) }),
};

export const attentionDeltaCheck: KernelCheck = {
  kernel: attentionDelta,
  calls: (random) => [[1, 2], [77, 24]].map(([rows, cols]) => ({
    inputs: { dy: normals(random, rows! * cols!), y: normals(random, rows! * cols!) }, outputs: { delta: rows! }, uniforms: { rows: rows!, cols: cols! },
  })),
  reference: (call) => {
    const [cols, dy, y] = [uniform(call, 'cols'), floats(call, 'dy'), floats(call, 'y')];
    return { delta: Float64Array.from({ length: uniform(call, 'rows') }, (_, r) => dot(dy.subarray(r * cols, (r + 1) * cols), y.subarray(r * cols, (r + 1) * cols))) };
  },
  work: (call) => ({ flops: 2 * call.inputs['y']!.length, bytes: 8 * call.inputs['y']!.length }),
  tolerance: 1e-5,
};

export const attentionMapCheck: KernelCheck = {
  kernel: attentionMap,
  calls: (random) => SIZES.filter(({ rate }) => rate === undefined).map((size) => {
    const call = forwardCall(random, size);
    const length = size.lengths.at(-1)!;
    const { heads, kvHeads, headDim } = size;
    const count = heads * length * length;
    return {
      inputs: { ...call.inputs, lse: forwardReference(call).lse }, outputs: { probabilities: count },
      uniforms: { count, first: uniform(call, 'tokens') - length, length, heads, kvHeads, headDim, scale: uniform(call, 'scale') },
    };
  }),
  reference: (call) => {
    const [first, length] = [uniform(call, 'first'), uniform(call, 'length')];
    const probabilities = new Float64Array(uniform(call, 'count'));
    attend(call, (t, h, _, p) => { if (t >= first) probabilities.set(p, (h * length + t - first) * length); });
    return { probabilities };
  },
  work: (call) => ({ flops: 2 * uniform(call, 'count') * uniform(call, 'headDim'), bytes: qkvBytes(call) }),
  tolerance: 2e-5,
};
