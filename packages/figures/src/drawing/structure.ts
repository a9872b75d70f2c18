/** What a drawing is made from: a sequence, its pairs, and what is known of them. */

import type { Pair } from '../data.ts';
import { checkPairs, checkProbabilities } from '../pairs.ts';

export interface DrawnStructure {
  readonly id: string;
  /** Letters as they are drawn. */
  readonly sequence: string;
  /** Each position is in one pair at most; pairs may cross. */
  readonly pairs: readonly Pair[];
  /** Pair probabilities as [i, j, p] with i < j, 0-based; pairs that are left out count as 0. */
  readonly probabilities?: readonly (readonly [number, number, number])[];
}

/**
 * The structure, with an error that names it where a drawing would be silently wrong.
 * @throws RangeError if a pair is not 0 ≤ i < j < length, two share a position, or a probability is not in [0, 1].
 */
export function checkedStructure(structure: DrawnStructure): DrawnStructure {
  const { id, sequence, pairs, probabilities = [] } = structure;
  checkPairs(id, 'drawn', pairs, sequence.length);
  checkProbabilities(id, probabilities, sequence.length);
  return structure;
}

/**
 * [length]: how probable what is drawn of each nucleotide is: its pair, or that it is in none. Sums over pairs may
 * exceed 1 by rounding.
 */
export function drawnProbabilities({
  sequence,
  pairs,
  probabilities = [],
}: Pick<DrawnStructure, 'sequence' | 'pairs' | 'probabilities'>): Float64Array {
  const unpaired = new Float64Array(sequence.length).fill(1);
  const known = new Map<number, number>();
  for (const [i, j, p] of probabilities) {
    unpaired[i]! -= p;
    unpaired[j]! -= p;
    known.set(i * sequence.length + j, p);
  }
  const drawn = unpaired.map((p) => Math.min(1, Math.max(0, p)));
  for (const [i, j] of pairs) drawn[i] = drawn[j] = known.get(i * sequence.length + j) ?? 0;
  return drawn;
}
