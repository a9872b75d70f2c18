// Which predicted pairs are right: every pair of the truth and of the prediction in one list, in
// the three classes that the figures colour. Exact pairs only; the ±1 tolerance is a matter of the
// scores, not of the drawings.

import type { Pair, StructureExample } from './data.ts';

export type PairClass = 'correct' | 'missed' | 'wrong';

export interface ClassifiedPair {
  readonly pair: Pair;
  readonly class: PairClass;
}

/** True pairs that are found (`correct`) and not (`missed`), then predicted ones that are not true (`wrong`). */
export function classifyPairs(truth: readonly Pair[], predicted: readonly Pair[]): ClassifiedPair[] {
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
 * @throws if a pair is not 0 ≤ i < j < length, or a dot-bracket is not as long as the sequence.
 */
export function checkedExample(example: StructureExample): StructureExample {
  const { id, sequence, truth, prediction, probabilities } = example;
  for (const [what, structure] of [['true', truth], ['predicted', prediction]] as const) {
    if (structure === null) continue;
    if (structure.dotBracket.length !== sequence.length) {
      throw new Error(`${id}: the ${what} dot-bracket has ${structure.dotBracket.length} characters, the sequence ${sequence.length}; give both the same length`);
    }
    for (const [i, j] of structure.pairs) checkPair(id, what, i, j, sequence.length);
  }
  for (const [i, j, p] of probabilities ?? []) {
    checkPair(id, 'pair probability', i, j, sequence.length);
    if (!(p >= 0 && p <= 1)) throw new Error(`${id}: the probability of ${i}–${j} is ${p}; expected 0 to 1`);
  }
  return example;
}

function checkPair(id: string, what: string, i: number, j: number, length: number): void {
  if (!(Number.isInteger(i) && Number.isInteger(j) && i >= 0 && i < j && j < length)) {
    throw new Error(`${id}: ${what} pair ${i}–${j}; expected 0-based positions i < j < ${length}`);
  }
}

/** A pair in words, 1-based as biologists count: "G12–C45". */
export function pairName(sequence: string, [i, j]: Pair): string {
  return `${sequence[i] ?? ''}${i + 1}–${sequence[j] ?? ''}${j + 1}`;
}
