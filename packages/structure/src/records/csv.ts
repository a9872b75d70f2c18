/** Tables that are written for others, as CSV: how a cell is made text, and what a spreadsheet must not compute. */
import { findInvalidLetter } from '../tokenizer.ts';

/** A list is written with semicolons where it has to be one text. */
export type Cell = string | number | readonly (string | number)[];

/** A line of a CSV file. */
export const csvLine = (cells: readonly Cell[]): string =>
  `${cells.map((cell) => csvText(typeof cell === 'object' ? cell.join(';') : String(cell))).join(',')}\n`;

function csvText(written: string): string {
  const text = inertCell(written);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * A text as a cell of a table that goes to others: a spreadsheet computes what begins with = + - or @, so that gets an
 * apostrophe before it, which says that it is text. Numbers, lists of them with semicolons, and sequences that begin
 * with a gap stay as they are. What steers a terminal is written out.
 */
export function inertCell(cell: string): string {
  const text = cell.replace(STEERING, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  return /^[=+\-@]/.test(text) && !text.split(';').every(isNumber) && findInvalidLetter(text) >= 0 ? `'${text}` : text;
}

/** Control characters but tabs and line ends, which tables quote, and marks that turn the direction of writing. */
const STEERING = /[^\P{Cc}\t\n\r]|\p{Bidi_Control}/gu;

const isNumber = (text: string): boolean =>
  text.toLowerCase() === 'nan' || (text !== '' && Number.isFinite(Number(text)));
