/**
 * When a run evaluates, saves, ends, and which checkpoints it keeps. These are
 * functions of numbers alone; the trainer asks them after each step and does
 * what they say.
 */
import { checkpointName, checkpointStep } from './runFiles.ts';
import type { TrainState } from './trainState.ts';

export interface Cadence {
  /** Updates in all. */
  readonly steps: number;
  /** Steps between evaluations; the last step has one too. Infinity for that one alone. */
  readonly evaluateEvery: number;
  /** Steps between checkpoints. Infinity where the run is not kept. */
  readonly saveEvery: number;
  /** Evaluations in a row without one better than the best after which the run ends. Infinity for never. */
  readonly patience: number;
}

/** Whether a run that stands there has nothing more to do. */
export const isOver = (
  { steps, patience }: Cadence,
  { step, evaluationsSinceBest }: Pick<TrainState, 'step' | 'evaluationsSinceBest'>,
): boolean => step === steps || evaluationsSinceBest >= patience;

/** Whether the model is scored after this step, counted from 1. */
export const evaluatesAfter = ({ steps, evaluateEvery }: Cadence, step: number): boolean =>
  step === steps || step % evaluateEvery === 0;

/** Whether a regular checkpoint falls on this step. */
export const savesAt = ({ saveEvery }: Cadence, step: number): boolean => step % saveEvery === 0;

/** What is known once a step is done and evaluated. */
export interface Moment {
  /** Nothing more is to be done. */
  readonly over: boolean;
  /** The evaluation of this step is the best so far. */
  readonly best: boolean;
  /** A regular checkpoint falls on this step, or fell on one before and could not be made. */
  readonly due: boolean;
  /** A person asked the run to stop. */
  readonly asked: boolean;
  /** Steps that were refused one after the other up to this one. */
  readonly refusedInRow: number;
}

/**
 * Whether a checkpoint is made now. While steps are refused nothing is learnt, and what came before them is the last
 * that is known to be good, so that only the end and a best evaluation are kept then.
 */
export const savesNow = ({ over, best, due, asked, refusedInRow }: Moment): boolean =>
  over || best || ((due || asked) && refusedInRow === 0);

/**
 * The checkpoints to remove, of all names: every one but the newest, the newest `keep` of the regular ones (the last
 * step's counts as one), and the best.
 */
export function checkpointsToRemove(
  names: readonly string[],
  {
    cadence: { saveEvery, steps },
    keep,
    best,
  }: { readonly cadence: Cadence; readonly keep: number; readonly best: number | undefined },
): string[] {
  const regular = names.filter((name) => {
    const step = checkpointStep(name)!;
    return step % saveEvery === 0 || step === steps;
  });
  const kept = new Set([
    ...names.slice(-1),
    ...regular.slice(-keep),
    ...(best === undefined ? [] : [checkpointName(best)]),
  ]);
  return names.filter((name) => !kept.has(name));
}
