/** Numbers in cells of tables, which are checked as they are taken; errors name file and line. */
import { InputError, parsedCell, parseNumber, readable } from '@rna/structure';

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
