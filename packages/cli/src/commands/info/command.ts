/** `rna info`: what it is told. The work is in info.ts, loaded when it is called. */
import { type Command } from 'commander';
import type { InfoOptions } from './info.ts';
import { examples } from '../../commandLine/options.ts';

export function registerInfo(program: Command): void {
  const command = program
    .command('info')
    .summary('show the adapter, its limits, the memory budget and the kernel variants chosen for it')
    .option('--json', 'as JSON, for scripts')
    .action(async (options: InfoOptions) => {
      const { info } = await import('./info.ts');
      await info(options);
    });
  examples(command, ['rna info', 'rna info --json | jq .memoryBudget']);
}
