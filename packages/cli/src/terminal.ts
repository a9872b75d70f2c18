/**
 * What a person sees: results on stdout, notes and a progress bar on stderr.
 * The bar is drawn on a terminal only; a log file or a pipe gets none.
 */
import { SingleBar } from 'cli-progress';
import { EXIT, InterruptedError } from './errors.ts';

/** Writes a result to stdout and waits until it is taken, so that a slow reader is not buffered for. */
export function writeResult(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** A line on stderr for what a person should know. */
export function note(message: string): void {
  process.stderr.write(`rna: ${message}\n`);
}

export interface ProgressBar {
  /** Moves to `value` of the total. */
  update(value: number): void;
  stop(): void;
}

/** A bar with the time that remains. `unit` is plural: `records`. */
export function progressBar(label: string, total: number, unit: string): ProgressBar {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
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

/** In milliseconds; what stops sooner need not be announced. */
const NOTICEABLE = 500;

/**
 * Runs a task that stops at the first Ctrl-C (or SIGTERM) where it checks the
 * signal, and so removes its unfinished files; a note says so where that takes
 * a while. The second ends the process.
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
  const signals = ['SIGINT', 'SIGTERM'] as const;
  signals.forEach((name) => process.on(name, onSignal));
  try {
    return await task(controller.signal);
  } finally {
    clearTimeout(announcement);
    signals.forEach((name) => process.off(name, onSignal));
  }
}
