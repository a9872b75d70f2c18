/**
 * A streaming FASTA reader. It takes text in chunks of any size (a file, a
 * download, a string in an array) and gives records one by one; it holds one
 * record and the ids seen so far, never the file.
 *
 * Accepted as the field writes it: CRLF, wrapped lines, blank lines, blanks
 * inside a sequence, a byte-order mark, `;` comment lines (as in the first
 * FASTA; as a header they are not accepted), lower case, T or U. Refused with
 * an `InputError`: anything that would have to be guessed.
 */

import { InputError } from '../errors.ts';
import { splitLines } from './lines.ts';
import { findInvalidLetter } from '../tokenizer.ts';

export interface FastaRecord {
  /** The header's first word. */
  readonly id: string;
  /** The rest of the header, '' if there is none. */
  readonly description: string;
  /** The letters as written, without blanks and line ends. */
  readonly sequence: string;
  /** Line of the header, from 1. */
  readonly line: number;
}

export interface FastaOptions {
  /** The name that errors give. */
  readonly file: string;
  /** Accept letters outside IUPAC; `tokenize` reads them as `<unk>`. Default false. */
  readonly allowUnknown?: boolean;
  /** Accept records with one id, and so hold no ids. Default false. */
  readonly allowRepeatedIds?: boolean;
}

/**
 * Reads FASTA text. Throws an InputError for an empty file, a missing header,
 * a header without id, an empty record, a letter outside IUPAC (A C G T U, the
 * ambiguity codes, I for inosine, `-`), a digit, or two records with one id.
 */
export async function* parseFasta(
  chunks: AsyncIterable<string> | Iterable<string>,
  { file, allowUnknown = false, allowRepeatedIds = false }: FastaOptions,
): AsyncGenerator<FastaRecord, void, undefined> {
  const lineOfId = new Map<string, number>();
  let header: { id: string; description: string; line: number } | undefined;
  let parts: string[] = [];
  let line = 0;

  const finish = (): FastaRecord | undefined => {
    if (!header) return undefined;
    if (parts.length === 0) {
      throw new InputError(
        file,
        header.line,
        `record "${header.id}" has no sequence`,
        'add its letters or remove its header',
      );
    }
    const record = { ...header, sequence: parts.join('') };
    parts = [];
    return record;
  };

  const open = (text: string) => {
    const [, word, description] = /^>\s*(\S*)\s*([^]*?)\s*$/.exec(text)!;
    // A copy: a substring would keep its whole chunk alive as long as the id is remembered.
    const id = Array.from(word!).join('');
    if (id === '') throw new InputError(file, line, 'a header without an id', 'write the id after ">"');
    const earlier = lineOfId.get(id);
    if (earlier !== undefined) {
      throw new InputError(
        file,
        line,
        `a second record has the id "${id}" (the first is on line ${earlier})`,
        'give each record an id of its own',
      );
    }
    if (!allowRepeatedIds) lineOfId.set(id, line);
    header = { id, description: description!, line };
  };

  /** Takes one line; gives the record that it ends, if any. */
  const accept = (raw: string): FastaRecord | undefined => {
    line++;
    const text = line === 1 && raw.startsWith('\uFEFF') ? raw.slice(1) : raw;
    if (text.startsWith('>')) {
      const record = finish();
      open(text);
      return record;
    }
    const letters = text.replace(/\s+/g, '');
    if (letters === '' || text.startsWith(';')) return undefined;
    if (!header) throw new InputError(file, line, 'a sequence without a header', 'put a line ">ID" before it');
    const invalid = findInvalidLetter(letters, allowUnknown);
    if (invalid >= 0) {
      throw new InputError(
        file,
        line,
        `"${letters[invalid]}" in record "${header.id}" is not a nucleotide code (A C G T U, IUPAC's ambiguity codes, I, -)`,
        /[0-9>]/.test(letters[invalid]!)
          ? 'remove it'
          : 'correct it; where unknown letters are allowed it is read as <unk>',
      );
    }
    parts.push(letters);
    return undefined;
  };

  for await (const lines of splitLines(chunks)) {
    for (const rawLine of lines) {
      const record = accept(rawLine);
      if (record) yield record;
    }
  }
  const last = finish();
  if (!last)
    throw new InputError(file, 1, 'no record in the file', 'give at least one, as ">ID" and a line of letters');
  yield last;
}
