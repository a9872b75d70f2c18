/**
 * `rna data secondary`: base pairs. ArchiveII, from the Mathews lab's archive of
 * CT files or a folder of them, by family: one family, or a few, are the test,
 * the others are trained on; or the folds of Szikszai et al. 2022, as they drew
 * them. bpRNA's TR0, VL0 and TS0 (Singh et al. 2019), from their folders or
 * files, as they are. Written is dot-bracket, in upper case with U for T.
 */
import { createReadStream } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { RandomStream } from '@rna/kernels';
import { ARCHIVE_FAMILIES, familyKeyOf, grouped, InputError, parseStructureFile, type Structure } from '@rna/model';
import { createTarDecoder } from 'modern-tar';
import { fileStem, RECORD_FILES } from '../corpus/recordFiles.ts';
import { CommandError, UsageError } from '../errors.ts';
import { counted } from '../report/format.ts';
import { readStructures, standard } from '../trainingInput.ts';
import { filesBelow, report, writeStructures, type WrittenSet } from './sets.ts';

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
const VALIDATION_STREAM = 3;
const TAR = /\.(tar|tar\.gz|tgz)$/i;
// As the archive of Szikszai et al. has them, one RNA a file.
const DRAWN = /(?:^|\/)fam-fold\/([^/]+)\/(train|valid|test)\//;
const BPRNA = { train: 'TR0', validation: 'VL0', test: 'TS0' } as const;

/** A structure and the path of its file, `/` between folders. */
interface PlacedStructure extends Structure {
  readonly path: string;
}

/** Throws an InputError or CommandError for input that is neither, a UsageError for options that do not fit it. */
export async function prepareSecondary(options: SecondaryOptions): Promise<void> {
  const { input } = options;
  if (TAR.test(input)) return prepareArchive(await readTar(input), options);
  const files = await filesBelow(input);
  const parts = Object.values(BPRNA).map((name) => files.filter((file) => isOf(name, file, input)));
  if (parts.every((part) => part.length > 0)) return prepareBpRna(parts, options);
  // One file may hold RNAs of all families; of many, each holds one and is named after it.
  const structures = files.filter((file) => RECORD_FILES.isKnown(file) && (file === input || familyKeyOf(basename(file)) !== undefined));
  if (structures.length === 0) throw new CommandError(`${input}: neither TR0, VL0 and TS0 (folders or files of structures) nor files that are named as ArchiveII's (5s_….ct, tRNA_….ct, …) are in it`);
  return prepareArchive(await readNamed(structures), options);
}

/** A file such as `TR0.dbn`, or one in a folder `TR0`. */
function isOf(name: string, file: string, root: string): boolean {
  return RECORD_FILES.isKnown(file) && relative(root, file).split(sep).some((part) => new RegExp(`(^|[^A-Za-z0-9])${name}([^A-Za-z0-9]|$)`).test(part));
}

async function prepareBpRna(parts: readonly (readonly string[])[], { out, folds, maxLength = Infinity, json }: SecondaryOptions): Promise<void> {
  if (folds !== undefined) throw new UsageError('--folds is for families of ArchiveII; TR0, VL0 and TS0 are one split');
  const sets: WrittenSet[] = [];
  const notes: string[] = [];
  for (const [k, name] of Object.keys(BPRNA).entries()) {
    const all = await readStructures(parts[k]!);
    // As in the papers, the test set stays whole.
    const kept = name === 'test' ? all : all.filter(({ sequence }) => sequence.length <= maxLength);
    if (kept.length < all.length) notes.push(`${name}: left out ${counted(all.length - kept.length, 'RNA')} longer than ${maxLength}`);
    sets.push(await writeStructures(join(out, `${name}.dbn`), kept));
  }
  await report({ title: 'bpRNA, the split TR0, VL0, TS0', sets, notes }, json);
}

/** The folds of Szikszai et al. as they drew them. */
async function prepareDrawn(structures: readonly PlacedStructure[], { out, folds, maxLength = Infinity, json }: SecondaryOptions): Promise<void> {
  if (folds !== undefined) throw new UsageError('--folds is for the whole of ArchiveII; the folds of this archive are drawn already');
  const sets: WrittenSet[] = [];
  let left = 0;
  for (const [family, members] of grouped(structures, ({ path }) => DRAWN.exec(path)![1]!)) {
    for (const [part, name] of [['train', 'train'], ['valid', 'validation'], ['test', 'test']] as const) {
      const all = members.filter(({ path }) => DRAWN.exec(path)![2] === part);
      const kept = part === 'test' ? all : all.filter(({ sequence }) => sequence.length <= maxLength);
      left += all.length - kept.length;
      sets.push(await writeStructures(join(out, family, `${name}.dbn`), kept));
    }
  }
  await report({ title: 'ArchiveII by family, the folds of Szikszai et al.', sets, notes: left > 0 ? [`left out of training and validation ${counted(left, 'RNA')} longer than ${maxLength}`] : [] }, json);
}

async function prepareArchive(placed: readonly PlacedStructure[], options: SecondaryOptions): Promise<void> {
  const drawn = placed.filter(({ path }) => DRAWN.test(path));
  return drawn.length > 0 ? prepareDrawn(drawn, options) : prepareFamilies(placed, options);
}

async function prepareFamilies(structures: readonly Structure[], { out, folds: asked, maxLength = ARCHIVE_LONGEST, seed, json }: SecondaryOptions): Promise<void> {
  const byFamily = new Map(FAMILIES.map((family) => [family, [] as Structure[]]));
  const left = { longer: 0, families: 0 };
  for (const structure of structures) {
    const members = byFamily.get(familyKeyOf(structure.id) ?? '');
    if (members === undefined) left.families++;
    else if (structure.sequence.length > maxLength) left.longer++;
    else members.push(structure);
  }
  const present = [...byFamily].filter(([, members]) => members.length > 0);
  const folds = asked ?? present.length;
  if (folds < 2 || folds > present.length) throw new UsageError(`--folds ${folds}: there are ${present.length} families, so 2 to ${present.length}`);
  const sets: WrittenSet[] = [];
  for (const test of familyFolds(present, folds)) {
    const [train, validation] = splitOff(present.filter(([family]) => !test.includes(family)), seed);
    const folder = join(out, test.join('+'));
    sets.push(await writeStructures(join(folder, 'train.dbn'), train));
    sets.push(await writeStructures(join(folder, 'validation.dbn'), validation));
    sets.push(await writeStructures(join(folder, 'test.dbn'), test.flatMap((family) => byFamily.get(family)!)));
  }
  const notes = [
    ...(left.longer > 0 ? [`left out ${counted(left.longer, 'RNA')} longer than ${maxLength}`] : []),
    ...(left.families > 0 ? [`left out ${counted(left.families, 'RNA')} of other families than ${FAMILIES.join(', ')}`] : []),
    `validation is a tenth of each family that is trained on, drawn by seed ${seed}; no RNA is trained on and validated with`,
  ];
  await report({ title: `ArchiveII by family, ${folds} folds`, sets, notes }, json);
}

/** Families, the largest first, each to the fold with the fewest RNAs so far: a family a fold where there are as many. */
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
function splitOff(families: readonly (readonly [string, readonly Structure[]])[], seed: number): [Structure[], Structure[]] {
  const [train, validation]: [Structure[], Structure[]] = [[], []];
  for (const [family, members] of families) {
    const held = Math.min(members.length - 1, Math.max(1, Math.round(members.length * VALIDATION)));
    const order = new RandomStream(seed, VALIDATION_STREAM, FAMILIES.indexOf(family)).shuffle([...members.keys()]);
    const apart = new Set(order.slice(0, held));
    members.forEach((member, i) => (apart.has(i) ? validation : train).push(member));
  }
  return [train, validation];
}

/** Structures under the names of their files where these say the family, as the titles inside do not; else under their own. */
async function readNamed(files: readonly string[]): Promise<PlacedStructure[]> {
  const structures: PlacedStructure[] = [];
  for (const file of files) {
    const name = familyKeyOf(basename(file)) && fileStem(file);
    for (const { id, sequence, partners } of await readStructures([file])) structures.push({ path: file.split(sep).join('/'), id: name ?? id, sequence, partners });
  }
  return structures;
}

/** As `readNamed`, of the CT files of an archive in the order of their names. */
async function readTar(path: string): Promise<PlacedStructure[]> {
  const raw = createReadStream(path);
  // Errors reach the loop below.
  const bytes = /gz$/i.test(path) ? pipeline(raw, createGunzip(), () => undefined) : raw;
  const entries = (Readable.toWeb(bytes) as ReadableStream<Uint8Array>).pipeThrough(createTarDecoder()).getReader();
  const structures: PlacedStructure[] = [];
  try {
    for (let next = await entries.read(); !next.done; next = await entries.read()) {
      const { header: { name, type }, body } = next.value;
      const text = await new Response(body).text();
      if (type !== 'file' || !/^[^.].*\.ct$/i.test(basename(name))) continue;
      const [first] = parseStructureFile(text, `${path}/${name}`);
      structures.push({ path: name, id: fileStem(name), sequence: standard(first!.sequence), partners: first!.partners });
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new CommandError(`${path}: not a whole archive (${error instanceof Error ? error.message : String(error)}); download it again`, { cause: error });
  }
  if (structures.length === 0) throw new CommandError(`${path}: no CT file in the archive`);
  return structures.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
