/**
 * What a person knows of a structure beforehand, as a line of characters, one a
 * position, in the letters of ViennaRNA's: `.` (or `?`) anything, `x` unpaired,
 * `|` paired, `<` paired with a later position, `>` with an earlier one, and
 * `(` `)` paired with each other. All are obeyed in every structure.
 */
import { InputError } from '../errors.ts';
import { isCanonicalPair } from '../secondary/decode.ts';

/** Bits of `FoldingConstraint.may`. */
export const MAY = { beUnpaired: 1, open: 2, close: 4 } as const;
const ANYTHING = MAY.beUnpaired | MAY.open | MAY.close;

export interface FoldingConstraint {
  /** [length]: what a position may be, bits of `MAY`. */
  readonly may: Uint8Array;
  /** [length]: the partner that a position must have, -1 where none is prescribed. */
  readonly partners: Int32Array;
}

export function unconstrained(length: number): FoldingConstraint {
  return { may: new Uint8Array(length).fill(ANYTHING), partners: new Int32Array(length).fill(-1) };
}

const MEANING: Readonly<Record<string, number>> = {
  '.': ANYTHING,
  '?': ANYTHING,
  x: MAY.beUnpaired,
  '|': MAY.open | MAY.close,
  '<': MAY.open,
  '>': MAY.close,
  '(': MAY.open,
  ')': MAY.close,
};

/**
 * Reads the constraint of a sequence. Throws an InputError, for the file and
 * line given, for another length, an unknown character, an unbalanced bracket
 * or a bracketed pair of letters that cannot pair.
 */
export function parseFoldingConstraint(
  text: string,
  sequence: string,
  source: { file: string; line: number } = { file: 'constraint', line: 1 },
): FoldingConstraint {
  const refuse = (problem: string, remedy: string) => new InputError(source.file, source.line, problem, remedy);
  if (text.length !== sequence.length)
    throw refuse(
      `a constraint of ${text.length} characters for ${sequence.length} nucleotides`,
      'give one character a nucleotide',
    );
  const { may, partners } = unconstrained(text.length);
  const open: number[] = [];
  for (const [i, character] of [...text].entries()) {
    const meaning = MEANING[character];
    if (meaning === undefined)
      throw refuse(
        `${JSON.stringify(character)} at position ${i + 1} is no character of a constraint`,
        'use . x | < > ( )',
      );
    may[i] = meaning;
    if (character === '(') open.push(i);
    if (character !== ')') continue;
    const partner = open.pop();
    if (partner === undefined) throw refuse(`")" at position ${i + 1} closes no "("`, 'correct the brackets');
    const letters = [sequence[partner]!.toUpperCase(), sequence[i]!.toUpperCase()] as const;
    if (!isCanonicalPair(...letters))
      throw refuse(
        `positions ${partner + 1} and ${i + 1} are to pair, but ${letters.join(' and ')} cannot`,
        'bracket A with U, C with G or G with U',
      );
    partners[i] = partner;
    partners[partner] = i;
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) throw refuse(`"(" at position ${unclosed + 1} is never closed`, 'correct the brackets');
  return { may, partners };
}
