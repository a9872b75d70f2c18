/**
 * How the command line fails: the errors that are its own, and what any error
 * means to a person and to a script. An expected error (bad input, a damaged
 * model, no adapter) is one message; anything else is a fault of the program
 * and shows its stack. `RNA_DEBUG=1` shows it for all of them.
 */
import { getSystemErrorMap } from 'node:util';

/** `again` (EX_TEMPFAIL of sysexits.h) is for a scheduler: one of several processes failed, and may not the next time. */
export const EXIT = { ok: 0, failure: 1, usage: 2, again: 75, interrupted: 130 } as const;

/** The work cannot be done as asked; the message says why and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** An option that does not fit the other arguments, where only the work can tell. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The person pressed Ctrl-C, or a scheduler ended the job. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

// By name: importing their classes here would load the whole model package for `rna --help`.
const EXPECTED = new Set([
  'CommandError',
  'UsageError',
  'InterruptedError',
  'InputError',
  'EmptyBatchError',
  'CheckpointError',
  'SequenceLengthError',
  'CorpusError',
  'ConfigError',
  'TrainingError',
  'DeviceError',
  'DeviceLostError',
  'MemoryBudgetError',
  'TuningError',
  'RanksError',
  'OtherRankStoppedError',
]);

const INTERRUPTIONS = new Set(['InterruptedError', 'OtherRankStoppedError']);

/** A message that cannot steer the terminal: control characters but tabs and line ends are written out. */
export const inert = (message: string): string =>
  message.replace(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);

export interface Failure {
  readonly message: string;
  readonly exitCode: number;
}

/**
 * The message of an error with what a person at the command line can do about it. The packages below know nothing of
 * commands, options and variables: their errors carry facts.
 */
export function messageOf(error: Error): string {
  const advice = adviceOn(error);
  return advice === undefined ? error.message : `${error.message}; ${advice}`;
}

/** Facts that errors carry beside their message, by the name of the error's class. */
interface Facts {
  readonly shortage?: { readonly limit: string };
  readonly source?: unknown;
  readonly lacks?: unknown;
  readonly isCorpus?: unknown;
}

const MEMORY_ADVICE: Readonly<Record<string, string>> = {
  budget: 'use a smaller batch or a shorter sequence, or raise the budget with RNA_MEMORY_BUDGET=MB',
  binding: 'use a smaller batch or a shorter sequence, or an adapter that binds more at once',
};

function adviceOn(error: Error & Facts): string | undefined {
  switch (error.name) {
    case 'MemoryBudgetError':
      return MEMORY_ADVICE[error.shortage?.limit ?? ''];
    case 'TuningError':
      return error.source === undefined ? undefined : 'rna tune --clear deletes it, and rna tune makes it anew';
    case 'CheckpointError':
      return error.lacks === 'config' ? 'or pass --config FILE' : undefined;
    case 'CorpusError':
      return error.isCorpus === false ? 'build one with rna corpus build' : undefined;
    case 'InputError':
      return error.message.includes('where unknown letters are allowed') ? 'rna embed --allow-unknown does' : undefined;
    default:
      return undefined;
  }
}

/** The message for stderr, without a line end, and the exit code. */
export function describeFailure(thrown: unknown, debug = process.env['RNA_DEBUG'] === '1'): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const exitCode =
    error.name === 'UsageError' ? EXIT.usage : INTERRUPTIONS.has(error.name) ? EXIT.interrupted : EXIT.failure;
  const message = EXPECTED.has(error.name) ? messageOf(error) : systemMessage(error);
  if (debug || message === undefined) {
    const headline = message === undefined ? 'an unexpected error, which is a fault of this program' : message;
    return { message: inert(`rna: ${headline}\n${error.stack ?? error.message}${causes(error)}`), exitCode };
  }
  return { message: inert(`rna: ${message}`), exitCode };
}

/** `FILE: no such file or directory` and the like, for errors of the operating system. */
function systemMessage(error: NodeJS.ErrnoException): string | undefined {
  if (error.errno === undefined || error.syscall === undefined) return undefined;
  const text = getSystemErrorMap().get(error.errno)?.[1] ?? error.message;
  return error.path === undefined ? `${error.syscall}: ${text}` : `${error.path}: ${text}`;
}

function causes({ cause }: Error): string {
  return cause instanceof Error ? `\ncaused by ${cause.stack ?? cause.message}${causes(cause)}` : '';
}
