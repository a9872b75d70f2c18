/**
 * The readers of files with a row for each nucleotide: CT and bpseq. A CT
 * structure is any lines of title, of which one begins with the number of rows
 * (CRW's have none), and the rows; further structures may follow. A bpseq file
 * holds one RNA, or several that each begin with row 1 (IPknot).
 */

import { partnerProblem } from '../secondary/structure.ts';
import {
  checkId,
  checkLetters,
  positionNumber,
  withDashes,
  type Line,
  type LineReader,
  type Source,
} from './source.ts';
import { commentedName, firstWord, titleId } from './title.ts';

/** Lines that may stand before a CT structure's rows; a file with more of them is another. */
const LONGEST_CT_HEAD = 64;
// Columns are counted from the left: mfold writes two more on the right.
const CT_COLUMNS = { partner: 4, count: 6 } as const;
const BPSEQ_COLUMNS = { partner: 2, count: 3 } as const;

interface Row {
  readonly line: Line;
  readonly letter: string;
  /** From 1; 0 without one. It may be out of range. */
  readonly partner: number;
}

/** `N [ENERGY = x] title` among lines of title, then N rows `i base i-1 i+1 partner natural`. */
export function ctReader(source: Source): LineReader {
  let head: Line[] = [];
  // What lines of the head say of the number of rows; a title may begin with a number too.
  let counts: number[] = [];
  let rows: Row[] = [];
  // The fourth column of the last row: 0 at the end of a strand.
  let next = '';

  const begin = (line: Line): void => {
    const numbered = head.filter(({ text }) => /^\d+$/.test(firstWord(text)));
    counts = numbered.map(({ text }) => positionNumber(firstWord(text))).filter((count) => count > 0);
    if (numbered.length > 0 && counts.length === 0)
      throw source.refuse(
        numbered[0],
        `a structure of ${firstWord(numbered[0]!.text).slice(0, 20)} rows`,
        'write how many there are, at least one',
      );
    if (head.length === 0)
      throw source.refuse(
        line,
        'not the first line of a CT structure',
        'write the number of rows and a title, and as many rows after it',
      );
  };
  const close = (): void => {
    const counted = head.find(({ text }) => positionNumber(firstWord(text)) === rows.length);
    const id = counted === undefined ? '' : titleId(counted.text.slice(firstWord(counted.text).length));
    emitRows(source, id || source.unnamed(), head[0]!, rows);
    head = [];
    rows = [];
  };
  const add = (line: Line): void => {
    rows.push(checkedRow(source, line, rows.length, CT_COLUMNS));
    next = line.text.split(/\s+/, 4)[3]!;
    if (counts.length > 0 && rows.length >= Math.max(...counts)) close();
  };
  return {
    accept(line) {
      if (line.text.startsWith('#')) return;
      if (rows.length > 0) {
        const isWhole = counts.length === 0 ? next === '0' : counts.includes(rows.length);
        const isNext = (): boolean => firstWord(line.text) === String(rows.length + 1) && looksLikeRow(line.text);
        if (!isWhole || isNext()) {
          add(line);
          return;
        }
        close();
      }
      if (looksLikeRow(line.text)) {
        begin(line);
        add(line);
        return;
      }
      head.push(line);
      if (head.length > LONGEST_CT_HEAD) throw noRows(source, head[0]!);
    },
    finish() {
      if (rows.length === 0) {
        if (head.length > 0) throw noRows(source, head[0]!);
        return;
      }
      const last = rows.at(-1)!.line;
      if (counts.length === 0 && next !== '0')
        throw source.refuse(
          last,
          `the file ends after row ${rows.length}, which is not the last by its fourth column, and no line says how many there are`,
          'add the missing rows, or a first line with the number of rows and a title',
        );
      if (counts.length > 0 && !counts.includes(rows.length))
        throw source.refuse(
          last,
          `the file ends after ${rows.length} of ${Math.max(...counts)} rows`,
          'correct the number in the first line or add the missing rows',
        );
      close();
    },
  };
}

const noRows = (source: Source, head: Line) =>
  source.refuse(
    head,
    'not the first line of a CT structure: no row "1 BASE 0 2 PARTNER 1" follows',
    'write the number of rows and a title, and as many rows after it',
  );

/** Whether a line is the row of a nucleotide and no title. */
function looksLikeRow(text: string): boolean {
  const fields = text.split(/\s+/, CT_COLUMNS.count);
  if (fields.length < CT_COLUMNS.count) return false;
  // A first row with a fault is one too, so that the fault is what is told.
  if (fields[0] === '1' && fields[2] === '0') return true;
  return fields[1]!.length === 1 && [0, 2, 3, 4].every((column) => /^-?\d+$/.test(fields[column]!));
}

/** Rows `i base partner`; `#` comments, and free text before the first row (as CRW writes it). */
export function bpseqReader(source: Source): LineReader {
  let name: string | undefined;
  let comment: string | undefined;
  let rows: Row[] = [];
  // Whether a structure was before this one.
  let isFurther = false;

  const close = (isOneOfSeveral: boolean): void => {
    // IPknot's name is a comment; that of a lone RNA may be any sentence.
    const words = comment?.split(/\s+/) ?? [];
    const commented = isOneOfSeveral || words.length === 1 ? words[0]! : '';
    const id = firstWord(name ?? '') || commented || source.unnamed();
    emitRows(source, id, rows[0]!.line, rows);
    rows = [];
    name = undefined;
    comment = undefined;
    isFurther = true;
  };
  // Comments between two RNAs are the second's, and it is known by its first row.
  let after: string[] = [];
  return {
    accept(line) {
      if (line.text.startsWith('#')) {
        if (rows.length > 0) after.push(line.text);
        else describe(line.text);
        return;
      }
      const index = firstWord(line.text);
      if (rows.length === 0 && !/^\d/.test(line.text)) return;
      if (rows.length > 0 && index === '1') {
        close(true);
        after.forEach(describe);
      }
      after = [];
      rows.push(checkedRow(source, line, rows.length, BPSEQ_COLUMNS));
    },
    finish() {
      if (rows.length > 0) close(isFurther);
    },
  };

  function describe(text: string): void {
    name ??= commentedName(text);
    comment = text.slice(1).trim();
  }
}

/** A row that begins `i base` and has the partner, from 1 or 0, in a column. */
function checkedRow(
  source: Source,
  line: Line,
  index: number,
  { partner: column, count }: { readonly partner: number; readonly count: number },
): Row {
  const fields = line.text.split(/\s+/);
  const partner = fields[column];
  if (fields.length >= count && /^-\d+$/.test(partner!))
    throw source.refuse(
      line,
      `the partner is ${partner!.slice(0, 12)}${partner === '-1' ? ', which CONTRAfold writes where it is not known' : ''}`,
      'write 0 for a nucleotide without a partner',
    );
  if (fields.length < count || !/^\d+$/.test(partner!))
    throw source.refuse(
      line,
      `not a row of ${count} columns with a partner in column ${column + 1}`,
      'correct the row',
    );
  if (fields[0] !== String(index + 1))
    throw source.refuse(
      line,
      `row ${fields[0]!.slice(0, 20)} stands where row ${index + 1} is due`,
      'number the rows from 1',
    );
  const letter = withDashes(fields[1]!);
  if (letter.length !== 1)
    throw source.refuse(line, `"${letter.slice(0, 20)}" is not one letter`, 'give one nucleotide in each row');
  checkLetters(source, line, letter);
  // A number beyond 2^31 is out of range like any other, and is said so where the length is known.
  return { line, letter, partner: Number(partner) };
}

function emitRows(source: Source, id: string, first: Line, rows: readonly Row[]): void {
  checkId(source, first, id);
  const beyond = rows.findIndex(({ partner }) => partner > rows.length);
  if (beyond >= 0)
    throw source.refuse(
      rows[beyond]!.line,
      `position ${beyond + 1} is paired with ${rows[beyond]!.partner}, outside 1 … ${rows.length}`,
      'correct the partners',
    );
  const partners = Int32Array.from(rows, ({ partner }) => partner - 1);
  for (const [i, { line }] of rows.entries()) {
    const problem = partnerProblem(partners, i);
    if (problem) throw source.refuse(line, problem, 'correct the partners');
  }
  const sequence = rows.map(({ letter }) => letter).join('');
  source.emit({ id, sequence, partners, line: first.number, droppedPairs: 0 });
}
