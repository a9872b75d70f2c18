/**
 * Which predicted pairs are right: every pair of the truth and of the prediction in one list, in
 * the three classes that the figures colour. Exact pairs only; the ±1 tolerance is a matter of the
 * scores, not of the drawings.
 */

import type { Pair, StructureExample } from './data.ts';

/** `unscored` are true pairs where there is no prediction to compare with. */
export type PairClass = 'correct' | 'missed' | 'wrong' | 'unscored';

export interface ClassifiedPair {
  readonly pair: Pair;
  readonly class: PairClass;
}

export function countClasses(pairs: readonly ClassifiedPair[]): Record<PairClass, number> {
  const counts = { correct: 0, missed: 0, wrong: 0, unscored: 0 };
  for (const { class: pairClass } of pairs) counts[pairClass]++;
  return counts;
}

/** True pairs that are found (`correct`) and not (`missed`), then predicted ones that are not true (`wrong`). */
export function classifyPairs(truth: readonly Pair[], predicted: readonly Pair[] | null): ClassifiedPair[] {
  if (predicted === null) return truth.map((pair) => ({ pair, class: 'unscored' }));
  const key = ([i, j]: Pair) => `${i} ${j}`;
  const isTrue = new Set(truth.map(key));
  const isPredicted = new Set(predicted.map(key));
  return [
    ...truth.map((pair) => ({ pair, class: isPredicted.has(key(pair)) ? ('correct' as const) : ('missed' as const) })),
    ...predicted.filter((pair) => !isTrue.has(key(pair))).map((pair) => ({ pair, class: 'wrong' as const })),
  ];
}

/**
 * The example, with an error that names it where a drawing would be silently wrong.
 * @throws RangeError if a pair is not 0 ≤ i < j < length, two pairs of a structure share a
 * position, or a probability is not in [0, 1].
 */
export function checkedExample(example: StructureExample): StructureExample {
  const { id, sequence, truth, prediction, probabilities } = example;
  const structures = [
    ['true', truth],
    ['predicted', prediction ?? []],
  ] as const;
  for (const [what, pairs] of structures) checkPairs(id, what, pairs, sequence.length);
  checkProbabilities(id, probabilities ?? [], sequence.length);
  return example;
}

/** Throws a RangeError for a pair that is not 0 ≤ i < j < length, and for two that share a position. */
export function checkPairs(id: string, what: string, pairs: readonly Pair[], length: number): void {
  for (const [i, j] of pairs) checkPair(id, what, i, j, length);
  if (new Set(pairs.flat()).size !== 2 * pairs.length) {
    throw new RangeError(`${id}: two ${what} pairs share a position; give each position one partner at most`);
  }
}

/** Throws a RangeError for a pair that is not 0 ≤ i < j < length, or a probability that is not in [0, 1]. */
export function checkProbabilities(
  id: string,
  probabilities: readonly (readonly [number, number, number])[],
  length: number,
): void {
  for (const [i, j, p] of probabilities) {
    checkPair(id, 'probable', i, j, length);
    if (!(p >= 0 && p <= 1)) throw new RangeError(`${id}: the probability of ${i}–${j} is ${p}; expected 0 to 1`);
  }
}

function checkPair(id: string, what: string, i: number, j: number, length: number): void {
  if (!(Number.isInteger(i) && Number.isInteger(j) && i >= 0 && i < j && j < length)) {
    throw new RangeError(`${id}: ${what} pair ${i}–${j}; expected 0-based positions i < j < ${length}`);
  }
}

/** A pair in words, 1-based as biologists count: "G12–C45". */
export function pairName(sequence: string, [i, j]: Pair): string {
  return `${sequence[i] ?? ''}${i + 1}–${sequence[j] ?? ''}${j + 1}`;
}
