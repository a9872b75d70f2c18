/** One call to the worker that runs models, as a view shows it: what goes on, its answer or its problem. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { problemIn, type Problem } from '../calls/caller.ts';
import type { ModelCalls, ModelProgress } from '../calls/modelCalls.ts';
import { models } from '../calls/workers.ts';

export interface CallState<A> {
  readonly phase: 'idle' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly progress: ModelProgress | undefined;
  readonly answer: A | undefined;
  readonly problem: Problem | undefined;
}

/** What a call tells of beside how far it is. */
export type OtherProgress<K extends keyof ModelCalls> = Exclude<ModelCalls[K]['progress'], ModelProgress>;

/** @param onOther Is told of what is no progress, such as a part of the answer. */
export function useCall<K extends keyof ModelCalls>(name: K, onOther?: (other: OtherProgress<K>) => void) {
  type Answer = ModelCalls[K]['answer'];
  const idle: CallState<Answer> = { phase: 'idle', progress: undefined, answer: undefined, problem: undefined };
  const [state, setState] = useState(idle);
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(
    () => () => {
      running.current?.abort();
    },
    [],
  );
  const start = async (ask: ModelCalls[K]['ask']): Promise<void> => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const show = (next: Partial<CallState<Answer>>): void => {
      if (running.current === controller) setState((now) => ({ ...now, ...next }));
    };
    setState({ ...idle, phase: 'running' });
    try {
      const answer = await models.call(name, ask, {
        signal: controller.signal,
        onProgress: (progress) => {
          if (running.current !== controller) return;
          if (isProgress(progress)) show({ progress });
          else onOther?.(progress as OtherProgress<K>);
        },
      });
      show({ phase: 'done', answer, progress: undefined });
    } catch (error) {
      const problem = problemIn(error);
      show(
        problem.kind === 'cancelled'
          ? { phase: 'cancelled', progress: undefined }
          : { phase: 'failed', problem, progress: undefined },
      );
    }
  };
  return {
    state,
    start: (ask: ModelCalls[K]['ask']): void => {
      void start(ask);
    },
    cancel: (): void => {
      running.current?.abort();
    },
  };
}

const isProgress = (progress: object): progress is ModelProgress => 'note' in progress || 'done' in progress;
