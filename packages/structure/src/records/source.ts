/**
 * What the readers of structure files share: a line, what a reader gives, and
 * how it refuses one. A reader is given lines one by one and so needs no whole
 * file; files.ts runs them.
 */

import { readable, type InputError } from '../errors.ts';
import { findInvalidLetter } from '../tokenizer.ts';
import { idProblem } from './title.ts';

export interface Line {
  /** Without blanks at its ends. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** An RNA of a file. */
export interface FileRecord {
  readonly id: string;
  /** The letters as written, with `-` for each gap. */
  readonly sequence: string;
  /** [length], if the file has a structure for it. */
  readonly partners?: Int32Array;
  /** The line that it begins on, counted from 1. */
  readonly line: number;
  /** Pairs of an alignment's consensus that have no second nucleotide here. */
  readonly droppedPairs: number;
}

/** One reading of one file: what all formats need to name their errors. */
export interface Source {
  readonly file: string;
  readonly allowUnknown: boolean;
  readonly allowRepeatedIds: boolean;
  readonly emit: (record: FileRecord) => void;
  /** The id of a record that has none: the file's stem, with a number from the second on. */
  readonly unnamed: () => string;
  refuse(line: Pick<Line, 'number'> | undefined, problem: string, remedy: string): InputError;
}

/** Takes a file's lines, those that are not blank unless it asks for them, and then its end. */
export interface LineReader {
  readonly takesBlankLines?: boolean;
  accept(line: Line): void;
  finish(): void;
}

/** An id as a message names it. */
export const quotedId = (id: string): string => `"${readable(id, 80)}"`;

/** Gaps as one letter: alignments write `.` or `-`. */
export const withDashes = (letters: string): string => letters.replaceAll('.', '-');

/** Refuses letters that no nucleotide has. */
export function checkLetters(source: Source, line: Pick<Line, 'number'>, letters: string): void {
  const invalid = findInvalidLetter(letters, source.allowUnknown);
  if (invalid < 0) return;
  const letter = String.fromCodePoint(letters.codePointAt(invalid)!);
  throw source.refuse(
    line,
    `"${letter}" is not a nucleotide code (A C G T U, IUPAC's ambiguity codes, I, -)`,
    letter === '&'
      ? 'it joins two strands; give each strand a record of its own'
      : 'correct it; where unknown letters are allowed it is read as <unk>',
  );
}

/** Refuses an id that cannot be seen. */
export function checkId(source: Source, line: Pick<Line, 'number'>, id: string): void {
  const wrong = idProblem(id);
  if (wrong !== undefined) throw source.refuse(line, wrong.problem, wrong.remedy);
}

/** The number that digits write, NaN for another text and for a number that a position cannot have (2^31 or more). */
export function positionNumber(text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  return value < 2 ** 31 ? value : NaN;
}
