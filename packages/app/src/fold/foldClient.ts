/** The page's side of the workers that fold: one for the engines, one for the model, each started when it is needed. */
import type { Method } from '../address.ts';
import { isEngine } from './methods.ts';
import type { FoldCommand, FoldEvent, FoldTask } from './protocol.ts';

type Kind = 'engine' | 'model';

const workers = new Map<Kind, Worker>();
let jobs = 0;

function workerFor(kind: Kind): Worker {
  const known = workers.get(kind);
  if (known !== undefined) return known;
  const started = new Worker(new URL('../workers/foldWorker.ts', import.meta.url), { type: 'module' });
  workers.set(kind, started);
  return started;
}

function end(kind: Kind): void {
  workers.get(kind)?.terminate();
  workers.delete(kind);
}

/** Begins a job and returns what cancels it; nothing is told of it after that. */
export function foldBy(
  method: Method,
  { text, file }: Pick<FoldTask, 'text' | 'file'>,
  onEvent: (event: FoldEvent) => void,
): () => void {
  const kind: Kind = isEngine(method) ? 'engine' : 'model';
  const job = ++jobs;
  const worker = workerFor(kind);
  const send = (command: FoldCommand): void => {
    worker.postMessage(command);
  };
  const detach = (): void => {
    worker.removeEventListener('message', onMessage);
    worker.removeEventListener('error', onError);
  };
  const onMessage = ({ data }: MessageEvent<FoldEvent>): void => {
    if (data.job !== job) return;
    if (data.type === 'done' || data.type === 'failed') detach();
    // The model's weights went with the device.
    if (data.type === 'failed' && data.problem.kind === 'deviceLost') end(kind);
    onEvent(data);
  };
  const onError = ({ message }: ErrorEvent): void => {
    detach();
    end(kind);
    const problem = message || 'a part of this page could not be loaded; load the page again';
    onEvent({ job, type: 'failed', problem: { kind: 'other', message: problem } });
  };
  worker.addEventListener('message', onMessage);
  worker.addEventListener('error', onError);
  send({ type: 'fold', job, method, text, file });
  return () => {
    detach();
    // An engine does not listen while it folds a sequence, and is opened again in no time.
    if (kind === 'engine') end(kind);
    else send({ type: 'cancel', job });
  };
}
