/**
 * The 22-token vocabulary that RiNALMo and SSR-LM share, one token per letter.
 * `tokenize` adds `<cls>` and `<eos>`; nothing is padded, sequences are packed
 * (packing.ts). A special token is never parsed out of text: `<mask>` in a
 * sequence is six letters, and masks are made by writing `TOKEN.mask`.
 *
 * Source: RiNALMo's alphabet (Penić et al. 2024, appendix A).
 */

export const VOCABULARY = [
  '<cls>',
  '<pad>',
  '<eos>',
  '<unk>',
  '<mask>',
  'A',
  'C',
  'G',
  'T',
  'I',
  'R',
  'Y',
  'K',
  'M',
  'S',
  'W',
  'B',
  'D',
  'H',
  'V',
  'N',
  '-',
] as const;

/** Ids of the tokens that code refers to by name. `I` is inosine; `T` stands for U as well. */
export const TOKEN = { cls: 0, pad: 1, eos: 2, unk: 3, mask: 4, A: 5, C: 6, G: 7, T: 8, I: 9, N: 20, gap: 21 } as const;

const FIRST_LETTER = TOKEN.A;

const idOfLetter = new Map<string, number>();
for (const [id, token] of VOCABULARY.entries()) {
  if (id < FIRST_LETTER) continue;
  // Only ASCII has a lower case here: JavaScript's toUpperCase would turn one 'ß' into two letters S.
  for (const letter of [token, token.toLowerCase()]) idOfLetter.set(letter, id);
}
for (const uracil of 'Uu') idOfLetter.set(uracil, TOKEN.T);

/**
 * Token ids of a sequence, `<cls>` first and `<eos>` last: [letters + 2].
 * Case is ignored, U is read as T, any other character becomes `<unk>`.
 */
export function tokenize(sequence: string): Uint32Array {
  const ids: number[] = [TOKEN.cls];
  for (const letter of sequence) ids.push(idOfLetter.get(letter) ?? TOKEN.unk);
  ids.push(TOKEN.eos);
  return Uint32Array.from(ids);
}

/**
 * The text of token ids, upper-case with T for U. `<cls>`, `<eos>` and `<pad>`
 * leave no trace; `<unk>` and `<mask>` are written by name. Throws a
 * RangeError for an id outside the vocabulary.
 */
export function detokenize(tokens: Iterable<number>): string {
  let text = '';
  for (const id of tokens) {
    const token = VOCABULARY[id];
    if (token === undefined)
      throw new RangeError(`detokenize: no token has id ${id}; ids are 0 … ${VOCABULARY.length - 1}`);
    if (id !== TOKEN.cls && id !== TOKEN.eos && id !== TOKEN.pad) text += token;
  }
  return text;
}

/**
 * Index of the first character of `sequence` that a reader refuses, or -1:
 * what is not an IUPAC nucleotide code, inosine or a gap. With `allowUnknown`
 * only digits, `>` and control characters are refused, which mean a broken file,
 * not a rare letter.
 */
export function findInvalidLetter(sequence: string, allowUnknown = false): number {
  return sequence.search(allowUnknown ? /[0-9>\p{Cc}]/u : /[^ACGTURYKMSWBDHVNI-]/i);
}
