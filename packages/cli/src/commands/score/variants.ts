/**
 * Variants as a person has them: a table with a column of mutations or of whole
 * sequences, or FASTA. Every variant is checked against the wild type before
 * any work, and an error names file and line.
 */
import { basename } from 'node:path';
import {
  applyMutations,
  standardLetters,
  findInvalidLetter,
  formatMutations,
  InputError,
  MutationError,
  mutationsBetween,
  parseMutations,
  parseNumber,
  type Mutation,
} from '@rna/structure';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { withFasta } from '../../input/fastaInput.ts';
import { readCells, TABLE_FILES } from '../../input/tables.ts';

/** A variant with the cells that its row of the output begins with. */
export interface Variant {
  readonly cells: readonly string[];
  readonly mutations: readonly Mutation[];
  /** NaN where there is none. */
  readonly measured: number;
}

export interface VariantTable {
  readonly wildType: string;
  readonly header: readonly string[];
  readonly variants: readonly Variant[];
}

export interface VariantOptions {
  readonly wildType?: string;
  readonly mutations?: string;
  readonly sequences?: string;
  readonly measured?: string;
}

const MUTATION_COLUMNS = ['mutant', 'mutation', 'mutations', 'variant'];

/** Reads all variants. Throws an InputError, UsageError or CommandError. */
export async function readVariants(input: string, options: VariantOptions): Promise<VariantTable> {
  const given = options.wildType === undefined ? undefined : await readWildType(options.wildType);
  return TABLE_FILES.isKnown(input) ? readVariantTable(input, given, options) : readVariantFasta(input, given, options);
}

/** The letters themselves, or the one record of a FASTA file. */
async function readWildType(text: string): Promise<string> {
  if (/^[A-Za-z]+$/.test(text) && findInvalidLetter(text) < 0) return standardLetters(text);
  const records: string[] = [];
  await withFasta(text, {}, async (fasta) => {
    for await (const { sequence } of fasta.records()) records.push(sequence);
  });
  const [only] = records;
  if (only === undefined || records.length > 1)
    throw new CommandError(`${text}: ${records.length} records; a wild type is one`);
  return standardLetters(only);
}

async function readVariantTable(
  file: string,
  given: string | undefined,
  options: VariantOptions,
): Promise<VariantTable> {
  const rows: { readonly cells: string[]; readonly line: number }[] = [];
  for await (const row of readCells(file)) rows.push(row);
  const [head, ...body] = rows;
  if (head === undefined || body.length === 0)
    throw new InputError(file, 1, 'the table has no row of variants', 'give a header and at least one');
  const columnOf = (wanted: string | undefined, known: readonly string[]): number => {
    if (wanted === undefined) return head.cells.findIndex((cell) => known.includes(cell.toLowerCase()));
    const at = head.cells.indexOf(wanted);
    if (at < 0)
      throw new InputError(
        file,
        head.line,
        `there is no column "${wanted}"`,
        `the columns are ${head.cells.join(', ')}`,
      );
    return at;
  };
  const [byMutation, bySequence, measured] = [
    columnOf(options.mutations, MUTATION_COLUMNS),
    columnOf(options.sequences, ['sequence']),
    options.measured === undefined ? -1 : columnOf(options.measured, []),
  ];
  if (byMutation < 0 && bySequence < 0)
    throw new InputError(
      file,
      head.line,
      `no column of mutations or sequences among ${head.cells.join(', ')}`,
      'name one with --mutations or --sequences',
    );
  if (head.cells.includes('score'))
    throw new InputError(file, head.line, 'the table has a column "score" already', 'rename it');
  const wildType = given ?? wildTypeOf(file, body, byMutation, bySequence);
  const variants = body.map(({ cells, line }): Variant => {
    const mutations = inLine(file, line, () =>
      byMutation >= 0
        ? parseMutations(wildTypeText(cells[byMutation]!), wildType)
        : mutationsBetween(wildType, cells[bySequence]!),
    );
    if (byMutation >= 0 && bySequence >= 0 && cells[bySequence] !== '') {
      const expected = applyMutations(wildType, mutations);
      if (standardLetters(cells[bySequence]!) !== expected)
        throw new InputError(
          file,
          line,
          `the sequence is not the wild type with ${formatMutations(mutations) || 'no mutation'}`,
          'correct one of the two, or name the column that counts with --sequences or --mutations in a table without the other',
        );
    }
    return { cells, mutations, measured: measured < 0 ? NaN : measuredIn(file, line, cells[measured]!) };
  });
  if (measured >= 0 && !variants.some((variant) => Number.isFinite(variant.measured)))
    throw new InputError(file, head.line, `no cell of "${options.measured!}" is a number`, 'name another column');
  return { wildType, header: head.cells, variants };
}

/** Some tables write the wild type's row as `WT` or `_wt`. */
const wildTypeText = (cell: string): string => (/^_?wt$|^wild[- ]?type$/i.test(cell) ? '' : cell);

/** The number of a cell, NaN where it says that none is known. Throws an InputError for another text. */
function measuredIn(file: string, line: number, cell: string): number {
  if (/^\s*(?:nan|na|n\/a|null)?\s*$/i.test(cell)) return NaN;
  try {
    return parseNumber(cell);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(file, line, error.message, 'correct it, or leave the cell empty');
  }
}

/** The sequence of the row that has no mutation. */
function wildTypeOf(
  file: string,
  rows: readonly { readonly cells: readonly string[]; readonly line: number }[],
  byMutation: number,
  bySequence: number,
): string {
  const row =
    byMutation < 0 || bySequence < 0 ? undefined : rows.find(({ cells }) => wildTypeText(cells[byMutation]!) === '');
  if (row === undefined)
    throw new UsageError(
      `${file} does not say what the wild type is; give it with --wild-type, as letters or as a FASTA file`,
    );
  return standardLetters(row.cells[bySequence]!);
}

async function readVariantFasta(
  input: string,
  given: string | undefined,
  options: VariantOptions,
): Promise<VariantTable> {
  const columns = Object.entries({
    '--mutations': options.mutations,
    '--sequences': options.sequences,
    '--measured': options.measured,
  }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (columns.length > 0)
    throw new UsageError(`${columns.join(' and ')} name columns, and ${basename(input)} is read as FASTA`);
  const variants: Variant[] = [];
  let wildType = given;
  await withFasta(input, {}, async (fasta) => {
    for await (const { id, line, sequence } of fasta.records()) {
      const wild = (wildType ??= standardLetters(sequence));
      const mutations = inLine(fasta.name, line, () => mutationsBetween(wild, sequence));
      variants.push({ cells: [id, formatMutations(mutations)], mutations, measured: NaN });
    }
  });
  if (wildType === undefined) throw new CommandError(`${input}: there is no record`);
  return { wildType, header: ['id', 'mutations'], variants };
}

function inLine<T>(file: string, line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MutationError)) throw error;
    throw new InputError(file, line, error.message, 'correct the row, or give another wild type');
  }
}
