/**
 * A command run on one shard of its input. All that it writes goes into a
 * hidden folder, which gets the shard's name by one rename when all of it is on the
 * disk; so a shard is there as a whole or not at all, whenever the process is
 * killed and however many work on the same shard.
 */
import { existsSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CommandError, UsageError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';
import { packageVersion } from '../commandLine/version.ts';
import { makeFolder, partialFolder, writeAtomically } from '../files/files.ts';
import { checkOutputFile, checkOutputFolder } from '../files/outputPaths.ts';
import { openFastaIndex } from '../input/fastaIndex.ts';
import type { FastaPart } from '../input/fastaInput.ts';
import { STDIN } from '../input/inputText.ts';
import { modelDigest } from '../models/modelDigest.ts';
import {
  differences,
  digestOf,
  doneShards,
  isShard,
  MANIFEST_FILE,
  readManifest,
  shardsFolder,
  type Identity,
  type Kind,
  type Manifest,
} from './manifest.ts';
import { shardName, shardRange, type ShardOption } from './shard.ts';

export interface ShardedOptions extends ShardOption {
  readonly out?: string;
  readonly model?: string;
  readonly config?: string;
}

/** A command and what it needs to be known of it. */
export interface ShardedCommand {
  readonly name: string;
  /** All inputs; only one of them may be given. */
  readonly inputs: readonly string[];
  /** Files beside the model that the results depend on, by what they are. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  /** Whether joined shards are what one process writes with these options, so that ranks may share the records out. */
  readonly overRanks?: boolean;
  /** Whether --out is the name of a folder. */
  readonly isFolder?: boolean;
  /** How the file with this ending behind the name given by --out is joined; of a folder the ending begins with /. */
  readonly kindOf: (suffix: string) => Kind;
}

/** What a shard's options have in place of the whole's. */
export interface ShardPart {
  /** The records that are the shard's; without it, all are. */
  readonly part?: FastaPart;
}

/** The option of `withFasta` for the records of a shard, or for those that have to be read for them. */
export const partOf = ({ part }: ShardPart, range = part?.range): { readonly part?: FastaPart } =>
  part === undefined || range === undefined ? {} : { part: { index: part.index, range } };

/** What results do not depend on, or what is told by its digest. */
const NO_PART_OF_IDENTITY = new Set(['out', 'shard', 'input', 'inputs', 'jobs']);

/**
 * Runs `work` on the records of a shard, with the name of a file in a hidden folder for --out. A shard that is done is
 * not done again. Throws a CommandError for one that was made in another way.
 */
export async function runShard<O extends ShardedOptions>(
  command: ShardedCommand,
  options: O & Required<ShardOption>,
  work: (options: O & ShardPart) => Promise<void>,
): Promise<void> {
  const { shard, out } = options;
  const input = inputOf(command);
  if (out === undefined)
    throw new UsageError('--shard needs --out FILE, the name of the file that all shards together will be');
  const index = await openFastaIndex(input);
  if (shard.of > index.records)
    throw new CommandError(`${input} has ${index.records} records, so there are no ${shard.of} shards of it`);
  const { folder, out: whole } = shardsFolder(out);
  const name = basename(whole);
  if (command.isFolder) await checkOutputFolder(whole);
  else await checkOutputFile(whole);
  const { sha256, records, nucleotides } = index;
  const made: Identity = {
    command: command.name,
    version: packageVersion(),
    shards: shard.of,
    input: { sha256, records, nucleotides },
    digests: await digestsOf(command, options),
    options: Object.fromEntries(
      Object.entries(options)
        .filter(([key, value]) => !NO_PART_OF_IDENTITY.has(key) && value !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  };
  const final = join(folder, shardName(shard));
  if (await isDone(folder, final, made)) {
    note(`${final} is done already`);
    return;
  }
  await makeFolder(folder);
  const partial = await partialFolder(final);
  try {
    const range = shardRange(shard, records);
    await work({ ...options, out: join(partial, name), part: { index, range } });
    const files = await writtenFiles(partial, name, command);
    const manifest: Manifest = {
      format: 1,
      shard: shard.index,
      firstRecord: range.first + 1,
      records: range.count,
      files,
      made,
    };
    const text = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
    await writeAtomically(join(partial, MANIFEST_FILE), (sink) => sink.write(text));
    if (command.isFolder) await flushFolder(join(partial, name));
    await flushFolder(partial);
    if (await takesName(partial, final)) {
      await flushFolder(folder);
      note(`${final}: records ${range.first + 1} to ${range.first + range.count} of ${records}`);
    } else if (!(await isDone(folder, final, made))) throw new CommandError(`${final} is in the way; remove it`);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** The one input of which there are shards. Throws a UsageError where there is none. */
export function inputOf({ inputs }: ShardedCommand): string {
  const [input] = inputs;
  if (inputs.length !== 1 || input === undefined || input === STDIN)
    throw new UsageError(
      '--shard needs one FASTA file as its input; stdin and several files cannot be opened in the middle',
    );
  return input;
}

/** Whether the shard is there. Throws a CommandError where it, or the first that is there, was made in another way. */
async function isDone(folder: string, final: string, made: Identity): Promise<boolean> {
  const [first] = await doneShards(folder);
  if (first === undefined) return false;
  const isOwn = isShard(final);
  for (const path of new Set([join(folder, shardName(first)), ...(isOwn ? [final] : [])])) {
    const different =
      first.of === made.shards
        ? differences((await readManifest(path)).made, made)
        : [`shards is ${first.of} and not ${made.shards}`];
    if (different.length > 0)
      throw new CommandError(
        `${path} was made in another way: ${different.join('; ')}; give another --out, or remove ${folder}`,
      );
  }
  return isOwn;
}

async function digestsOf(
  { files = {} }: ShardedCommand,
  { model, config }: ShardedOptions,
): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  if (model !== undefined) digests['model'] = await modelDigest(model, config);
  for (const [what, path] of Object.entries(files))
    if (path !== undefined) digests[what] = (await digestOf(path)).sha256;
  return digests;
}

async function writtenFiles(
  folder: string,
  name: string,
  { kindOf, isFolder = false }: ShardedCommand,
): Promise<Manifest['files']> {
  const files: Manifest['files'] = [];
  const names = isFolder
    ? (await readdir(join(folder, name))).map((each) => `${name}/${each}`)
    : (await readdir(folder)).filter((each) => each.startsWith(name));
  for (const each of names.sort()) {
    const suffix = each.slice(name.length);
    files.push({ suffix, kind: kindOf(suffix), ...(await digestOf(join(folder, each))) });
  }
  return files;
}

/** Renames a folder to a name that no other has yet; false where another was quicker. */
async function takesName(folder: string, name: string): Promise<boolean> {
  try {
    await rename(folder, name);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A folder that has files in it is not replaced; Windows calls that a matter of permission.
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || (code === 'EPERM' && existsSync(name))) return false;
    throw error;
  }
}

/** Makes the names in a folder outlast a loss of power. */
async function flushFolder(path: string): Promise<void> {
  // Windows opens no folders.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
