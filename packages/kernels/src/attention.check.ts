/**
 * Checks of the attention kernels: packs of very different lengths, grouped heads, head dims that are no powers of two.
 */
import { attention, attentionBackwardKey, attentionBackwardQuery } from './attention.ts';
import { floats, inHalves, integers, roundToHalf, uniform, type Call, type KernelCheck, type Values } from './check.ts';
import { keepFactor } from './elementwise.check.ts';
import type { RandomStream } from './random.ts';
import { segmentTable } from './segments.ts';

/** A pack of sequences and its heads, for a check's call. */
export interface AttentionSize {
  readonly lengths: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rate?: number;
  /** Values are those of halves, and so is what follows from them. */
  readonly f16?: boolean;
}

export const ATTENTION_SIZES: readonly AttentionSize[] = [
  { lengths: [1], heads: 1, kvHeads: 1, headDim: 2 },
  { lengths: [5, 1, 30], heads: 4, kvHeads: 2, headDim: 16 },
  { lengths: [3, 67, 2, 9], heads: 3, kvHeads: 1, headDim: 24, rate: 0.1 },
  { lengths: [41], heads: 2, kvHeads: 2, headDim: 88 },
  { lengths: [140, 7], heads: 1, kvHeads: 1, headDim: 10, rate: 0.5 },
  { lengths: [9, 1, 44], heads: 2, kvHeads: 1, headDim: 6, rate: 0.2 },
];
const IN_HALVES: AttentionSize = { lengths: [3, 21, 6], heads: 2, kvHeads: 1, headDim: 6, f16: true };
const GRADIENT_SIZES: readonly AttentionSize[] = [
  { lengths: [5, 1, 7], heads: 4, kvHeads: 2, headDim: 6 },
  { lengths: [3, 9], heads: 2, kvHeads: 1, headDim: 4, rate: 0.3 },
];
const BENCHMARK: readonly AttentionSize[] = [
  { lengths: [512], heads: 8, kvHeads: 8, headDim: 64 },
  { lengths: [64, 400, 120, 30, 410], heads: 20, kvHeads: 20, headDim: 24 },
];

/** Cumulative lengths, [sequences + 1]. */
export function cumulative(lengths: readonly number[]): Uint32Array<ArrayBuffer> {
  const sums = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, i) => {
    sums[i + 1] = sums[i]! + length;
  });
  return sums;
}

/** Where component d of token t of head h lies in the packed layout. */
export const packedIndex = (tokens: number, headDim: number, h: number, t: number, d: number): number =>
  4 * ((h * Math.ceil(tokens / 4) + Math.floor(t / 4)) * headDim + d) + (t % 4);

/** Random heads in the packed layout, zero beyond the last token. */
export function packedNormals(random: RandomStream, tokens: number, heads: number, headDim: number): Float64Array {
  const values = new Float64Array(heads * Math.ceil(tokens / 4) * 4 * headDim);
  for (let h = 0; h < heads; h++) {
    for (let t = 0; t < tokens; t++) {
      for (let d = 0; d < headDim; d++) values[packedIndex(tokens, headDim, h, t, d)] = Math.fround(random.normal());
    }
  }
  return values;
}

export function attentionCall(
  random: RandomStream,
  { lengths, heads, kvHeads, headDim, rate = 0, f16 = false }: AttentionSize,
): Call {
  const cuSeqlens = cumulative(lengths);
  const tokens = cuSeqlens.at(-1)!;
  const packed = packedNormals(random, tokens, heads + 2 * kvHeads, headDim);
  const queries = heads * Math.ceil(tokens / 4) * 4 * headDim;
  for (let i = 0; i < queries; i++) packed[i] = Math.fround(packed[i]! / Math.sqrt(headDim));
  return {
    inputs: { packed: f16 ? packed.map(roundToHalf) : packed, segments: segmentTable(cuSeqlens) },
    outputs: { y: tokens * heads * headDim, lse: heads * Math.ceil(tokens / 4) * 4 },
    uniforms: { tokens, heads, kvHeads, headDim, threshold: Math.round(rate * 65536), key0: 17, key1: 99 },
    variant: { headDim, dropout: rate > 0 },
  };
}

interface Sizes {
  readonly tokens: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Tokens with the padding of the last block. */
  readonly padded: number;
}

function sizesOf(call: Call): Sizes {
  const tokens = integers(call, 'segments').length / 2;
  return {
    tokens,
    heads: uniform(call, 'heads'),
    kvHeads: uniform(call, 'kvHeads'),
    headDim: uniform(call, 'headDim'),
    padded: Math.ceil(tokens / 4) * 4,
  };
}

/** The components of head h at token t, from a packed buffer of a call. */
function vectorsOf(call: Call, name: string): (h: number, t: number) => Float64Array {
  const values = floats(call, name);
  const { tokens, headDim } = sizesOf(call);
  return (h, t) => Float64Array.from({ length: headDim }, (_, d) => values[packedIndex(tokens, headDim, h, t, d)]!);
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** One query of one head: its keys' rows from `first` on, their probabilities and dropout factors. */
interface Attended {
  readonly t: number;
  readonly h: number;
  readonly first: number;
  readonly p: Float64Array;
  readonly keep: Float64Array;
  readonly lse: number;
}

export function attend(call: Call, visit: (query: Attended) => void): void {
  const { tokens, heads, kvHeads } = sizesOf(call);
  const at = vectorsOf(call, 'packed');
  const segments = integers(call, 'segments');
  for (let h = 0; h < heads; h++) {
    const keyHead = heads + Math.floor(h / (heads / kvHeads));
    const keys = Array.from({ length: tokens }, (_, t) => at(keyHead, t));
    for (let t = 0; t < tokens; t++) {
      const q = at(h, t);
      const [first, end] = [segments[2 * t]!, segments[2 * t + 1]!];
      const scores = Float64Array.from({ length: end - first }, (_, j) => dot(q, keys[first + j]!));
      const top = Math.max(...scores);
      const lse = top + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0));
      const keep = scores.map((_, j) =>
        call.variant?.['dropout'] === true
          ? keepFactor(call, Math.floor((first + j) / 4), t * heads + h, (first + j) % 4)
          : 1,
      );
      visit({ t, h, first, p: scores.map((s) => Math.exp(s - lse)), keep, lse });
    }
  }
}

export function attentionReference(call: Call): { y: Float64Array; lse: Float64Array } {
  const { tokens, heads, kvHeads, headDim, padded } = sizesOf(call);
  const at = vectorsOf(call, 'packed');
  const y = new Float64Array(tokens * heads * headDim);
  const lse = new Float64Array(heads * padded);
  attend(call, ({ t, h, first, p, keep, lse: logSum }) => {
    lse[h * padded + t] = logSum;
    p.forEach((probability, j) => {
      const v = at(heads + kvHeads + Math.floor(h / (heads / kvHeads)), first + j);
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

const inputBytes = (call: Call): number => 4 * call.inputs['packed']!.length;

export const attentionCheck: KernelCheck = {
  kernel: attention,
  calls: (random) => [
    ...ATTENTION_SIZES.map((size) => attentionCall(random, size)),
    inHalves(attention, attentionCall(random, IN_HALVES)),
  ],
  benchmark: (random) => BENCHMARK.map((size) => attentionCall(random, size)),
  reference: attentionReference,
  work: (call) => ({ flops: pairFlops(call), bytes: inputBytes(call) + 4 * call.outputs['y']! }),
  tolerance: 2e-5,
};

/** dpacked of all three parts, for the gradient dy [tokens, heads·headDim] of the output. */
function gradient(call: Call): Float64Array {
  const { tokens, heads, kvHeads, headDim } = sizesOf(call);
  const at = vectorsOf(call, 'packed');
  const dy = floats(call, 'dy');
  const result = new Float64Array(call.inputs['packed']!.length);
  const add = (h: number, t: number, factor: number, x: Float64Array): void => {
    for (let d = 0; d < headDim; d++) result[packedIndex(tokens, headDim, h, t, d)]! += factor * x[d]!;
  };
  attend(call, ({ t, h, first, p, keep }) => {
    const kv = Math.floor(h / (heads / kvHeads));
    const g = dy.subarray((t * heads + h) * headDim, (t * heads + h + 1) * headDim);
    const q = at(h, t);
    const dp = p.map((_, j) => dot(g, at(heads + kvHeads + kv, first + j)) * keep[j]!);
    const delta = dot(p, dp);
    p.forEach((probability, j) => {
      const ds = probability * (dp[j]! - delta);
      add(h, t, ds, at(heads + kv, first + j));
      add(heads + kv, first + j, ds, q);
      add(heads + kvHeads + kv, first + j, probability * keep[j]!, g);
    });
  });
  return result;
}

/** A backward call; `dpacked` enters as zeros, so that each kernel's part can be told from what it leaves alone. */
export function attentionBackwardCall(random: RandomStream, size: AttentionSize): Call {
  const forward = attentionCall(random, size);
  const { tokens, heads, headDim, padded } = sizesOf(forward);
  const { y, lse } = attentionReference(forward);
  const normals = packedNormals(random, tokens, heads, headDim);
  const gradientOfY = size.f16 === true ? normals.map(roundToHalf) : normals;
  const dy = y.map(
    (_, i) =>
      gradientOfY[
        packedIndex(tokens, headDim, Math.floor(i / headDim) % heads, Math.floor(i / headDim / heads), i % headDim)
      ]!,
  );
  const delta = new Float64Array(heads * padded);
  dy.forEach((g, i) => {
    delta[(Math.floor(i / headDim) % heads) * padded + Math.floor(i / headDim / heads)]! += g * y[i]!;
  });
  return {
    ...forward,
    inputs: {
      ...forward.inputs,
      dy,
      gradient: gradientOfY,
      lse,
      delta,
      dpacked: new Float64Array(forward.inputs['packed']!.length),
    },
    outputs: {},
  };
}

function backwardCheck(kernel: KernelCheck['kernel'], part: 'queries' | 'keys', flops: number): KernelCheck {
  return {
    kernel,
    calls: (random) => [
      ...ATTENTION_SIZES.map((size) => attentionBackwardCall(random, size)),
      inHalves(kernel, attentionBackwardCall(random, IN_HALVES)),
    ],
    benchmark: (random) => BENCHMARK.map((size) => attentionBackwardCall(random, size)),
    reference: (call): Values => {
      const { heads, headDim, padded } = sizesOf(call);
      const boundary = heads * padded * headDim;
      return { dpacked: gradient(call).map((value, i) => (i < boundary === (part === 'queries') ? value : 0)) };
    },
    work: (call) => ({ flops: (flops / 4) * pairFlops(call), bytes: 2 * inputBytes(call) }),
    tolerance: 3e-5,
  };
}

export const attentionBackwardQueryCheck = backwardCheck(attentionBackwardQuery, 'queries', 6);
export const attentionBackwardKeyCheck = backwardCheck(attentionBackwardKey, 'keys', 8);

/** Both parts together, for the gradient check alone. */
export const attentionGradient: Pick<KernelCheck, 'gradientOf' | 'gradientCalls' | 'reference'> = {
  gradientOf: attentionCheck,
  gradientCalls: (random) => GRADIENT_SIZES.map((size) => attentionBackwardCall(random, size)),
  reference: (call) => ({ dpacked: gradient(call) }),
};
