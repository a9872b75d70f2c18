/**
 * The RNAs of the comparison, written once as files that the `rna` commands
 * read: a corpus without the validation and test sequences, a part of it held
 * out, and subsets of the labelled RNAs by length and number.
 */
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseFasta, parseStructureFile, writeDotBracket, type Structure } from '@rna/model';
import { z } from 'zod';
import { draw } from '../src/rnaCommand.ts';

export interface DataFiles {
  readonly corpus: readonly string[];
  readonly train: readonly string[];
  readonly validation: readonly string[];
  readonly test: readonly string[];
  readonly maxLength?: number;
  readonly maxTrain?: number;
  readonly maxValidation?: number;
  readonly maxTest?: number;
}

const counts = z.strictObject({ corpus: z.int(), corpusDuplicates: z.int(), corpusTooLong: z.int(), heldOut: z.int(), train: z.int(), validation: z.int(), test: z.int() });

export interface Prepared {
  readonly corpus: string;
  readonly heldOut: string;
  readonly train: string;
  readonly validation: string;
  readonly test: string;
  /** Records in each, and what was left out. */
  readonly counts: z.infer<typeof counts>;
}

const HELD_OUT_SHARE = 0.02;

/** Writes the files into `folder`, which appears whole, or finds them there. */
export async function prepareData(files: DataFiles, folder: string): Promise<Prepared> {
  const paths = Object.fromEntries((['corpus.fasta', 'heldOut.fasta', 'train.dbn', 'validation.dbn', 'test.dbn'] as const)
    .map((name) => [name.replace(/\..*/, ''), join(folder, name)])) as Record<Exclude<keyof Prepared, 'counts'>, string>;
  const countsFile = join(folder, 'counts.json');
  if (existsSync(countsFile)) return { ...paths, counts: counts.parse(JSON.parse(await readFile(countsFile, 'utf8'))) };

  const { maxLength = Infinity } = files;
  const [train, validation, test] = [
    draw(await readStructures(files.train, maxLength), files.maxTrain),
    draw(await readStructures(files.validation, maxLength), files.maxValidation),
    draw(await readStructures(files.test, maxLength), files.maxTest),
  ];
  const seen = new Set([...await readStructures(files.validation, Infinity), ...await readStructures(files.test, Infinity)].map(({ sequence }) => sequence));
  const { corpus, duplicates, tooLong } = await readCorpus(files.corpus, seen, maxLength);
  for (const [option, records] of [['--corpus', corpus], ['--train', train], ['--validation', validation], ['--test', test]] as const) {
    if (records.length < (option === '--corpus' ? 2 : 1)) throw new Error(`of ${option} ${records.length === 0 ? 'no RNA is' : 'one RNA alone is'} left (--max-length ${maxLength}); give other files or a larger limit`);
  }
  const { kept, heldOut } = holdOut(corpus);

  await rm(`${folder}.partial`, { recursive: true, force: true });
  await mkdir(`${folder}.partial`, { recursive: true });
  const write = (path: string, text: string): Promise<void> => writeFile(join(`${folder}.partial`, basename(path)), text);
  await write(paths.corpus, fasta(kept));
  await write(paths.heldOut, fasta(heldOut));
  for (const [path, records] of [[paths.train, train], [paths.validation, validation], [paths.test, test]] as const) await write(path, records.map(writeDotBracket).join(''));
  const found = { corpus: kept.length, corpusDuplicates: duplicates, corpusTooLong: tooLong, heldOut: heldOut.length, train: train.length, validation: validation.length, test: test.length };
  await write(countsFile, `${JSON.stringify(found, null, 2)}\n`);
  await rename(`${folder}.partial`, folder);
  return { ...paths, counts: found };
}

export interface Sequence {
  readonly id: string;
  readonly sequence: string;
}

/** Different sequences of files, without those that were `seen` (to which they are added) and longer ones. */
export async function readCorpus(files: readonly string[], seen: Set<string>, maxLength: number): Promise<{ corpus: Sequence[]; duplicates: number; tooLong: number }> {
  const corpus: Sequence[] = [];
  let [duplicates, tooLong] = [0, 0];
  for (const file of files) {
    for (const record of await readSequences(file)) {
      if (seen.has(record.sequence)) duplicates++;
      else if (record.sequence.length > maxLength) tooLong++;
      else corpus.push(record);
      seen.add(record.sequence);
    }
  }
  return { corpus, duplicates, tooLong };
}

/** A share of a corpus, by chance, for the loss of pre-training; the order of the rest is by chance too. */
export function holdOut(corpus: readonly Sequence[]): { kept: Sequence[]; heldOut: Sequence[] } {
  const shuffled = draw(corpus);
  const held = Math.ceil(HELD_OUT_SHARE * shuffled.length);
  return { heldOut: shuffled.slice(0, held), kept: shuffled.slice(held) };
}

export const fasta = (records: readonly Sequence[]): string => records.map(({ id, sequence }) => `>${id}\n${sequence}\n`).join('');

export const standard = (sequence: string): string => sequence.toUpperCase().replaceAll('T', 'U');

/** Structures of files, upper case with U for T, none longer than `maxLength`. */
export async function readStructures(files: readonly string[], maxLength: number): Promise<Structure[]> {
  const read = await Promise.all(files.map(async (file) => parseStructureFile(await readFile(file, 'utf8'), file)));
  return read.flat().filter(({ sequence }) => sequence.length <= maxLength).map((record) => ({ ...record, sequence: standard(record.sequence) }));
}

async function readSequences(file: string): Promise<Sequence[]> {
  if (!/\.(fa|fna|fasta)$/i.test(file)) return (await readStructures([file], Infinity)).map(({ id, sequence }) => ({ id, sequence }));
  const records: Sequence[] = [];
  for await (const { id, sequence } of parseFasta(createReadStream(file, 'utf8') as AsyncIterable<string>, { file })) records.push({ id, sequence: standard(sequence) });
  return records;
}
