/** `rna embed`: what it is told. The work is in embed.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import type { EmbedOptions } from './embed.ts';
import { withModelArgument } from '../../commandLine/modelArgument.ts';
import {
  activationsOption,
  examples,
  INPUT_HELP,
  strideOption,
  weightsOption,
  wholeNumber,
  windowOption,
} from '../../commandLine/options.ts';
import { shardOption } from '../../shards/shard.ts';

export function registerEmbed(program: Command): void {
  const command = program
    .command('embed')
    .summary('write the representations of sequences to a safetensors, npy, csv or parquet file')
    .description(
      [
        'Writes one tensor per record, named by its id: [length + 2, dim], where the first row is <cls> and the last <eos>,',
        'or [dim] with --pool cls or mean. A name that ends in .npy gets one array [records, dim], or [records, length + 2, dim]',
        'where all records have one length; .csv and .parquet get the id and columns e0, e1, … of pooled vectors. Values are those of inference, without dropout. Case is ignored and T is read as U.',
        'The whole input is checked before any work; on an error no file is written.',
      ].join(' '),
    )
    .requiredOption('-o, --out <file>', 'the file to write: name.safetensors, name.npy, name.csv or name.parquet')
    .addOption(
      new Option(
        '--pool <how>',
        'none: every token; cls: the <cls> row; mean: the mean over the nucleotides, <cls> and <eos> left out',
      )
        .choices(['none', 'cls', 'mean'])
        .default('none'),
    )
    .option('--layer <n>', 'the output of block n instead, without the final norm; 0 is the embedding', wholeNumber(0))
    .option(
      '--logits',
      "also ID.logits [length + 2, 22], in the order of RiNALMo's vocabulary; always of the final representation",
    )
    .option(
      '--attentions',
      'also ID.attentions [layer, head, query, key], <cls> and <eos> included; records are then run one by one',
    )
    .option('--tokens <n>', 'tokens that are run together (default: what suits the adapter)', wholeNumber(1))
    .addOption(windowOption('the rows of each nucleotide, and those of <cls> and <eos>'))
    .addOption(strideOption())
    .addOption(shardOption())
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .option('--allow-unknown', 'read letters outside IUPAC as <unk> instead of refusing them')
    .action(async () => {
      const {
        model,
        rest: [input],
      } = await given();
      const { embed } = await import('./embed.ts');
      await embed({ ...command.opts<Omit<EmbedOptions, 'model' | 'input'>>(), model, input });
    });
  const given = withModelArgument(command, { behind: [{ name: 'input', help: INPUT_HELP }] });
  examples(command, [
    'rna embed rnas.fasta --out rnas.safetensors',
    'rna embed multimolecule/rinalmo-micro rnas.fasta --out rnas.safetensors',
    'rna embed runs/mine/checkpoints/best rnas.fasta --out means.csv --pool mean',
    'rna embed rnas.fasta --out means.npy --pool mean --shard 3/8',
    'zcat rnas.fasta.gz | rna embed ./model - --out rnas.safetensors --layer 6 --logits',
  ]);
}
