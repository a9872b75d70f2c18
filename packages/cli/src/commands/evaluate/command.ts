/** `rna evaluate`: what it is told. The work is in evaluate.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import type { EvaluateOptions } from './evaluateOptions.ts';
import { withModelArgument } from '../../commandLine/modelArgument.ts';
import {
  activationsOption,
  columnsOption,
  examples,
  listOf,
  probability,
  strideOption,
  weightsOption,
  wholeNumber,
  windowOption,
  withTasks,
} from '../../commandLine/options.ts';

export function registerEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .summary('score a model on RNAs with known labels, or on masked nucleotides')
    .description(
      [
        "With a task head: the task's metrics with 95 % intervals of a bootstrap over RNAs. For structures these are precision,",
        'recall and F1 of the decoded base pairs, exact and within one position, and the area under the precision-recall',
        'curve (AUPRC), as means over RNAs and weighted by length; --protocol decodes, tunes and scores as a paper does.',
        'Without a head, or with --masking: loss and accuracy on masked nucleotides, with the masks and rows of rna',
        "pretrain's evaluation. Structures in space are scored against PDB and mmCIF files by every lDDT, RMSD, TM-score,",
        'interaction network fidelity and clashes. --allow-nc-pairs and --allow-sharp-loops are not kept with a model: give those of its fine-tuning (decode.*) to get',
        'its figures. FILES are what rna finetune takes for the task, for masked nucleotides also FASTA; folders of such files',
        'are read by name.',
      ].join(' '),
    )
    .option(
      '--baselines',
      'score beside the model: CONTRAfold and EternaFold for structures, an A-form helix and a random walk for those in space, else a weight matrix, ridge regression or naive Bayes fitted to --train',
    )
    .option(
      '--train <files...>',
      'the training set: baselines are fitted to it, structures are also scored by their likeness to it',
    )
    .option('--mmseqs <file>', 'likeness to the training set from an MMseqs2 search (query, target, fident) instead')
    .option(
      '--by <list>',
      "also tables of parts: family (ArchiveII's names), file, length, similarity, pair-type, probability (calibration), and of structures in space length and plddt, with commas; JSON and reports have them all",
      listOf(['family', 'file', 'length', 'similarity', 'pair-type', 'probability', 'plddt']),
      [],
    )
    .option('--csv <file>', 'also write the scores or predictions of each RNA')
    .option('--report <folder>', 'also write report.html and its figures as SVG there')
    .addOption(
      new Option(
        '--protocol <paper>',
        'of structures: rinalmo (canonical pairs, no sharp loops, ±1) or ssr-lm (all pairs, exact)',
      ).choices(['rinalmo', 'ssr-lm']),
    )
    .option(
      '--threshold <t>',
      'take pairs, or answer yes, above this probability (default: the one tuned with the model, else 0.5)',
      probability,
    )
    .option(
      '--validation <files...>',
      'tune the threshold on these RNAs instead: the best F1, for structures the best mean F1 of 0.01, 0.02, … 0.29',
    )
    .addOption(
      new Option('--tune-by <how>', 'the F1 that --validation goes by (default: within-one)').choices([
        'within-one',
        'exact',
      ]),
    )
    .option('--allow-nc-pairs', 'of structures: allow pairs other than AU, GC and GU')
    .option('--allow-sharp-loops', 'of structures: allow fewer than three nucleotides between partners')
    .addOption(windowOption("structures' pair probabilities"))
    .addOption(strideOption())
    .addOption(columnsOption())
    .addOption(
      new Option('--masking <scheme>', 'score masked nucleotides (default: mlm for RiNALMo, ssm for SSR-LM)').choices([
        'ssm',
        'sm',
        'mlm',
      ]),
    )
    .option(
      '--max-tokens <n>',
      'tokens of a row, for masked nucleotides; longer RNAs are cropped',
      wholeNumber(3),
      1024,
    )
    .option('--json', 'print the result as JSON instead of a table')
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .action(async () => {
      const { model, rest } = await given();
      const { evaluate } = await import('./evaluate.ts');
      await evaluate({ ...command.opts<Omit<EvaluateOptions, 'model' | 'files'>>(), model, files: rest });
    });
  const given = withModelArgument(command, {
    behind: [{ name: 'files', help: 'files or folders of RNAs' }],
    many: true,
    takesFolders: true,
  });
  withTasks(program, command);
  examples(command, [
    'rna evaluate test.dbn --baselines',
    'rna evaluate runs/fold/model test.dbn --csv scores.csv',
    'rna evaluate rinalmo_giga_ss.pt TS0 --validation VL0 --protocol rinalmo --baselines --by length,pair-type --report ts0',
    'rna evaluate runs/donor/model fly.csv worm.csv --train arabidopsis.csv --baselines --by file',
    'rna evaluate runs/tertiary/model natives --baselines --by length,plddt',
    'rna evaluate runs/first/model held-out.fasta --masking mlm --json',
  ]);
}
