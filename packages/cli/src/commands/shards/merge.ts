/** The work of `rna shards merge`: joins, and says what was written. */
import { note, writeResult } from '../../commandLine/terminal.ts';
import { joinShards } from '../../shards/merge.ts';

export interface MergeOptions {
  readonly shardsOf: string;
  readonly out?: string;
}

/** Throws a CommandError as `joinShards` does. */
export async function merge({ shardsOf, out }: MergeOptions): Promise<void> {
  const { written, shards, records } = await joinShards(shardsOf, out);
  for (const path of written) await writeResult(`${path}\n`);
  note(`${records} records of ${shards} shards`);
}
