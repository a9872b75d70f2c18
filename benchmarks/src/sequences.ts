/**
 * RNAs that benchmarks of `rna` commands read: a corpus without what is tested, a part of it held out, structures by
 * length.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseFasta, parseStructureFile, type Structure } from '@rna/structure';
import { draw } from './rnaCommand.ts';

const HELD_OUT_SHARE = 0.02;

export interface Sequence {
  readonly id: string;
  readonly sequence: string;
}

/** Different sequences of files, without those that were `seen` (to which they are added) and longer ones. */
export async function readCorpus(
  files: readonly string[],
  seen: Set<string>,
  maxLength: number,
): Promise<{ corpus: Sequence[]; duplicates: number; tooLong: number }> {
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

export const fasta = (records: readonly Sequence[]): string =>
  records.map(({ id, sequence }) => `>${id}\n${sequence}\n`).join('');

export const standard = (sequence: string): string => sequence.toUpperCase().replaceAll('T', 'U');

/** Structures of files, upper case with U for T, none longer than `maxLength`. */
export async function readStructures(files: readonly string[], maxLength: number): Promise<Structure[]> {
  const read = await Promise.all(files.map(async (file) => parseStructureFile(await readFile(file, 'utf8'), file)));
  return read
    .flat()
    .filter(({ sequence }) => sequence.length <= maxLength)
    .map((record) => ({ ...record, sequence: standard(record.sequence) }));
}

async function readSequences(file: string): Promise<Sequence[]> {
  if (!/\.(fa|fna|fasta)$/i.test(file))
    return (await readStructures([file], Infinity)).map(({ id, sequence }) => ({ id, sequence }));
  const records: Sequence[] = [];
  for await (const { id, sequence } of parseFasta(createReadStream(file, 'utf8') as AsyncIterable<string>, { file }))
    records.push({ id, sequence: standard(sequence) });
  return records;
}
