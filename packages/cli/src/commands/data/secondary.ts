/**
 * `rna data secondary`: base pairs. ArchiveII, from the Mathews lab's archive of
 * CT files or a folder of them, by family: one family, or a few, are the test,
 * the others are trained on; or the folds of Szikszai et al. 2022, as they drew
 * them, in their archive or in RiNALMo's folders. bpRNA's TR0, VL0 and TS0 (Singh
 * et al. 2019), from their folders or files, as they are. Written is dot-bracket,
 * in upper case with U for T.
 */
import { createReadStream } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { RandomStream } from '@rna/kernels';
import { STREAM } from '@rna/model';
import {
  ARCHIVE_FAMILIES,
  familyKeyOf,
  fileStem,
  grouped,
  InputError,
  parseRecords,
  recordFormat,
  standardLetters,
  type Structure,
} from '@rna/structure';
import { createTarDecoder } from 'modern-tar';
import { RECORD_FILES } from '../../input/recordFiles.ts';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { counted } from '@rna/figures';
import { readStructures, type StructureRecord } from '../../input/trainingInput.ts';
import { filesBelow, structureSet, writeSets, type DataSet } from './sets.ts';

export interface SecondaryOptions {
  readonly input: string;
  readonly out: string;
  /** Tests of ArchiveII: as many as there are families, or fewer with several families each. */
  readonly folds?: number;
  readonly maxLength?: number;
  readonly seed: number;
  readonly json?: boolean;
}

// The nine of RiNALMo's table: the eleven group II introns are too few to be a test, and longer than its limit.
const FAMILIES = Object.keys(ARCHIVE_FAMILIES).filter((family) => family !== 'grp2');
// With it, what is left of ArchiveII is the 3,865 RNAs of the papers.
const ARCHIVE_LONGEST = 512;
const VALIDATION = 0.1;
const TAR = /\.(tar|tar\.gz|tgz)$/i;
// Sets that are drawn already are FOLD/SET/FILE: in the archive of Szikszai et al., beside folds of other kinds, in
// RiNALMo's folders of families, and in the folder of one fold. The first that is there counts.
const SETS = { train: 'train', valid: 'validation', test: 'test' } as const;
const DRAWN = ['(?:^|/)fam-fold/([^/]+)', `(?:^|/)(${Object.keys(ARCHIVE_FAMILIES).join('|')})`, '^([^/]+)'].map(
  (fold) => new RegExp(`${fold}/(${Object.keys(SETS).join('|')})/`),
);
const BPRNA = { train: 'TR0', validation: 'VL0', test: 'TS0' } as const;

/** A structure and where it is. */
interface PlacedStructure extends StructureRecord {
  /** The path of its file from the input on, `/` between folders. */
  readonly path: string;
  /** Key of ARCHIVE_FAMILIES. */
  readonly family: string | undefined;
}

/** Throws an InputError or CommandError for input that is neither, a UsageError for options that do not fit it. */
export async function prepareSecondary(options: SecondaryOptions): Promise<void> {
  const { input } = options;
  const files = await filesBelow(input);
  if (files[0] === input && TAR.test(input)) return prepareTar(options);
  const parts = Object.values(BPRNA).map((name) => files.filter((file) => isOf(name, file, input)));
  if (parts.every((part) => part.length > 0)) return prepareBpRna(parts, notTaken(files, parts.flat()), options);
  const known = files.filter(RECORD_FILES.isKnown);
  const layout = drawnLayout(known.map((file) => pathFrom(input, file)));
  const isTaken = (file: string): boolean =>
    layout === undefined ? familyKeyOf(file) !== undefined : layout.test(pathFrom(input, file));
  // One file may hold RNAs of all families.
  const taken = known.filter((file) => file === input || isTaken(file));
  if (taken.length === 0)
    throw new CommandError(
      `${input}: neither TR0, VL0 and TS0 (folders or files of structures) nor files that are named as ArchiveII's (5s_….ct, tRNA_….ct, …) are in it`,
    );
  const structures: PlacedStructure[] = [];
  for (const file of taken) structures.push(...placed(pathFrom(input, file), await readStructures([file])));
  return prepareArchive(structures, layout, notTaken(files, taken), options);
}

async function prepareTar(options: SecondaryOptions): Promise<void> {
  const structures = await readTar(options.input);
  const paths = structures.map(({ path }) => path);
  const layout = drawnLayout(paths);
  if (layout === undefined) return prepareArchive(structures, layout, [], options);
  return prepareArchive(
    structures.filter(({ path }) => layout.test(path)),
    layout,
    notTaken(
      paths,
      paths.filter((path) => layout.test(path)),
    ),
    options,
  );
}

const prepareArchive = (
  structures: readonly PlacedStructure[],
  layout: RegExp | undefined,
  others: readonly string[],
  options: SecondaryOptions,
): Promise<void> =>
  layout === undefined
    ? prepareFamilies(structures, others, options)
    : prepareDrawn(structures, layout, others, options);

const drawnLayout = (paths: readonly string[]): RegExp | undefined =>
  DRAWN.find((layout) => paths.some((path) => layout.test(path)));

const pathFrom = (input: string, file: string): string =>
  join(basename(resolve(input)), relative(input, file))
    .split(sep)
    .join('/');

/** A note of the other files of structures, if there are any. */
function notTaken(files: readonly string[], taken: readonly string[]): string[] {
  const known = new Set(taken);
  const others = [...new Set(files)].filter(
    (file) => !known.has(file) && RECORD_FILES.isKnown(file) && recordFormat(file) !== 'fasta',
  );
  const [first] = others;
  return first === undefined
    ? []
    : [`not taken: ${counted(others.length, 'other file')} of structures (${first}${others.length > 1 ? ', …' : ''})`];
}

/**
 * Structures of a file: a lone one has the name of the file, since titles inside do not say the family; of several,
 * each its own.
 */
function placed(path: string, structures: readonly StructureRecord[]): PlacedStructure[] {
  return structures.map((structure) => {
    const id = structures.length === 1 ? fileStem(path) : structure.id;
    return { ...structure, id, path, family: familyKeyOf(id) ?? familyKeyOf(path) };
  });
}

/**
 * Throws an InputError for an RNA that comes twice: with a copy in another set, a test would be of what was trained on.
 */
function checkOnce(structures: readonly StructureRecord[], key: (structure: StructureRecord) => string): void {
  const first = new Map<string, StructureRecord>();
  for (const structure of structures) {
    const same = first.get(key(structure));
    if (same !== undefined)
      throw new InputError(
        structure.file,
        structure.line,
        `the RNA "${structure.id}" is in ${same.file}:${same.line} too`,
        'remove one of them',
      );
    first.set(key(structure), structure);
  }
}

/** A file such as `TR0.dbn`, or one in a folder `TR0`. */
function isOf(name: string, file: string, root: string): boolean {
  return (
    RECORD_FILES.isKnown(file) &&
    relative(root, file)
      .split(sep)
      .some((part) => new RegExp(`(^|[^A-Za-z0-9])${name}([^A-Za-z0-9]|$)`).test(part))
  );
}

async function prepareBpRna(
  parts: readonly (readonly string[])[],
  others: readonly string[],
  { out, folds, maxLength = Infinity, json }: SecondaryOptions,
): Promise<void> {
  if (folds !== undefined) throw new UsageError('--folds is for families of ArchiveII; TR0, VL0 and TS0 are one split');
  const read = await Promise.all(parts.map(readStructures));
  // Titles of CT files may be the same for different RNAs.
  checkOnce(read.flat(), ({ id, sequence }) => `${id} ${sequence}`);
  const notes: string[] = [];
  const sets = Object.keys(BPRNA).map((name, k) => {
    const all = read[k]!;
    // As in the papers, the test set stays whole.
    const kept = name === 'test' ? all : all.filter(({ sequence }) => sequence.length <= maxLength);
    if (kept.length < all.length)
      notes.push(`${name}: left out ${counted(all.length - kept.length, 'RNA')} longer than ${maxLength}`);
    return structureSet(`${name}.dbn`, kept);
  });
  await writeSets(out, { title: 'bpRNA, the split TR0, VL0, TS0', sets, notes: [...notes, ...others] }, json);
}

/** The folds as they are drawn. */
async function prepareDrawn(
  structures: readonly PlacedStructure[],
  layout: RegExp,
  others: readonly string[],
  { input, out, folds, maxLength = Infinity, json }: SecondaryOptions,
): Promise<void> {
  if (folds !== undefined)
    throw new UsageError('--folds is for the whole of ArchiveII; the folds of this input are drawn already');
  const sets: DataSet[] = [];
  let left = 0;
  for (const [fold, members] of grouped(structures, ({ path }) => layout.exec(path)![1]!)) {
    checkOnce(members, ({ id }) => id);
    for (const [folder, name] of Object.entries(SETS)) {
      const all = members.filter(({ path }) => layout.exec(path)![2] === folder);
      if (all.length === 0)
        throw new CommandError(
          `${input}: the fold ${fold} has no structure in a folder ${folder}; each fold has the folders ${Object.keys(SETS).join(', ')}`,
        );
      const kept = name === 'test' ? all : all.filter(({ sequence }) => sequence.length <= maxLength);
      left += all.length - kept.length;
      sets.push(structureSet(`${fold}/${name}.dbn`, kept));
    }
  }
  const notes = [
    ...(left > 0 ? [`left out of training and validation ${counted(left, 'RNA')} longer than ${maxLength}`] : []),
    ...others,
  ];
  await writeSets(out, { title: 'ArchiveII by family, the folds of Szikszai et al.', sets, notes }, json);
}

async function prepareFamilies(
  structures: readonly PlacedStructure[],
  others: readonly string[],
  { input, out, folds: asked, maxLength = ARCHIVE_LONGEST, seed, json }: SecondaryOptions,
): Promise<void> {
  checkOnce(structures, ({ id }) => id);
  const byFamily = new Map(FAMILIES.map((family) => [family, [] as Structure[]]));
  const left = { longer: 0, families: 0 };
  for (const structure of structures) {
    const members = byFamily.get(structure.family ?? '');
    if (members === undefined) left.families++;
    else if (structure.sequence.length > maxLength) left.longer++;
    else members.push(structure);
  }
  const present = [...byFamily].filter(([, members]) => members.length > 0);
  if (present.length < 2)
    throw new CommandError(
      `${input}: RNAs of ${present[0] === undefined ? 'no family' : `one family (${present[0][0]})`} are left; at least two families are needed, one to train on and one to test`,
    );
  const folds = asked ?? present.length;
  if (folds > present.length)
    throw new UsageError(`--folds ${folds}: there are ${present.length} families, so 2 to ${present.length}`);
  const sets: DataSet[] = [];
  for (const test of familyFolds(present, folds)) {
    const [train, validation] = splitOff(
      present.filter(([family]) => !test.includes(family)),
      seed,
    );
    const folder = test.join('+');
    sets.push(structureSet(`${folder}/train.dbn`, train));
    sets.push(structureSet(`${folder}/validation.dbn`, validation));
    sets.push(
      structureSet(
        `${folder}/test.dbn`,
        test.flatMap((family) => byFamily.get(family)!),
      ),
    );
  }
  const notes = [
    ...(left.longer > 0 ? [`left out ${counted(left.longer, 'RNA')} longer than ${maxLength}`] : []),
    ...(left.families > 0
      ? [`left out ${counted(left.families, 'RNA')} of other families than ${FAMILIES.join(', ')}`]
      : []),
    `validation is a tenth of each family that is trained on, drawn by seed ${seed}; no RNA is trained on and validated with`,
    ...others,
  ];
  await writeSets(out, { title: `ArchiveII by family, ${folds} folds`, sets, notes }, json);
}

/**
 * Families, the largest first, each to the fold with the fewest RNAs so far: a family a fold where there are as many.
 */
function familyFolds(families: readonly (readonly [string, readonly Structure[]])[], count: number): string[][] {
  const folds = Array.from({ length: count }, () => ({ names: [] as string[], rnas: 0 }));
  for (const [name, { length }] of [...families].sort((a, b) => b[1].length - a[1].length)) {
    const fold = folds.reduce((least, each) => (each.rnas < least.rnas ? each : least));
    fold.names.push(name);
    fold.rnas += length;
  }
  return folds.map(({ names }) => names);
}

/** A tenth of each family apart, at least one RNA of it where it has two. The draw of a family depends on no other. */
function splitOff(
  families: readonly (readonly [string, readonly Structure[]])[],
  seed: number,
): [Structure[], Structure[]] {
  const [train, validation]: [Structure[], Structure[]] = [[], []];
  for (const [family, members] of families) {
    const held = Math.min(members.length - 1, Math.max(1, Math.round(members.length * VALIDATION)));
    const order = new RandomStream(seed, STREAM.structureValidation, FAMILIES.indexOf(family)).shuffle([
      ...members.keys(),
    ]);
    const apart = new Set(order.slice(0, held));
    members.forEach((member, i) => (apart.has(i) ? validation : train).push(member));
  }
  return [train, validation];
}

/** Structures of the CT files of an archive, in the order of their names. */
async function readTar(path: string): Promise<PlacedStructure[]> {
  const raw = createReadStream(path);
  // Errors reach the loop below.
  const bytes = /gz$/i.test(path) ? pipeline(raw, createGunzip(), () => undefined) : raw;
  const entries = (Readable.toWeb(bytes) as ReadableStream<Uint8Array>).pipeThrough(createTarDecoder()).getReader();
  const structures: PlacedStructure[] = [];
  try {
    for (let next = await entries.read(); !next.done; next = await entries.read()) {
      const {
        header: { name, type },
        body,
      } = next.value;
      const text = await new Response(body).text();
      if (type !== 'file' || !/^[^.].*\.ct$/i.test(basename(name))) continue;
      const file = `${path}/${name}`;
      const own: StructureRecord[] = [];
      for await (const { id, line, sequence, partners } of parseRecords([text], file))
        own.push({ id, file, line, sequence: standardLetters(sequence), partners: partners! });
      structures.push(...placed(name, own));
    }
  } catch (error) {
    // What the file system says, a person understands as it is.
    if (error instanceof InputError || (error instanceof Error && 'syscall' in error)) throw error;
    throw new CommandError(
      `${path}: not a whole archive (${error instanceof Error ? error.message : String(error)}); download it again`,
      { cause: error },
    );
  }
  if (structures.length === 0) throw new CommandError(`${path}: no CT file in the archive`);
  return structures.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
