/** How a command whose records can be shared out runs: on all of them, on a shard, or as one of several ranks. */
import { UsageError } from '../commandLine/errors.ts';
import { launchOf } from '../ranks/launch.ts';
import { runShard, type ShardedCommand, type ShardedOptions, type ShardPart } from './runShard.ts';

/**
 * Runs `work` on all records; where there is --shard on its own; and of several ranks each on its own, which the first
 * then joins.
 */
export async function runRecords<O extends ShardedOptions>(
  command: ShardedCommand,
  options: O,
  work: (options: O & ShardPart) => Promise<void>,
): Promise<void> {
  const { shard } = options;
  if (shard !== undefined) return runShard(command, { ...options, shard }, work);
  const launch = launchOf();
  if (launch === undefined || launch.size === 1) return work(options);
  if (command.overRanks !== true)
    throw new UsageError(
      `${launch.by} started several processes, which would all do the same: give each a part by --shard, or start one`,
    );
  const { runOverRanks } = await import('./overRanks.ts');
  await runOverRanks(command, options, work);
}
