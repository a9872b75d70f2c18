/**
 * Invariant point attention with its linear layers (Jumper et al. 2021, supplement algorithm 22; TERTIARY section 4):
 * what turns frames and representations into an update of the single representation.
 */
import { framePoints, linear, pointAttention, type PointAttentionMaps, type Tensor } from '@rna/tensor';
import type { TertiarySizes } from './config.ts';
import type { Weights } from './parameters.ts';

export interface PointAttentionState {
  /** The single representation s, [L, singleDim]. */
  readonly single: Tensor;
  /** The pair representation, normalised, [L, L, pairDim]. */
  readonly pair: Tensor;
  /** `pairBias` of it, [L, L, heads]: the same in every iteration. */
  readonly bias: Tensor;
  /** [L, 7], translations in units of 10 Å. */
  readonly frames: Tensor;
  /** [L], 0 for a nucleotide that none attends to. */
  readonly mask?: Tensor;
}

type Sizes = Pick<TertiarySizes, 'ipaHeads' | 'ipaDim' | 'queryPoints' | 'valuePoints'>;

/** The heads' bias of each pair, [L, L, heads], from the normalised pair representation. */
export const pairBias = (p: Weights, pair: Tensor): Tensor => linear(pair, p('linear_b.weight'), p('linear_b.bias'));

/**
 * The update of s, [L, singleDim].
 * @param p parameters below `structure_module.ipa`
 */
export function invariantPointAttention(
  p: Weights,
  { ipaHeads: heads, ipaDim: channels, queryPoints, valuePoints }: Sizes,
  { single, pair, bias, frames, mask }: PointAttentionState,
  onMaps?: (maps: PointAttentionMaps) => void,
): Tensor {
  const { device } = single;
  const project = (name: string): Tensor => linear(single, p(`${name}.weight`), p(`${name}.bias`));
  return device.scope(() => {
    const sums = pointAttention(
      {
        q: project('linear_q'),
        kv: project('linear_kv'),
        qPoints: framePoints(project('linear_q_points'), frames),
        kvPoints: framePoints(project('linear_kv_points'), frames),
        bias,
        headWeights: p('head_weights'),
        z: pair,
        frames,
        ...(mask !== undefined && { mask }),
      },
      { heads, channels, queryPoints, valuePoints },
      onMaps,
    );
    return linear(sums, p('linear_out.weight'), p('linear_out.bias'));
  });
}
