/** The work of `rna shards plan`: the index of a file, and what each shard has. */
import { CommandError } from '../../commandLine/errors.ts';
import { writeResult } from '../../commandLine/terminal.ts';
import { nucleotidesOf, openFastaIndex } from '../../input/fastaIndex.ts';
import { shardName, shardRange } from '../../shards/shard.ts';

export interface PlanOptions {
  readonly input: string;
  readonly shards: number;
  readonly json?: boolean;
}

/** Throws an InputError or CommandError as `openFastaIndex` does, and for more shards than records. */
export async function plan({ input, shards: of, json }: PlanOptions): Promise<void> {
  const index = await openFastaIndex(input);
  const { records, nucleotides, sha256 } = index;
  if (of > records) throw new CommandError(`${input} has ${records} records, so there are no ${of} shards of it`);
  const shards: { shard: number; firstRecord: number; records: number; nucleotides: number }[] = [];
  for (let k = 1; k <= of; k++) {
    const range = shardRange({ index: k, of }, records);
    shards.push({
      shard: k,
      firstRecord: range.first + 1,
      records: range.count,
      nucleotides: await nucleotidesOf(index, range),
    });
  }
  if (json) {
    await writeResult(`${JSON.stringify({ input, sha256, records, nucleotides, shards }, null, 2)}\n`);
    return;
  }
  await writeResult(`${input}: ${records} records, ${nucleotides} nucleotides\n`);
  for (const { shard, ...has } of shards)
    await writeResult(
      `${shardName({ index: shard, of })}  from record ${has.firstRecord}, ${has.records} records, ${has.nucleotides} nucleotides\n`,
    );
}
