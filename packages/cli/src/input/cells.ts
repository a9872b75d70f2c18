/**
 * Cells of tables: numbers and sequences are checked as they are taken, errors
 * name file and line, and what a message shows of a cell fits on its line.
 */
import { findInvalidLetter, InputError, parseNumber, readable } from '@rna/structure';

/**
 * What `parse` makes of a cell; `what` is its name in messages. Throws an InputError where that throws a RangeError.
 */
export function parsedCell<T>(file: string, line: number, what: string, cell: string, parse: (cell: string) => T): T {
  try {
    return parse(cell);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(
      file,
      line,
      `${what} cannot be read: ${error.message.replace(cell, () => readable(cell))}`,
      'correct it or remove the row',
    );
  }
}

/** The text of a number. Throws an InputError for another. */
export function checkedNumber(file: string, line: number, column: string, cell: string): string {
  parsedCell(file, line, column, cell, parseNumber);
  return cell;
}

/** A count, which need not be whole: normalised reads are not. Throws an InputError below 0 and beyond 2^53. */
export function checkedCount(file: string, line: number, column: string, cell: string): number {
  const count = parsedCell(file, line, column, cell, parseNumber);
  if (count >= 0 && count <= Number.MAX_SAFE_INTEGER) return count;
  throw new InputError(file, line, `${column} is ${readable(cell)}, which is no count`, 'correct it or remove the row');
}

/**
 * A sequence as it stands in the cell; `column` is its place in messages. Throws an InputError for none, and for
 * letters that no nucleotide has.
 */
export function checkedSequence(file: string, line: number, column: string, cell: string): string {
  if (cell === '') throw new InputError(file, line, `no sequence in the ${column}`, 'fill it in or remove the row');
  const invalid = findInvalidLetter(cell);
  if (invalid < 0) return cell;
  throw new InputError(
    file,
    line,
    `"${readable(String.fromCodePoint(cell.codePointAt(invalid)!))}" is not a nucleotide code (A C G T U, IUPAC's ambiguity codes, I, -)`,
    'correct the sequence or remove the row',
  );
}
