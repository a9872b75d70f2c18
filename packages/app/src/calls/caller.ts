/**
 * Calls to a worker that answers each with progress, then with a value or a problem. The page's side; the worker's is
 * `workers/answer.ts`. What can be called is a type that both sides name.
 */

/** What stopped a call. The page has a heading and a way on for each kind. */
export type ProblemKind =
  'input' | 'noWebGpu' | 'deviceLost' | 'memory' | 'storage' | 'notKept' | 'model' | 'tooLong' | 'cancelled' | 'other';

export interface Problem {
  readonly kind: ProblemKind;
  readonly message: string;
  /** The model that is not kept here. */
  readonly model?: string;
}

/** What stopped a call, as an error. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export interface Call {
  readonly ask: unknown;
  readonly answer: unknown;
  readonly progress: unknown;
}
export type Calls<C> = Readonly<Record<keyof C, Call>>;

/** To the worker. */
export type CallMessage<C extends Calls<C>> =
  | { readonly id: number; readonly name: keyof C; readonly ask: C[keyof C]['ask'] }
  | { readonly id: number; readonly cancel: true };

/** From the worker. */
export type AnswerMessage =
  | { readonly id: number; readonly progress: unknown }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly problem: Problem };

export interface CallOptions<P> {
  readonly onProgress?: (progress: P) => void;
  /** Asks the worker to stop; the call is then rejected with a problem of kind `cancelled`. */
  readonly signal?: AbortSignal;
}

export interface Caller<C extends Calls<C>> {
  call<K extends keyof C>(name: K, ask: C[K]['ask'], options?: CallOptions<C[K]['progress']>): Promise<C[K]['answer']>;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: ProblemError) => void;
  readonly onProgress: ((progress: never) => void) | undefined;
}

const BROKEN = 'a part of this page could not be loaded; load the page again';

/** Calls a worker, which is made at the first call, and again after one that died or lost its device. */
export function createCaller<C extends Calls<C>>(make: () => Worker): Caller<C> {
  const waiting = new Map<number, Waiting>();
  let [worker, last]: [Worker | undefined, number] = [undefined, 0];

  const end = (problem: Problem): void => {
    worker?.terminate();
    worker = undefined;
    const lost = [...waiting.values()];
    waiting.clear();
    for (const { reject } of lost) reject(new ProblemError(problem));
  };
  const start = (): Worker => {
    const started = make();
    started.addEventListener('message', ({ data }: MessageEvent<AnswerMessage>) => {
      const one = waiting.get(data.id);
      if (one === undefined) return;
      if ('progress' in data) {
        one.onProgress?.(data.progress as never);
        return;
      }
      waiting.delete(data.id);
      if ('answer' in data) one.resolve(data.answer);
      else {
        one.reject(new ProblemError(data.problem));
        // The weights went with the device.
        if (data.problem.kind === 'deviceLost') end(data.problem);
      }
    });
    started.addEventListener('error', ({ message }) => {
      end({ kind: 'other', message: message || BROKEN });
    });
    return started;
  };
  return {
    call(name, ask, { onProgress, signal } = {}) {
      const id = ++last;
      const to = (worker ??= start());
      const promise = new Promise<unknown>((resolve, reject) => {
        waiting.set(id, { resolve, reject, onProgress });
      });
      const send = (message: CallMessage<C>): void => {
        to.postMessage(message);
      };
      send({ id, name, ask });
      signal?.addEventListener('abort', () => {
        if (waiting.has(id)) send({ id, cancel: true });
      });
      return promise;
    },
  };
}

/** The problem of whatever was thrown. */
export const problemIn = (error: unknown): Problem =>
  error instanceof ProblemError
    ? error.problem
    : { kind: 'other', message: error instanceof Error ? error.message : String(error) };
