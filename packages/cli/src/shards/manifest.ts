/**
 * What is known of a shard that is done: of what it was made, so that only
 * shards of one kind are joined, and its files with their digests. The manifest
 * lies in the shard's folder, which appears by one rename when all of it is
 * written, so a folder of this name is a whole shard.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { CommandError } from '../commandLine/errors.ts';
import { shardName, shardOfName, type Shard } from './shard.ts';

/** How a file of shards is joined; `file` is one of a folder that is a record's and stays as it is. */
export const KINDS = ['lines', 'table', 'json', 'npy', 'safetensors', 'parquet', 'file'] as const;
export type Kind = (typeof KINDS)[number];

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const identity = z.strictObject({
  command: z.string(),
  version: z.string(),
  shards: z.int().positive(),
  input: z.strictObject({ sha256: digest, records: z.int().nonnegative(), nucleotides: z.int().nonnegative() }),
  /** SHA-256 of the model and other files that results depend on, by what they are. */
  digests: z.record(z.string(), digest),
  /** All other options, as the command line has them. */
  options: z.record(z.string(), z.unknown()),
});

/** All that decides what is in the shards of an input, the same in each. */
export type Identity = z.infer<typeof identity>;

/** `suffix` is what the output's name is followed by, or a file of a folder, and may lead into no other folder. */
const fileOfShard = z.strictObject({
  suffix: z.string().regex(/^(?:\/(?!\.\.?$)[^/\\\0]+|[-.\w]*)$/),
  kind: z.enum(KINDS),
  bytes: z.int().nonnegative(),
  sha256: digest,
});

const manifest = z.strictObject({
  format: z.literal(1),
  shard: z.int().positive(),
  /** From 1. */
  firstRecord: z.int().positive(),
  records: z.int().positive(),
  files: z.array(fileOfShard).min(1),
  made: identity,
});

export type Manifest = z.infer<typeof manifest>;

export const MANIFEST_FILE = 'manifest.json';

/** The folder of the shards of an output, which is named by either. */
export function shardsFolder(name: string): { readonly folder: string; readonly out: string } {
  const out = name.replace(/[/\\]+$/, '').replace(/\.shards$/, '');
  return { folder: `${out}.shards`, out };
}

/** Throws a CommandError for what is no manifest. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_FILE);
  try {
    return manifest.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new CommandError(`${path} is damaged or of another version; remove ${folder} and run its shard again`, {
      cause,
    });
  }
}

/** Whether a shard is there. A folder without a manifest is none: workflow engines make folders of outputs beforehand. */
export const isShard = (folder: string): boolean => existsSync(join(folder, MANIFEST_FILE));

/** The shards that are done, by their folders, in order. Throws a CommandError where there are shards of several N. */
export async function doneShards(folder: string): Promise<readonly Shard[]> {
  if (!existsSync(folder)) return [];
  const shards = (await readdir(folder)).flatMap((name) =>
    isShard(join(folder, name)) ? (shardOfName(name) ?? []) : [],
  );
  shards.sort((a, b) => a.index - b.index);
  const other = shards.find(({ of }) => of !== shards[0]!.of);
  if (other !== undefined)
    throw new CommandError(
      `${folder} has shards of ${shards[0]!.of} and of ${other.of} (${shardName(other)}); remove those of one of them`,
    );
  return shards;
}

/** Where two identities differ, as a person may read it: `options.pool is "cls" and not "mean"`. */
export function differences(found: Identity, wanted: Identity): string[] {
  const flat = (value: unknown, path: string): [string, string][] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, each]) => flat(each, path === '' ? key : `${path}.${key}`))
      : [[path, JSON.stringify(value)]];
  const [own, others] = [new Map(flat(found, '')), new Map(flat(wanted, ''))];
  return [...new Set([...own.keys(), ...others.keys()])].flatMap((key) =>
    own.get(key) === others.get(key)
      ? []
      : [`${key} is ${own.get(key) ?? 'not given'} and not ${others.get(key) ?? 'left out'}`],
  );
}

/** The size and the SHA-256 of a file. */
export async function digestOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}
