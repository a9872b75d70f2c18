/**
 * Scores of base pairs apart for Watson-Crick, wobble and non-canonical ones
 * (SSR-LM Table S1). A pair is of the type of its two letters, so the true and
 * the predicted pairs of a type are compared with each other and with no other;
 * a pair counts as right only at its own place. Per RNA, and over all RNAs from
 * their counts, since most RNAs have few pairs of the rarer types or none.
 */
import { isCanonicalPair } from './decode.ts';
import { f1Score, type PairScore } from './metrics.ts';

export const PAIR_TYPES = ['watsonCrick', 'wobble', 'nonCanonical'] as const;
export type PairType = (typeof PAIR_TYPES)[number];

/** AU and GC, GU, all others. Case is not told apart, nor T from U; an ambiguous letter makes a pair non-canonical. */
export function pairType(a: string, b: string): PairType {
  const [x, y] = [a.toUpperCase(), b.toUpperCase()];
  if (!isCanonicalPair(x, y)) return 'nonCanonical';
  return x !== 'A' && x !== 'C' && y !== 'A' && y !== 'C' ? 'wobble' : 'watsonCrick';
}

export interface PairTypeScore extends PairScore {
  /** True pairs of the type. */
  readonly pairs: number;
  /** Predicted pairs of the type. */
  readonly predicted: number;
  /** Pairs on both sides. */
  readonly matched: number;
}

export type PairTypeScores = Readonly<Record<PairType, PairTypeScore>>;

/**
 * The strict scores of one RNA for each type of pair; 0 where a type occurs on neither side.
 * @param target Partners [length], as `predicted`.
 */
export function scoreByPairType(sequence: string, target: Int32Array, predicted: Int32Array): PairTypeScores {
  if (target.length !== sequence.length || predicted.length !== sequence.length) {
    throw new RangeError(
      `scoreByPairType: a sequence of ${sequence.length}, ${target.length} true partners and ${predicted.length} predicted ones`,
    );
  }
  const counts = noPairs();
  for (let i = 0; i < sequence.length; i++) {
    const [j, k] = [target[i]!, predicted[i]!];
    if (j > i) counts[pairType(sequence[i]!, sequence[j]!)].pairs++;
    if (k > i) counts[pairType(sequence[i]!, sequence[k]!)].predicted++;
    if (j > i && j === k) counts[pairType(sequence[i]!, sequence[j]!)].matched++;
  }
  return scored(counts);
}

/** The scores of all pairs of many RNAs as one set (micro average). */
export function totalByPairType(rnas: readonly PairTypeScores[]): PairTypeScores {
  const counts = noPairs();
  for (const rna of rnas) {
    for (const type of PAIR_TYPES) {
      counts[type].pairs += rna[type].pairs;
      counts[type].predicted += rna[type].predicted;
      counts[type].matched += rna[type].matched;
    }
  }
  return scored(counts);
}

type Counts = Record<PairType, { pairs: number; predicted: number; matched: number }>;

const noPairs = (): Counts => {
  const none = () => ({ pairs: 0, predicted: 0, matched: 0 });
  return { watsonCrick: none(), wobble: none(), nonCanonical: none() };
};

function scored(counts: Counts): PairTypeScores {
  const score = (type: PairType): PairTypeScore => {
    const { pairs, predicted, matched } = counts[type];
    const precision = predicted === 0 ? 0 : matched / predicted;
    const recall = pairs === 0 ? 0 : matched / pairs;
    return { precision, recall, f1: f1Score(precision, recall), pairs, predicted, matched };
  };
  return { watsonCrick: score('watsonCrick'), wobble: score('wobble'), nonCanonical: score('nonCanonical') };
}
