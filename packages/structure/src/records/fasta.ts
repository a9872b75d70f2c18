/**
 * A streaming FASTA reader. It takes text in chunks of any size (a file, a
 * download, a string in an array) and gives records one by one; it holds one
 * record and the ids seen so far, never the file.
 *
 * Accepted as the field writes it: line ends of any kind, wrapped lines, blank
 * lines, blanks inside a sequence, a byte-order mark, `;` comment lines (as in
 * the first FASTA; as a header they are not accepted), lower case, T or U, `.`
 * or `-` for a gap. Refused with an `InputError`: anything that would have to
 * be guessed.
 */

import { InputError } from '../errors.ts';
import { findInvalidLetter } from '../tokenizer.ts';
import { fileStem, recordFormat } from './fileNames.ts';
import { LONGEST_LINE, splitLines } from './lines.ts';
import { quotedId, withDashes } from './source.ts';
import { firstWord, idProblem } from './title.ts';

export interface FastaRecord {
  /** The header's first word. */
  readonly id: string;
  /** The rest of the header, '' if there is none. */
  readonly description: string;
  /** The letters as written, without blanks and line ends, with `-` for each gap. */
  readonly sequence: string;
  /** Line of the header, from 1. */
  readonly line: number;
}

export interface FastaOptions {
  /** The name that errors give. */
  readonly file: string;
  /** Line of the file that the text begins with, where it is a part of one. Default 1. */
  readonly firstLine?: number;
  /** Accept letters outside IUPAC; `tokenize` reads them as `<unk>`. Default false. */
  readonly allowUnknown?: boolean;
  /** Accept records with one id, and so hold no ids. Default false. */
  readonly allowRepeatedIds?: boolean;
  /**
   * Read lines before the first header as sequences, a record each, named by the file: `rnas`, `rnas-2`, … By default
   * the first is refused.
   */
  readonly allowUnnamed?: boolean;
  /**
   * Leave out a record that cannot be read (an invalid letter, no letters, no id or one that another record has) and go
   * on: it is called with the first error of each. By default that error is thrown.
   */
  readonly onBadRecord?: (error: InputError) => void;
}

/**
 * Reads FASTA text. Throws an InputError for an empty file, a missing header,
 * a header without id, an empty record, a letter outside IUPAC (A C G T U, the
 * ambiguity codes, I for inosine, `-`), a digit, two records with one id, and
 * for what is no FASTA: brackets under a sequence, a web page, a packed file.
 */
export async function* parseFasta(
  chunks: AsyncIterable<string> | Iterable<string>,
  {
    file,
    firstLine = 1,
    allowUnknown = false,
    allowRepeatedIds = false,
    allowUnnamed = false,
    onBadRecord,
  }: FastaOptions,
): AsyncGenerator<FastaRecord, void, undefined> {
  const lineOfId = new Map<string, number>();
  let header: { id: string; description: string; line: number } | undefined;
  let parts: string[] = [];
  let length = 0;
  let line = firstLine - 1;
  // Records without a header so far, while no header was met.
  let unnamed: number | undefined = 0;
  // Whether the record that is being read is left out.
  let isBad = false;

  const leaveOut = (at: number, problem: string, remedy: string): void => {
    if (isBad) return;
    const error = new InputError(file, at, problem, remedy);
    if (onBadRecord === undefined) throw error;
    isBad = true;
    parts = [];
    onBadRecord(error);
  };

  const finish = (): FastaRecord | undefined => {
    if (!header) return undefined;
    if (parts.length === 0)
      leaveOut(header.line, `record ${quotedId(header.id)} has no sequence`, 'add its letters or remove its header');
    const record = isBad ? undefined : { ...header, sequence: parts.join('') };
    parts = [];
    length = 0;
    return record;
  };

  const open = (text: string): void => {
    const title = text.slice(1).trim();
    const word = firstWord(title);
    // A copy: a substring would keep its whole chunk alive as long as the id is remembered.
    const id = Array.from(word).join('');
    header = { id, description: title.slice(word.length).trim(), line };
    isBad = false;
    const wrong = idProblem(id);
    if (wrong !== undefined) {
      leaveOut(line, wrong.problem, wrong.remedy);
      return;
    }
    const earlier = lineOfId.get(id);
    if (earlier !== undefined)
      leaveOut(
        line,
        `a second record has the id ${quotedId(id)} (the first is on line ${earlier})`,
        'give each record an id of its own',
      );
    else if (!allowRepeatedIds) lineOfId.set(id, line);
  };

  const add = (letters: string, { id }: { readonly id: string }): void => {
    if (parts.length > 0 && isMostlyBrackets(letters))
      throw new InputError(
        file,
        line,
        `record ${quotedId(id)} has brackets under its sequence: this is a file of structures, not FASTA`,
        // A caller that reads FASTA alone may be given a file of any name.
        (recordFormat(file) ?? 'fasta') === 'fasta' ? 'give it the extension .dbn' : 'give the sequences alone',
      );
    if (isBad) return;
    const invalid = findInvalidLetter(letters, allowUnknown);
    if (invalid >= 0) {
      const letter = String.fromCodePoint(letters.codePointAt(invalid)!);
      leaveOut(
        line,
        `"${letter}" in record ${quotedId(id)} is not a nucleotide code (A C G T U, IUPAC's ambiguity codes, I, -)`,
        /[0-9>]/.test(letter) ? 'remove it' : 'correct it; where unknown letters are allowed it is read as <unk>',
      );
      return;
    }
    parts.push(letters);
    length += letters.length;
    if (length > LONGEST_LINE)
      throw new InputError(file, line, `record ${quotedId(id)} has more than ${LONGEST_LINE} letters`, 'cut it');
  };

  /** Takes one line; gives the record that it ends, if any. */
  const accept = (text: string): FastaRecord | undefined => {
    line++;
    if (text.startsWith('>')) {
      const record = finish();
      unnamed = undefined;
      open(text);
      return record;
    }
    if (text.startsWith(';')) return undefined;
    const letters = withDashes(text.replace(/\s+/g, ''));
    if (letters === '') return undefined;
    if (unnamed === undefined) {
      add(letters, header!);
      return undefined;
    }
    if (!allowUnnamed) throw new InputError(file, line, 'a sequence without a header', 'put a line ">ID" before it');
    const record = finish();
    const name = fileStem(file).replaceAll(/\s+/g, '_');
    open(`>${++unnamed === 1 ? name : `${name}-${unnamed}`}`);
    add(letters, header!);
    return record;
  };

  for await (const lines of splitLines(chunks, file)) {
    for (const text of lines) {
      const record = accept(text);
      if (record) yield record;
    }
  }
  const last = finish();
  if (!header)
    throw new InputError(file, 1, 'no record in the file', 'give at least one, as ">ID" and a line of letters');
  if (last) yield last;
}

/** Whether a line says how positions pair: it has brackets, and at least half of it are brackets and gaps. */
function isMostlyBrackets(letters: string): boolean {
  const brackets = letters.match(/[()[\]{}<>]/g)?.length ?? 0;
  return brackets > 0 && 2 * (brackets + (letters.match(/-/g)?.length ?? 0)) >= letters.length;
}
