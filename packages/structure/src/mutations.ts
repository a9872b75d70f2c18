/**
 * Variants of a sequence: substitutions as `A12G` writes them, positions counted
 * from 1, several with `:` or `,` between them, or whole sequences. T and U are
 * one letter, and case does not count. Insertions and deletions are no
 * substitutions and are refused.
 */
import { standardLetters } from './letters.ts';
import { findInvalidLetter } from './tokenizer.ts';

/** A substitution. Letters are upper case with U for T. */
export interface Mutation {
  /** From 0. */
  readonly position: number;
  readonly from: string;
  readonly to: string;
}

/** A variant that does not fit its wild type. The message says what was found and what was expected. */
export class MutationError extends Error {
  override readonly name = 'MutationError';
}

/**
 * Reads `A12G:C15U` (or with commas) against the wild type. An empty text is the wild type itself. The mutations come
 * in the order of their positions.
 * @throws MutationError for a text of another form, a position outside of the sequence, a letter that is not the wild
 * type's, and a position that is named twice.
 */
export function parseMutations(text: string, wildType: string): Mutation[] {
  const letters = standardLetters(wildType);
  const found = new Map<number, Mutation>();
  for (const part of text.trim() === '' ? [] : text.split(/[:,]/)) {
    const match = /^([A-Za-z])(\d{1,9})([A-Za-z])$/.exec(part.trim());
    if (match === null)
      throw new MutationError(`"${clip(part)}" is no substitution; write it as A12G, several with colons between them`);
    const [from, to] = [standardLetters(match[1]!), standardLetters(match[3]!)];
    const position = Number(match[2]) - 1;
    const here = letters[position];
    if (here === undefined)
      throw new MutationError(`${part.trim()} lies outside of the wild type, which has ${letters.length} nucleotides`);
    if (findInvalidLetter(to) >= 0) throw new MutationError(`${part.trim()}: "${to}" is no nucleotide`);
    if (here !== from)
      throw new MutationError(`${part.trim()}: nucleotide ${position + 1} of the wild type is ${here}, not ${from}`);
    if (found.has(position)) throw new MutationError(`position ${position + 1} is mutated twice in "${clip(text)}"`);
    found.set(position, { position, from, to });
  }
  return [...found.values()].sort((a, b) => a.position - b.position);
}

/**
 * The substitutions that make `variant` out of the wild type.
 * @throws MutationError if their lengths differ, or for a letter that is no nucleotide.
 */
export function mutationsBetween(wildType: string, variant: string): Mutation[] {
  const [from, to] = [standardLetters(wildType), standardLetters(variant)];
  if (from.length !== to.length) {
    throw new MutationError(
      `the variant has ${to.length} nucleotides and the wild type ${from.length}; only substitutions are scored`,
    );
  }
  const odd = findInvalidLetter(to);
  if (odd >= 0) throw new MutationError(`"${to[odd]!}" at position ${odd + 1} is no nucleotide`);
  return [...from].flatMap((letter, position) =>
    letter === to[position] ? [] : [{ position, from: letter, to: to[position]! }],
  );
}

/** The variant as a sequence, upper case with U for T. */
export function applyMutations(wildType: string, mutations: readonly Mutation[]): string {
  const letters = [...standardLetters(wildType)];
  for (const { position, to } of mutations) letters[position] = to;
  return letters.join('');
}

/** `A12G:C15U`; empty for the wild type. */
export function formatMutations(mutations: readonly Mutation[]): string {
  return mutations.map(({ position, from, to }) => `${from}${position + 1}${to}`).join(':');
}

/** Every substitution of A, C, G or U by another of them, position by position. Other letters are left alone. */
export function singleMutations(wildType: string): Mutation[] {
  return [...standardLetters(wildType)].flatMap((from, position) =>
    'ACGU'.includes(from) ? [...'ACGU'].filter((to) => to !== from).map((to) => ({ position, from, to })) : [],
  );
}

const clip = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
