/**
 * What `rna pretrain` and `rna finetune` are told, which is the same but for
 * the config's fields: a file, `--key value` overrides of any field, and how
 * the result is shown. Commander does not know the fields; what it does not
 * know goes to the config's own checks.
 */
import type { Command, Option } from 'commander';
import type { ZodType } from 'zod';
import type { TrainingOptions } from './trainingRun.ts';

interface Work {
  readonly run: (options: TrainingOptions) => Promise<void>;
  readonly schema: ZodType;
  /** The overrides that options of `Training.options` stand for. Throws a UsageError for one that does not fit. */
  readonly overrides?: (options: Readonly<Record<string, unknown>>) => readonly string[];
}

interface Training {
  /** What the first argument names, where it is not the config: it is asked for before anything else. */
  readonly subject?: { readonly name: string; readonly description: string };
  /** Options beside those of all trainings. */
  readonly options?: readonly Option[];
  /**
   * Loads the work and the schema of its config; `subject` is empty where there is none. Throws a UsageError for one
   * that is not known.
   */
  readonly load: (subject: string) => Promise<Work>;
}

export function registerTraining(command: Command, { subject, options: own = [], load }: Training): Command {
  if (subject !== undefined) command.argument(`[${subject.name}]`, subject.description);
  for (const option of own) command.addOption(option);
  return (
    command
      .usage(`${subject === undefined ? '' : `<${subject.name}> `}[config.yaml] [--key value …] [options]`)
      .argument('[config]', 'the config, a YAML or JSON file; it stands before the overrides')
      .allowUnknownOption()
      .allowExcessArguments()
      // Commander's own help is printed at once, but the fields come from a module that is loaded when needed.
      .helpOption(false)
      .option(
        '-h, --help',
        `print this help, with every field of the config${subject === undefined ? '' : ` of a ${subject.name} that is named`}`,
      )
      .option('--config <file>', 'the config, in place of the argument')
      .option(
        '--data <files...>',
        'RNAs to train on, in place of all files that the config names (data.train, data.other, data.validation)',
      )
      .option('--print-config', 'print the whole config as YAML and do nothing else')
      .option('--json', 'print the result as JSON instead of a table')
      .action(async () => {
        const {
          help,
          config: named,
          ...options
        } = command.opts<{ help?: true; data?: string[]; config?: string; json?: true; printConfig?: true }>();
        const args = [...command.args];
        const word = (): string | undefined =>
          args[0] === undefined || args[0].startsWith('-') ? undefined : args.shift();
        const chosen = subject === undefined ? '' : word();
        if (help && chosen === undefined) {
          command.outputHelp();
          return;
        }
        if (chosen === undefined)
          command.error(
            `rna: ${command.name()}: the first argument must be the ${subject!.name}: ${subject!.description}`,
            { exitCode: 2 },
          );
        const { run, schema, overrides } = await load(chosen);
        if (help) {
          const { fieldsHelp } = await import('../input/trainingInput.ts');
          command.addHelpText('after', fieldsHelp(schema)).outputHelp();
          return;
        }
        const config = word() ?? named;
        const asked = overrides?.(command.opts()) ?? [];
        await run({ ...options, ...(config !== undefined && { config }), overrides: [...asked, ...args] });
      })
  );
}
