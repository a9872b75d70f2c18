/** Fused attention over packed sequences. */
import * as k from '@rna/kernels';
import type { Device } from '../device.ts';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import type { Dropout } from './elementwise.ts';

/** What attention needs to know of a pack: where each token's sequence lies, and the rotary angles. */
export interface Pack {
  /** Cumulative lengths of the sequences, [sequences + 1]. */
  readonly cuSeqlens: Uint32Array;
  /** u32 [tokens, 2] */
  readonly segments: Tensor;
  /** [longest sequence, headDim] */
  readonly rope: Tensor;
}

/** Uploads a pack's tables; they belong to the current scope. */
export function uploadPack(device: Device, cuSeqlens: Uint32Array, headDim: number, ropeTheta: number): Pack {
  let longest = 1;
  for (let i = 0; i + 1 < cuSeqlens.length; i++) longest = Math.max(longest, cuSeqlens[i + 1]! - cuSeqlens[i]!);
  const tokens = cuSeqlens.at(-1) ?? 0;
  return {
    cuSeqlens,
    segments: device.tensor(k.segmentTable(cuSeqlens), [tokens, 2]),
    rope: device.tensor(k.ropeTable(headDim, longest, ropeTheta), [longest, headDim]),
  };
}

export interface AttentionHeads {
  readonly heads: number;
  /** Divides `heads`; query head h reads key head ⌊h / (heads / kvHeads)⌋. */
  readonly kvHeads: number;
  readonly headDim: number;
}

interface Forward {
  readonly y: Tensor;
  readonly lse: Tensor;
}

function forward(qkv: Tensor, pack: Pack, { heads, kvHeads, headDim }: AttentionHeads, drop?: Dropout): Forward {
  const tokens = qkv.shape[0] ?? 0;
  requireShape(
    qkv.shape.length === 2 && qkv.shape[1] === (heads + 2 * kvHeads) * headDim && heads % kvHeads === 0 && pack.segments.size === 2 * tokens,
    'attention', qkv.shape, [heads, kvHeads, headDim], pack.segments.shape);
  return qkv.device.run(k.attention, { qkv, rope: pack.rope, segments: pack.segments },
    { y: [tokens, heads * headDim], lse: [tokens, heads] }, uniforms(tokens, { heads, kvHeads, headDim }, drop), { headDim, dropout: drop !== undefined });
}

function uniforms(tokens: number, { heads, kvHeads, headDim }: AttentionHeads, drop?: Dropout): k.Uniforms<(typeof k.attention)['uniforms']> {
  return {
    tokens, heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim),
    threshold: k.dropoutThreshold(drop?.rate ?? 0), key0: drop?.key[0] ?? 0, key1: drop?.key[1] ?? 0,
  };
}

/**
 * softmax(q·kᵀ / √headDim)·v inside each sequence, with rotary positions that restart at each.
 * @param qkv [tokens, (heads + 2·kvHeads)·headDim]: queries, keys and values one after the other, head-major
 * @returns [tokens, heads·headDim]
 */
export function attention(qkv: Tensor, pack: Pack, shape: AttentionHeads, dropout?: Dropout): Tensor {
  const { device } = qkv;
  const drop = dropout !== undefined && dropout.rate > 0 ? dropout : undefined;
  const tokens = qkv.shape[0] ?? 0;
  const { heads, headDim } = shape;
  const { y, lse } = forward(qkv, pack, shape, drop);
  // Rope and segments are inputs so that the tape keeps them for the walk.
  return record(y, [qkv, pack.rope, pack.segments], (dy) => {
    const { rope, segments } = pack;
    const { delta } = device.run(k.attentionDelta, { dy, y }, { delta: [tokens, heads] }, { rows: tokens * heads, cols: headDim });
    const dqkv = device.empty(qkv.shape, 'f32', 'attention.dqkv');
    const buffers = { dy, qkv, lse, delta, rope, segments, dqkv };
    const options = { headDim, dropout: drop !== undefined };
    device.run(k.attentionBackwardQuery, buffers, {}, uniforms(tokens, shape, drop), options);
    device.run(k.attentionBackwardKey, buffers, {}, uniforms(tokens, shape, drop), options);
    delta.dispose();
    return [dqkv, undefined, undefined];
  }, [lse]);
}

/** Attention probabilities of sequence `index` of the pack, [heads, length, length] (query, key), without dropout. Not recorded. */
export function attentionMap(qkv: Tensor, pack: Pack, shape: AttentionHeads, index: number): Tensor {
  const { device } = qkv;
  const first = pack.cuSeqlens[index]!;
  const length = pack.cuSeqlens[index + 1]! - first;
  const { heads, kvHeads, headDim } = shape;
  return device.scope(() => {
    const { lse } = forward(qkv, pack, shape);
    const { probabilities } = device.run(k.attentionMap, { qkv, lse, rope: pack.rope, segments: pack.segments },
      { probabilities: [heads, length, length] },
      { count: heads * length * length, first, length, heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim) });
    return probabilities;
  });
}
