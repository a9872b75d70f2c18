/**
 * RNAs with what they are labelled with, for `rna finetune` and `rna evaluate`,
 * and RNAs alone, for `rna predict`. A task says which columns its tables have
 * (`Head.columns`); one without columns takes files of structures. A FASTA title
 * may carry the label behind the id. Sequences come out in upper case with U for
 * T. Splits and filters of the published sets are the other files here.
 */
import { basename, dirname, join } from 'node:path';
import {
  checkedSequence,
  fileStem,
  findInvisible,
  InputError,
  readable,
  parseFasta,
  parseRdat,
  recordFormat,
  standardLetters,
  unpackedName,
  type ReactivityRow,
} from '@rna/structure';
import type { Head, TargetColumns, TaskHead } from '@rna/model';
import {
  labelColumns,
  rowLabels,
  type AskedColumns,
  type FileRna,
  type LabelledFileRna,
  type LabelledRow,
  type RowColumns,
} from '@rna/train';
import { listRecordFiles, readRecordFile, RECORD_FILES, type KnownFiles } from './recordFiles.ts';
import { readLines, readText, inputName, STDIN } from './inputText.ts';
import { CommandError, UsageError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';
import { asUsage, readStructures } from './trainingInput.ts';
import { readTable, TABLE_FILES, type TableOptions, type TableRow } from './tables.ts';

export interface UnlabelledFileRna extends FileRna {
  /** All cells of its row with the names of their columns, where it is of a table. */
  readonly cells?: TableRow['all'];
}

/** As `labelColumns`, with a UsageError for columns that the task does not have. */
export const columnsOf = <S extends object, T>(head: Head<S, T>, sizes: S, asked: AskedColumns): RowColumns =>
  asUsage(() => labelColumns(head, sizes, asked));

const READABLE: KnownFiles = {
  content: 'RNAs',
  extensions: `${TABLE_FILES.extensions} .rdat ${RECORD_FILES.extensions}`,
  isKnown: (path) => TABLE_FILES.isKnown(path) || isRdat(path) || RECORD_FILES.isKnown(path),
};

/**
 * Every RNA of files and folders, in that order; a folder's files are taken by name. Files are read in a stream, what
 * is kept is sequences and targets. Read are tables (commas, semicolons or tabs, or JSON lines, gzipped or not) with the
 * task's columns or those asked for, `id` and the task's group column taken where they are there; the reference's tables
 * without header; its splice benchmarks, SA_sequences_….fasta beside SA_labels_….fasta; FASTA with the label as the
 * title's second word; and for a task without columns, structures. What has no label is left out, and said.
 * @throws InputError with file and line for what cannot be read, and for a name of a class that contradicts the model's;
 *   CommandError for a file of no known kind.
 */
export async function readLabelled<S extends object, T>(
  head: Head<S, T>,
  sizes: S,
  paths: readonly string[],
  asked: AskedColumns = {},
): Promise<LabelledFileRna<T>[]> {
  const { columns } = head;
  // A head without columns has structures as its targets (Head.columns).
  if (columns === undefined && Object.keys(asked).length > 0)
    throw new UsageError(`--columns is for tables; ${head.name} is learnt from files of structures`);
  if (columns === undefined)
    return (await readStructures(paths)).map(({ partners, ...rna }) => ({ ...rna, target: partners as T }));
  const labels = rowLabels(head, sizes, columnsOf(head, sizes, asked).targets, note);
  for await (const row of rowsOf(head, sizes, paths, asked)) labels.add(row);
  return labels.end();
}

/** The rows of files whose labels are read later, by `labelRows`: what a label is may follow from all of them. */
export async function readRows<S extends object, T>(
  head: Head<S, T>,
  sizes: S,
  paths: readonly string[],
  asked: AskedColumns,
): Promise<LabelledRow[]> {
  const rows: LabelledRow[] = [];
  for await (const row of rowsOf(head, sizes, paths, asked)) rows.push(row);
  return rows;
}

async function* rowsOf<S extends object, T>(
  head: Head<S, T>,
  sizes: S,
  paths: readonly string[],
  asked: AskedColumns,
): AsyncGenerator<LabelledRow, void, undefined> {
  const columns = columnsOf(head, sizes, asked);
  for (const file of await listFiles(paths)) yield* readWithLabels(head, columns, file);
}

/**
 * RNAs without their labels, one by one. `-` is FASTA on stdin. Of a table the sequence column is read: the one asked
 * for, else that of the model or of its task, or `sequence` without one.
 * @throws as `readLabelled`.
 */
export async function* readUnlabelled(
  task: TaskHead | undefined,
  paths: readonly string[],
  asked: AskedColumns = {},
): AsyncGenerator<UnlabelledFileRna, void, undefined> {
  const columns =
    task === undefined
      ? { id: asked.id ?? 'id', sequence: asked.sequence ?? 'sequence' }
      : // No column of what there is to predict needs to be there.
        columnsOf(task.head, task.sizes, { ...asked, target: undefined });
  for (const path of paths) {
    if (path === STDIN) {
      const file = inputName(path);
      for await (const { id, sequence, line } of readRecordFile(path))
        yield { id, sequence: standardLetters(sequence), file, line };
      continue;
    }
    for (const file of await listFiles([path])) yield* readSequences(task?.head, columns, file);
  }
}

async function* readSequences(
  head: Head | undefined,
  { id, sequence: column }: { readonly id: string; readonly sequence: string },
  file: string,
): AsyncGenerator<UnlabelledFileRna, void, undefined> {
  if (TABLE_FILES.isKnown(file)) {
    for await (const row of readTable(file, { required: [column], ...referenceTable(head?.columns) }))
      yield { ...fromRow(file, row, column, id), cells: row.all };
  } else if (isRdat(file)) {
    for (const { id, sequence, line } of await parseRdat(readText(file), file))
      yield { id, sequence: standardLetters(sequence), file, line };
  } else if (isBenchmark(file)) {
    for await (const { id, sequence, line } of readBenchmark(file)) yield { id, sequence, file, line };
  } else {
    for await (const { id, sequence, line } of readRecordFile(file))
      yield { id, sequence: standardLetters(sequence), file, line };
  }
}

async function* readWithLabels<S extends object, T>(
  head: Head<S, T>,
  { id: idColumn, sequence: column, targets, group }: RowColumns,
  file: string,
): AsyncGenerator<LabelledRow, void, undefined> {
  const expected = `the columns ${[column, ...targets].join(' and ')}`;
  if (TABLE_FILES.isKnown(file)) {
    for await (const row of readTable(file, { required: [column, ...targets], ...referenceTable(head.columns) })) {
      const name = row.optional(group);
      yield {
        ...fromRow(file, row, column, idColumn),
        labels: targets.map((target) => row.cell(target)),
        ...(name !== undefined && { group: name }),
      };
    }
  } else if (isRdat(file) && head.kind === 'nucleotide-numbers') {
    yield* readReactivities(file, targets, head.columns?.target);
  } else if (isBenchmark(file)) {
    yield* readBenchmark(file);
  } else if (recordFormat(file) === 'fasta') {
    for await (const { id, sequence, description, line } of parseFasta(readText(file), { file })) {
      const labels = description.split(/\s+/).slice(0, targets.length);
      if (labels.length < targets.length || labels[0] === '')
        throw new InputError(
          file,
          line,
          `record "${id}" has ${labels[0] === '' ? 'no label' : `${labels.length} of ${targets.length} labels`}`,
          `write it behind the id (">${id} LABEL"), or give a table with ${expected}`,
        );
      yield { id, sequence: standardLetters(sequence), file, line, labels };
    }
  } else {
    throw new CommandError(
      `${file}: ${head.title} are learned from tables (${TABLE_FILES.extensions}) with ${expected}, or FASTA with the label behind the id`,
    );
  }
}

const isRdat = (path: string): boolean => unpackedName(path).toLowerCase().endsWith('.rdat');

/**
 * The rows of an RDAT file. A label is what `targets` name: modifiers, whose rows of one sequence are one RNA, in their
 * order; or by the task's own column whatever the file's one modifier is.
 */
async function* readReactivities(
  file: string,
  targets: readonly string[],
  own: string | undefined,
): AsyncGenerator<LabelledRow, void, undefined> {
  const rows = await parseRdat(readText(file), file);
  const modifiers = [...new Set(rows.map(({ modifier }) => modifier ?? 'unnamed'))];
  const isAny = targets.length === 1 && targets[0] === own;
  const listed = modifiers.map((each) => readable(each)).join(', ');
  if (isAny && modifiers.length > 1)
    throw new InputError(
      file,
      rows[0]!.line,
      `the reactivities are to several modifiers (${listed})`,
      `name those to learn, as with --columns target=${modifiers[0]!}`,
    );
  const columnOf = ({ modifier = 'unnamed' }: ReactivityRow): number =>
    isAny ? 0 : targets.findIndex((target) => target.toLowerCase() === modifier.toLowerCase());
  const asked = rows.filter((row) => columnOf(row) >= 0);
  if (asked.length === 0)
    throw new InputError(
      file,
      rows[0]!.line,
      `no row has reactivities to ${targets.join(' or ')}; the modifiers are ${listed}`,
      'name these with --columns target=…',
    );
  // Rows of one sequence fill each other's columns; the next of a column begins another RNA.
  const open = new Map<string, { readonly row: ReactivityRow; readonly labels: string[] }[]>();
  for (const row of asked) {
    const sequence = standardLetters(row.sequence);
    const column = columnOf(row);
    const rnas = open.get(sequence) ?? [];
    open.set(sequence, rnas);
    let rna = rnas.find(({ labels }) => labels[column] === '');
    if (rna === undefined) rnas.push((rna = { row, labels: targets.map(() => '') }));
    rna.labels[column] = Array.from(row.values, (value) => (Number.isNaN(value) ? 'nan' : String(value))).join(';');
  }
  const all = [...open].flatMap(([sequence, rnas]) => rnas.map((rna) => ({ sequence, ...rna })));
  for (const { sequence, row, labels } of all.sort((a, b) => a.row.line - b.row.line))
    yield { id: row.id, sequence, file, line: row.line, labels };
}

const referenceTable = (
  columns: Pick<TargetColumns<object, unknown>, 'headerless'> | undefined,
): Pick<TableOptions, 'headerless'> => (columns?.headerless === undefined ? {} : { headerless: columns.headerless });

function fromRow(file: string, row: TableRow, column: string, idColumn: string): FileRna {
  const { line } = row;
  // The tables of translation efficiency have the padding of the model that they were made for.
  const sequence = checkedSequence(file, line, `column "${column}"`, row.cell(column).replaceAll('<pad>', ''));
  const id = row.optional(idColumn) ?? row.optional('id') ?? `${fileStem(file)}:${line}`;
  if (findInvisible(id) >= 0)
    throw new InputError(file, line, `the id "${readable(id)}" holds a character that cannot be seen`, 'remove it');
  return { id, sequence: standardLetters(sequence), file, line };
}

const isBenchmark = (file: string): boolean => /^SA_sequences_.*\.fasta$/.test(basename(file));

/** What is to be read, without the labels of benchmarks: they are read with their sequences. */
async function listFiles(paths: readonly string[]): Promise<string[]> {
  const files = await listRecordFiles(paths, READABLE);
  const labels = new Set(files.filter(isBenchmark).map(labelsOf));
  return files.filter((file) => !labels.has(file));
}

const labelsOf = (benchmark: string): string =>
  join(dirname(benchmark), basename(benchmark).replace('SA_sequences_', 'SA_labels_'));

/**
 * A splice benchmark as RiNALMo prepares it: a sequence on each line, and its label on the same line of another file.
 */
async function* readBenchmark(file: string): AsyncGenerator<LabelledRow, void, undefined> {
  const labelFile = labelsOf(file);
  const labels = readLines(labelFile);
  let line = 0;
  for await (const text of readLines(file)) {
    line++;
    const sequence = checkedSequence(file, line, 'line', text.trim());
    const label = await labels.next();
    if (label.done === true)
      throw new InputError(
        labelFile,
        line,
        'the file ends before its sequences do',
        'give one label for each sequence',
      );
    yield {
      id: `${fileStem(file)}:${line}`,
      sequence: standardLetters(sequence),
      file,
      line,
      labels: [label.value.trim()],
      group: basename(dirname(file)),
    };
  }
  if ((await labels.next()).done !== true)
    throw new InputError(labelFile, line + 1, 'a label without a sequence', 'give one label for each sequence');
}
