/**
 * The page's side: posts commands to the worker that trains and hands its
 * events to one listener.
 */
import type { Command, RunEvent } from './protocol.ts';

export interface RunClient {
  readonly send: (command: Command) => void;
  /** Ends the worker at once. A run in it goes on from its newest checkpoint when it is resumed. */
  readonly terminate: () => void;
}

/** Talks to a worker that calls `serveRuns`. A worker that cannot be loaded or dies is told as a failure. */
export function connectRun(worker: Worker, onEvent: (event: RunEvent) => void): RunClient {
  worker.addEventListener('message', ({ data }: MessageEvent<RunEvent>) => {
    onEvent(data);
  });
  worker.addEventListener('error', ({ message }) => {
    onEvent({ type: 'failed', message: message || 'the worker could not be loaded' });
  });
  return {
    send: (command) => {
      worker.postMessage(command);
    },
    terminate: () => {
      worker.terminate();
    },
  };
}
