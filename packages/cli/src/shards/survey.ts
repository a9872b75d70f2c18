/** All shards of an output: which are done, which are missing, and which were made in another way than the first. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CommandError, UsageError } from '../commandLine/errors.ts';
import { differences, doneShards, readManifest, shardsFolder, type Manifest } from './manifest.ts';
import { shardName } from './shard.ts';

/** A shard's folder with its manifest. */
export interface DoneShard {
  readonly folder: string;
  readonly manifest: Manifest;
}

export interface Survey {
  readonly folder: string;
  readonly out: string;
  readonly shards: number;
  readonly done: readonly DoneShard[];
  /** Their numbers, from 1. */
  readonly missing: readonly number[];
  readonly differing: readonly { readonly shard: number; readonly folder: string; readonly why: string }[];
}

/** Throws a UsageError where nothing says how many shards there are, and a CommandError where they are of several N. */
export async function surveyShards(name: string, asked?: number): Promise<Survey> {
  const { folder, out } = shardsFolder(name);
  const found = await doneShards(folder);
  const shards = found[0]?.of ?? asked;
  if (shards === undefined)
    throw new UsageError(
      `${folder} ${existsSync(folder) ? 'has no shard yet' : 'is not there'}; say with --shards how many there are to be, or name another output`,
    );
  if (asked !== undefined && asked !== shards)
    throw new CommandError(`${folder} has shards of ${shards}, and not of ${asked}`);
  const done: DoneShard[] = [];
  const differing: { shard: number; folder: string; why: string }[] = [];
  for (const shard of found) {
    const own = join(folder, shardName(shard));
    const why = await problemOf(own, basename(out), done[0]);
    if (typeof why === 'string') differing.push({ shard: shard.index, folder: own, why });
    else done.push(why);
  }
  const numbers = new Set(found.map(({ index }) => index));
  const missing = Array.from({ length: shards }, (_, k) => k + 1).filter((k) => !numbers.has(k));
  return { folder, out, shards, done, missing, differing };
}

/** What is wrong with a shard, or the shard. */
async function problemOf(folder: string, name: string, first: DoneShard | undefined): Promise<string | DoneShard> {
  try {
    const manifest = await readManifest(folder);
    if (first !== undefined) {
      const different = differences(manifest.made, first.manifest.made);
      if (different.length > 0) return different.join('; ');
    }
    for (const { suffix, bytes } of manifest.files) {
      const path = join(folder, `${name}${suffix}`);
      const size = existsSync(path) ? (await stat(path)).size : undefined;
      if (size !== bytes)
        return `${path} ${size === undefined ? 'is not there' : `has ${size} bytes and not ${bytes}`}`;
    }
    return { folder, manifest };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.message;
  }
}

/** Numbers as ranges, `3,7-9`. */
export function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}
