/** The worker's side of `calls/caller.ts`: answers each call by the function of its name. */
import type { AnswerMessage, CallMessage, Calls } from '../calls/caller.ts';
import { problemOf } from './problem.ts';

export interface Asked<P> {
  readonly tell: (progress: P) => void;
  /** Aborted where the page cancels. */
  readonly signal: AbortSignal;
}

export type Answers<C extends Calls<C>> = {
  readonly [K in keyof C]: (ask: C[K]['ask'], asked: Asked<C[K]['progress']>) => Promise<C[K]['answer']>;
};

/** Buffers of an answer that are handed over rather than copied. */
const handedOver = new WeakMap<object, Transferable[]>();

/** An answer whose buffers are handed over. */
export function handingOver<T extends object>(answer: T, buffers: Transferable[]): T {
  handedOver.set(answer, buffers);
  return answer;
}

export function answerCalls<C extends Calls<C>>(answers: Answers<C>): void {
  const running = new Map<number, AbortController>();
  const post = (message: AnswerMessage, buffers: Transferable[] = []): void => {
    postMessage(message, { transfer: buffers });
  };
  addEventListener('message', ({ data }: MessageEvent<CallMessage<C>>) => {
    const { id } = data;
    if ('cancel' in data) {
      running.get(id)?.abort();
      return;
    }
    const controller = new AbortController();
    running.set(id, controller);
    const tell = (progress: unknown): void => {
      post({ id, progress });
    };
    answers[data.name](data.ask, { tell, signal: controller.signal })
      .then(
        (answer) => {
          post({ id, answer }, (typeof answer === 'object' && answer !== null && handedOver.get(answer)) || []);
        },
        (error: unknown) => {
          const isCancelled = controller.signal.aborted && error === controller.signal.reason;
          post({ id, problem: isCancelled ? { kind: 'cancelled', message: 'cancelled' } : problemOf(error) });
        },
      )
      .finally(() => {
        running.delete(id);
      });
  });
}
