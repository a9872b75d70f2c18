/** What stopped a view, in plain words, with a way on for each kind. */
import type { ComponentChildren } from 'preact';
import type { Problem, ProblemKind } from '../calls/caller.ts';

const HEADINGS: Readonly<Record<ProblemKind, string>> = {
  input: 'The sequences cannot be read',
  noWebGpu: 'Models cannot run in this browser',
  deviceLost: 'The graphics adapter was lost',
  memory: 'The graphics adapter has too little memory',
  storage: 'The browser’s storage is full',
  notKept: 'The model is not in this browser',
  model: 'The model cannot be used for this',
  tooLong: 'The sequences are too long',
  cancelled: 'Cancelled',
  other: 'It did not work',
};

const WAYS_ON: Partial<Record<ProblemKind, string>> = {
  noWebGpu: 'The engines of the Fold view need no graphics adapter.',
  deviceLost: 'The next try opens it anew. If that fails too, the browser has to be started again.',
  memory:
    'Weights of 8 bits take a quarter of the memory and those of 4 a seventh; shorter sequences and a smaller model take less too.',
  tooLong: 'Shorter sequences, or pieces of these, can be run; so can a model with rotary positions or less memory.',
};

interface Props {
  readonly problem: Problem;
  readonly onRetry?: () => void;
  /** The Fold view has the engines at hand. */
  readonly isFold?: boolean;
  readonly children?: ComponentChildren;
}

export function ProblemNote({ problem: { kind, message, model }, onRetry, isFold = false, children }: Props) {
  return (
    <section class="card problem" role="alert">
      <h2>{HEADINGS[kind]}</h2>
      <p class="lines">{message}</p>
      {WAYS_ON[kind] !== undefined && <p>{WAYS_ON[kind]}</p>}
      <div class="row">
        {onRetry !== undefined && kind !== 'input' && kind !== 'noWebGpu' && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )}
        {kind === 'noWebGpu' && !isFold && <a href="#/fold?method=contrafold">Fold with an engine</a>}
        {kind === 'storage' && <a href="#/models">See what is kept here</a>}
        {kind === 'notKept' && (
          <a href={`#/models?${new URLSearchParams({ name: model ?? '' }).toString()}`}>Get the model</a>
        )}
        {kind === 'model' && <a href="#/models">Choose another model</a>}
        {children}
      </div>
    </section>
  );
}
