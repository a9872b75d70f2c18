/** `rna fold`: what it is told. The work is in fold.ts, loaded when it is called. */
import type { Command } from 'commander';
import type { FoldOptions } from './fold.ts';
import { activationsOption, examples, listOf, probability, weightsOption } from '../../commandLine/options.ts';
import { withModelArgument } from '../../commandLine/modelArgument.ts';

export function registerFold(program: Command): void {
  const command = program
    .command('fold')
    .summary('predict secondary structures')
    .description(
      [
        'Predicts base pairs with the built-in model, or one that was fine-tuned for secondary structure, and decodes them',
        'greedily: the most probable pair first, each nucleotide at most once, down to the threshold. Pseudoknots can come out. Sequences are',
        'read and written in upper case with U for T; letters other than A, C, G and U stay unpaired. With --out, each record gets the files OUT/ID.FORMAT, where characters',
        'of the id that do not suit a file name become _; without it, dot-bracket goes to stdout.',
      ].join(' '),
    )
    .option('-o, --out <folder>', 'the folder to write to; it is made if it is not there')
    .option('--format <list>', 'dbn, ct and bpseq, separated by commas', listOf(['dbn', 'ct', 'bpseq']), ['dbn'])
    .option(
      '--threshold <t>',
      'take pairs above this probability (default: the one tuned with the model, else 0.5)',
      probability,
    )
    .option('--allow-nc-pairs', 'allow pairs other than AU, GC and GU')
    .option('--allow-sharp-loops', 'allow fewer than three nucleotides between partners')
    .option(
      '--probs',
      'also OUT/ID.probs.tsv: a line "i j p" for each pair i < j, counted from 1, with p of at least 0.0001',
    )
    .option('--skip-bad', 'leave out records that cannot be read or run, and list them; by default nothing is begun')
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .action(async () => {
      const { model, rest } = await given();
      const { fold } = await import('./fold.ts');
      await fold({ ...command.opts<Omit<FoldOptions, 'model' | 'inputs'>>(), model, inputs: rest });
    });
  const given = withModelArgument(command, {
    model: 'it must have a head that predicts base pairs',
    behind: [{ name: 'input', help: 'FASTA files, gzipped or not, or - for stdin' }],
    many: true,
  });
  examples(command, [
    'rna fold rnas.fasta',
    'rna fold rnas.fasta.gz more.fasta --skip-bad > rnas.dbn',
    'rna fold ./fine-tuned rnas.fasta --out structures --format dbn,ct,bpseq --probs',
    'rna fold rinalmo_micro_ss.pt rnas.fasta --threshold 0.3 --allow-sharp-loops > rnas.dbn',
  ]);
}
