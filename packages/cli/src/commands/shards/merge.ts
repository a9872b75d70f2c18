/** The work of `rna shards merge`: refuses what is not whole, then joins. */
import { basename } from 'node:path';
import { CommandError } from '../../commandLine/errors.ts';
import { note, writeResult } from '../../commandLine/terminal.ts';
import { mergeShards } from '../../shards/merge.ts';
import { ranges, surveyShards } from '../../shards/survey.ts';

export interface MergeOptions {
  readonly shardsOf: string;
  readonly out?: string;
}

/** Throws a CommandError for shards that are missing, damaged or made in another way, before anything is written. */
export async function merge({ shardsOf, out: asked }: MergeOptions): Promise<void> {
  const { folder, out, shards, done, missing, differing } = await surveyShards(shardsOf);
  const [first] = differing;
  if (first !== undefined)
    throw new CommandError(
      `${first.folder} does not belong to the other shards or is damaged: ${first.why}; remove it and run shard ${first.shard} again`,
    );
  if (missing.length > 0)
    throw new CommandError(`${folder}: ${missing.length} of ${shards} shards are missing: ${ranges(missing)}`);
  const to = asked ?? out;
  const written = await mergeShards(done, basename(out), to);
  for (const path of written) await writeResult(`${path}\n`);
  note(`${done.reduce((sum, { manifest }) => sum + manifest.records, 0)} records of ${shards} shards`);
}
