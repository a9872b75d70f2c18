/** The sets of the tasks: made by `rna data` of the downloads, then cut to a size's limits, once. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDotBracket } from '@rna/structure';
import { draw, resultOf, writeWhole } from '../src/rnaCommand.ts';
import { fasta, holdOut, readCorpus, readStructures, standard } from '../src/sequences.ts';
import type { Limits, SetLimits } from './plans.ts';

/** Where the downloads are. */
export interface TaskData {
  readonly bprna?: string;
  readonly archive?: string;
  readonly splice?: string;
  readonly ribosomeLoad?: string;
  readonly translation?: string;
  readonly ncrna?: string;
  readonly seed: number;
}

/** A fine-tuning: its sets, and the tests that its model is scored on. */
export interface PreparedTask {
  /** Its folder's name. */
  readonly name: string;
  /** As `rna finetune` knows it. */
  readonly task: string;
  readonly protocol: 'rinalmo' | 'ssr-lm';
  readonly train: string;
  readonly validation: string;
  readonly tests: readonly { readonly name: string; readonly file: string }[];
}

type Task = 'secondary' | 'splice' | 'ribosome-load' | 'translation' | 'ncrna';

export async function prepare(task: Task, data: TaskData, limits: Limits, folder: string): Promise<PreparedTask[]> {
  const made = (name: string): string => join(folder, name);
  switch (task) {
    case 'secondary': {
      await prepared(made('bprna'), ['secondary', data.bprna!]);
      const bprna = await sets('bprna', 'secondary-structure', 'ssr-lm', made('bprna'), limits.secondary);
      if (data.archive === undefined) return [bprna];
      await prepared(made('archive'), ['secondary', data.archive, '--max-length', String(limits.archive.maxLength)]);
      const families = await folders(made('archive'));
      if (limits.archive.holdOut)
        return [
          bprna,
          ...(await Promise.all(
            families.map((family) =>
              sets(family, 'secondary-structure', 'rinalmo', made(`archive/${family}`), limits.archive),
            ),
          )),
        ];
      const all = await cut(
        families.map((family) => made(`archive/${family}/test.dbn`)),
        made('archive/cut-test.dbn'),
        limits.archive,
        limits.archive.test,
      );
      return [{ ...bprna, tests: [...bprna.tests, { name: 'ArchiveII', file: all }] }];
    }
    case 'splice':
      await prepared(made('splice'), ['splice', data.splice!, '--seed', String(data.seed)]);
      return Promise.all(
        (await folders(made('splice'))).map((site) =>
          sets(`splice-${site}`, 'splice-site', 'rinalmo', made(`splice/${site}`), limits.splice),
        ),
      );
    case 'ribosome-load':
      await prepared(made('ribosome-load'), ['ribosome-load', data.ribosomeLoad!, '--seed', String(data.seed)]);
      return [await sets('ribosome-load', 'ribosome-load', 'rinalmo', made('ribosome-load'), limits['ribosome-load'])];
    case 'translation': {
      await prepared(made('translation'), ['translation', data.translation!]);
      const targets = ['translation-efficiency', 'expression-level'] as const;
      const lines = await folders(made('translation'));
      // One after the other: both targets of a cell line are cut from the same files.
      const parts: PreparedTask[] = [];
      for (const line of lines)
        for (const target of targets)
          parts.push(
            await sets(`${target} ${line}`, target, 'rinalmo', made(`translation/${line}`), limits.translation),
          );
      return parts;
    }
    case 'ncrna':
      await prepared(made('ncrna'), ['ncrna-family', data.ncrna!, '--seed', String(data.seed)]);
      return [await sets('ncrna', 'ncrna-family', 'rinalmo', made('ncrna'), limits.ncrna)];
  }
}

/**
 * A corpus to pre-train on: different sequences, none of them in a test. Throws an Error where less than two are left.
 */
export async function prepareCorpus(
  files: readonly string[],
  parts: readonly PreparedTask[],
  { maxLength = Infinity }: SetLimits,
  folder: string,
): Promise<{ train: string; validation: string }> {
  const [train, validation] = [join(folder, 'corpus.fasta'), join(folder, 'heldOut.fasta')];
  if (existsSync(train)) return { train, validation };
  const tests = [...new Set(parts.flatMap((part) => part.tests.map(({ file }) => file)))];
  const seen = new Set((await Promise.all(tests.map(sequencesOf))).flat());
  const { corpus, duplicates, tooLong } = await readCorpus(files, seen, maxLength);
  if (corpus.length < 2)
    throw new Error(
      `--corpus: ${corpus.length} sequences are left, at least two are needed (${duplicates} occur twice or in a test, ${tooLong} have more than ${maxLength} nucleotides)`,
    );
  const { kept, heldOut } = holdOut(corpus);
  await writeWhole(validation, fasta(heldOut));
  await writeWhole(train, fasta(kept));
  return { train, validation };
}

async function sequencesOf(file: string): Promise<string[]> {
  if (file.endsWith('.dbn')) return (await readStructures([file], Infinity)).map(({ sequence }) => sequence);
  const { rows, sequence } = await readRows(file);
  return rows.map((row) => standard(sequence(row)));
}

/** A table as `rna data` writes it: commas, a header, no quotes. */
async function readRows(file: string): Promise<{ header: string; rows: string[]; sequence: (row: string) => string }> {
  const [header = '', ...rows] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const names = header.split(',');
  const column = Math.max(names.indexOf('sequence'), names.indexOf('utr'));
  return { header, rows, sequence: (row) => row.split(',')[column]! };
}

const folders = async (path: string): Promise<string[]> =>
  (await readdir(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** `rna data`, if it was not run before; its summary is kept as the sign that it was. */
async function prepared(folder: string, args: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await resultOf(join(folder, 'summary.json'), ['data', ...args, '--out', folder, '--json']);
}

async function sets(
  name: string,
  task: string,
  protocol: PreparedTask['protocol'],
  folder: string,
  limits: SetLimits,
): Promise<PreparedTask> {
  const extension = task === 'secondary-structure' ? '.dbn' : '.csv';
  const own = async (set: 'train' | 'validation'): Promise<string> =>
    cut([join(folder, `${set}${extension}`)], join(folder, `cut-${set}${extension}`), limits, limits[set]);
  const tests = (await readdir(folder)).filter((file) => file.startsWith('test') && file.endsWith(extension)).sort();
  return {
    name,
    task,
    protocol,
    train: await own('train'),
    validation: await own('validation'),
    tests: await Promise.all(
      tests.map(async (file) => ({
        name: [name, file.slice('test_'.length, -extension.length)].filter((word) => word !== '').join(' '),
        file: await cut([join(folder, file)], join(folder, `cut-${file}`), limits, limits.test),
      })),
    ),
  };
}

/** The records that are short enough, in a random order, as many as are asked for. */
async function cut(
  files: readonly string[],
  out: string,
  { maxLength = Infinity }: SetLimits,
  most: number | undefined,
): Promise<string> {
  if (existsSync(out)) return out;
  if (out.endsWith('.dbn')) {
    await writeWhole(
      out,
      draw(await readStructures(files, maxLength), most)
        .map(writeDotBracket)
        .join(''),
    );
    return out;
  }
  const { header, rows, sequence } = await readRows(files[0]!);
  const short = rows.filter((row) => sequence(row).length <= maxLength);
  await writeWhole(out, [header, ...draw(short, most), ''].join('\n'));
  return out;
}
