/**
 * What the readers of structure files share: a line, what a reader gives, and
 * how it refuses one. A reader is given lines one by one and so needs no whole
 * file; files.ts runs them.
 */

import type { InputError } from '../errors.ts';
import { findInvalidLetter } from '../tokenizer.ts';

export interface Line {
  /** Without blanks at its ends. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** An RNA of a file. */
export interface FileRecord {
  readonly id: string;
  readonly sequence: string;
  /** [length], if the file has a structure for it. */
  readonly partners?: Int32Array;
  /** Of its first line, from 1. */
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
  refuse(line: Pick<Line, 'number'> | undefined, problem: string, remedy: string): InputError;
}

/** Takes a file's lines, those that are not blank unless it asks for them, and then its end. */
export interface LineReader {
  readonly takesBlankLines?: boolean;
  accept(line: Line): void;
  finish(): void;
}

/** Refuses letters that no nucleotide has. */
export function checkLetters(source: Source, line: Pick<Line, 'number'>, letters: string): void {
  const invalid = findInvalidLetter(letters, source.allowUnknown);
  if (invalid >= 0) {
    throw source.refuse(
      line,
      `"${letters[invalid]!}" is not a nucleotide code (A C G T U, IUPAC's ambiguity codes, I, -)`,
      'correct it; where unknown letters are allowed it is read as <unk>',
    );
  }
}

export function firstWord(text: string): string {
  return text.trim().split(/\s+/)[0]!;
}
