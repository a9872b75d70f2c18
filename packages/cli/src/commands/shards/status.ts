/** The work of `rna shards status`: what is done, as a person or a script wants it. */
import { CommandError } from '../../commandLine/errors.ts';
import { writeResult } from '../../commandLine/terminal.ts';
import { ranges, surveyShards } from '../../shards/survey.ts';

export interface StatusOptions {
  readonly out: string;
  readonly shards?: number;
  readonly missing?: boolean;
  readonly json?: boolean;
}

/** Throws a CommandError, and so ends with another exit code, unless all shards are there and alike. */
export async function status({ out, shards: asked, missing: only, json }: StatusOptions): Promise<void> {
  const { folder, shards, done, missing, differing } = await surveyShards(out, asked);
  if (only) {
    const toRun = ranges(missing);
    if (toRun !== '') await writeResult(`${toRun}\n`);
  } else if (json) {
    const numbers = done.map(({ manifest }) => manifest.shard);
    await writeResult(`${JSON.stringify({ folder, shards, done: numbers, missing, differing }, null, 2)}\n`);
  } else {
    await writeResult(`${folder}: ${done.length} of ${shards} shards are done\n`);
    if (missing.length > 0) await writeResult(`missing: ${ranges(missing)}\n`);
    for (const { folder: own, why } of differing) await writeResult(`differing: ${own}: ${why}\n`);
  }
  if (differing.length > 0)
    throw new CommandError(
      `${differing.length} of ${shards} shards are damaged or made in another way; remove ${differing.map((each) => each.folder).join(' ')} and run them again`,
    );
  if (missing.length > 0 && !only) throw new CommandError(`${missing.length} of ${shards} shards are missing`);
}
