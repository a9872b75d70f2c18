/** `rna shards …`: what it is told. The work is in the files beside it, loaded when it is called. */
import type { Command } from 'commander';
import { examples, wholeNumber } from '../../commandLine/options.ts';
import type { MergeOptions } from './merge.ts';
import type { PlanOptions } from './plan.ts';
import type { StatusOptions } from './status.ts';
import { MOST_SHARDS } from '../../shards/shard.ts';

const OUT_HELP = 'what --out of the command named, or the folder OUT.shards';

export function registerShards(program: Command): void {
  const shards = program
    .command('shards')
    .summary('split a file of sequences for a scheduler, say what is done, and join the results');

  const plan = shards
    .command('plan')
    .summary('say what each of N shards of a FASTA file has')
    .description(
      [
        'Reads a FASTA file (plain, or BGZF as bgzip writes it) once and keeps INPUT.index beside it, from which every',
        'shard is opened at once. Shards have the same number of records, or one more. A second plan reads the index alone.',
        'Embed, fold, structures, predict, score --scan and tertiary take --shard k/N, and make a missing index.',
      ].join(' '),
    )
    .argument('<input>', 'a FASTA file')
    .requiredOption('--shards <n>', 'how many', wholeNumber(1, MOST_SHARDS))
    .option('--json', 'as JSON, for scripts')
    .action(async (input: string, options: Omit<PlanOptions, 'input'>) => {
      const { plan: work } = await import('./plan.ts');
      await work({ ...options, input });
    });
  examples(plan, ['rna shards plan rnas.fasta --shards 8', 'rna shards plan rnas.fasta.gz --shards 1000 --json']);

  const status = shards
    .command('status')
    .summary('say which shards are done, missing, or made in another way')
    .description(
      [
        'Exit code 0 where all shards are there and were made alike, else 1. With --missing, stdout gets the numbers of those',
        'that are to be run again, as 3,7-9, which is how Slurm takes them, and nothing where there are none.',
      ].join(' '),
    )
    .argument('<out>', OUT_HELP)
    .option('--shards <n>', 'how many there are to be; needed where none is done yet', wholeNumber(1, MOST_SHARDS))
    .option('--missing', 'only the numbers of the shards to run, and exit code 0')
    .option('--json', 'as JSON, for scripts')
    .action(async (out: string, options: Omit<StatusOptions, 'out'>) => {
      const { status: work } = await import('./status.ts');
      await work({ ...options, out });
    });
  examples(status, ['rna shards status means.npy', 'sbatch -a $(rna shards status means.npy --missing) shards.sbatch']);

  const merge = shards
    .command('merge')
    .summary('join all shards to what one process would have written')
    .description(
      [
        'Refuses shards that are missing, damaged or made in another way. Reads each once and holds none. A name that ends in',
        '.safetensors.index.json keeps embeddings in a file a shard, with an index as large models have it.',
      ].join(' '),
    )
    .argument('<out>', OUT_HELP)
    .option('-o, --out <file>', 'the file to write (default: OUT)')
    .action(async (shardsOf: string, options: Omit<MergeOptions, 'shardsOf'>) => {
      const { merge: work } = await import('./merge.ts');
      await work({ ...options, shardsOf });
    });
  examples(merge, [
    'rna shards merge means.npy',
    'rna shards merge rnas.safetensors --out embeddings/rnas.safetensors.index.json',
  ]);
}
