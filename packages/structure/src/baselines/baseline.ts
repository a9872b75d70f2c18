/**
 * What a model must beat: predictors that are fitted in seconds to the same
 * training set and see letters alone. A baseline's predictions are of the kind of
 * its task's head, so the head's own metrics score it. Here is what they share.
 */
import { standardLetters } from '../letters.ts';

export interface Baseline<P> {
  predict(sequence: string): P;
}

/** A, C, G, U as 0 … 3, with T for U and in either case; −1 for any other letter. */
export const nucleotides = (sequence: string): Int8Array =>
  Int8Array.from(standardLetters(sequence), (letter) => 'ACGU'.indexOf(letter));

/**
 * The number of the word of `size` letters that begins at each position, 0 … 4^size − 1; −1 where a letter of it is
 * ambiguous.
 */
export function words(codes: Int8Array, size: number): Int32Array {
  const found = new Int32Array(Math.max(0, codes.length - size + 1)).fill(-1);
  let [word, known] = [0, 0];
  for (const [i, code] of codes.entries()) {
    known = code < 0 ? 0 : known + 1;
    word = (4 * word + Math.max(0, code)) % 4 ** size;
    if (known >= size) found[i - size + 1] = word;
  }
  return found;
}

export function requireExamples(
  caller: string,
  sequences: readonly string[],
  targets: readonly unknown[],
  least: number,
): void {
  if (sequences.length !== targets.length || sequences.length < least) {
    throw new RangeError(
      `${caller}: ${sequences.length} sequences and ${targets.length} targets; as many of both are needed, and at least ${least}`,
    );
  }
}
