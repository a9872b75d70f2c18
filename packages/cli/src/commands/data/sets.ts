/**
 * What the `rna data` commands share: finding the files of a download by their
 * published names, writing the sets, all of them or none, and the summary of
 * what was written.
 */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import {
  basePairs,
  dotBracket,
  isCanonicalPair,
  writeDotBracket,
  type Structure,
  BRACKET_KINDS,
  pairsLeftOut,
} from '@rna/structure';
import { CommandError } from '../../commandLine/errors.ts';
import { makeFolder, partialFolder, writeAtomically } from '../../files/files.ts';
import { checkOutputFolder } from '../../files/outputPaths.ts';
import { formatCount, counted } from '@rna/figures';
import { textTable, type Column } from '../../report/table.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import { writeTable } from '../../input/tables.ts';

/** What the summary says of a set. */
interface Measures {
  readonly rnas: number;
  /** Nucleotides. */
  readonly shortest: number;
  readonly median: number;
  readonly longest: number;
  /** What the labels are like, the same measures for every set of a command. */
  readonly labels: Readonly<Record<string, number>>;
}

/** A set that is to be written. */
export interface DataSet {
  /** Its file below the folder that is written to. */
  readonly name: string;
  readonly measures: Measures;
  readonly write: (file: string) => Promise<void>;
}

export interface Preparation {
  /** One line: what was split and how. */
  readonly title: string;
  readonly sets: readonly DataSet[];
  /** What was left out, and what to know: a sentence each. */
  readonly notes: readonly string[];
}

/** An RNA of a table, its cells in the order of the header. */
export interface SetRow {
  readonly sequence: string;
  readonly cells: readonly (string | number)[];
}

/** A table of labelled RNAs. */
export function tableSet(
  name: string,
  header: readonly string[],
  rows: readonly SetRow[],
  labels: Measures['labels'],
): DataSet {
  return {
    name,
    measures: { ...lengthsOf(rows), labels },
    write: (file) =>
      writeTable(
        file,
        header,
        rows.map(({ cells }) => cells),
      ),
  };
}

/** Structures as dot-bracket. */
export function structureSet(name: string, structures: readonly Structure[]): DataSet {
  let [pairs, nonCanonical, pseudoknotted, tangled] = [0, 0, 0, 0];
  for (const { sequence, partners } of structures) {
    const own = basePairs(partners);
    pairs += own.length;
    nonCanonical += own.filter(([i, j]) => !isCanonicalPair(sequence[i]!, sequence[j]!)).length;
    if (/[^.()]/.test(dotBracket(partners))) pseudoknotted++;
    if (pairsLeftOut(partners).length > 0) tangled++;
  }
  return {
    name,
    measures: { ...lengthsOf(structures), labels: { pairs, 'non-canonical': nonCanonical, pseudoknotted } },
    write: (file) =>
      writeAtomically(file, async (sink) => {
        const encoder = new TextEncoder();
        if (tangled > 0)
          note(
            `${name}: the pairs of ${counted(tangled, 'RNA')} cross more often than the ${BRACKET_KINDS} kinds of brackets can show, and are written in part`,
          );
        for (const structure of structures) await sink.write(encoder.encode(writeDotBracket(structure)));
      }),
  };
}

function lengthsOf(rnas: readonly { readonly sequence: string }[]): Omit<Measures, 'labels'> {
  const lengths = rnas.map(({ sequence }) => sequence.length).sort((a, b) => a - b);
  return {
    rnas: rnas.length,
    shortest: lengths[0] ?? 0,
    median: lengths[lengths.length >> 1] ?? 0,
    longest: lengths.at(-1) ?? 0,
  };
}

/**
 * Writes the sets and says what they are. They are written under temporary names, and moved when all are there: if one
 * cannot be, or on Ctrl-C, what stood in the folder stays as it was. The folder is made.
 * @throws CommandError for a set without RNAs, and where something stands in the way.
 */
export async function writeSets(out: string, { title, sets, notes }: Preparation, json = false): Promise<void> {
  const files = sets.map(({ name }) => join(out, name));
  for (const [
    k,
    {
      measures: { rnas },
    },
  ] of sets.entries()) {
    if (rnas === 0)
      throw new CommandError(
        `${files[k]!}: no RNA is left for this set; check that the input is whole, and the filters`,
      );
  }
  await interruptible(async (signal) => {
    for (const file of files) {
      await checkOutputFolder(dirname(file));
      if ((await found(file))?.isDirectory())
        throw new CommandError(`${file}: a folder stands where a set is to be written; give another --out`);
    }
    // On the file system of the folder, so that moving is renaming; named by it, so that the next run finds what a
    // killed one left.
    const staged = await partialFolder(join(await checkOutputFolder(out), basename(resolve(out))));
    try {
      for (const [k, { write }] of sets.entries()) {
        await write(join(staged, String(k)));
        signal.throwIfAborted();
      }
      for (const file of files) await makeFolder(dirname(file));
      for (const [k, file] of files.entries()) await rename(join(staged, String(k)), file);
    } finally {
      await rm(staged, { recursive: true });
    }
  });
  await report(
    title,
    sets.map(({ measures }, k) => ({ file: files[k]!, ...measures })),
    notes,
    json,
  );
}

const found = (path: string) => stat(path).catch(() => undefined);

/** Prints what was written: a table on stdout and notes on stderr, or all as JSON. */
async function report(
  title: string,
  sets: readonly (Measures & { readonly file: string })[],
  notes: readonly string[],
  json: boolean,
): Promise<void> {
  if (json) return writeResult(`${JSON.stringify({ title, sets, notes }, null, 2)}\n`);
  notes.forEach(note);
  const measures = Object.keys(sets[0]?.labels ?? {});
  const number = (header: string, group = ''): Column => ({ header, group, align: 'right' });
  return writeResult(
    textTable({
      caption: title,
      columns: [
        { header: 'file', group: '', align: 'left' },
        number('RNAs'),
        ...['shortest', 'median', 'longest'].map((header) => number(header, 'nucleotides')),
        ...measures.map((header) => number(header, 'labels')),
      ],
      rowHeaders: 1,
      rows: sets.map(({ file, rnas, shortest, median, longest, labels }) => [
        file,
        ...[rnas, shortest, median, longest].map(formatCount),
        ...measures.map((measure) => written(labels[measure]!)),
      ]),
    }),
  );
}

const written = (value: number): string => (Number.isInteger(value) ? formatCount(value) : value.toFixed(3));

/** A file, or all below a folder, by name; hidden ones are left out. Throws a CommandError for what is not there. */
export async function filesBelow(path: string): Promise<string[]> {
  const there = await found(path);
  if (there === undefined)
    throw new CommandError(
      `${path}: no such file or folder (paths are relative to the working directory, ${process.cwd()})`,
    );
  if (!there.isDirectory()) return [path];
  return (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (file) =>
        !relative(path, file)
          .split(sep)
          .some((part) => part.startsWith('.')),
    )
    .sort();
}

/** The one file whose path ends so, `/` between folders. Throws a CommandError where there is none or several. */
export function fileNamed(files: readonly string[], ending: string, root: string): string {
  const found = files.filter((file) => `/${file.split(sep).join('/')}`.endsWith(`/${ending}`));
  if (found.length === 0)
    throw new CommandError(`${root}: no file ${ending} in it; give the folder that the download was unpacked to`);
  if (found.length > 1)
    throw new CommandError(
      `${root}: ${found.length} files ${ending} in it (${found[0]!}, ${found[1]!}); give the folder of one`,
    );
  return found[0]!;
}

/** Mean and population deviation of the labels. */
export function meanAndDeviation(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}
