/**
 * A command whose records the ranks of an MPI job share out: each does a shard, and the first joins them when all are
 * done. A rank that is killed ends the job, and the same command goes on with the shards that are missing.
 */
import { rm } from 'node:fs/promises';
import { gatherValues, ofFirst } from '@rna/train';
import { CommandError, UsageError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';
import { openFastaIndex } from '../input/fastaIndex.ts';
import { withRanks } from '../ranks/ranks.ts';
import { shardsFolder } from './manifest.ts';
import { joinShards } from './merge.ts';
import { inputOf, runShard, type ShardedCommand, type ShardedOptions, type ShardPart } from './runShard.ts';

/** Throws as `runShard` does; what is wrong with the records of one rank is an error of all. */
export async function runOverRanks<O extends ShardedOptions>(
  command: ShardedCommand,
  options: O,
  work: (options: O & ShardPart) => Promise<void>,
): Promise<void> {
  const { out } = options;
  const input = inputOf(command);
  if (out === undefined) throw new UsageError('several ranks need --out, where the first joins what they have done');
  await withRanks(async (ranks) => {
    if (ranks === undefined) return work(options);
    // One makes the index; the others find it.
    const records = await ofFirst(ranks, async () => (await openFastaIndex(input)).records);
    const of = Math.min(ranks.size, records);
    note(`${of} of ${ranks.size} ranks share ${records} records (${ranks.library})`);
    const problem = ranks.rank < of ? await problemOf({ index: ranks.rank + 1, of }) : null;
    const problems = await gatherValues(ranks, problem);
    const first = problems.find((each) => each !== null);
    if (first !== undefined) throw new CommandError(first);
    await ofFirst(ranks, async () => {
      // Readers of Parquet take the shards as they are.
      if (out.toLowerCase().endsWith('.parquet')) note(`${shardsFolder(out).folder} has the table, in a file a shard`);
      else {
        await joinShards(out);
        await rm(shardsFolder(out).folder, { recursive: true });
      }
      return null;
    });
  });

  /** What is wrong with the records of a shard, which would be so again. What else fails ends all ranks. */
  async function problemOf(shard: { readonly index: number; readonly of: number }): Promise<string | null> {
    try {
      await runShard(command, { ...options, shard }, work);
      return null;
    } catch (error) {
      if (!(error instanceof Error) || !LASTING.has(error.name)) throw error;
      return error.message;
    }
  }
}

/** Names of errors that another try would end in as well. */
const LASTING: ReadonlySet<string> = new Set(['InputError', 'CommandError', 'CheckpointError']);
