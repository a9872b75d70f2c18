/** Tables of pair probabilities: a line "i j p" for each pair i < j, counted from 1, separated by tabs. */
import type { ScoredPair } from '@rna/structure';
import { writeAtomically } from '../files/files.ts';

export const PAIR_HEADER = 'i\tj\tp\n';

export const pairRow = ({ i, j, probability }: ScoredPair): string =>
  `${i + 1}\t${j + 1}\t${Number(probability.toPrecision(7))}\n`;

const LEAST_PROBABILITY = 1e-4;

/**
 * The table of a strict upper triangle, a row of pairs at a time: those with at least 0.0001 that are `separation` or
 * more apart.
 */
export function* pairLines(
  probabilities: Float32Array,
  length: number,
  separation = 1,
): Generator<string, void, undefined> {
  yield PAIR_HEADER;
  let index = 0;
  for (let i = 0; i < length; i++) {
    let lines = '';
    for (let j = i + 1; j < length; j++) {
      const probability = probabilities[index++]!;
      if (j - i >= separation && probability >= LEAST_PROBABILITY) lines += pairRow({ i, j, probability });
    }
    if (lines !== '') yield lines;
  }
}

/** Writes text in parts, whole or not at all. */
export const writeText = (path: string, parts: Iterable<string>): Promise<void> =>
  writeAtomically(path, async (sink) => {
    for (const part of parts) await sink.write(new TextEncoder().encode(part));
  });
