/** Invariant point attention (Jumper et al. 2021, supplement algorithm 22), all but its linear layers. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { framesLength } from './frames.ts';
import { columnSum } from './matmul.ts';

export interface PointAttentionSizes {
  readonly heads: number;
  /** Columns of a head's queries, keys and values. */
  readonly channels: number;
  readonly queryPoints: number;
  readonly valuePoints: number;
}

/** What a sequence of L nucleotides attends with. Points are in space: all x, then all y, then all z. */
export interface PointAttentionInputs {
  /** [L, heads·channels] */
  readonly q: Tensor;
  /** [L, heads·2·channels]: of each head keys, then values. */
  readonly kv: Tensor;
  /** [L, 3·heads·queryPoints] */
  readonly qPoints: Tensor;
  /** [L, 3·heads·(queryPoints + valuePoints)]: of each head those of keys, then of values. */
  readonly kvPoints: Tensor;
  /** [L, L, heads] */
  readonly bias: Tensor;
  /** [heads], before the softplus. */
  readonly headWeights: Tensor;
  /** The pair representation, [L, L, pairChannels]. */
  readonly z: Tensor;
  /** [L, 7], of quaternions of length 1. */
  readonly frames: Tensor;
  /** [L], 0 for a nucleotide that none attends to; all count without it. */
  readonly mask?: Tensor;
}

/** What it computes on the way, for tests and figures; freed by the caller. */
export interface PointAttentionMaps {
  /** [query, head, key] */
  readonly logits: Tensor;
  readonly probabilities: Tensor;
}

/**
 * Values, points in the frames of their queries with their lengths, and pairs, each summed by the attention of its
 * head: [L, heads·(channels + 4·valuePoints + pairChannels)].
 */
export function pointAttention(
  inputs: PointAttentionInputs,
  { heads, channels, queryPoints, valuePoints }: PointAttentionSizes,
  onMaps?: (maps: PointAttentionMaps) => void,
): Tensor {
  const { q, kv, qPoints, kvPoints, bias, headWeights, z, frames, mask } = inputs;
  const length = framesLength(frames, 'pointAttention');
  const pairs = length * length;
  const pairChannels = z.size / pairs;
  requireShape(
    q.size === length * heads * channels &&
      kv.size === 2 * q.size &&
      qPoints.size === 3 * length * heads * queryPoints &&
      kvPoints.size === 3 * length * heads * (queryPoints + valuePoints) &&
      bias.size === pairs * heads &&
      headWeights.size === heads &&
      Number.isInteger(pairChannels) &&
      (mask?.size ?? length) === length,
    'pointAttention',
    ...Object.values(inputs).map((tensor: Tensor | undefined) => tensor?.shape ?? []),
  );
  const { device } = q;
  const sizes = { length, heads, channels, queryPoints, valuePoints, pairChannels };
  const counts = (count: number): typeof sizes & { count: number } => ({ ...sizes, count });
  const maps = [length, heads, length] as const;
  const rows = { rows: length * heads, cols: length };
  const { y, a } = device.scope(() => {
    const { logits } = device.run(
      k.pointAttentionLogits,
      { q, kv, qPoints, kvPoints, bias, headWeights, mask },
      { logits: maps },
      counts(pairs * heads),
    );
    const { y: probabilities } = device.run(k.softmax, { x: logits }, { y: maps }, rows);
    const sums = device.empty([length, heads * (channels + 4 * valuePoints + pairChannels)], 'f32', 'pointAttention.y');
    device.run(
      k.pointAttentionValues,
      { a: probabilities, kv, kvPoints, frames, y: sums },
      {},
      counts(length * heads * (channels + valuePoints)),
    );
    device.run(k.pointAttentionPairs, { a: probabilities, z, y: sums }, {}, counts(length * pairChannels), { heads });
    onMaps?.({ logits: logits.alias().keep(), probabilities: probabilities.alias().keep() });
    return { y: sums, a: probabilities };
  });
  return record(
    y,
    [q, kv, qPoints, kvPoints, bias, headWeights, z, frames],
    (dy, [, , , , needsBias, needsHeads, needsZ, needsFrames]) =>
      device.scope(() => {
        const { dsums } = device.run(
          k.pointAttentionPointsBackward,
          { dy, y, frames },
          { dsums: [length, 3 * heads * valuePoints] },
          counts(length * heads * valuePoints),
        );
        const { da } = device.run(
          k.pointAttentionWeightsBackward,
          { dy, dsums, kv, kvPoints, z },
          { da: maps },
          counts(pairs * heads),
        );
        const { dx: dlogits } = device.run(k.softmaxBackward, { dy: da, y: a }, { dx: maps }, rows);
        const forLogits = counts(length * heads * (channels + queryPoints));
        const { dq, dqPoints } = device.run(
          k.pointAttentionQueriesBackward,
          { dlogits, kv, qPoints, kvPoints, headWeights },
          { dq: q.shape, dqPoints: qPoints.shape },
          forLogits,
        );
        // Keys and values are each a half of their gradients.
        const dkv = device.empty(kv.shape, 'f32', 'pointAttention.dkv');
        const dkvPoints = device.empty(kvPoints.shape, 'f32', 'pointAttention.dkvPoints');
        device.run(
          k.pointAttentionKeysBackward,
          { dlogits, q, qPoints, kvPoints, headWeights, dkv, dkvPoints },
          {},
          forLogits,
        );
        device.run(
          k.pointAttentionValuesBackward,
          { a, dy, dsums, dkv, dkvPoints },
          {},
          counts(length * heads * (channels + valuePoints)),
        );
        const dbias = (): Tensor =>
          device.run(k.pointAttentionBiasBackward, { dlogits }, { dbias: bias.shape }, counts(pairs * heads)).dbias;
        const dheadWeights = (): Tensor =>
          columnSum(
            device.run(
              k.pointAttentionHeadsBackward,
              { dlogits, qPoints, kvPoints, headWeights },
              { y: [length, heads] },
              counts(length * heads),
            ).y,
            length,
            heads,
          );
        const dz = (): Tensor =>
          device.run(k.pointAttentionPairsBackward, { a, dy }, { dz: z.shape }, counts(pairs * pairChannels)).dz;
        const dframes = (): Tensor =>
          device.run(k.pointAttentionFramesBackward, { dy, y, frames }, { dframes: frames.shape }, counts(length))
            .dframes;
        return [
          dq,
          dkv,
          dqPoints,
          dkvPoints,
          needsBias === true ? dbias() : undefined,
          needsHeads === true ? dheadWeights() : undefined,
          needsZ === true ? dz() : undefined,
          needsFrames === true ? dframes() : undefined,
        ];
      }),
    [a],
  );
}
