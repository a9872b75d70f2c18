/**
 * Batches made in a worker of their own, so that masking and packing never hold
 * up the adapter: `serveRunBatches` in that worker, `runBatchesIn` on the side
 * that trains.
 */
import {
  remoteBatches,
  runBatches,
  serveBatches,
  type BatchPort,
  type PretrainConfig,
  type RunBatches,
} from '@rna/train';
import { openKept, type KeptCorpus } from './corpus.ts';

interface Request {
  readonly config: PretrainConfig;
  readonly corpus: KeptCorpus;
  readonly train: MessagePort;
  readonly validation: MessagePort;
}

/** The part of a worker's global scope that is used. */
export interface BatchScope {
  addEventListener(type: 'message', listener: (event: MessageEvent<Request>) => void): void;
  postMessage(failure: string): void;
}

/** Makes the batches of one run for who made this worker: `serveRunBatches(self)`. */
export function serveRunBatches(scope: BatchScope): void {
  const serve = async ({ config, corpus, train, validation }: Request): Promise<void> => {
    const batches = runBatches(await openKept(corpus), config);
    serveBatches(asBatchPort(train), batches.train);
    if (batches.validation !== undefined) serveBatches(asBatchPort(validation), batches.validation);
  };
  scope.addEventListener('message', ({ data }) => {
    serve(data).catch((error: unknown) => {
      scope.postMessage(error instanceof Error ? error.message : String(error));
    });
  });
}

/** The batches of a run, made in a new worker that calls `serveRunBatches`. `close` ends the worker. */
export function runBatchesIn(
  worker: Worker,
  config: PretrainConfig,
  corpus: KeptCorpus,
): RunBatches & { readonly close: () => void } {
  const [train, validation] = [new MessageChannel(), new MessageChannel()];
  const request: Request = { config, corpus, train: train.port2, validation: validation.port2 };
  worker.postMessage(request, [train.port2, validation.port2]);
  const sources = [remoteBatches(asBatchPort(train.port1)), remoteBatches(asBatchPort(validation.port1))] as const;
  const fail = (message: string): void => {
    for (const source of sources) source.fail(new Error(`the worker that makes batches failed: ${message}`));
  };
  worker.addEventListener('message', ({ data }: MessageEvent<string>) => {
    fail(data);
  });
  worker.addEventListener('error', ({ message }) => {
    fail(message || 'it could not be loaded');
  });
  return {
    train: sources[0],
    ...(corpus.validation !== undefined && { validation: sources[1] }),
    close() {
      for (const source of sources) source.close();
      worker.terminate();
    },
  };
}

// The DOM's type says that a listener may read all of an event; only its data are read.
const asBatchPort = (port: MessagePort): BatchPort => port as BatchPort;
