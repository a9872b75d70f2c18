/**
 * What a person sees: results on stdout, notes and progress on stderr. On a
 * terminal progress is a bar; a log file or a pipe gets a line now and then.
 */
import { SingleBar } from 'cli-progress';
import { EXIT, InterruptedError, inert } from './errors.ts';

/** Writes a result to stdout and waits until it is taken, so that a slow reader is not buffered for. */
export function writeResult(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

let silent = false;

/** Writes no notes and no progress from here on: another process that does the same work does. */
export function onlyErrors(): void {
  silent = true;
}

/** A line on stderr for what a person should know. Names of files and records in it cannot steer the terminal. */
export function note(message: string): void {
  if (!silent) process.stderr.write(`rna: ${inert(message)}\n`);
}

export interface ProgressBar {
  /** Moves to `value` of the total. */
  update(value: number): void;
  stop(): void;
}

/** A bar with the time that remains. `unit` is plural: `records`. */
export function progressBar(label: string, total: number, unit: string): ProgressBar {
  if (silent || !process.stderr.isTTY) return progressLines(label, total, unit);
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${label} {bar} {value}/{total} ${unit} · {eta_formatted} left`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    barCompleteChar: '━',
    barIncompleteChar: '─',
  });
  bar.start(total, 0);
  return {
    update: (value) => {
      bar.update(value);
    },
    stop: () => {
      bar.stop();
    },
  };
}

const LINE_INTERVAL_MS = 30_000;

/** A line every half minute, so that short work says nothing. */
function progressLines(label: string, total: number, unit: string): ProgressBar {
  const begin = performance.now();
  let last = begin;
  let first: number | undefined;
  return {
    update(value) {
      const now = performance.now();
      // What a run that goes on had done before tells nothing of how fast it goes.
      first ??= value;
      if (now - last < LINE_INTERVAL_MS || value <= first) return;
      last = now;
      const seconds = Math.round((((now - begin) / 1000) * (total - value)) / (value - first));
      note(`${label}: ${value} of ${total} ${unit}, about ${seconds} s left`);
    },
    stop: () => undefined,
  };
}

/** In milliseconds; what stops sooner need not be announced. */
const NOTICEABLE = 500;

/**
 * Runs a task that stops at the first Ctrl-C (or SIGTERM, or SIGHUP, as of a terminal that was closed) where it checks
 * the signal, and so saves what it has or removes its unfinished files; a note says so where that takes a while. The
 * second ends the process.
 */
export async function interruptible<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let announcement: NodeJS.Timeout | undefined;
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new InterruptedError('interrupted'));
    // One long record is finished first, and the command would seem not to have heard.
    announcement = setTimeout(() => {
      note('stopping as soon as what is being computed is done; once more ends it at once');
    }, NOTICEABLE);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  signals.forEach((name) => process.on(name, onSignal));
  try {
    return await task(controller.signal);
  } finally {
    clearTimeout(announcement);
    signals.forEach((name) => process.off(name, onSignal));
  }
}
