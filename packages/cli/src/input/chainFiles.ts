/**
 * RNA chains of coordinate files: PDB and mmCIF, gzipped or not, alone, in
 * folders or named by a list. What a file has besides RNA is left out; what a
 * model cannot use of a chain is masked, and said.
 */
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import {
  chainRecordId,
  InputError,
  readable,
  readCoordinates,
  recordFormat,
  rnaChains,
  selectChains,
  unpackedName,
  LEFT_OUT,
  RECORD_FORMATS,
  type ChainFilters,
  type LeftOut,
  type RnaChain,
} from '@rna/structure';
import { counted, formatCount } from '@rna/figures';
import { CommandError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';
import { readLines, readText } from './inputText.ts';
import { listRecordFiles, type KnownFiles } from './recordFiles.ts';

/** A chain of a file. */
export interface FileChain {
  /** The file's name without its ending, with `_CHAIN` where the file has several. */
  readonly id: string;
  readonly file: string;
  readonly chain: RnaChain;
}

const COORDINATES: readonly string[] = RECORD_FORMATS.coordinates;
const LISTS = ['.txt', '.list', '.lst', '.tsv'];
const hasEnding = (path: string, endings: readonly string[]): boolean =>
  endings.some((ending) => unpackedName(path).toLowerCase().endsWith(ending));

/** Whether a path is a coordinate file by its name. */
export const isCoordinateFile = (path: string): boolean => recordFormat(path) === 'coordinates';

export const CHAIN_FILES: KnownFiles = {
  content: 'structures in space',
  extensions: COORDINATES.join(' '),
  isKnown: isCoordinateFile,
};

/** A file with the chains that a list names of it. */
interface AskedFile {
  readonly path: string;
  readonly chains?: readonly string[];
  /** Where the list names it. */
  readonly list?: { readonly file: string; readonly line: number };
}

/**
 * The RNA chains of files, of the files in folders by name, and of those that lists name: text with a path a line,
 * relative to the list, and behind it the chains that are meant where not all are.
 * @param unresolved Whether nucleotides of the sequence without atoms have a place in the chain.
 * @throws InputError with file and line for what cannot be read, CommandError for what is not there or has no RNA.
 */
export async function readChains(
  paths: readonly string[],
  { unresolved = true }: { readonly unresolved?: boolean } = {},
): Promise<FileChain[]> {
  const files: AskedFile[] = [];
  for (const path of paths) {
    if (hasEnding(path, LISTS)) files.push(...(await readList(path)));
    else files.push(...(await listRecordFiles([path], CHAIN_FILES)).map((file) => ({ path: file })));
  }
  const chains: FileChain[] = [];
  const without: string[] = [];
  for (const asked of files) {
    const found = await chainsOf(asked, unresolved);
    if (found.length === 0) without.push(asked.path);
    chains.push(...found);
  }
  if (without.length > 0)
    note(
      `${without.length === 1 ? 'a file has' : `${formatCount(without.length)} files have`} no RNA: ${without[0]!}${without.length > 1 ? ', …' : ''}`,
    );
  if (chains.length === 0) throw new CommandError(`${paths.join(', ')}: no RNA chain in any of the files`);
  noteUnknown(chains);
  return chains;
}

async function readList(path: string): Promise<AskedFile[]> {
  const files: AskedFile[] = [];
  let line = 0;
  for await (const text of readLines(path)) {
    line++;
    const [name = '', ...rest] = text.replace(/#.*/, '').trim().split(/\s+/);
    if (name === '') continue;
    const file = isAbsolute(name) ? name : join(dirname(path), name);
    if (!isCoordinateFile(file))
      throw new InputError(
        path,
        line,
        `"${readable(name)}" is no coordinate file by its ending`,
        `name files that end in ${COORDINATES.join(' ')}, with .gz or without, a line each; chains may follow: 1abc.cif A,B`,
      );
    const named = rest
      .join(',')
      .split(',')
      .filter((each) => each !== '');
    files.push({ path: file, ...(named.length > 0 && { chains: named }), list: { file: path, line } });
  }
  if (files.length === 0) throw new CommandError(`${path}: the list names no file`);
  return files;
}

async function chainsOf({ path, chains: wanted, list }: AskedFile, unresolved: boolean): Promise<FileChain[]> {
  const parts: string[] = [];
  try {
    for await (const part of readText(path)) parts.push(part);
  } catch (error) {
    if (list === undefined || !(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw new InputError(list.file, list.line, `there is no file ${path}`, 'paths are relative to the list');
  }
  const all = rnaChains(readCoordinates(parts.join(''), path), { unresolved });
  const missing = wanted?.find((name) => !all.some(({ id }) => id === name));
  if (missing !== undefined && list !== undefined)
    throw new InputError(
      list.file,
      list.line,
      `${path} has no RNA chain "${readable(missing)}"`,
      `its RNA chains are ${all.map(({ id }) => id).join(', ') || 'none'}`,
    );
  return all
    .filter(({ id }) => wanted === undefined || wanted.includes(id))
    .map((chain) => ({ id: chainRecordId(path, chain.id, all.length), file: path, chain }));
}

/** Says which residues no table knows: their nucleotides are masked. */
function noteUnknown(chains: readonly FileChain[]): void {
  const unknown = chains.flatMap(({ file, chain }) =>
    // What only the sequence names has no atoms anyway.
    chain.unknown.flatMap(({ name, number, line }) =>
      line > 0 ? [{ file, line, name, place: chain.id + number }] : [],
    ),
  );
  if (unknown.length === 0) return;
  const names = [...new Set(unknown.map(({ name }) => name))];
  const [first] = unknown;
  note(
    `${counted(unknown.length, 'nucleotide')} of unknown base ${unknown.length === 1 ? 'is' : 'are'} masked (${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}), the first ${first!.name} ${first!.place} in ${first!.file}:${first!.line}`,
  );
}

/** The chains of `readChains` that pass the filters, one of each cluster; a note says how many were left out, and why. */
export async function readChainSet(
  paths: readonly string[],
  filters: ChainFilters,
  clusterFile: string | undefined,
): Promise<readonly FileChain[]> {
  const all = await readChains(paths);
  const clusterOf = clusterFile === undefined ? undefined : await readClusterFile(clusterFile);
  const unnamed = clusterOf === undefined ? [] : all.filter(({ id, chain }) => clusterOf(id, chain.id) === undefined);
  if (clusterFile !== undefined && unnamed.length === all.length)
    throw new CommandError(
      `${clusterFile} names none of the ${formatCount(all.length)} chains; its members must be called as the chains are, such as ${all[0]!.id}`,
    );
  if (unnamed.length > 0)
    note(
      `${formatCount(unnamed.length)} of ${formatCount(all.length)} chains are not in ${clusterFile!}, as ${unnamed[0]!.id}; each counts as a cluster of its own`,
    );
  const { chains, leftOut } = selectChains(
    all,
    filters,
    clusterOf && (({ id, chain }) => clusterOf(id, chain.id) ?? `\0${id}`),
  );
  const reasons = LEFT_OUT.filter((reason) => leftOut[reason] > 0).map(
    (reason) => `${formatCount(leftOut[reason])} ${REASONS[reason]}`,
  );
  note(
    `${formatCount(chains.length)} of ${counted(all.length, 'chain')}${reasons.length > 0 ? `; left out: ${reasons.join(', ')}` : ''}`,
  );
  if (chains.length === 0)
    throw new CommandError(
      `${paths.join(', ')}: none of ${counted(all.length, 'chain')} passes the filters (data.shortest, data.longest, data.resolution)`,
    );
  return chains;
}

const REASONS: Readonly<Record<LeftOut, string>> = {
  length: 'for their length',
  resolution: 'for their resolution',
  unresolved: 'of which fewer than two nucleotides are resolved',
  cluster: 'of a cluster or sequence that another stands for',
};

/** Which cluster a chain is in, by its id or by `FILE_CHAIN`. */
async function readClusterFile(file: string): Promise<(id: string, chain: string) => string | undefined> {
  const clusters = new Map<string, string>();
  let line = 0;
  for (const text of (await readFile(file, 'utf8')).split('\n')) {
    line++;
    if (text.trim() === '') continue;
    const [representative, member, ...more] = text.trim().split('\t');
    if (!representative || !member || more.length > 0)
      throw new InputError(
        file,
        line,
        'not "representative<TAB>member"',
        'give the cluster file of mmseqs easy-cluster (…_cluster.tsv)',
      );
    clusters.set(member, representative);
  }
  return (id, chain) => clusters.get(id) ?? clusters.get(`${id}_${chain}`);
}
