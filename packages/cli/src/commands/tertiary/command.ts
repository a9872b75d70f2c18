/** `rna tertiary`: what it is told. The work is in tertiary.ts, loaded when it is called. */
import type { Command } from 'commander';
import type { TertiaryOptions } from './tertiary.ts';
import { activationsOption, examples, listOf, weightsOption, wholeNumber } from '../../commandLine/options.ts';
import { shardOption } from '../../shards/shard.ts';
import { withModelArgument } from '../../commandLine/modelArgument.ts';

export function registerTertiary(program: Command): void {
  const command = program
    .command('tertiary')
    .summary('predict structures in space')
    .description(
      [
        'Predicts all heavy atoms of an RNA with a model that was fine-tuned for tertiary-structure: from one sequence, without',
        'an alignment. Each record gets OUT/ID.pdb or OUT/ID.cif, where 100 times the predicted lDDT (plDDT) of a nucleotide is',
        'the B-factor of its atoms, and OUT/report.html shows the first 50 in 3D, with the plDDT along the sequence, the base',
        'pairs and the distances that are expected. Letters other than A, C, G and U (or T) are refused.',
      ].join(' '),
    )
    .requiredOption('-o, --out <folder>', 'the folder to write to; it is made if it is not there')
    .option('--format <list>', 'pdb, cif, or both with a comma', listOf(['pdb', 'cif']), ['pdb'])
    .option(
      '--recycles <n>',
      'cycles after the first, each of which begins with what the one before found (default: the number of the model)',
      wholeNumber(0),
    )
    .option(
      '--samples <n>',
      'structures of each record: from the second on the language model reads the RNA with 15 % of its nucleotides masked, drawn anew; the surest is OUT/ID, the others OUT/ID.sample-K',
      wholeNumber(1),
      1,
    )
    .option('--seed <s>', 'what the masks of --samples are drawn from', wholeNumber(0), 0)
    .option(
      '--probs',
      'also OUT/ID.probs.safetensors: plddt [L], ss_prob_map [L, L], and dist_p, dist_c and dist_n [L, L, 40], the distances of P, C4′ and the nitrogen of the base, of 39 Å and more and then in steps of 1 Å',
    )
    .option(
      '--json',
      'a line of JSON a record on stdout in place of the table: id, length, sequence, structure, plddt (the mean), plddts, model, recycles, sample, files',
    )
    .option('--skip-bad', 'leave out records that cannot be read or run, and list them; by default nothing is begun')
    .addOption(shardOption())
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .action(async () => {
      const { model, rest } = await given();
      const { tertiary } = await import('./tertiary.ts');
      await tertiary({ ...command.opts<Omit<TertiaryOptions, 'model' | 'inputs'>>(), model, inputs: rest });
    });
  const given = withModelArgument(command, {
    model: 'it must have been fine-tuned for tertiary-structure, or be a file of RhoFold',
    behind: [{ name: 'input', help: 'FASTA files or lines of sequences, gzipped or not, or - for stdin' }],
    many: true,
  });
  examples(command, [
    'rna tertiary runs/tertiary/model rnas.fasta --out structures',
    'rna tertiary runs/tertiary/model rnas.fasta --out structures --format pdb,cif --recycles 6 --probs',
    'rna tertiary RhoFold_pretrained.pt rnas.fasta --out structures',
    'rna tertiary runs/tertiary/model rnas.fasta --out structures --samples 8 --seed 1 --json | jq .plddt',
  ]);
}
