/**
 * RNAs with what they are labelled with, for `rna finetune` and `rna evaluate`,
 * and RNAs alone, for `rna predict`. A task says which columns its tables have
 * (`Head.columns`); one without columns takes files of structures. A FASTA title
 * may carry the label behind the id. Sequences come out in upper case with U for
 * T. Splits and filters of the published sets are the other files here.
 */
import { basename, dirname, join } from 'node:path';
import {
  fileStem,
  findInvisible,
  InputError,
  readable,
  parseFasta,
  recordFormat,
  standardLetters,
} from '@rna/structure';
import type { Head, TargetColumns } from '@rna/model';
import { listRecordFiles, readRecordFile, RECORD_FILES, type KnownFiles } from './recordFiles.ts';
import { readLines, readText, inputName, STDIN } from './inputText.ts';
import { CommandError } from '../commandLine/errors.ts';
import { readStructures } from './trainingInput.ts';
import { checkedSequence, parsedCell } from './cells.ts';
import { readTable, TABLE_FILES, type TableOptions } from './tables.ts';

export interface LabelledFileRna<T> {
  readonly id: string;
  /** Upper case, U for T. */
  readonly sequence: string;
  readonly target: T;
  readonly file: string;
  readonly line: number;
  /** What the file groups it by: a species, a set, the name of its class. */
  readonly group?: string;
}

export interface UnlabelledFileRna {
  readonly id: string;
  /** Upper case, U for T. */
  readonly sequence: string;
  readonly file: string;
  readonly line: number;
}

const READABLE: KnownFiles = {
  content: 'RNAs',
  extensions: `${TABLE_FILES.extensions} ${RECORD_FILES.extensions}`,
  isKnown: (path) => TABLE_FILES.isKnown(path) || RECORD_FILES.isKnown(path),
};

/**
 * Every RNA of files and folders, in that order; a folder's files are taken by name. Files are read in a stream, what
 * is kept is sequences and targets. Read are tables (commas, semicolons or tabs, gzipped or not) with the task's
 * columns,
 * `id` and the task's group column taken where they are there; the reference's tables without header; its splice
 * benchmarks, SA_sequences_….fasta beside SA_labels_….fasta; FASTA with the label as the title's second word; and for a
 * task without columns, structures.
 * @throws InputError with file and line for what cannot be read, CommandError for a file of no known kind.
 */
export async function readLabelled<S extends object, T>(
  head: Head<S, T>,
  sizes: S,
  paths: readonly string[],
): Promise<LabelledFileRna<T>[]> {
  const { columns } = head;
  // A head without columns has structures as its targets (Head.columns).
  if (columns === undefined)
    return (await readStructures(paths)).map(({ partners, ...rna }) => ({ ...rna, target: partners as T }));
  const rnas: LabelledFileRna<T>[] = [];
  for (const file of await listFiles(paths)) {
    for await (const { label, ...rna } of readWithLabels(head, columns, file)) {
      rnas.push({
        ...rna,
        target: parsedCell(file, rna.line, `the label (${columns.target})`, label, (cell) =>
          columns.parse(cell, sizes),
        ),
      });
    }
  }
  return rnas;
}

/**
 * RNAs without their labels, one by one. `-` is FASTA on stdin. Of a table the sequence column is read: that of the
 * task, or `sequence` without one.
 * @throws as `readLabelled`.
 */
export async function* readUnlabelled(
  head: Head | undefined,
  paths: readonly string[],
): AsyncGenerator<UnlabelledFileRna, void, undefined> {
  for (const path of paths) {
    if (path === STDIN) {
      const file = inputName(path);
      for await (const { id, sequence, line } of readRecordFile(path))
        yield { id, sequence: standardLetters(sequence), file, line };
      continue;
    }
    for (const file of await listFiles([path])) yield* readSequences(head, file);
  }
}

async function* readSequences(
  head: Head | undefined,
  file: string,
): AsyncGenerator<UnlabelledFileRna, void, undefined> {
  if (TABLE_FILES.isKnown(file)) {
    const column = head?.columns?.sequence ?? 'sequence';
    for await (const row of readTable(file, { required: [column], ...referenceTable(head?.columns) }))
      yield fromRow(file, row, column);
  } else if (isBenchmark(file)) {
    for await (const { id, sequence, line } of readBenchmark(file)) yield { id, sequence, file, line };
  } else {
    for await (const { id, sequence, line } of readRecordFile(file))
      yield { id, sequence: standardLetters(sequence), file, line };
  }
}

interface WithLabel extends UnlabelledFileRna {
  readonly label: string;
  readonly group?: string;
}

async function* readWithLabels<S, T>(
  head: Head,
  columns: TargetColumns<S, T>,
  file: string,
): AsyncGenerator<WithLabel, void, undefined> {
  if (TABLE_FILES.isKnown(file)) {
    const { sequence, target, group = 'group' } = columns;
    for await (const row of readTable(file, { required: [sequence, target], ...referenceTable(columns) })) {
      const name = row.optional(group);
      yield { ...fromRow(file, row, sequence), label: row.cell(target), ...(name !== undefined && { group: name }) };
    }
  } else if (isBenchmark(file)) {
    yield* readBenchmark(file);
  } else if (recordFormat(file) === 'fasta') {
    for await (const { id, sequence, description, line } of parseFasta(readText(file), { file })) {
      const [label = ''] = description.split(/\s/);
      if (label === '')
        throw new InputError(
          file,
          line,
          `record "${id}" has no label`,
          `write it behind the id (">${id} LABEL"), or give a table with the columns ${columns.sequence} and ${columns.target}`,
        );
      yield { id, sequence: standardLetters(sequence), file, line, label };
    }
  } else {
    throw new CommandError(
      `${file}: ${head.title} are learned from tables (${TABLE_FILES.extensions}) with the columns ${columns.sequence} and ${columns.target}, or FASTA with the label behind the id`,
    );
  }
}

const referenceTable = (
  columns: Pick<TargetColumns<object, unknown>, 'headerless'> | undefined,
): Pick<TableOptions, 'headerless'> => (columns?.headerless === undefined ? {} : { headerless: columns.headerless });

function fromRow(
  file: string,
  row: { readonly line: number; cell(column: string): string; optional(column: string): string | undefined },
  column: string,
): UnlabelledFileRna {
  const { line } = row;
  // The tables of translation efficiency have the padding of the model that they were made for.
  const sequence = checkedSequence(file, line, `column "${column}"`, row.cell(column).replaceAll('<pad>', ''));
  const id = row.optional('id') ?? `${fileStem(file)}:${line}`;
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
async function* readBenchmark(file: string): AsyncGenerator<WithLabel, void, undefined> {
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
      label: label.value.trim(),
      group: basename(dirname(file)),
    };
  }
  if ((await labels.next()).done !== true)
    throw new InputError(labelFile, line + 1, 'a label without a sequence', 'give one label for each sequence');
}
