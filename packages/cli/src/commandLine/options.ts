/** Option values and help texts that several commands share. Nothing heavy is loaded here. */
import { InvalidArgumentError, Option, type Command } from 'commander';

export const MODEL_HELP =
  'builtin, a folder with config.json and model.safetensors (or shards), a .safetensors or .pt file, or a hub name such as multimolecule/rinalmo-micro';
export const TASK_HELP = 'what is predicted; --help lists the tasks';
export const INPUT_HELP = 'FASTA file, gzipped or not, or - for stdin';

export const EXIT_HELP = `
Exit codes: 0 done, 1 the work failed (bad input, damaged model, no adapter), 2 wrong usage, 130 interrupted,
75 one of several processes failed and the same command may go on.
RNA_DEBUG=1 shows the stack of an error; RNA_MEMORY_BUDGET=MB bounds the memory of the device;
RNA_TUNING=off leaves out what rna tune found, RNA_TUNING=FILE keeps and reads it there.`;

/** How the encoder's weights are kept on the device. */
export const weightsOption = (): Option =>
  new Option(
    '--weights <type>',
    "precision of the encoder's matrices: int4 takes a seventh of the memory, int8 a quarter, f16 half; f16 needs an adapter that has it",
  )
    .choices(['f32', 'f16', 'int8', 'int4'])
    .default('f32');

/** How what goes from product to product inside a block is stored. */
export const activationsOption = (): Option =>
  new Option(
    '--activations <type>',
    "precision of the activations inside the encoder's blocks; f16 needs an adapter that has it",
  )
    .choices(['f32', 'f16'])
    .default('f32');

/** Windows for records that are too long; `what` is averaged over them. */
export const windowOption = (what: string): Option =>
  new Option(
    '--window <n>',
    `run records of more than n nucleotides in overlapping windows of n, and average ${what} (default: only what does not fit the adapter's memory)`,
  ).argParser(wholeNumber(1));

export const strideOption = (): Option =>
  new Option('--stride <n>', 'nucleotides from one window to the next (default: half a window)').argParser(
    wholeNumber(1),
  );

/**
 * Adds the tasks and what they predict to a command's help. They are loaded before the command is parsed, where it is
 * the one that was called: help is printed at once.
 */
export function withTasks(program: Command, command: Command): void {
  let tasks = '';
  program.hook('preSubcommand', async (_, called) => {
    if (called === command) tasks = (await import('./tasks.ts')).tasksHelp();
  });
  command.addHelpText('after', () => tasks);
}

/** Adds examples to a command's help. */
export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}

/** An integer of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    return value;
  };
}

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

export function probability(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}

const COLUMN_KEYS = ['id', 'sequence', 'target', 'group'] as const;

/** Names of columns by what they hold; there may be several of labels. */
export interface ColumnNames extends Partial<Record<Exclude<(typeof COLUMN_KEYS)[number], 'target'>, string>> {
  readonly target?: readonly string[];
}

/** Which columns of a table hold what. */
export const columnsOption = (): Option =>
  new Option(
    '--columns <list>',
    'columns of tables by what they hold: sequence=NAME,target=NAME,id=NAME,group=NAME, target also several times',
  ).argParser((text: string) => {
    const columns: { id?: string; sequence?: string; group?: string; target?: string[] } = {};
    for (const part of text.split(',')) {
      const equals = part.indexOf('=');
      const [key, column] = [part.slice(0, equals).trim(), part.slice(equals + 1).trim()];
      const isKnown = (COLUMN_KEYS as readonly string[]).includes(key);
      if (equals < 0 || column === '' || !isKnown)
        throw new InvalidArgumentError(
          `Expected pairs such as sequence=seq,target=halflife, of ${COLUMN_KEYS.join(', ')}, got '${part}'.`,
        );
      if (key === 'target') (columns.target ??= []).push(column);
      else {
        const name = key as 'id' | 'sequence' | 'group';
        if (columns[name] !== undefined) throw new InvalidArgumentError(`Expected ${name} once.`);
        columns[name] = column;
      }
    }
    return columns satisfies ColumnNames;
  });

/** The overrides of a config that `--columns` stands for. */
export const columnOverrides = (columns: ColumnNames): string[] =>
  Object.entries(columns).flatMap(([key, value]: [string, string | readonly string[]]) => [
    `--data.columns.${key}`,
    String(value),
  ]);

/** A comma-separated list of some of `allowed`, each at most once. */
export function listOf<T extends string>(allowed: readonly T[]): (text: string) => T[] {
  return (text) => {
    const isAllowed = (part: string): part is T => (allowed as readonly string[]).includes(part);
    const parts = text.split(',');
    if (!parts.every(isAllowed) || new Set(parts).size < parts.length)
      throw new InvalidArgumentError(`Expected some of ${allowed.join(',')}.`);
    return parts;
  };
}
