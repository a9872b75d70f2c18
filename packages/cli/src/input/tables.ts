/**
 * Delimited tables as the field keeps labels in: commas, semicolons or tabs,
 * quoted or not, with a header or in a published headerless form, gzipped or
 * not, or an object of JSON on each line. Rows come one by one with their lines; what the columns mean is the
 * reader's (labelled.ts) or the command's. Written are tables with commas.
 */
import { extname } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { InputError, readable, refuseForeignText, unpackedName, inertCell } from '@rna/structure';
import { CsvError, parse } from 'csv-parse';
import { readLines, readText } from './inputText.ts';
import { type KnownFiles } from './recordFiles.ts';
import { writeAtomically } from '../files/files.ts';

const JSON_LINES = ['.jsonl', '.ndjson'];
const EXTENSIONS = ['.csv', '.tsv', '.txt', ...JSON_LINES];
const DELIMITERS = [';', '\t', ','] as const;

export const TABLE_FILES: KnownFiles = {
  content: 'tables',
  extensions: EXTENSIONS.join(' '),
  isKnown: (path) => EXTENSIONS.some((extension) => unpackedName(path).toLowerCase().endsWith(extension)),
};

export interface TableRow {
  /** From 1; of its last line where a quoted cell has several. */
  readonly line: number;
  /** The cell of a column, without blanks at its ends. Throws an InputError if the table has no such column, or two. */
  cell(column: string): string;
  /** As `cell`, undefined without the column. */
  optional(column: string): string | undefined;
  /** All cells with the names of their columns, in order. */
  readonly all: readonly (readonly [column: string, cell: string])[];
}

export interface TableOptions {
  /** Columns without which a first line is no header. */
  readonly required: readonly string[];
  /**
   * What the columns of a table without a header are, if the reference writes one so: its number of columns must match.
   */
  readonly headerless?: readonly string[];
}

/**
 * The rows of a table in order. The delimiter is the one that the first line has most of.
 * @throws InputError for a header without a required column, rows of different lengths, bad quotes, and a table without
 * a row.
 */
export async function* readTable(
  file: string,
  { required, headerless }: TableOptions,
): AsyncGenerator<TableRow, void, undefined> {
  if (isJsonLines(file)) {
    yield* readJsonLines(file);
    return;
  }
  let header: Header | undefined;
  let rows = 0;
  for await (const { cells, line } of readCells(file)) {
    if (header === undefined) {
      const isHeader = required.every((column) => cells.includes(column));
      // One that names some of them was meant as a header.
      const isBare = cells.length === headerless?.length && !required.some((column) => cells.includes(column));
      if (!isHeader && !isBare) {
        throw new InputError(
          file,
          line,
          `expected a header with the columns ${quoted(required)}, got ${quoted(cells)}`,
          `name the columns so, or say with --columns which they are${headerless ? `, or give ${headerless.length} columns without a header: ${headerless.join(', ')}` : ''}`,
        );
      }
      header = { line, columns: isHeader ? cells : (headerless ?? []) };
      if (isHeader) continue;
    }
    rows++;
    yield tableRow(file, line, header, cells);
  }
  if (rows === 0) throw new InputError(file, 1, 'no row in the table', 'give at least one');
}

interface Header {
  readonly line: number;
  readonly columns: readonly string[];
}

function tableRow(file: string, line: number, header: Header, cells: readonly string[]): TableRow {
  const optional = (column: string): string | undefined => {
    const at = header.columns.indexOf(column);
    if (header.columns.includes(column, at + 1))
      throw new InputError(file, header.line, `two columns have the name "${column}"`, 'rename or remove one of them');
    return cells[at];
  };
  return {
    line,
    optional,
    get all() {
      return header.columns.map((column, at) => [column, cells[at] ?? ''] as const);
    },
    cell(column) {
      const cell = optional(column);
      if (cell === undefined)
        throw new InputError(
          file,
          line,
          `the table has no column "${column}"`,
          `its columns are ${quoted(header.columns)}`,
        );
      return cell;
    },
  };
}

const isJsonLines = (file: string): boolean => JSON_LINES.includes(extname(unpackedName(file)).toLowerCase());

/** An object on each line, its keys the columns; a list is a cell of values with semicolons. */
async function* readJsonLines(file: string): AsyncGenerator<TableRow, void, undefined> {
  let [line, rows] = [0, 0];
  for await (const text of readLines(file)) {
    line++;
    if (text.trim() === '') continue;
    const refuse = (problem: string, remedy: string): InputError => new InputError(file, line, problem, remedy);
    let row: unknown;
    try {
      row = JSON.parse(text);
    } catch (error) {
      throw refuse(`not JSON: ${readable((error as Error).message, 160)}`, 'give one object a line');
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      throw refuse(`the line holds no object but ${readable(text)}`, 'give one object a line');
    const entries = Object.entries(row as Readonly<Record<string, unknown>>).map(
      ([column, value]) => [column, jsonCell(value, column, refuse)] as const,
    );
    const columns = entries.map(([column]) => column);
    rows++;
    yield tableRow(
      file,
      line,
      { line, columns },
      entries.map(([, cell]) => cell),
    );
  }
  if (rows === 0) throw new InputError(file, 1, 'no row in the table', 'give at least one');
}

function jsonCell(value: unknown, column: string, refuse: (problem: string, remedy: string) => InputError): string {
  if (value === null) return '';
  if (typeof value === 'string') return value.trim();
  if (typeof value === 'number' || typeof value === 'boolean') return String(Number(value));
  if (Array.isArray(value))
    return value.map((each: unknown) => (each === null ? 'nan' : jsonCell(each, column, refuse))).join(';');
  throw refuse(`"${readable(column)}" holds an object`, 'give a text, a number or a list of them');
}

/**
 * The cells of each row, the first one too. Throws an InputError for bad quotes and, unless `ragged`, for rows of
 * different lengths.
 */
export async function* readCells(
  file: string,
  { ragged = false } = {},
): AsyncGenerator<{ cells: string[]; line: number }, void, undefined> {
  const text = readText(file);
  const start = await firstLines(text);
  refuseForeignText(start, file);
  const [firstLine = ''] = start.trimStart().split(/\r\n|[\r\n]/, 1);
  const count = (delimiter: string): number => firstLine.split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, each) => (count(each) > count(best) ? each : best));
  let whole = { lines: 0, empty_lines: 0 };
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: ragged,
    on_record: (record, info) => {
      whole = info;
      return record;
    },
  });
  // Errors reach the loop below.
  pipeline(Readable.from(prepended(start, text)), parser, () => undefined);
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>)
      yield { cells: record, line: info.lines };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const { code, lines, empty_lines: blank } = error as CsvError & { lines: number; empty_lines: number };
    // After the last whole row and blank lines. The library's line of an open quote is the last of the file.
    const begin = whole.lines + 1 + blank - whole.empty_lines;
    if (code === 'CSV_QUOTE_NOT_CLOSED')
      throw new InputError(file, begin, 'a quoted cell of the row that begins here is not closed', 'close the quote');
    const where = begin < lines ? ` (the row begins on line ${begin})` : '';
    throw new InputError(
      file,
      lines,
      `${readable(error.message.replace(/ on line \d+$/, ''), 160)}${where}`,
      'correct the row',
    );
  }
}

/** The chunks of a text up to the first end of a line that is not blank. Each chunk is looked at once. */
async function firstLines(text: AsyncIterator<string, void, undefined>): Promise<string> {
  const parts: string[] = [];
  let isBlank = true;
  for (let next = await text.next(); next.done !== true; next = await text.next()) {
    parts.push(next.value);
    const seen: string = isBlank ? next.value.trimStart() : next.value;
    isBlank &&= seen === '';
    if (/[\r\n]/.test(seen)) break;
  }
  return parts.join('');
}

async function* prepended(start: string, rest: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  yield start;
  yield* rest;
}

const SHOWN = 12;
const quoted = (names: readonly string[]): string =>
  `${names
    .slice(0, SHOWN)
    .map((name) => `"${readable(name)}"`)
    .join(', ')}${names.length > SHOWN ? `, … (${names.length})` : ''}`;

/** Writes a table with commas and a header, whole or not at all. */
export async function writeTable(
  path: string,
  header: readonly string[],
  rows: Iterable<readonly (string | number)[]>,
): Promise<void> {
  await writeAtomically(path, async (sink) => {
    const encoder = new TextEncoder();
    let lines = [header.map(cellText).join(',')];
    for (const row of rows) {
      if (lines.push(row.map(cellText).join(',')) < 4096) continue;
      await sink.write(encoder.encode(`${lines.join('\n')}\n`));
      lines = [];
    }
    if (lines.length > 0) await sink.write(encoder.encode(`${lines.join('\n')}\n`));
  });
}

function cellText(cell: string | number): string {
  const text = inertCell(String(cell));
  return /[",;\t\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
