/**
 * How well base pairs are predicted: precision, recall and F1 with and without
 * a tolerance of one position, the tuning of the decode's threshold, and the
 * area under the precision-recall curve. RiNALMo reports flexible scores with
 * its filters on, SSR-LM strict ones with both filters off; a report says which.
 */

import { checkTriangle, greedyPairs, type DecodeOptions } from './decode.ts';

export interface PairScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface ScoreOptions {
  /**
   * Count a pair as right if it, or one of its four neighbours (i ± 1, j),
   * (i, j ± 1), is a pair on the other side (RiNALMo's allow_flexible_pairings,
   * after Mathews 2019). Two pairs may then match the same one.
   */
  readonly flexible: boolean;
}

/** Scores predicted against true partners, both [length]. An empty side gives 0, not NaN. */
export function scoreBasePairs(target: Int32Array, predicted: Int32Array, { flexible }: ScoreOptions): PairScore {
  if (target.length !== predicted.length) {
    throw new RangeError(
      `scoreBasePairs: the target has ${target.length} positions, the prediction ${predicted.length}`,
    );
  }
  const precision = matchedFraction(predicted, target, flexible);
  const recall = matchedFraction(target, predicted, flexible);
  return { precision, recall, f1: f1Score(precision, recall) };
}

/** Arithmetic mean over RNAs (macro average), or weighted, for instance by length (RiNALMo's Table 6). */
export function meanScore(scores: readonly PairScore[], weights: readonly number[] = scores.map(() => 1)): PairScore {
  if (scores.length === 0) throw new RangeError('meanScore: there are no scores to average');
  if (weights.length !== scores.length)
    throw new RangeError(`meanScore: ${weights.length} weights for ${scores.length} scores`);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (value: (score: PairScore) => number) =>
    scores.reduce((sum, score, i) => sum + weights[i]! * value(score), 0) / total;
  return { precision: mean((s) => s.precision), recall: mean((s) => s.recall), f1: mean((s) => s.f1) };
}

/** The thresholds that are tried: 0.01, 0.02, …, 0.29. */
export const CANDIDATE_THRESHOLDS: readonly number[] = Array.from({ length: 29 }, (_, i) => (i + 1) / 100);

/**
 * F1 of one RNA at each of `CANDIDATE_THRESHOLDS`: [29]. Choosing over a validation
 * set keeps these, not the probabilities.
 */
export function thresholdCurve(
  probabilities: Float32Array,
  sequence: string,
  target: Int32Array,
  options: Omit<DecodeOptions, 'threshold'> & ScoreOptions,
): Float64Array {
  const pairs = greedyPairs(probabilities, sequence, { ...options, threshold: CANDIDATE_THRESHOLDS[0]! });
  return Float64Array.from(CANDIDATE_THRESHOLDS, (threshold) => {
    const predicted = new Int32Array(target.length).fill(-1);
    for (const { i, j, probability } of pairs) {
      if (probability <= Math.fround(threshold)) break;
      predicted[i] = j;
      predicted[j] = i;
    }
    return scoreBasePairs(target, predicted, options).f1;
  });
}

/** The threshold with the largest mean F1 over the RNAs' curves; the smallest of equals. */
export function bestThreshold(curves: readonly Float64Array[]): { threshold: number; f1: number } {
  if (curves.length === 0) throw new RangeError('bestThreshold: there are no validation RNAs to tune on');
  let best = { threshold: CANDIDATE_THRESHOLDS[0]!, f1: -1 };
  for (const [k, threshold] of CANDIDATE_THRESHOLDS.entries()) {
    const f1 = curves.reduce((sum, curve) => sum + curve[k]!, 0) / curves.length;
    if (f1 > best.f1) best = { threshold, f1 };
  }
  return best;
}

/**
 * Area under the precision-recall curve of one RNA's pair probabilities (strict
 * upper triangle), as average precision: Σ (R_n − R_n−1) · P_n over the distinct
 * probabilities, downwards. 0 without a true pair.
 */
export function averagePrecision(probabilities: Float32Array, target: Int32Array): number {
  const length = target.length;
  checkTriangle(probabilities, length, 'averagePrecision');
  const positives: number[] = [];
  for (const [i, j] of target.entries()) {
    if (j > i) positives.push(probabilities[(i * (2 * length - i - 1)) / 2 + j - i - 1]!);
  }
  positives.sort((a, b) => b - a);
  const ascending = probabilities.slice().sort();
  // The numeric order puts NaN last.
  if (Number.isNaN(ascending.at(-1))) throw new RangeError('averagePrecision: the probabilities contain NaN');
  let atLeast = 0;
  let area = 0;
  for (let n = 0; n < positives.length;) {
    const score = positives[n]!;
    const before = n;
    while (positives[n] === score) n++;
    while (atLeast < ascending.length && ascending[ascending.length - 1 - atLeast]! >= score) atLeast++;
    area += ((n - before) / positives.length) * (n / atLeast);
  }
  return area;
}

/** The fraction of `pairs` that `reference` has too, 0 if there are none. */
function matchedFraction(pairs: Int32Array, reference: Int32Array, flexible: boolean): number {
  let total = 0;
  let matched = 0;
  for (const [i, j] of pairs.entries()) {
    if (j <= i) continue;
    total++;
    const isMatched =
      reference[i] === j ||
      (flexible &&
        (reference[i - 1] === j || reference[i + 1] === j || reference[j - 1] === i || reference[j + 1] === i));
    if (isMatched) matched++;
  }
  return total === 0 ? 0 : matched / total;
}

/** The harmonic mean, 0 of two scores that are next to nothing, as in the reference. */
export function f1Score(precision: number, recall: number): number {
  const sum = precision + recall;
  return sum < 1e-5 ? 0 : (2 * precision * recall) / sum;
}
