/**
 * RDAT, the format of the RNA Mapping Database (Cordero et al. 2012): reactivities of nucleotides to one or more
 * chemical modifiers, a row for each RNA or experiment. Read are the sequence (SEQUENCE, or a row's own in its
 * annotation, or a mutant of the former), SEQPOS with OFFSET, the modifier and REACTIVITY; errors, traces and comments
 * are passed over.
 */
import { InputError, readable } from '../errors.ts';
import { findInvalidLetter } from '../tokenizer.ts';
import { fileStem } from './fileNames.ts';
import { splitLines } from './lines.ts';

/** A row of reactivities. */
export interface ReactivityRow {
  /** The file's name and the number of the row, as `ETERNA_R69_0000:12`. */
  readonly id: string;
  /** As it is written. */
  readonly sequence: string;
  /** As the file names it, such as 1M7 or DMS; undefined where it does not. */
  readonly modifier?: string;
  /** [sequence.length]; NaN where nothing was measured. */
  readonly values: Float64Array;
  readonly line: number;
}

interface Words {
  readonly words: readonly string[];
  readonly line: number;
}

/** What a file says before its rows can be made of it. */
interface Entries {
  sequence?: { readonly text: string; readonly line: number };
  offset: number;
  positions?: Words;
  readonly annotation: string[];
  readonly rowAnnotations: Map<string, string[]>;
  readonly rows: Map<string, Words>;
}

/**
 * The rows of a file's text, in order. A row without reads, or of nothing but zeros, was not measured and has no values.
 * @throws InputError for a file without reactivities, rows of another number of values than positions, positions outside
 *   of the sequence or on another letter of it, and for a row without a sequence.
 */
export async function parseRdat(
  chunks: AsyncIterable<string> | Iterable<string>,
  file: string,
): Promise<ReactivityRow[]> {
  const entries: Entries = { offset: 0, annotation: [], rowAnnotations: new Map(), rows: new Map() };
  let line = 0;
  for await (const lines of splitLines(chunks, file)) for (const text of lines) accept(entries, text, ++line, file);
  if (entries.rows.size === 0)
    throw new InputError(file, Math.max(1, line), 'no row of reactivities (REACTIVITY:1 …)', 'give an RDAT file');
  return [...entries.rows].map(([number, row]) => rowOf(entries, number, row, file));
}

function accept(entries: Entries, text: string, line: number, file: string): void {
  const words = text.split(/[\t ]/).filter((word) => word !== '');
  const [first = '', ...rest] = words;
  const [key = '', number = ''] = first.split(':', 2);
  // Annotations hold blanks, and are parted by tabs; where there is no tab, each begins with a key and a colon.
  const annotations = (): string[] =>
    text.includes('\t')
      ? text
          .split('\t')
          .slice(1)
          .map((each) => each.trim())
          .filter((each) => each !== '')
      : rest.reduce<string[]>((found, word) => {
          if (word.includes(':') || found.length === 0) found.push(word);
          else found.push(`${found.pop()!} ${word}`);
          return found;
        }, []);
  switch (key) {
    case 'SEQUENCE':
      if (rest.length > 0) entries.sequence = { text: rest.join(''), line };
      break;
    case 'OFFSET':
      entries.offset = wholeNumber(rest[0] ?? '', 'OFFSET', line, file);
      break;
    case 'SEQPOS':
      entries.positions = { words: rest, line };
      break;
    case 'ANNOTATION':
      entries.annotation.push(...annotations());
      break;
    case 'ANNOTATION_DATA':
      if (!entries.rowAnnotations.has(number)) entries.rowAnnotations.set(number, []);
      entries.rowAnnotations.get(number)!.push(...annotations());
      break;
    case 'REACTIVITY':
      if (entries.rows.has(number))
        throw new InputError(file, line, `the row ${readable(number)} is there twice`, 'remove one of them');
      entries.rows.set(number, { words: rest, line });
      break;
  }
}

function wholeNumber(text: string, what: string, line: number, file: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InputError(file, line, `${what} is "${readable(text)}"`, 'give a whole number');
  return value;
}

/** The value of the last annotation of a key, such as `modifier:1M7`. */
const annotated = (annotations: readonly string[], key: string): string | undefined =>
  annotations.findLast((each) => each.toLowerCase().startsWith(`${key}:`))?.slice(key.length + 1);

function rowOf(entries: Entries, number: string, { words, line }: Words, file: string): ReactivityRow {
  const own = entries.rowAnnotations.get(number) ?? [];
  const modifier = annotated(own, 'modifier') ?? annotated(entries.annotation, 'modifier');
  const sequence = sequenceOf(entries, own, line, file);
  const { positions } = entries;
  if (positions === undefined)
    throw new InputError(file, line, 'the file has no SEQPOS', 'give the positions of the values');
  if (positions.words.length !== words.length)
    throw new InputError(
      file,
      line,
      `${words.length} values for the ${positions.words.length} positions of SEQPOS (line ${positions.line})`,
      'give a value for each position; nan for one that is not known',
    );
  const values = new Float64Array(sequence.length).fill(NaN);
  const construct = entries.sequence?.text ?? sequence;
  const isMeasured = annotated(own, 'reads') !== '0' && words.some((word) => Number(word) !== 0);
  const seen = new Set<number>();
  words.forEach((word, i) => {
    const at = positionOf(positions.words[i]!, entries, construct, positions.line, file);
    if (seen.size === seen.add(at).size)
      throw new InputError(
        file,
        positions.line,
        `the position ${readable(positions.words[i]!)} is there twice`,
        'name each position once',
      );
    const value = valueOf(word);
    if (value === undefined)
      throw new InputError(file, line, `"${readable(word)}" is no number`, 'correct it, or write nan');
    // Rows with sequences of their own may be shorter than the longest.
    if (isMeasured && at < values.length) values[at] = value;
  });
  return { id: `${fileStem(file)}:${number}`, sequence, ...(modifier !== undefined && { modifier }), values, line };
}

/** A value as decimals, or NaN where nan stands; undefined for another text. */
function valueOf(word: string): number | undefined {
  if (word.toLowerCase() === 'nan') return NaN;
  const value = Number(word);
  return Number.isFinite(value) && !/^0[box]/i.test(word) ? value : undefined;
}

/** The place in the sequence, from 0, of a position such as `72`, `G72` or `g-14`. */
function positionOf(word: string, { offset }: Entries, construct: string, line: number, file: string): number {
  const letter = /^[A-Za-z]/.test(word) ? word[0]!.toUpperCase() : 'X';
  const at =
    wholeNumber(/^[A-Za-z]/.test(word) ? word.slice(1) : word, 'a position of SEQPOS', line, file) - offset - 1;
  const there = construct[at]?.toUpperCase();
  if (there === undefined)
    throw new InputError(
      file,
      line,
      `the position ${readable(word)} with OFFSET ${offset} is outside of the ${construct.length} nucleotides`,
      'correct SEQPOS or OFFSET',
    );
  const isAny = [letter, there].some((each) => each === 'X' || each === 'N');
  if (!isAny && letter.replace('T', 'U') !== there.replace('T', 'U'))
    throw new InputError(
      file,
      line,
      `the position ${readable(word)} with OFFSET ${offset} is on ${there} in the sequence`,
      'correct SEQPOS or OFFSET',
    );
  return at;
}

/** A row's own sequence, or the file's with the row's mutations. An X in a mutation, any other letter, becomes N. */
function sequenceOf(entries: Entries, own: readonly string[], line: number, file: string): string {
  const { sequence: whole, offset } = entries;
  const letters = [...(annotated(own, 'sequence') ?? whole?.text ?? '')];
  const mutations = own
    .filter((each) => each.toLowerCase().startsWith('mutation:'))
    .flatMap((each) => each.slice('mutation:'.length).split(','))
    .filter((each) => each.toUpperCase() !== 'WT');
  if (annotated(own, 'sequence') === undefined) {
    for (const mutation of mutations) {
      const [, from = '', at = '', to = ''] = /^([A-Za-z])(-?\d+)([A-Za-z])$/.exec(mutation.trim()) ?? [];
      const index = Number(at) - offset - 1;
      if (from === '' || letters[index]?.toUpperCase().replace('T', 'U') !== from.toUpperCase().replace('T', 'U'))
        throw new InputError(
          file,
          line,
          `the mutation ${readable(mutation)} does not fit the sequence`,
          'give the sequence of the row (sequence:…)',
        );
      letters[index] = to.toUpperCase() === 'X' ? 'N' : to;
    }
  }
  const sequence = letters.join('');
  if (sequence === '' || /^x+$/i.test(sequence))
    throw new InputError(file, line, 'the row has no sequence', 'give SEQUENCE, or sequence:… in ANNOTATION_DATA');
  const invalid = findInvalidLetter(sequence);
  if (invalid >= 0)
    throw new InputError(
      file,
      line,
      `"${readable(sequence[invalid]!)}" is not a nucleotide code`,
      'correct the sequence of the row',
    );
  return sequence;
}
