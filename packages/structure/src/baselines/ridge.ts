/**
 * Ridge regression for 5′ UTRs: a number, such as the ribosome load, from the
 * letter at each position and the counts of words of three letters in each
 * reading frame, both counted from the 3′ end, where the start codon follows. So
 * it sees a start codon upstream and whether it is in frame. The penalty is
 * chosen by cross-validation on the training set.
 */
import { nucleotides, requireExamples, words, type Baseline } from './baseline.ts';
import { fitSparse, FOLDS, linearValue, RIDGE_PENALTIES } from './sparseRidge.ts';

export interface Ridge extends Baseline<number> {
  readonly penalty: number;
  readonly intercept: number;
  /** [features] */
  readonly weights: Float64Array;
}

// Letters further up do not count in longer sequences; their words do.
const MOST_POSITIONS = 100;
const WORD = 3;
const FRAMES = 3;
const COUNTS = FRAMES * 4 ** WORD;

/** Minimises Σ (y − β0 − Σ β·x)² + penalty · Σ β² over the training set. */
export function fitRidge(
  sequences: readonly string[],
  targets: readonly number[],
  penalties: readonly number[] = RIDGE_PENALTIES,
): Ridge {
  requireExamples('fitRidge', sequences, targets, FOLDS);
  const positions = sequences.reduce((most, { length }) => Math.min(MOST_POSITIONS, Math.max(most, length)), 0);
  const rows = sequences.map((sequence) => features(sequence, positions));
  const solution = fitSparse(rows, targets, COUNTS + 4 * positions, (i) => i % FOLDS, penalties);
  return { ...solution, predict: (sequence) => linearValue(features(sequence, positions), solution) };
}

/** The features of a sequence that are not 0, as often as they count: [COUNTS] words, then [positions][4] letters. */
function features(sequence: string, positions: number): Int32Array {
  const codes = nucleotides(sequence);
  const found: number[] = [];
  words(codes, WORD).forEach((word, i) => {
    if (word >= 0) found.push(((codes.length - i) % FRAMES) * 4 ** WORD + word);
  });
  for (let back = 1; back <= Math.min(positions, codes.length); back++) {
    const code = codes[codes.length - back]!;
    if (code >= 0) found.push(COUNTS + 4 * (back - 1) + code);
  }
  return Int32Array.from(found);
}
