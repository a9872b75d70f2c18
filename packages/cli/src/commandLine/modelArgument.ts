/**
 * The arguments of every command that takes a model: the model may be left out,
 * and is then the built-in one. The first argument says by itself what it is:
 *
 *     builtin, org/model         the built-in model, a hub name
 *     a folder                   a model; where a command reads folders of RNAs too, one that holds a model's files
 *     weights.pt, a.safetensors  a checkpoint, by its ending
 *     - and any other file       the first input, so no model is named
 *
 * What is not there and has no ending that tells is neither, and the error says what it would have to be as either.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { BUILTIN } from '../models/builtin.ts';
import { CommandError, UsageError } from './errors.ts';
import { MODEL_HELP } from './options.ts';

const CHECKPOINT_ENDINGS = ['.safetensors', '.pt', '.pth', '.bin', '.ckpt', '.index.json'];

interface Argument {
  readonly name: string;
  readonly help: string;
}

interface Arguments {
  /** What the command says of its model behind `MODEL_HELP`. */
  readonly model?: string;
  /** What stands behind the model; all of it must be given. */
  readonly behind: readonly Argument[];
  /** The last of them may be given several times. */
  readonly many?: boolean;
  /** Whether the command reads folders of RNAs, so that a folder is not a model for being one. */
  readonly takesFolders?: boolean;
}

export interface Given {
  readonly model: string;
  /** As many as `behind`, or more where the last may be several. */
  readonly rest: readonly [string, ...string[]];
}

/**
 * Declares the model and the arguments behind it, and gives the function that reads them when the command is called.
 * An argument that the command declared before this call stands before the model; it takes what it
 * wants of `command.args`, gives the others, and says in `readings` what it may be itself (`task or `).
 */
export function withModelArgument(
  command: Command,
  { model: help, behind, many = false, takesFolders = false }: Arguments,
): (args?: readonly string[], readings?: string) => Promise<Given> {
  const before = command.registeredArguments.map((argument) => `[${argument.name()}] `).join('');
  command.argument('[model]', `${MODEL_HELP}${help === undefined ? '' : `; ${help}`}; without it, ${BUILTIN}`);
  const dots = (k: number): string => (many && k === behind.length - 1 ? '...' : '');
  for (const [k, { name, help: text }] of behind.entries()) command.argument(`[${name}${dots(k)}]`, text);
  command.usage(`[options] ${before}[model] ${behind.map(({ name }, k) => `<${name}${dots(k)}>`).join(' ')}`);
  const missing = (name: string, why = ''): never =>
    command.error(`error: missing required argument '${name}'${why}`, { exitCode: 2 });

  return async (args = command.args, readings = '') => {
    const [first] = args;
    if (first === undefined) return missing(behind[0]!.name);
    const isNamed = await isModel(first, takesFolders, `${readings}${behind[0]!.name}`);
    const rest = isNamed ? args.slice(1) : args;
    const absent = behind[rest.length];
    const [one, ...others] = rest;
    if (one === undefined || absent !== undefined)
      return missing(absent?.name ?? '', isNamed ? `; ${first} is the model` : '');
    const extra = rest[behind.length];
    if (extra !== undefined && !many)
      throw new UsageError(
        `too many arguments: ${first} is no model but the ${behind[0]!.name}, and ${extra} one more`,
      );
    return { model: isNamed ? first : BUILTIN, rest: [one, ...others] };
  };
}

/** Whether an argument is a model; otherwise it is an input. Throws a CommandError for what is neither. */
async function isModel(name: string, takesFolders: boolean, other: string): Promise<boolean> {
  if (name === '-') return false;
  if (name === BUILTIN) return true;
  const hasEnding = CHECKPOINT_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
  // Loaded here, as they need the packages below: help is printed at once.
  const [{ WEIGHTS_FILES, CONFIG_FILE, isHubName }, { LORA_FILES }, { RECORD_FILES }, { TABLE_FILES }, chainFiles] =
    await Promise.all([
      import('@rna/model'),
      import('@rna/inference/node'),
      import('../input/recordFiles.ts'),
      import('../input/tables.ts'),
      import('../input/chainFiles.ts'),
    ]);
  const isInput = (path: string): boolean =>
    RECORD_FILES.isKnown(path) || TABLE_FILES.isKnown(path) || chainFiles.isCoordinateFile(path);
  if (!existsSync(name)) {
    if (hasEnding) return true;
    if (isInput(name)) return false;
    if (isHubName(name)) return true;
    throw new CommandError(
      `${name}: no such file or folder, so it cannot be the ${other}; and a model is ${MODEL_HELP}`,
    );
  }
  if (!(await stat(name)).isDirectory()) return hasEnding;
  const modelFiles = [CONFIG_FILE, ...WEIGHTS_FILES, ...LORA_FILES];
  if (!takesFolders || modelFiles.some((file) => existsSync(join(name, file)))) return true;
  if ((await readdir(name, { recursive: true })).some(isInput)) return false;
  throw new CommandError(
    `${name}: the folder has no file of RNAs (${RECORD_FILES.extensions} ${TABLE_FILES.extensions} ${chainFiles.CHAIN_FILES.extensions}), so it cannot be the ${other}; and a model has one of ${WEIGHTS_FILES.join(', ')}`,
  );
}
