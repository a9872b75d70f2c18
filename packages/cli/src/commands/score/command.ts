/** `rna score`: what it is told. The work is in score.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import { withModelArgument } from '../../commandLine/modelArgument.ts';
import { activationsOption, examples, weightsOption } from '../../commandLine/options.ts';
import { shardOption } from '../../shards/shard.ts';
import type { ScoreOptions } from './score.ts';

export function registerScore(program: Command): void {
  const command = program
    .command('score')
    .summary('score what mutations do, without training')
    .description(
      [
        'Zero-shot scores of substitutions by a language model: how much more likely it takes the variant to be than the',
        'wild type, in nats; negative means less likely. INPUT is a table (CSV, TSV) with a column of mutations (A12G,',
        'several as A12G:C15U) or of whole sequences, or FASTA of whole sequences, of which the first is the wild type',
        'unless --wild-type gives it. The columns of the table are kept and a column "score" is added. With --measured the',
        "scores are held against a column of measurements: Spearman's rank correlation with a 95 % interval, beside that of",
        'minus the number of mutations, which a model must beat to mean anything. With --scan, INPUT is FASTA and every',
        'single substitution of every record is scored.',
      ].join(' '),
    )
    .option('--wild-type <sequence|file>', 'the wild type: its letters, or a FASTA file with one record')
    .addOption(
      new Option(
        '--method <name>',
        'masked-marginal masks all mutated positions at once, single-masked-marginal one after the other (as RNAGym’s ' +
          'leaderboard does), wild-type-marginal none; pseudo-likelihood masks every position in turn and is the slowest',
      )
        .choices(['masked-marginal', 'single-masked-marginal', 'wild-type-marginal', 'pseudo-likelihood'])
        .default('masked-marginal'),
    )
    .option('--mutations <column>', 'the column of mutations (default: mutant, mutation, mutations or variant)')
    .option('--sequences <column>', 'the column of whole sequences (default: sequence)')
    .option('--measured <column>', 'the column of measured values; rows without one are left out of the correlation')
    .option('--scan', 'score every single substitution of each record of a FASTA file')
    .option('--svg <file>', 'with --scan of one record: also a map of all scores')
    .option('-o, --out <file>', 'the CSV file to write to (default: stdout)')
    .option('--json', 'the correlations as JSON on stdout; needs --measured and --out')
    .addOption(shardOption())
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .action(async () => {
      const {
        model,
        rest: [input],
      } = await given();
      const { score } = await import('./score.ts');
      await score({ ...command.opts<Omit<ScoreOptions, 'model' | 'input'>>(), model, input });
    });
  const given = withModelArgument(command, {
    model: 'it must have its language-model head',
    behind: [{ name: 'input', help: 'a table of variants, or FASTA' }],
  });
  examples(command, [
    'rna score multimolecule/rinalmo-micro variants.csv --wild-type GGCUAACGUUCAGCC --out scores.csv',
    'rna score ./model assay.csv.gz --wild-type wild.fasta --method single-masked-marginal --measured DMS_score',
    'rna score ./model trna.fasta --scan --svg trna.svg --out trna.csv',
  ]);
}
