/**
 * `rna data ncrna-family`: kinds and families of non-coding RNA. nRC's thirteen
 * classes (Fiannaca et al. 2017): its file of 6,320 is split in training and
 * validation, that of 2,600 is the test, and what is in both is trained on no
 * more. Any other FASTA with classes behind the ids is split in all three.
 */
import { join } from 'node:path';
import { InputError, parseFasta } from '@rna/model';
import { readText } from '../corpus/recordFiles.ts';
import { CommandError } from '../errors.ts';
import { counted } from '../report/format.ts';
import { standard } from '../trainingInput.ts';
import { stratifiedKFold } from './folds.ts';
import { fileNamed, filesBelow, report, writeSet, type WrittenSet } from './sets.ts';

export interface NcrnaFamilyOptions {
  readonly input: string;
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

interface ClassedRna {
  readonly id: string;
  readonly sequence: string;
  readonly name: string;
}

const TRAIN = 'dataset_Rfam_6320_13classes.fasta';
const TEST = 'dataset_Rfam_validated_2600_13classes.fasta';
const FOLDS = 10;

/** Throws an InputError with file and line for a record without a class, a CommandError for input that is neither. */
export async function prepareNcrnaFamily({ input, out, seed, json }: NcrnaFamilyOptions): Promise<void> {
  const files = await filesBelow(input);
  const isOneFile = files.length === 1 && files[0] === input;
  const all = await readClassed(isOneFile ? input : fileNamed(files, TRAIN, input));
  const test = isOneFile ? undefined : await readClassed(fileNamed(files, TEST, input));
  const tested = new Set(test?.map(({ sequence }) => sequence));
  const apart = all.filter(({ sequence }) => !tested.has(sequence));
  const names = [...new Set([...all, ...test ?? []].map(({ name }) => name))].sort();
  if (names.length < 2) throw new CommandError(`${input}: all RNAs are of the class ${names.join()}; at least two are needed`);
  for (const name of names) {
    const count = apart.filter((rna) => rna.name === name).length;
    if (count < FOLDS) throw new CommandError(`${input}: the class ${name} has ${count} RNAs to train on; at least ${FOLDS} are needed, so that each set has some`);
  }
  const foldOf = stratifiedKFold(apart.map(({ name }) => name), FOLDS, seed);
  const sets = {
    train: apart.filter((_, i) => foldOf[i] !== 0 && (test !== undefined || foldOf[i] !== 1)),
    validation: apart.filter((_, i) => foldOf[i] === 0),
    test: test ?? apart.filter((_, i) => foldOf[i] === 1),
  };
  const written: WrittenSet[] = [];
  for (const [name, rnas] of Object.entries(sets)) written.push(await writeClassed(join(out, `${name}.csv`), rnas, names));
  const notes = [
    ...(apart.length < all.length ? [`left out of training ${counted(all.length - apart.length, 'RNA')} of ${TRAIN} that the test has too`] : []),
    `fine-tune with --head.classes ${names.length} --head.names ${names.join(',')}`,
  ];
  await report({ title: `Classes of non-coding RNA: a tenth of each class is validation${test === undefined ? ', another test' : ''}, seed ${seed}`, sets: written, notes }, json);
}

async function readClassed(file: string): Promise<ClassedRna[]> {
  const rnas: ClassedRna[] = [];
  for await (const { id, sequence, description, line } of parseFasta(readText(file), { file })) {
    const [name = ''] = description.split(/\s/);
    if (name === '') throw new InputError(file, line, `record "${id}" has no class`, 'write it behind the id');
    rnas.push({ id, sequence: standard(sequence), name });
  }
  return rnas;
}

function writeClassed(file: string, rnas: readonly ClassedRna[], names: readonly string[]): Promise<WrittenSet> {
  const counts = names.map((name) => rnas.filter((rna) => rna.name === name).length);
  return writeSet(file, ['id', 'sequence', 'class_id', 'name'], rnas.map(({ id, sequence, name }) => ({ sequence, cells: [id, sequence, names.indexOf(name), name] })),
    { classes: counts.filter((count) => count > 0).length, 'smallest class': Math.min(...counts), 'largest class': Math.max(...counts) });
}
