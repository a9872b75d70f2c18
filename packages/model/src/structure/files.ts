/**
 * Structure files: dot-bracket (.dbn), CT, BPSEQ and bpRNA's ST are read; the
 * first three are written. Readers take what the field writes (T or U, lower
 * case, titles, energies, comments, CRLF) and refuse, with file and line, what
 * cannot be a structure. They take text: opening files is the caller's.
 */

import { InputError } from '../errors.ts';
import { findInvalidLetter } from '../tokenizer.ts';
import { dotBracket, parseDotBracket } from './dotBracket.ts';
import { partnerProblem, type Structure } from './structure.ts';

export interface StructureFileOptions {
  /** Accept letters outside IUPAC; `tokenize` reads them as `<unk>`. Default false. */
  readonly allowUnknown?: boolean;
}

interface Line {
  readonly text: string;
  readonly number: number;
}

/** One reading of one file: what all four formats need to name their errors. */
interface Source {
  readonly file: string;
  readonly allowUnknown: boolean;
  readonly lines: readonly Line[];
  refuse(line: Line | undefined, problem: string, remedy: string): InputError;
}

const readers: Record<string, (source: Source) => Structure[]> = {
  dbn: readDotBracket, dot: readDotBracket, db: readDotBracket, dotbracket: readDotBracket, vienna: readDotBracket,
  ct: readCt,
  bpseq: readBpseq,
  st: readSt,
};

/**
 * All structures of a file, by its extension: .dbn (.dot, .db, .dotbracket,
 * .vienna), .ct, .bpseq or .st. `file` is the name that errors give; its stem
 * is the id where the format has none. Throws an InputError for a file without
 * a structure, and for anything malformed or impossible: unbalanced brackets,
 * lengths that differ, a pair out of range, with itself, or named by one side.
 */
export function parseStructureFile(text: string, file: string, { allowUnknown = false }: StructureFileOptions = {}): Structure[] {
  const extension = /\.([^./\\]+)$/.exec(file)?.[1]?.toLowerCase() ?? '';
  const read = readers[extension];
  if (!read) throw new InputError(file, 1, `no structure format has the extension "${extension}"`, 'use .dbn, .ct, .bpseq or .st');
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ text: line.trim(), number: i + 1 }))
    .filter((line) => line.text !== '');
  const structures = read({
    file,
    allowUnknown,
    lines,
    refuse: (line, problem, remedy) => new InputError(file, line?.number ?? 1, problem, remedy),
  });
  if (structures.length === 0) throw new InputError(file, 1, 'no structure in the file', `give at least one in the .${extension} format`);
  return structures;
}

/** A dot-bracket record: `>id`, sequence and brackets on three lines. */
export function writeDotBracket({ id, sequence, partners }: Structure): string {
  return `>${id}\n${sequence}\n${dotBracket(partners)}\n`;
}

/**
 * A CT record, in the very text of RiNALMo's writer: tabs, the id as title, and
 * length + 1, not 0, as the last line's "next".
 */
export function writeCt({ id, sequence, partners }: Structure): string {
  const rows = Array.from(partners, (j, i) => [i + 1, sequence[i], i, i + 2, j + 1, i + 1].join('\t'));
  return `${[`${partners.length}\t${id}`, ...rows].join('\n')}\n`;
}

/** A BPSEQ record, its id in a comment. */
export function writeBpseq({ id, sequence, partners }: Structure): string {
  const rows = Array.from(partners, (j, i) => `${i + 1} ${sequence[i]!} ${j + 1}`);
  return `${[`#Name: ${id}`, ...rows].join('\n')}\n`;
}

/** `>id`, sequence, brackets (RNAfold's energy after them is passed over); or bpRNA's form, with `#Name: id` for the header. */
function readDotBracket(source: Source): Structure[] {
  const structures: Structure[] = [];
  const lineOfId = new Map<string, number>();
  let header: { id: string; line: Line } | undefined;
  let sequence: Line | undefined;
  for (const line of source.lines) {
    const name = line.text.startsWith('>') ? line.text.slice(1) : commentedName(line);
    if (name === undefined && line.text.startsWith('#')) continue;
    if (name !== undefined) {
      if (header) throw source.refuse(header.line, `record "${header.id}" is not complete`, 'give its sequence and its brackets on one line each');
      const id = firstWord(name);
      if (!id) throw source.refuse(line, 'a header without an id', 'write the id after ">"');
      const earlier = lineOfId.get(id);
      if (earlier !== undefined) throw source.refuse(line, `a second record has the id "${id}" (the first is on line ${earlier})`, 'give each record an id of its own');
      lineOfId.set(id, line.number);
      header = { id, line };
    } else if (!header) {
      throw source.refuse(line, 'a record without a header', 'put a line ">ID" before its sequence');
    } else if (!sequence) {
      sequence = line;
    } else {
      const brackets = { ...line, text: line.text.replace(/\s+\(?\s*[-+]?\d+(\.\d*)?\s*\)?$/, '') };
      structures.push(bracketStructure(source, header.id, sequence, brackets));
      header = undefined;
      sequence = undefined;
    }
  }
  if (header) throw source.refuse(header.line, `record "${header.id}" is not complete`, 'give its sequence and its brackets on one line each');
  return structures;
}

/** `#` lines, sequence, brackets; the annotation lines after them repeat what the brackets say. */
function readSt(source: Source): Structure[] {
  const name = source.lines.map(commentedName).find((text) => text !== undefined);
  const [sequence, brackets] = source.lines.filter((line) => !line.text.startsWith('#'));
  if (!sequence) return [];
  if (!brackets) throw source.refuse(sequence, 'a sequence without brackets', 'give the dot-bracket line after it');
  return [bracketStructure(source, firstWord(name ?? '') || stem(source.file), sequence, brackets)];
}

function bracketStructure(source: Source, id: string, sequence: Line, brackets: Line): Structure {
  checkLetters(source, sequence, sequence.text);
  if (sequence.text.length !== brackets.text.length) {
    throw source.refuse(brackets, `"${id}" has ${sequence.text.length} letters but ${brackets.text.length} brackets and dots`, 'make them equal');
  }
  return { id, sequence: sequence.text, partners: parseDotBracket(brackets.text, { file: source.file, line: brackets.number }) };
}

/** `N [ENERGY = x] title`, then N rows `i base i-1 i+1 partner natural`; further structures may follow. */
function readCt(source: Source): Structure[] {
  const lines = source.lines.filter((line) => !line.text.startsWith('#'));
  const structures: Structure[] = [];
  for (let at = 0; at < lines.length; ) {
    const header = lines[at++]!;
    const [, digits, title] = /^(\d+)(?:\s+(.*))?$/.exec(header.text) ?? [];
    const length = Number(digits);
    if (digits === undefined || /^\d+\s+\S\s+\d+\s+\d+\s+\d+\s+\d+$/.test(header.text)) {
      throw source.refuse(header, 'not the first line of a CT structure', 'write the number of rows and a title, and as many rows after it');
    }
    if (length === 0) throw source.refuse(header, 'a structure of 0 rows', 'give at least one');
    const rows = lines.slice(at, at + length);
    if (rows.length < length) {
      throw source.refuse(rows.at(-1) ?? header, `the file ends after ${rows.length} of ${length} rows`, 'correct the number in the first line or add the missing rows');
    }
    at += length;
    const id = firstWord((title ?? '').replace(/^(ENERGY|dG)\s*=\s*\S*/i, '')) || stem(source.file);
    // Columns are counted from the left: mfold writes two more on the right.
    structures.push(rowsStructure(source, id, rows, 4, 6));
  }
  return structures;
}

/** Rows `i base partner`; `#` comments, and free text before the first row (as CRW writes it). */
function readBpseq(source: Source): Structure[] {
  const name = source.lines.map(commentedName).find((text) => text !== undefined);
  const lines = source.lines.filter((line) => !line.text.startsWith('#'));
  const first = lines.findIndex((line) => /^\d/.test(line.text));
  if (first < 0) return [];
  return [rowsStructure(source, firstWord(name ?? '') || stem(source.file), lines.slice(first), 2, 3)];
}

/** A structure of rows that begin `i base` and have the partner, 1-based or 0, in `partnerColumn`. */
function rowsStructure(source: Source, id: string, rows: readonly Line[], partnerColumn: number, columns: number): Structure {
  const partners = new Int32Array(rows.length);
  let sequence = '';
  for (const [i, row] of rows.entries()) {
    const fields = row.text.split(/\s+/);
    const partner = fields[partnerColumn];
    if (fields.length < columns || !/^\d+$/.test(partner!)) {
      throw source.refuse(row, `not a row of ${columns} columns with a partner in column ${partnerColumn + 1}`, 'correct the row');
    }
    if (fields[0] !== String(i + 1)) throw source.refuse(row, `row ${fields[0]!} stands where row ${i + 1} is due`, 'number the rows from 1');
    if (fields[1]!.length !== 1) throw source.refuse(row, `"${fields[1]!}" is not one letter`, 'give one nucleotide in each row');
    checkLetters(source, row, fields[1]!);
    sequence += fields[1]!;
    partners[i] = Number(partner) - 1;
  }
  for (const [i, row] of rows.entries()) {
    const problem = partnerProblem(partners, i);
    if (problem) throw source.refuse(row, problem, 'correct the partners');
  }
  return { id, sequence, partners };
}

function checkLetters(source: Source, line: Line, letters: string): void {
  const invalid = findInvalidLetter(letters, source.allowUnknown);
  if (invalid >= 0) {
    throw source.refuse(
      line,
      `"${letters[invalid]!}" is not a nucleotide code (A C G T U, IUPAC's ambiguity codes, I, -)`,
      'correct it, or allow unknown letters to have it read as <unk>',
    );
  }
}

function commentedName(line: Line): string | undefined {
  return /^#\s*Name:(.*)$/i.exec(line.text)?.[1];
}

function firstWord(text: string): string {
  return text.trim().split(/\s+/)[0]!;
}

function stem(file: string): string {
  return file.replace(/^.*[/\\]/, '').replace(/\.[^.]*$/, '');
}
