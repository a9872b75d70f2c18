/**
 * The `rna` command: one program of sub-commands, each in a folder of
 * `commands/`, whose `command.ts` registers it. Those files hold options and help alone and
 * load the work when it is called, so that `rna --help` is quick. Errors become
 * messages and exit codes here and nowhere else.
 */
import { Command, CommanderError } from 'commander';
import { registerCompare } from './commands/compare/command.ts';
import { registerContacts } from './commands/contacts/command.ts';
import { registerConvert } from './commands/convert/command.ts';
import { registerCorpus } from './commands/corpus/command.ts';
import { registerData } from './commands/data/command.ts';
import { registerDemo } from './commands/demo/command.ts';
import { registerDraw } from './commands/draw/command.ts';
import { registerEmbed } from './commands/embed/command.ts';
import { registerEvaluate } from './commands/evaluate/command.ts';
import { registerFinetune } from './commands/finetune/command.ts';
import { registerFold } from './commands/fold/command.ts';
import { registerInfo } from './commands/info/command.ts';
import { registerMap } from './commands/map/command.ts';
import { registerPlot } from './commands/plot/command.ts';
import { registerPredict } from './commands/predict/command.ts';
import { registerPretrain } from './commands/pretrain/command.ts';
import { registerScore } from './commands/score/command.ts';
import { registerShards } from './commands/shards/command.ts';
import { registerStructures } from './commands/structures/command.ts';
import { registerTertiary } from './commands/tertiary/command.ts';
import { registerTune } from './commands/tune/command.ts';
import { describeFailure, EXIT } from './commandLine/errors.ts';
import { EXIT_HELP } from './commandLine/options.ts';
import { packageVersion } from './commandLine/version.ts';

const commands: readonly ((program: Command) => void)[] = [
  registerInfo,
  registerEmbed,
  registerMap,
  registerFold,
  registerTertiary,
  registerScore,
  registerStructures,
  registerShards,
  registerDraw,
  registerCompare,
  registerContacts,
  registerConvert,
  registerCorpus,
  registerData,
  registerPretrain,
  registerFinetune,
  registerPredict,
  registerEvaluate,
  registerPlot,
  registerDemo,
  registerTune,
];

/** Runs the command line and gives the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function main(argv: readonly string[]): Promise<number> {
  // Stays for the life of the process: the error of a last write comes after the work.
  if (!process.stdout.listeners('error').includes(onStdoutError)) process.stdout.on('error', onStdoutError);
  if (!process.stderr.listeners('error').includes(onStderrError)) process.stderr.on('error', onStderrError);
  try {
    await program().parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // Commander has printed its message, or the help or version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (isBrokenPipe(error)) return EXIT.ok;
    const { message, exitCode } = describeFailure(error);
    // Of several processes with one failure, one speaks.
    if (error instanceof Error && error.name === 'FailedRankError')
      return error.cause === undefined ? exitCode : describeFailure(error.cause).exitCode;
    process.stderr.write(`${message}\n`);
    return exitCode;
  }
}

/** All commands with their options and help. */
export function program(): Command {
  const root = new Command('rna')
    .description('RNA language models (RiNALMo and SSR-LM) on WebGPU: results on stdout, progress and notes on stderr.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        write(text.replace(/^error: /, 'rna: '));
      },
    })
    .showHelpAfterError('(--help shows the usage)')
    .addHelpText('afterAll', EXIT_HELP);
  // Sub-commands take over the settings above when they are made.
  for (const register of commands) register(root);
  return root;
}

/** A reader such as `head` that has seen enough is no failure; `writeResult` rejects and so ends the work. */
const isBrokenPipe = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EPIPE';

/** Notes that nobody can read any more, of a terminal that was closed, must not end the work that is being saved. */
function onStderrError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}

function onStdoutError(error: Error): void {
  if (!isBrokenPipe(error)) throw error;
}
