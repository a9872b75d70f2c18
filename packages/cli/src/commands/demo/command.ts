/** `rna demo`: what it is told. The work is in demo.ts, loaded when it is called. */
import { type Command } from 'commander';
import type { DemoOptions } from './demo.ts';
import { examples, wholeNumber } from '../../commandLine/options.ts';

export function registerDemo(program: Command): void {
  const command = program
    .command('demo')
    .summary('fold RNAs with the built-in model, train and score a small model on real RNAs, and write a report')
    .description(
      [
        'Folds real RNAs with the built-in model first, beside CONTRAfold, and draws some. Then pre-trains a small SSR-LM with',
        'structure-aware masking on 714 real RNAs, fine-tunes it for secondary structure on 66, and scores it on 60 that it has',
        'not seen, against the same model untrained. Prints a table and writes an HTML report and the model. The same seed gives the same table on the same driver.',
      ].join(' '),
    )
    .option('-o, --out <folder>', 'the folder to write to', 'runs/demo')
    .option('--seed <n>', 'everything random follows from it', wholeNumber(0), 1)
    .option('--pretrain-steps <n>', 'updates of the pre-training', wholeNumber(1), 120)
    .option('--finetune-epochs <n>', 'passes over the fine-tuning set', wholeNumber(1), 5)
    .option('--json', 'the results as JSON on stdout instead of the table')
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./demo.ts');
      await demo(options);
    });
  examples(command, [
    'rna demo',
    'rna demo --seed 2 --out runs/second',
    'rna demo --pretrain-steps 2000 --finetune-epochs 30',
  ]);
}
