/**
 * One sequence as the recursions see it: letters, what each position may be,
 * and the pairs that can form, listed by row (i) and by column (j). Only those
 * are ever visited, a third of all for a random sequence.
 */
import { MAY, type FoldingConstraint } from './constraint.ts';
import { LETTERS } from './parameters.ts';
import type { FoldingRules } from './rules.ts';
import type { FoldingWeights } from './weights.ts';

export interface FoldingProblem {
  readonly length: number;
  /** [length + 2]: letters 0 … 4, with 4 before the first and after the last: position i is at i + 1. */
  readonly letters: Uint8Array;
  /** [length]: 1 where a position may be unpaired, else 0. */
  readonly unpaired: Uint8Array;
  readonly pairs: number;
  /** [length + 1]: where the pairs (i, ·) begin in `rowJ`, in the order of j. */
  readonly rowStart: Int32Array;
  /** [pairs], as PairRows has it. */
  readonly rowJ: Int32Array;
  /** [length + 1]: where the pairs (·, j) begin in `columnI`, in the order of i. */
  readonly columnStart: Int32Array;
  /** [pairs]. */
  readonly columnI: Int32Array;
  /** [pairs]: each pair's place by row. */
  readonly columnEntry: Int32Array;
}

const CODES = new Uint8Array(128).fill(LETTERS - 1);
for (const [code, letters] of ['Aa', 'Cc', 'Gg', 'UuTt'].entries())
  for (const letter of letters) CODES[letter.charCodeAt(0)] = code;

export function foldingProblem(
  sequence: string,
  constraint: FoldingConstraint,
  { minHairpin }: FoldingRules,
  { basePair }: FoldingWeights,
): FoldingProblem {
  const length = sequence.length;
  const { may, partners } = constraint;
  const letters = new Uint8Array(length + 2).fill(LETTERS - 1);
  for (let i = 0; i < length; i++) letters[i + 1] = CODES[sequence.charCodeAt(i)] ?? LETTERS - 1;

  const rowStart = new Int32Array(length + 1);
  const columnStart = new Int32Array(length + 1);
  const byRow = new Int32Array(mostPairs(letters));
  let pairs = 0;
  for (let i = 0; i < length; i++) {
    const row = letters[i + 1]! * LETTERS;
    const partner = partners[i]!;
    for (let j = i + 1 + minHairpin; j < length && (may[i]! & MAY.open) !== 0; j++) {
      if (basePair[row + letters[j + 1]!] === 0 || (may[j]! & MAY.close) === 0) continue;
      if ((partner !== -1 && partner !== j) || (partners[j] !== -1 && partners[j] !== i)) continue;
      byRow[pairs++] = j;
      columnStart[j + 1]!++;
    }
    rowStart[i + 1] = pairs;
  }
  for (let j = 0; j < length; j++) columnStart[j + 1]! += columnStart[j]!;
  const rowJ = byRow.subarray(0, pairs);
  const columnI = new Int32Array(pairs);
  const columnEntry = new Int32Array(pairs);
  const next = columnStart.slice();
  for (let i = 0; i < length; i++) {
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++) {
      const place = next[rowJ[entry]!]!++;
      columnI[place] = i;
      columnEntry[place] = entry;
    }
  }
  return {
    length,
    letters,
    unpaired: may.map((bits) => bits & MAY.beUnpaired),
    pairs,
    rowStart,
    rowJ,
    columnStart,
    columnI,
    columnEntry,
  };
}

/** Pairs of positions with letters that pair, whatever else forbids them. */
function mostPairs(letters: Uint8Array): number {
  const counts = new Float64Array(LETTERS);
  for (const letter of letters) counts[letter]!++;
  const [a, c, g, u] = counts as unknown as [number, number, number, number];
  return a * u + g * (c + u);
}
