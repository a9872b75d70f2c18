/** Tables of pair probabilities: a line "i j p" for each pair i < j, counted from 1, separated by tabs. */
import type { ScoredPair } from '@rna/structure';
import { writeAtomically } from '../files/files.ts';

export const PAIR_HEADER = 'i\tj\tp\n';

export const pairRow = ({ i, j, probability }: ScoredPair): string =>
  `${i + 1}\t${j + 1}\t${Number(probability.toPrecision(7))}\n`;

const LEAST_PROBABILITY = 1e-4;

/**
 * The pairs of a strict upper triangle that tables list, row by row: those with at least 0.0001 that are `separation`
 * or more apart.
 */
export function* probablePairs(
  probabilities: Float32Array,
  length: number,
  separation = 1,
): Generator<ScoredPair, void, undefined> {
  let index = 0;
  for (let i = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++) {
      const probability = probabilities[index++]!;
      if (j - i >= separation && probability >= LEAST_PROBABILITY) yield { i, j, probability };
    }
  }
}

// Parts of a text that is written are neither lines nor all of a long RNA's.
const ROWS_OF_A_PART = 1000;

/** The table of pairs, some rows at a time. */
export function* pairLines(pairs: Iterable<ScoredPair>): Generator<string, void, undefined> {
  yield PAIR_HEADER;
  let rows: string[] = [];
  for (const pair of pairs) {
    if (rows.push(pairRow(pair)) < ROWS_OF_A_PART) continue;
    yield rows.join('');
    rows = [];
  }
  if (rows.length > 0) yield rows.join('');
}

/** Writes text in parts, whole or not at all. */
export const writeText = (path: string, parts: Iterable<string>): Promise<void> =>
  writeAtomically(path, async (sink) => {
    for (const part of parts) await sink.write(new TextEncoder().encode(part));
  });
