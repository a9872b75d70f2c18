/** Sequences folded on several threads, with the results in the order of the sequences. */
import type { Worker } from 'node:worker_threads';
import type { FoldingArithmetic, FoldingRules } from '@rna/structure';
import { startWorker } from '../threads/startWorker.ts';

/** What every thread is told once. */
export interface FoldingSettings {
  /** A parameter file's text, and the name that errors give. */
  readonly parameters: { readonly text: string; readonly file: string };
  readonly gamma: number;
  readonly rules: FoldingRules;
  readonly arithmetic: FoldingArithmetic;
  readonly probabilities: boolean;
}

export interface FoldingTask {
  readonly sequence: string;
  readonly constraint?: string;
}

export interface FoldedSequence {
  readonly structure: string;
  readonly logPartition: number;
  /** [i, j, p], counted from 1; where they were asked for. */
  readonly pairs?: readonly (readonly [number, number, number])[];
}

/** What a thread answers: `unfoldable` where the constraint leaves no structure. */
export type FoldingOutcome = FoldedSequence | 'unfoldable' | { readonly failure: Error };

interface Waiting {
  readonly task: FoldingTask;
  readonly resolve: (folded: FoldedSequence | 'unfoldable') => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sequences taken ahead of the oldest unfinished one, for each thread: one long sequence holds the others up no longer
 * than that.
 */
const AHEAD = 16;

/**
 * Folds `tasks` on `threads` threads and gives each with its result, in order.
 * Rejects with a thread's error, or with the signal's reason as soon as it is
 * aborted; the threads are ended either way.
 */
export async function* foldInOrder<T extends FoldingTask>(
  tasks: AsyncIterable<T>,
  settings: FoldingSettings,
  threads: number,
  signal: AbortSignal,
): AsyncGenerator<readonly [T, FoldedSequence | 'unfoldable'], void, undefined> {
  const waiting: Waiting[] = [];
  const running = new Map<Worker, Waiting | undefined>();
  let failAll: (error: Error) => void;
  const failed = new Promise<never>((_resolve, reject) => {
    failAll = reject;
  });
  failed.catch(() => undefined);
  const onAbort = (): void => {
    failAll(signal.reason as Error);
  };
  signal.addEventListener('abort', onAbort);

  const give = (worker: Worker): void => {
    const next = waiting.shift();
    running.set(worker, next);
    if (next)
      worker.postMessage({
        sequence: next.task.sequence,
        ...(next.task.constraint !== undefined && { constraint: next.task.constraint }),
      } satisfies FoldingTask);
  };
  const start = (): void => {
    const worker = startWorker('folding/worker', { workerData: settings });
    worker.on('message', (outcome: FoldingOutcome) => {
      const done = running.get(worker)!;
      give(worker);
      if (typeof outcome === 'object' && 'failure' in outcome) done.reject(outcome.failure);
      else done.resolve(outcome);
    });
    worker.on('error', (error: Error) => {
      failAll(error);
    });
    give(worker);
  };
  const submit = (task: FoldingTask): Promise<FoldedSequence | 'unfoldable'> => {
    const promise = new Promise<FoldedSequence | 'unfoldable'>((resolve, reject) => {
      waiting.push({ task, resolve, reject });
    });
    // Whoever takes it hears of its error; until then it is nobody's.
    promise.catch(() => undefined);
    const idle = [...running].find(([, task]) => task === undefined)?.[0];
    if (idle !== undefined) give(idle);
    else if (running.size < threads) start();
    return promise;
  };

  const begun: (readonly [T, ReturnType<typeof submit>])[] = [];
  const take = async (): Promise<readonly [T, FoldedSequence | 'unfoldable']> => {
    const [task, folded] = begun.shift()!;
    return [task, await Promise.race([folded, failed])];
  };
  try {
    for await (const task of tasks) {
      signal.throwIfAborted();
      begun.push([task, submit(task)]);
      if (begun.length >= threads * AHEAD) yield await take();
    }
    while (begun.length > 0) yield await take();
  } finally {
    signal.removeEventListener('abort', onAbort);
    await Promise.all([...running.keys()].map((worker) => worker.terminate()));
  }
}
