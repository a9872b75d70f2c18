/**
 * `rna data ncrna-family`: kinds and families of non-coding RNA. nRC's thirteen
 * classes (Fiannaca et al. 2017): its file of 6,320 is split in training and
 * validation, that of 2,600 is the test, and what is in both is trained on no
 * more. ncrna-deep's families of Rfam as RiNALMo filters them
 * (rfamFamilies.ts). Any other FASTA with classes behind the ids is split in
 * all three.
 */
import { basename } from 'node:path';
import { InputError, parseFasta, standardLetters } from '@rna/structure';
import { readText } from '../../input/inputText.ts';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { counted } from '@rna/figures';
import { stratifiedKFold } from './folds.ts';
import { selectFamilies, withBoundaryNoise, type ClassedRna, type ClassedSets } from './rfamFamilies.ts';
import { fileNamed, filesBelow, tableSet, writeSets, type DataSet } from './sets.ts';

export interface NcrnaFamilyOptions {
  readonly input: string;
  readonly out: string;
  /** Percent of a sequence's length that is added to its ends. */
  readonly boundaryNoise?: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** Sets whose classes are numbered by their place in `names`. */
interface Split {
  readonly title: string;
  readonly sets: ClassedSets;
  readonly names: readonly string[];
  readonly notes: readonly string[];
}

const TRAIN = 'dataset_Rfam_6320_13classes.fasta';
const TEST = 'dataset_Rfam_validated_2600_13classes.fasta';
const RFAM = ['x_train.fasta', 'x_val.fasta', 'x_test.fasta'] as const;
const FOLDS = 10;

/**
 * Throws an InputError with file and line for a record without a class, a CommandError for input that is none of these.
 */
export async function prepareNcrnaFamily({
  input,
  out,
  boundaryNoise = 0,
  seed,
  json,
}: NcrnaFamilyOptions): Promise<void> {
  const files = await filesBelow(input);
  const isRfam = files.some((file) => basename(file) === RFAM[0]) && files[0] !== input;
  if (/\.rda$/i.test(input) || (files.some((file) => /\.rda$/i.test(file)) && !isRfam)) {
    throw new UsageError(
      `${input}: only R reads an RDa file; write its sets as FASTA there, and give their folder:\n  library(Biostrings); load("train_test_val_sets_177_families.RDa")\n  for (set in c("x_train", "x_val", "x_test")) writeXStringSet(get(set), paste0(set, ".fasta"))`,
    );
  }
  const { title, sets, names, notes } = isRfam ? await rfamSets(files, input) : await classSets(files, input, seed);
  let index = 0;
  const written = (Object.entries(sets) as [string, readonly ClassedRna[]][]).map(([name, rnas]) => {
    const noisy =
      boundaryNoise === 0
        ? rnas
        : rnas.map((rna) => ({ ...rna, sequence: withBoundaryNoise(rna.sequence, boundaryNoise, seed, index++) }));
    return classedSet(`${name}.csv`, noisy, names);
  });
  await writeSets(
    out,
    {
      title,
      sets: written,
      notes: [...notes, `fine-tune with --head.classes ${names.length} --head.names ${names.join(',')}`],
    },
    json,
  );
}

async function rfamSets(files: readonly string[], input: string): Promise<Split> {
  const [train, validation, test] = await Promise.all(RFAM.map((name) => readFamilies(fileNamed(files, name, input))));
  return {
    title: 'Families of Rfam (ncrna-deep), as RiNALMo filters and balances them',
    ...selectFamilies({ train: train!, validation: validation!, test: test! }),
  };
}

async function classSets(files: readonly string[], input: string, seed: number): Promise<Split> {
  const isOneFile = files.length === 1 && files[0] === input;
  const file = isOneFile ? input : fileNamed(files, TRAIN, input);
  const read = await readClassed(file);
  const all = withoutCopies(file, read);
  const test = isOneFile ? undefined : await readClassed(fileNamed(files, TEST, input));
  const tested = new Set(test?.map(({ sequence }) => sequence));
  const apart = all.filter(({ sequence }) => !tested.has(sequence));
  const names = [...new Set([...all, ...(test ?? [])].map(({ name }) => name))].sort();
  if (names.length < 2)
    throw new CommandError(`${input}: all RNAs are of the class ${names.join()}; at least two are needed`);
  for (const name of names) {
    const count = apart.filter((rna) => rna.name === name).length;
    if (count < FOLDS)
      throw new CommandError(
        `${input}: the class ${name} has ${count} RNAs to train on; at least ${FOLDS} are needed, so that each set has some`,
      );
  }
  const foldOf = stratifiedKFold(
    apart.map(({ name }) => name),
    FOLDS,
    seed,
  );
  return {
    title: `Classes of non-coding RNA: a tenth of each class is validation${test === undefined ? ', another test' : ''}, seed ${seed}`,
    sets: {
      train: apart.filter((_, i) => foldOf[i] !== 0 && (test !== undefined || foldOf[i] !== 1)),
      validation: apart.filter((_, i) => foldOf[i] === 0),
      test: test ?? apart.filter((_, i) => foldOf[i] === 1),
    },
    names,
    notes: [
      ...(all.length < read.length
        ? [
            `left out ${counted(read.length - all.length, 'RNA')} of ${basename(file)} with the sequence and the class of one before`,
          ]
        : []),
      ...(apart.length < all.length
        ? [`left out of training ${counted(all.length - apart.length, 'RNA')} of ${TRAIN} that the test has too`]
        : []),
    ],
  };
}

interface PlacedRna extends ClassedRna {
  readonly line: number;
}

/** One of each sequence, so that none is both trained on and tested. Throws an InputError for one with two classes. */
function withoutCopies(file: string, rnas: readonly PlacedRna[]): PlacedRna[] {
  const kept = new Map<string, PlacedRna>();
  for (const rna of rnas) {
    const same = kept.get(rna.sequence);
    if (same === undefined) kept.set(rna.sequence, rna);
    else if (same.name !== rna.name) {
      throw new InputError(
        file,
        rna.line,
        `"${rna.id}" of the class ${rna.name} has the sequence of "${same.id}" on line ${same.line}, which is of the class ${same.name}`,
        'correct one, or remove both',
      );
    }
  }
  return [...kept.values()];
}

/** The class is behind the id. */
async function readClassed(file: string): Promise<PlacedRna[]> {
  const rnas: PlacedRna[] = [];
  for await (const { id, sequence, description, line } of parseFasta(readText(file), { file })) {
    const [name = ''] = description.split(/\s/);
    if (name === '') throw new InputError(file, line, `record "${id}" has no class`, 'write it behind the id');
    rnas.push({ id, sequence: standardLetters(sequence), name, line });
  }
  return rnas;
}

/** The id is the family, and so many records have it. */
async function readFamilies(file: string): Promise<ClassedRna[]> {
  const rnas: ClassedRna[] = [];
  for await (const { id, sequence, line } of parseFasta(readText(file), { file, allowRepeatedIds: true }))
    rnas.push({ id: `${id}:${line}`, sequence: standardLetters(sequence), name: id });
  return rnas;
}

function classedSet(name: string, rnas: readonly ClassedRna[], names: readonly string[]): DataSet {
  const counts = names.map((each) => rnas.filter((rna) => rna.name === each).length);
  return tableSet(
    name,
    ['id', 'sequence', 'class_id', 'name'],
    rnas.map(({ id, sequence, name: own }) => ({ sequence, cells: [id, sequence, names.indexOf(own), own] })),
    {
      classes: counts.filter((count) => count > 0).length,
      'smallest class': Math.min(...counts),
      'largest class': Math.max(...counts),
    },
  );
}
