/** Fused attention over packed sequences. */
import * as k from '@rna/kernels';
import type { Device } from '../device.ts';
import { record } from '../tape.ts';
import { floatTypeOf, requireShape, type Tensor } from '../tensor.ts';
import type { Dropout } from './elementwise.ts';

/** What attention needs to know of a pack: where each token's sequence lies, and the rotary angles if it has any. */
export interface Pack {
  /** Cumulative lengths of the sequences, [sequences + 1]. */
  readonly cuSeqlens: Uint32Array;
  /** u32 [tokens, 2] */
  readonly segments: Tensor;
  /** [longest sequence, headDim]; absent without rotary positions. */
  readonly rope?: Tensor;
}

/** Tokens of the longest sequence of a pack; 1 for a pack of none. */
export function longestSequence(cuSeqlens: Uint32Array): number {
  let longest = 1;
  for (let i = 0; i + 1 < cuSeqlens.length; i++) longest = Math.max(longest, cuSeqlens[i + 1]! - cuSeqlens[i]!);
  return longest;
}

/**
 * Uploads a pack's tables; they belong to the current scope. Queries and keys are not rotated without `ropeTheta`.
 */
export function uploadPack(device: Device, cuSeqlens: Uint32Array, headDim: number, ropeTheta?: number): Pack {
  const longest = longestSequence(cuSeqlens);
  const tokens = cuSeqlens.at(-1) ?? 0;
  return {
    cuSeqlens,
    segments: device.tensor(k.segmentTable(cuSeqlens), [tokens, 2]),
    ...(ropeTheta !== undefined && {
      rope: device.tensor(k.ropeTable(headDim, longest, ropeTheta), [longest, headDim]),
    }),
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

const blocks = (tokens: number): number => Math.ceil(tokens / 4);

/** x [tokens, heads·headDim] in the kernels' layout; of qkv, queries are scaled and, like keys, may be rotated. */
function packHeads(
  x: Tensor,
  pack: Pack,
  heads: number,
  headDim: number,
  sizes: { rotated: number; scaled: number },
): Tensor {
  const tokens = x.shape[0] ?? 0;
  return x.device.run(
    k.attentionPack,
    { x, rope: pack.rope, segments: pack.segments },
    { packed: { shape: [heads, blocks(tokens), headDim, 4], dtype: floatTypeOf(x) } },
    { tokens, heads, headDim, scale: 1 / Math.sqrt(headDim), ...sizes },
  ).packed;
}

const qkvSizes = ({ heads, kvHeads }: AttentionHeads): { rotated: number; scaled: number } => ({
  rotated: heads + kvHeads,
  scaled: heads,
});

/** qkv in the kernels' layout. Throws a ShapeError when its shape does not fit the heads or the pack. */
function packQkv(qkv: Tensor, pack: Pack, shape: AttentionHeads): Tensor {
  const { heads, kvHeads, headDim } = shape;
  requireShape(
    qkv.shape.length === 2 &&
      qkv.shape[1] === (heads + 2 * kvHeads) * headDim &&
      heads % kvHeads === 0 &&
      pack.segments.size === 2 * qkv.shape[0]!,
    'attention',
    qkv.shape,
    [heads, kvHeads, headDim],
    pack.segments.shape,
  );
  return packHeads(qkv, pack, heads + 2 * kvHeads, headDim, qkvSizes(shape));
}

function uniforms(
  tokens: number,
  { heads, kvHeads, headDim }: AttentionHeads,
  drop?: Dropout,
): k.Uniforms<(typeof k.attention)['uniforms']> {
  return {
    tokens,
    heads,
    kvHeads,
    headDim,
    threshold: k.dropoutThreshold(drop?.rate ?? 0),
    key0: drop?.key[0] ?? 0,
    key1: drop?.key[1] ?? 0,
  };
}

function forward(packed: Tensor, tokens: number, pack: Pack, shape: AttentionHeads, drop?: Dropout): Forward {
  const { heads, headDim } = shape;
  return packed.device.run(
    k.attention,
    { packed, segments: pack.segments },
    { y: { shape: [tokens, heads * headDim], dtype: floatTypeOf(packed) }, lse: [heads, blocks(tokens), 4] },
    uniforms(tokens, shape, drop),
    { headDim, dropout: drop !== undefined },
  );
}

/**
 * softmax(q·kᵀ / √headDim)·v inside each sequence, with rotary positions that restart at each if the pack has them.
 * @param qkv [tokens, (heads + 2·kvHeads)·headDim]: queries, keys and values one after the other, head-major
 * @returns [tokens, heads·headDim], stored as qkv is
 */
export function attention(qkv: Tensor, pack: Pack, shape: AttentionHeads, dropout?: Dropout): Tensor {
  const { device } = qkv;
  const drop = dropout !== undefined && dropout.rate > 0 ? dropout : undefined;
  const tokens = qkv.shape[0] ?? 0;
  const { heads, kvHeads, headDim } = shape;
  const { y, lse } = device.scope(() => forward(packQkv(qkv, pack, shape), tokens, pack, shape, drop));
  // Rope and segments are inputs so that the tape keeps them for the walk.
  return record(
    y,
    [qkv, pack.segments, ...(pack.rope === undefined ? [] : [pack.rope])],
    (dy) => [
      device.scope(() => {
        const { rope, segments } = pack;
        // Packed anew: a pass over memory costs less than keeping a second copy of every block's heads.
        const packed = packQkv(qkv, pack, shape);
        const gradient = packHeads(dy, pack, heads, headDim, { rotated: 0, scaled: 0 });
        const { delta } = device.run(
          k.attentionDelta,
          { gradient, y },
          { delta: [heads, blocks(tokens), 4] },
          { tokens, heads, headDim },
        );
        const dpacked = device.empty(packed.shape, packed.dtype, 'attention.dpacked');
        const buffers = { packed, gradient, lse, delta, segments, dpacked };
        const options = { headDim, dropout: drop !== undefined };
        device.run(k.attentionBackwardQuery, buffers, {}, uniforms(tokens, shape, drop), options);
        device.run(k.attentionBackwardKey, buffers, {}, uniforms(tokens, shape, drop), options);
        return device.run(
          k.attentionUnpack,
          { dpacked, rope, segments },
          { dx: { shape: qkv.shape, dtype: floatTypeOf(qkv) } },
          { tokens, heads: heads + 2 * kvHeads, headDim, scale: 1 / Math.sqrt(headDim), ...qkvSizes(shape) },
        ).dx;
      }),
    ],
    [lse],
  );
}

/**
 * Attention probabilities of sequence `index` of the pack, [heads, length, length] (query, key), without dropout. Not
 * recorded.
 */
export function attentionMap(qkv: Tensor, pack: Pack, shape: AttentionHeads, index: number): Tensor {
  const { device } = qkv;
  const first = pack.cuSeqlens[index]!;
  const length = pack.cuSeqlens[index + 1]! - first;
  const tokens = qkv.shape[0] ?? 0;
  const { heads, kvHeads, headDim } = shape;
  return device.scope(() => {
    const packed = packQkv(qkv, pack, shape);
    const { lse } = forward(packed, tokens, pack, shape);
    const { probabilities } = device.run(
      k.attentionMap,
      { packed, lse },
      { probabilities: [heads, length, length] },
      { count: heads * length * length, tokens, first, length, heads, kvHeads, headDim },
    );
    return probabilities;
  });
}
