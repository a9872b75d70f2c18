/** `rna tune`: what it is told. The work is in tune.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import { examples, wholeNumber } from '../../commandLine/options.ts';
import type { TuneOptions } from './tune.ts';

export function registerTune(program: Command): void {
  const command = program
    .command('tune')
    .summary("time the kernels' variants on this adapter and keep the fastest")
    .description(
      [
        'Times the variants of each kernel on real sizes and keeps, for each class of sizes, the fastest that gives the same',
        'result; every command uses them from then on, on this adapter and driver. It takes minutes. Tuned kernels may sum in',
        'another order: results then differ in their last bits from those before. RNA_TUNING=off leaves the answers out,',
        'RNA_TUNING=FILE keeps and reads them elsewhere, so that a copy of the file pins them for a run.',
      ].join(' '),
    )
    .option('--model <preset>', "tune what a training step of this model runs, instead of the benchmark's calls")
    .option('--tokens <n>', 'tokens of that step', wholeNumber(16))
    .option('--kernel <name>', 'tune this kernel only')
    .option('--json', 'as JSON, with every variant that was tried')
    .addOption(
      new Option('--list', 'show what is kept, of all adapters, and do nothing else').conflicts([
        'model',
        'tokens',
        'kernel',
        'clear',
      ]),
    )
    .addOption(
      new Option('--clear', 'delete what is kept, of all adapters, and do nothing else').conflicts([
        'model',
        'tokens',
        'kernel',
        'json',
      ]),
    )
    .action(async (options: TuneOptions) => {
      const { tune } = await import('./tune.ts');
      await tune(options);
    });
  examples(command, [
    'rna tune --model rinalmo-micro',
    'rna tune --kernel matmul',
    'rna tune --list',
    'rna tune --clear',
  ]);
}
