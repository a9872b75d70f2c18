/** A shard of a corpus: which of N parts it is, which records it has and what it is called. */
import { InvalidArgumentError, Option } from 'commander';
import type { RecordRange } from '@rna/model';

/** The k-th of N parts, from 1. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

export interface ShardOption {
  readonly shard?: Shard;
}

export const shardOption = (): Option =>
  new Option(
    '--shard <k/N>',
    'do the k-th of N parts of the records alone, from 1, for a scheduler: it appears in the folder FILE.shards when it is whole, is not done twice, and rna shards merge joins all to FILE',
  ).argParser(parseShard);

/** Names of shards have five digits, so that they sort by number. */
const DIGITS = 5;
export const MOST_SHARDS = 10 ** DIGITS - 1;

function parseShard(text: string): Shard {
  const [, k, n] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  const shard = { index: Number(k), of: Number(n) };
  if (!(shard.index >= 1 && shard.index <= shard.of && shard.of <= MOST_SHARDS))
    throw new InvalidArgumentError(`Expected k/N with k from 1 to N, such as 3/8, and N at most ${MOST_SHARDS}.`);
  return shard;
}

/** The records of a shard: no two shards differ by more than one. */
export function shardRange({ index, of }: Shard, records: number): RecordRange {
  const first = Math.floor(((index - 1) * records) / of);
  return { first, count: Math.floor((index * records) / of) - first };
}

/** `shard-00003-of-00008`, which sorts by number. */
export const shardName = ({ index, of }: Shard): string =>
  `shard-${String(index).padStart(DIGITS, '0')}-of-${String(of).padStart(DIGITS, '0')}`;

/** The shard that has a name; undefined for another name. */
export function shardOfName(name: string): Shard | undefined {
  const [, index, of] = /^shard-(\d+)-of-(\d+)$/.exec(name) ?? [];
  if (of === undefined) return undefined;
  const shard = { index: Number(index), of: Number(of) };
  return shardName(shard) === name && shard.of <= MOST_SHARDS ? shard : undefined;
}
