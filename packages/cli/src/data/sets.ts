/**
 * What the `rna data` commands share: finding the files of a download by their
 * published names, writing a set, and the summary of what was written.
 */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { basePairs, dotBracket, InputError, isCanonicalPair, parseNumber, writeDotBracket, type Structure } from '@rna/model';
import { CommandError } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import { formatCount } from '../report/format.ts';
import { textTable, type Column } from '../report/table.ts';
import { note, writeResult } from '../terminal.ts';
import { writeTable } from './tables.ts';

/** A set that was written. */
export interface WrittenSet {
  readonly file: string;
  readonly rnas: number;
  /** Nucleotides. */
  readonly shortest: number;
  readonly median: number;
  readonly longest: number;
  /** What the labels are like, the same measures for every set of a command. */
  readonly labels: Readonly<Record<string, number>>;
}

export interface Preparation {
  /** One line: what was split and how. */
  readonly title: string;
  readonly sets: readonly WrittenSet[];
  /** What was left out, and what to know: a sentence each. */
  readonly notes: readonly string[];
}

/** An RNA of a table, its cells in the order of the header. */
export interface SetRow {
  readonly sequence: string;
  readonly cells: readonly (string | number)[];
}

/** Writes a table of labelled RNAs; the folder is made. Throws a CommandError for an empty set. */
export async function writeSet(file: string, header: readonly string[], rows: readonly SetRow[], labels: WrittenSet['labels']): Promise<WrittenSet> {
  checkNotEmpty(file, rows.length);
  await mkdir(dirname(file), { recursive: true });
  await writeTable(file, header, rows.map(({ cells }) => cells));
  return { file, ...lengthsOf(rows), labels };
}

/** Writes structures as dot-bracket; the folder is made. Throws a CommandError for an empty set. */
export async function writeStructures(file: string, structures: readonly Structure[]): Promise<WrittenSet> {
  checkNotEmpty(file, structures.length);
  await mkdir(dirname(file), { recursive: true });
  await writeAtomically(file, async (sink) => {
    const encoder = new TextEncoder();
    for (const structure of structures) await sink.write(encoder.encode(writeDotBracket(structure)));
  });
  let [pairs, nonCanonical, pseudoknotted] = [0, 0, 0];
  for (const { sequence, partners } of structures) {
    const own = basePairs(partners);
    pairs += own.length;
    nonCanonical += own.filter(([i, j]) => !isCanonicalPair(sequence[i]!, sequence[j]!)).length;
    if (/[^.()]/.test(dotBracket(partners))) pseudoknotted++;
  }
  return { file, ...lengthsOf(structures), labels: { pairs, 'non-canonical': nonCanonical, pseudoknotted } };
}

function checkNotEmpty(file: string, rnas: number): void {
  if (rnas === 0) throw new CommandError(`${file}: no RNA is left for this set; check that the input is whole, and the filters`);
}

function lengthsOf(rnas: readonly { readonly sequence: string }[]): Omit<WrittenSet, 'file' | 'labels'> {
  const lengths = rnas.map(({ sequence }) => sequence.length).sort((a, b) => a - b);
  return { rnas: rnas.length, shortest: lengths[0]!, median: lengths[lengths.length >> 1]!, longest: lengths.at(-1)! };
}

/** Prints what was written: a table on stdout and notes on stderr, or all as JSON. */
export async function report({ title, sets, notes }: Preparation, json = false): Promise<void> {
  if (json) return writeResult(`${JSON.stringify({ title, sets, notes }, null, 2)}\n`);
  notes.forEach(note);
  const measures = Object.keys(sets[0]?.labels ?? {});
  const number = (header: string, group = ''): Column => ({ header, group, align: 'right' });
  return writeResult(textTable({
    caption: title,
    columns: [{ header: 'file', group: '', align: 'left' }, number('RNAs'), ...['shortest', 'median', 'longest'].map((header) => number(header, 'nucleotides')), ...measures.map((header) => number(header, 'labels'))],
    rowHeaders: 1,
    rows: sets.map(({ file, rnas, shortest, median, longest, labels }) =>
      [file, ...[rnas, shortest, median, longest].map(formatCount), ...measures.map((measure) => written(labels[measure]!))]),
  }));
}

const written = (value: number): string => (Number.isInteger(value) ? formatCount(value) : value.toFixed(3));

/** A file, or all below a folder, by name; hidden ones are left out. Throws a CommandError for what is not there. */
export async function filesBelow(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new CommandError(`${path}: no such file or folder (paths are relative to the working directory, ${process.cwd()})`);
  if (!found.isDirectory()) return [path];
  return (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(path, file).split(sep).some((part) => part.startsWith('.')))
    .sort();
}

/** The one file whose path ends so, `/` between folders. Throws a CommandError where there is none or several. */
export function fileNamed(files: readonly string[], ending: string, root: string): string {
  const found = files.filter((file) => `/${file.split(sep).join('/')}`.endsWith(`/${ending}`));
  if (found.length === 0) throw new CommandError(`${root}: no file ${ending} in it; give the folder that the download was unpacked to`);
  if (found.length > 1) throw new CommandError(`${root}: ${found.length} files ${ending} in it (${found[0]!}, ${found[1]!}); give the folder of one`);
  return found[0]!;
}

/** The text of a number in a table. Throws an InputError for another. */
export function checkedNumber(file: string, line: number, column: string, text: string): string {
  try {
    parseNumber(text);
    return text;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(file, line, `${column} cannot be read: ${error.message}`, 'correct it or remove the row');
  }
}

/** Mean and population deviation of the labels. */
export function meanAndDeviation(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}
