/**
 * Rows of tables as labelled RNAs for fine-tuning: which columns a task takes, what it makes of their cells, and which
 * RNAs are held out. Reading files is the caller's.
 */
import { RandomStream } from '@rna/kernels';
import { STREAM, type Head } from '@rna/model';
import { InputError, parsedCell, readable } from '@rna/structure';
import { ConfigError } from './overrides.ts';

/** An RNA and where it stands. */
export interface FileRna {
  readonly id: string;
  /** Upper case, U for T. */
  readonly sequence: string;
  readonly file: string;
  readonly line: number;
}

export interface LabelledFileRna<T> extends FileRna {
  readonly target: T;
  /** What the file groups it by: a species, a set, the name of its class. */
  readonly group?: string;
}

/** A labelled RNA before its label is read. */
export interface LabelledRow extends FileRna {
  /** The label as it is written: a cell of each target column. */
  readonly labels: readonly string[];
  readonly group?: string;
}

/** Which columns of a table are what, where they have not the names that the task gives them. */
export interface AskedColumns {
  readonly id?: string | undefined;
  readonly sequence?: string | undefined;
  readonly target?: readonly string[] | undefined;
  readonly group?: string | undefined;
}

export interface RowColumns {
  readonly id: string;
  readonly sequence: string;
  readonly targets: readonly string[];
  readonly group: string;
}

/**
 * The columns of a task's tables: those asked for, else those that its model has learnt from, else the task's own. Throws
 * a ConfigError for several columns of labels where the task has one.
 */
export function labelColumns<S extends object, T>(
  { name, columns }: Head<S, T>,
  sizes: S,
  { id, sequence, target, group }: AskedColumns,
): RowColumns {
  const learnt = columns?.learnt?.(sizes);
  const targets = target ?? learnt?.targets ?? [columns?.target ?? 'target'];
  if (targets.length > 1 && columns?.several !== true)
    throw new ConfigError(`${name} has one column of labels, not ${targets.length} (${targets.join(', ')})`);
  return {
    id: id ?? learnt?.id ?? 'id',
    sequence: sequence ?? learnt?.sequence ?? columns?.sequence ?? 'sequence',
    targets,
    group: group ?? columns?.group ?? 'group',
  };
}

/** Told what a person should know of RNAs and is no error, a sentence each. */
export type Note = (text: string) => void;

/** The RNAs of rows with their labels. Those without one are left out, which `note` is told. */
export function labelRows<S extends object, T>(
  head: Head<S, T>,
  sizes: S,
  rows: readonly LabelledRow[],
  targets: readonly string[],
  note: Note,
): LabelledFileRna<T>[] {
  const labels = rowLabels(head, sizes, targets, note);
  for (const row of rows) labels.add(row);
  return labels.end();
}

/**
 * As `labelRows`, row by row. `add` throws an InputError for a label that cannot be read, `end` for a name of a class
 * that contradicts the sizes.
 */
export function rowLabels<S extends object, T>(head: Head<S, T>, sizes: S, targets: readonly string[], note: Note) {
  const rnas: LabelledFileRna<T>[] = [];
  let unlabelled = 0;
  return {
    add({ labels, ...rna }: LabelledRow): void {
      const { file, line, sequence } = rna;
      const target = parsedCell(file, line, `the label (${targets.join(', ')})`, labels[0] ?? '', (cell) =>
        head.columns!.parse(cell, sizes, { cells: labels, sequence }),
      );
      if (target === undefined) unlabelled++;
      else rnas.push({ ...rna, target });
    },
    end(): LabelledFileRna<T>[] {
      if (unlabelled > 0)
        note(
          `${countText(unlabelled)} of ${countText(unlabelled + rnas.length)} RNAs are left out: their label is missing${droppedText(sizes)}`,
        );
      checkClassNames(head, sizes, rnas);
      return rnas;
    },
  };
}

const countText = (count: number): string => count.toLocaleString('en-US');

function droppedText(sizes: object): string {
  const dropped = 'dropped' in sizes && Array.isArray(sizes.dropped) ? sizes.dropped.map(String) : [];
  return dropped.length === 0
    ? ''
    : `, or of a class that is too rare to be learnt (${readable(dropped.join(', '), 200)})`;
}

/** Throws an InputError where a file says what the numbers of classes are called, and the sizes call one otherwise. */
function checkClassNames<S extends object, T>(head: Head<S, T>, sizes: S, rnas: readonly LabelledFileRna<T>[]): void {
  if (head.withClassNames === undefined || !('names' in sizes) || sizes.names === undefined) return;
  const names = head.classNames?.(sizes) ?? [];
  const given = new Map<number, string>();
  for (const { target, group } of rnas) {
    // What has several names a class names no classes.
    if (group === undefined || (given.get(target as number) ?? group) !== group) return;
    given.set(target as number, group);
  }
  if (new Set(given.values()).size < given.size) return;
  for (const { target, group, file, line } of rnas) {
    const name = names[target as number];
    if (name !== group)
      throw new InputError(
        file,
        line,
        `class ${String(target)} is called "${group}" here, and "${name}" in the model or its config`,
        'correct the numbers of the classes, or the names (head.names)',
      );
  }
}

export interface HeldOut<T> {
  readonly train: readonly T[];
  readonly validation: readonly T[];
}

/**
 * A part of the RNAs held out, drawn by the seed; those held out are in the order of all. Throws a ConfigError where none
 * is left to train on.
 */
export function holdOut<T>(rnas: readonly T[], share: number, seed: number, note: Note): HeldOut<T> {
  const count = Math.max(1, Math.round(share * rnas.length));
  if (count >= rnas.length)
    throw new ConfigError(`of ${rnas.length} RNAs none can be held out; give data.validation, or more RNAs`);
  const held = new Set(new RandomStream(seed, STREAM.heldOut).shuffle([...rnas.keys()]).slice(0, count));
  note(`${countText(count)} of ${countText(rnas.length)} RNAs are held out by chance; likes of them may be trained on`);
  return { train: rnas.filter((_, i) => !held.has(i)), validation: rnas.filter((_, i) => held.has(i)) };
}
