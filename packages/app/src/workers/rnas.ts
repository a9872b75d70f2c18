/** RNAs with what stands beside them: FASTA, or a table with a column of sequences. */
import { findInvalidLetter, InputError, standardLetters } from '@rna/structure';
import { CsvError, parse } from 'csv-parse/browser/esm/sync';
import type { Column } from '../calls/modelCalls.ts';
import { readRecords, type RnaRecord } from './records.ts';

export interface Rnas {
  readonly records: readonly RnaRecord[];
  /** Columns of the table beside ids and sequences. */
  readonly columns: readonly Column[];
}

export const SEQUENCE_COLUMNS = ['sequence', 'seq', 'rna'];
const ID_COLUMNS = ['id', 'name'];
const DELIMITERS = [',', '\t', ';'];

/** Throws an InputError that names `file` and the line. */
export async function readRnas(text: string, file: string): Promise<Rnas> {
  const table = tableOf(text, file);
  if (table === undefined) {
    const records = await readRecords(text, file);
    const cells = records.map(({ description = '' }) => description);
    return { records, columns: cells.some((cell) => cell !== '') ? [{ name: 'description', cells }] : [] };
  }
  const { header, rows } = table;
  const columnOf = (names: readonly string[]): number =>
    header.findIndex((name) => names.includes(name.trim().toLowerCase()));
  const [sequences, ids] = [columnOf(SEQUENCE_COLUMNS), columnOf(ID_COLUMNS)];
  if (sequences < 0)
    throw new InputError(file, 1, `no column of sequences among ${header.join(', ')}`, 'name one "sequence"');
  const records = rows.map(({ cells, line }, at): RnaRecord => {
    const sequence = cells[sequences]!;
    if (sequence === '') throw new InputError(file, line, 'no sequence in the row', 'fill it in or remove the row');
    const invalid = findInvalidLetter(sequence);
    if (invalid >= 0)
      throw new InputError(
        file,
        line,
        `"${sequence[invalid]!}" is not a nucleotide code`,
        'correct the sequence or remove the row',
      );
    return { id: (ids < 0 ? '' : cells[ids]!) || `row ${at + 1}`, sequence: standardLetters(sequence), line };
  });
  const columns = header.flatMap((name, at) =>
    at === sequences || at === ids ? [] : [{ name, cells: rows.map(({ cells }) => cells[at]!) }],
  );
  return { records, columns };
}

export interface Rows {
  readonly header: readonly string[];
  readonly rows: readonly { readonly cells: readonly string[]; readonly line: number }[];
}

/** The rows of a table; undefined for what is none. Throws an InputError that names the line. */
export function tableOf(text: string, file: string): Rows | undefined {
  const [first = ''] = text.trimStart().split(/\r\n|[\r\n]/, 1);
  if (/^[>;@]/.test(first)) return undefined;
  const count = (delimiter: string): number => first.split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, each) => (count(each) > count(best) ? each : best));
  if (!/\.(?:csv|tsv)(?:\.gz)?$/i.test(file) && count(delimiter) < 2) return undefined;
  const parsed: { cells: string[]; line: number }[] = [];
  try {
    parse(text, {
      bom: true,
      delimiter,
      trim: true,
      skip_empty_lines: true,
      on_record(cells: string[], { lines }) {
        parsed.push({ cells, line: lines });
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const { lines } = error as CsvError & { readonly lines: number };
    throw new InputError(file, lines, error.message.replace(/ on line \d+$/, ''), 'correct the row');
  }
  const [header, ...rows] = parsed;
  if (header === undefined || rows.length === 0)
    throw new InputError(file, 1, 'the table has no row', 'give a line of names and at least one row');
  return { header: header.cells, rows };
}
