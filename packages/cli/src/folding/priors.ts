/**
 * What folding engines say of sequences, for heads that take it: computed on
 * threads, while the adapter is at something else, and kept in a cache where the
 * caller will ask again. What is given for a sequence follows from the sequence
 * alone, whichever thread or cache it comes from.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { TaskHead } from '@rna/model';
import type { EnginePairsProvider, FoldingEngine, ProbablePairs } from '@rna/structure';
import { startWorker } from '../threads/startWorker.ts';
import { note } from '../commandLine/terminal.ts';
import { readParameterSet } from './parameterSets.ts';
import { openPriorCache, priorCacheFolder, type PriorCache } from './priorCache.ts';
import type { PriorOutcome, PriorParameters, PriorTask } from './priorWorker.ts';

export interface PriorsOptions {
  /** Keep what was computed in this folder. Default: nowhere. */
  readonly cache?: string;
  /** Default: one for each core. */
  readonly threads?: number;
}

/**
 * Runs `work` with a provider for a head that takes the pairs of folding engines, with undefined for another. Threads
 * end with it.
 */
export async function withPriors<T>(
  { head, sizes }: TaskHead,
  options: PriorsOptions,
  work: (priors: EnginePairsProvider | undefined) => Promise<T>,
): Promise<T> {
  const engines = head.engines?.(sizes) ?? [];
  if (engines.length === 0) return work(undefined);
  const parameters: PriorParameters = Object.fromEntries(
    await Promise.all(engines.map(async (engine) => [engine, await readParameterSet(engine)] as const)),
  );
  const pool = openPool(parameters, options.threads ?? availableParallelism());
  const cache =
    options.cache === undefined
      ? undefined
      : openPriorCache(options.cache, parameters, (path) => {
          note(`${path} is damaged; it is made anew`);
        });
  try {
    return await work(provider(pool, cache));
  } finally {
    await pool.close();
  }
}

/** For a training run: what was computed is kept in the user's cache folder. */
export const FOR_TRAINING = (): PriorsOptions => ({ cache: priorCacheFolder() });

function provider(pool: Pool, cache: PriorCache | undefined): EnginePairsProvider {
  const begun = new Map<string, Promise<ProbablePairs>>();
  const compute = async (engine: FoldingEngine, sequence: string): Promise<ProbablePairs> => {
    const kept = await cache?.read(engine, sequence);
    if (kept !== undefined) return kept;
    const pairs = await pool.run({ engine, sequence });
    await cache?.write(engine, sequence, pairs);
    return pairs;
  };
  const begin = (engine: FoldingEngine, sequence: string): Promise<ProbablePairs> => {
    const key = `${engine} ${sequence}`;
    const known = begun.get(key);
    if (known !== undefined) return known;
    const pairs = compute(engine, sequence);
    // A failure is met by whoever asks for the sequence.
    pairs.catch(() => undefined);
    begun.set(key, pairs);
    return pairs;
  };
  return async (sequence, engines, next) => {
    const own = standard(sequence);
    const asked = engines.map((engine) => begin(engine, own));
    for (const engine of engines) {
      begun.delete(`${engine} ${own}`);
      if (next !== undefined && next.length > 0) void begin(engine, standard(next));
    }
    const pairs = await Promise.all(asked);
    return Object.fromEntries(engines.map((engine, i) => [engine, pairs[i]!]));
  };
}

const standard = (sequence: string): string => sequence.toUpperCase().replaceAll('T', 'U');

interface Pool {
  run(task: PriorTask): Promise<ProbablePairs>;
  close(): Promise<void>;
}

interface Waiting {
  readonly task: PriorTask;
  readonly resolve: (pairs: ProbablePairs) => void;
  readonly reject: (error: Error) => void;
}

/** Threads that take tasks in the order in which they come; each starts when there is work for it. */
function openPool(parameters: PriorParameters, threads: number): Pool {
  const waiting: Waiting[] = [];
  const running = new Map<Worker, Waiting | undefined>();
  const give = (worker: Worker): void => {
    const next = waiting.shift();
    running.set(worker, next);
    if (next !== undefined) worker.postMessage(next.task);
  };
  const start = (): void => {
    const worker = startWorker('folding/priorWorker', { workerData: parameters });
    running.set(worker, undefined);
    worker.on('message', (outcome: PriorOutcome) => {
      const done = running.get(worker)!;
      give(worker);
      if ('failure' in outcome) done.reject(outcome.failure);
      else done.resolve(outcome);
    });
    worker.on('error', (error: Error) => {
      running.get(worker)?.reject(error);
      running.delete(worker);
    });
    give(worker);
  };
  return {
    run: (task) =>
      new Promise((resolve, reject) => {
        waiting.push({ task, resolve, reject });
        const idle = [...running].find(([, at]) => at === undefined)?.[0];
        if (idle !== undefined) give(idle);
        else if (running.size < threads) start();
      }),
    close: async () => {
      await Promise.all([...running.keys()].map((worker) => worker.terminate()));
    },
  };
}
