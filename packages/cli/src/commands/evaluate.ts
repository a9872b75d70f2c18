/** `rna evaluate`: what it is told. The work is in ../evaluate.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import type { EvaluateOptions } from '../evaluate.ts';
import { activationsOption, examples, MODEL_HELP, probability, weightsOption, wholeNumber } from '../options.ts';

export function registerEvaluate(program: Command): void {
  const command = program.command('evaluate')
    .summary('score a model on RNAs with known structures, or on masked nucleotides')
    .description([
      'With a secondary-structure head: precision, recall and F1 of the decoded base pairs, exact and within one position,',
      'and the area under the precision-recall curve (AUPRC), as means over RNAs and weighted by length. Without one, or',
      'with --masking: loss and accuracy on masked nucleotides, with the masks and rows of rna pretrain\'s evaluation.',
      'The --allow flags are not kept with a model: give those of its fine-tuning (decode.*) to get its figures.',
      'FILES are dot-bracket, CT, bpseq or ST, for masked nucleotides also FASTA; folders of such files are read by name.',
    ].join(' '))
    .argument('<model>', MODEL_HELP)
    .argument('<files...>', 'files or folders of RNAs')
    .option('--threshold <t>', 'take pairs above this probability (default: the one tuned with the model, else 0.5)', probability)
    .option('--validation <files...>', 'tune the threshold on these RNAs instead: the best mean F1 of 0.01, 0.02, … 0.29')
    .addOption(new Option('--tune-by <how>', 'the F1 that --validation goes by').choices(['within-one', 'exact']).default('within-one'))
    .option('--allow-nc-pairs', 'allow pairs other than AU, GC and GU')
    .option('--allow-sharp-loops', 'allow fewer than three nucleotides between partners')
    .option('--csv <file>', 'also write the scores of each RNA')
    .addOption(new Option('--masking <scheme>', 'score masked nucleotides (default: mlm for RiNALMo, ssm for SSR-LM)').choices(['ssm', 'sm', 'mlm']))
    .option('--max-tokens <n>', 'tokens of a row, for masked nucleotides; longer RNAs are cropped', wholeNumber(3), 1024)
    .option('--json', 'print the result as JSON instead of a table')
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .action(async (model: string, files: string[], options: Omit<EvaluateOptions, 'model' | 'files'>) => {
      const { evaluate } = await import('../evaluate.ts');
      await evaluate({ ...options, model, files });
    });
  examples(command, [
    'rna evaluate runs/fold/model test.dbn --csv scores.csv',
    'rna evaluate rinalmo_giga_ss.pt TS0 --validation VL0',
    'rna evaluate runs/first/model held-out.fasta --masking mlm --json',
  ]);
}
