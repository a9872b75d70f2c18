/** Cells of tables as they are taken: errors name file and line, and what a message shows of a cell fits on its line. */
import { InputError, readable } from '../errors.ts';
import { findInvalidLetter } from '../tokenizer.ts';

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
