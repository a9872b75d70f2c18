/** `rna info`: what it is told. The work is in info.ts, loaded when it is called. */
import { type Command } from 'commander';
import type { InfoOptions } from './info.ts';
import { examples, MODEL_HELP, strideOption, weightsOption, windowOption } from '../../commandLine/options.ts';

export function registerInfo(program: Command): void {
  const command = program
    .command('info')
    .summary('show the adapter, its limits, the memory budget and the kernel variants chosen for it; or a model')
    .description(
      [
        'Shows the adapter, its limits, the memory budget and the kernel variants chosen for it; of a model that is named its',
        'sizes and head, of builtin also its card: training data, scores, licence and digest, which is verified. With --check,',
        'computes answers that are known, of every kernel and of the built-in model, on this adapter, and says by how much they',
        'agree; the exit code is 1 where one does not. With --for, says what running a file will take, after a short timing here.',
        'With --ranks, under mpirun, shows host, adapter and driver of each process and how fast they exchange.',
      ].join(' '),
    )
    .argument('[model]', MODEL_HELP)
    .option(
      '--for <input...>',
      'FASTA files, gzipped or not, or - for stdin: how long it will take to fold them (or what else the model does), how much memory, and which records need windows',
    )
    .option('--model <name>', 'with --for, the model; as the argument')
    .addOption(windowOption('as rna fold and rna embed do'))
    .addOption(strideOption())
    .addOption(weightsOption().default(undefined, 'f32'))
    .option('--check', 'compute known answers on this adapter')
    .option('--ranks', 'of processes that mpirun or srun started: what each sees, and the speed of their exchange')
    .option('--json', 'as JSON, for scripts')
    .action(async (model: string | undefined, options: InfoOptions) => {
      const { info } = await import('./info.ts');
      await info({ ...options, ...(model !== undefined && { model }) });
    });
  examples(command, [
    'rna info',
    'rna info builtin',
    'rna info --check',
    'rna info --for rnas.fasta',
    'mpirun -np 2 npx rna info --ranks',
    'rna info --json | jq .memoryBudget',
  ]);
}
