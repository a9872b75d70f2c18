/** `rna predict`: what it is told. The work is in predict.ts, loaded when it is called. */
import type { Command } from 'commander';
import { withModelArgument } from '../../commandLine/modelArgument.ts';
import {
  activationsOption,
  columnsOption,
  examples,
  listOf,
  probability,
  TASK_HELP,
  weightsOption,
  withTasks,
} from '../../commandLine/options.ts';
import { shardOption } from '../../shards/shard.ts';
import type { PredictOptions } from './predict.ts';

export function registerPredict(program: Command): void {
  const command = program
    .command('predict')
    .summary('predict what a model was fine-tuned for')
    .description(
      [
        'Predictions of a fine-tuned model for each RNA (the built-in one predicts base pairs alone): the probability of a yes, a class with the probabilities of all',
        'classes, or a number in the unit of the training data, as a CSV table (or JSON) of a row an RNA; or base pairs, as',
        'rna fold writes them. INPUT is FASTA, or - for FASTA on stdin; for all but base pairs also a table with the',
        "task's sequence column, whose other columns are kept behind the predictions, and folders, read by name.",
      ].join(' '),
    )
    .argument('[task]', `${TASK_HELP}; without one, what the model was fine-tuned for`)
    .option('-o, --out <path>', 'the file to write to; for structures a folder (default: stdout)')
    .option('--json', 'JSON instead of CSV; of structures a line a record, as rna fold writes it')
    .option(
      '--format <list>',
      'of structures: dbn, ct, bpseq, svg and r2dt, separated by commas (default: dbn)',
      listOf(['dbn', 'ct', 'bpseq', 'svg', 'r2dt']),
    )
    .option(
      '--threshold <t>',
      'take pairs, or answer yes, above this probability (default: the one tuned with the model, else 0.5)',
      probability,
    )
    .option('--allow-nc-pairs', 'of structures: allow pairs other than AU, GC and GU')
    .option('--allow-sharp-loops', 'of structures: allow fewer than three nucleotides between partners')
    .option('--probs', 'of structures: also OUT/ID.probs.tsv')
    .addOption(columnsOption())
    .addOption(shardOption())
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .action(async () => {
      const [{ predict }, { isTask }] = await Promise.all([
        import('./predict.ts'),
        import('../../commandLine/tasks.ts'),
      ]);
      const [first, ...others] = command.args;
      // The first of three arguments must be a task; the first of fewer is one where it is called as one.
      const task = first !== undefined && (others.length > 1 || isTask(first)) ? first : undefined;
      const {
        model,
        rest: [input],
      } = await given(task === undefined ? command.args : others, task === undefined ? 'task or ' : '');
      const options = command.opts<Omit<PredictOptions, 'task' | 'model' | 'input'>>();
      await predict({ ...options, ...(task !== undefined && { task }), model, input });
    });
  const given = withModelArgument(command, {
    model: 'fine-tuned for the task',
    behind: [{ name: 'input', help: 'the RNAs' }],
  });
  withTasks(program, command);
  examples(command, [
    'rna predict rnas.fasta > rnas.dbn',
    'rna predict splice-site runs/donor/model windows.fasta --out sites.csv',
    'rna predict ribosome-load runs/mrl/model utrs.csv --json',
    'cat rnas.fasta | rna predict secondary-structure runs/fold/model -',
  ]);
}
