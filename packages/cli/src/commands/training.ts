/**
 * What `rna pretrain` and `rna finetune` are told, which is the same but for
 * the config's fields: a file, `--key value` overrides of any field, and how
 * the result is shown. Commander does not know the fields; what it does not
 * know goes to the config's own checks.
 */
import type { Command } from 'commander';
import type { ZodType } from 'zod';
import type { TrainingOptions } from '../trainingRun.ts';

interface Training {
  /** Loads the work and the schema of its config. */
  readonly load: () => Promise<{ run: (options: TrainingOptions) => Promise<void>; schema: ZodType }>;
}

export function registerTraining(command: Command, { load }: Training): Command {
  return command
    .usage('[config.yaml] [--key value …] [options]')
    .argument('[config]', 'the config, a YAML or JSON file; it stands before the overrides')
    .allowUnknownOption()
    .allowExcessArguments()
    // Commander's own help is printed at once, but the fields come from a module that is loaded when needed.
    .helpOption(false)
    .option('-h, --help', 'print this help, with every field of the config')
    .option('--print-config', 'print the whole config as YAML and do nothing else')
    .option('--json', 'print the result as JSON instead of a table')
    .action(async (_config: string | undefined, { help, ...options }: { help?: true; json?: true; printConfig?: true }) => {
      const { run, schema } = await load();
      if (help) {
        const { fieldsHelp } = await import('../trainingInput.ts');
        command.addHelpText('after', fieldsHelp(schema)).outputHelp();
        return;
      }
      const [first] = command.args;
      const hasFile = first !== undefined && !first.startsWith('-');
      await run({ ...options, ...(hasFile && { config: first }), overrides: command.args.slice(hasFile ? 1 : 0) });
    });
}
