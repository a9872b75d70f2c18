/**
 * The RNAs of the comparison, written once as files that the `rna` commands
 * read: a corpus without the validation and test sequences, a part of it held
 * out, and subsets of the labelled RNAs by length and number.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeDotBracket } from '@rna/structure';
import { z } from 'zod';
import { draw } from '../src/rnaCommand.ts';
import { fasta, holdOut, readCorpus, readStructures } from '../src/sequences.ts';

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

const counts = z.strictObject({
  corpus: z.int(),
  corpusDuplicates: z.int(),
  corpusTooLong: z.int(),
  heldOut: z.int(),
  train: z.int(),
  validation: z.int(),
  test: z.int(),
});

export interface Prepared {
  readonly corpus: string;
  readonly heldOut: string;
  readonly train: string;
  readonly validation: string;
  readonly test: string;
  /** Records in each, and what was left out. */
  readonly counts: z.infer<typeof counts>;
}

/** Writes the files into `folder`, which appears whole, or finds them there. */
export async function prepareData(files: DataFiles, folder: string): Promise<Prepared> {
  const paths = Object.fromEntries(
    (['corpus.fasta', 'heldOut.fasta', 'train.dbn', 'validation.dbn', 'test.dbn'] as const).map((name) => [
      name.replace(/\..*/, ''),
      join(folder, name),
    ]),
  ) as Record<Exclude<keyof Prepared, 'counts'>, string>;
  const countsFile = join(folder, 'counts.json');
  if (existsSync(countsFile)) return { ...paths, counts: counts.parse(JSON.parse(await readFile(countsFile, 'utf8'))) };

  const { maxLength = Infinity } = files;
  const [train, validation, test] = [
    draw(await readStructures(files.train, maxLength), files.maxTrain),
    draw(await readStructures(files.validation, maxLength), files.maxValidation),
    draw(await readStructures(files.test, maxLength), files.maxTest),
  ];
  const seen = new Set(
    [...(await readStructures(files.validation, Infinity)), ...(await readStructures(files.test, Infinity))].map(
      ({ sequence }) => sequence,
    ),
  );
  const { corpus, duplicates, tooLong } = await readCorpus(files.corpus, seen, maxLength);
  for (const [option, records] of [
    ['--corpus', corpus],
    ['--train', train],
    ['--validation', validation],
    ['--test', test],
  ] as const) {
    if (records.length < (option === '--corpus' ? 2 : 1))
      throw new Error(
        `of ${option} ${records.length === 0 ? 'no RNA is' : 'one RNA alone is'} left (--max-length ${maxLength}); give other files or a larger limit`,
      );
  }
  const { kept, heldOut } = holdOut(corpus);

  await rm(`${folder}.partial`, { recursive: true, force: true });
  await mkdir(`${folder}.partial`, { recursive: true });
  const write = (path: string, text: string): Promise<void> =>
    writeFile(join(`${folder}.partial`, basename(path)), text);
  await write(paths.corpus, fasta(kept));
  await write(paths.heldOut, fasta(heldOut));
  for (const [path, records] of [
    [paths.train, train],
    [paths.validation, validation],
    [paths.test, test],
  ] as const)
    await write(path, records.map(writeDotBracket).join(''));
  const found = {
    corpus: kept.length,
    corpusDuplicates: duplicates,
    corpusTooLong: tooLong,
    heldOut: heldOut.length,
    train: train.length,
    validation: validation.length,
    test: test.length,
  };
  await write(countsFile, `${JSON.stringify(found, null, 2)}\n`);
  await rename(`${folder}.partial`, folder);
  return { ...paths, counts: found };
}
