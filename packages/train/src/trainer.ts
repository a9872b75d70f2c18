/**
 * The training loop, for any task that gives losses: accumulation, the update,
 * held-out evaluation, checkpoints, log and progress. The loop records a step
 * and then reads the report of the one before, so the adapter never waits for
 * the host. What a run does is a function of its settings alone: stopped at any
 * moment and resumed from its last checkpoint it ends in the same bits, and so
 * does its log. Data, masking and models are the tasks' (pretraining.ts,
 * finetuning.ts).
 */
import { add, backward, scale, type Device, type MemoryUse, type Tensor } from '@rna/tensor';
import { FIRST_CURSOR, type Cursor } from './batching.ts';
import { readReport, type AdamW, type StepReport } from './optimizer.ts';
import type { Schedule } from './schedule.ts';
import { checkpointName, restoreCheckpoint, saveCheckpoint, type CheckpointStore, type Evaluation, type SavedModel, type Settings, type TrainState } from './trainState.ts';

/** A part of a step that fits in memory. */
export interface MicroBatch {
  /** What its loss is the mean over: labelled tokens, or pairs. */
  readonly targets: number;
  /** Tokens that go through the model, for the rate. */
  readonly tokens: number;
  /** Records the loss [1]. */
  readonly loss: () => Tensor;
}

export interface StepBatch {
  readonly epoch: number;
  readonly microBatches: readonly MicroBatch[];
  /** Where the next step begins. */
  readonly next: Cursor;
}

export interface TrainingTask {
  /** The batch of a step, counted from 0: a function of its arguments and the task's seed alone. */
  batchAt(cursor: Cursor, step: number): StepBatch;
  /** Scores the model on held-out data. */
  evaluate?(): Promise<Omit<Evaluation, 'step'>>;
}

/** A line of the log: a step, one whose scaled gradients overflowed so that it was not taken, or an evaluation. It has no times: a killed and resumed run writes the same lines as an undisturbed one. */
export type LogEntry =
  | { readonly step: number; readonly epoch: number; readonly loss: number; readonly learningRate: number; readonly gradientNorm: number; readonly tokens: number }
  | { readonly step: number; readonly epoch: number; readonly skippedAtLossScale: number }
  | { readonly step: number; readonly evaluation: Readonly<Record<string, number>> };

export interface TrainingLog {
  /** Drops the entries after `step`, which a resumed run writes again. A new run begins with `rewind(-1)`. */
  rewind(step: number): Promise<void>;
  append(entry: LogEntry): void;
}

/** What a progress display shows; not part of the log. */
export interface Progress {
  /** Updates done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  /** Steps that were not taken since the run began, where the loss is scaled. */
  readonly skipped?: number;
  /** Since this process began to train. */
  readonly tokensPerSecond: number;
  readonly memory: MemoryUse;
}

export interface TrainOptions {
  readonly device: Device;
  readonly task: TrainingTask;
  readonly optimizer: AdamW;
  readonly schedule: Schedule;
  /** Updates to do in all, those before a resume included. */
  readonly steps: number;
  /** Where the run is kept. Without it nothing is saved or resumed. */
  readonly checkpoints?: {
    readonly store: CheckpointStore;
    readonly model: SavedModel;
    /** What a resumed run must share. */
    readonly settings: Settings;
    /** Steps between checkpoints; the last step and the best evaluation so far have one too. */
    readonly every: number;
    /** Newest checkpoints to keep, beside the best. Default 2. */
    readonly keep?: number;
  };
  /** Steps between evaluations; there is also one before the first step and one after the last. Default: those two. */
  readonly evaluateEvery?: number;
  readonly log?: TrainingLog;
  readonly onProgress?: (progress: Progress) => void;
  readonly onEvaluation?: (evaluation: Evaluation) => void;
}

/** A run that cannot go on. Its last checkpoint is intact. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/**
 * Trains until `steps` updates are done, from the store's newest checkpoint if it has one, and returns the final
 * state. Throws a TrainingError at a loss or gradient that is not finite: that update is not done, and no
 * checkpoint holds what came after it. Where the loss is scaled, a gradient that is not finite costs its step alone,
 * as long as the scale is above 1.
 */
export async function train(options: TrainOptions): Promise<TrainState> {
  const { device, task, optimizer, schedule, steps, checkpoints, log, evaluateEvery = Infinity } = options;
  const settings = checkpoints?.settings ?? {};
  const restored = checkpoints && await restoreCheckpoint(checkpoints.store, checkpoints.model, optimizer, settings);
  let state: TrainState = restored ?? { step: 0, cursor: FIRST_CURSOR, settings };
  if (state.step > steps) throw new TrainingError(`the run to resume has done ${state.step} steps already, more than the ${steps} asked for; raise the number of steps`);
  await log?.rewind(restored === undefined ? -1 : state.step);
  // The run may have ended between a checkpoint and the removal of those that it replaced.
  if (checkpoints !== undefined && restored !== undefined) await prune(checkpoints.store, checkpoints.keep, state.best?.step);

  const evaluate = async (): Promise<void> => {
    if (task.evaluate === undefined) return;
    const evaluation = { step: state.step, ...await task.evaluate() };
    if (!Number.isFinite(evaluation.score)) throw new TrainingError(`step ${state.step}: the evaluation's score is ${evaluation.score}; the model has diverged. Lower the learning rate or lengthen the warm-up`);
    const isBest = state.best === undefined || evaluation.score > state.best.score;
    state = { ...state, evaluation, ...(isBest && { best: evaluation }) };
    log?.append({ step: state.step, evaluation: evaluation.metrics });
    options.onEvaluation?.(evaluation);
  };
  const meter = createMeter(options);
  let pending: { readonly step: RecordedStep; readonly report: Promise<StepReport> } | undefined;
  const settle = async (): Promise<void> => {
    if (pending === undefined) return;
    const { step, report } = pending;
    pending = undefined;
    meter(step, await report);
  };

  if (restored === undefined) await evaluate();
  while (state.step < steps) {
    const batch = task.batchAt(state.cursor, state.step);
    const learningRate = schedule(state.step);
    state = { ...state, step: state.step + 1, cursor: batch.next };
    const recorded = recordStep(device, optimizer, batch, state.step, learningRate);
    const report = readReport(recorded);
    recorded.dispose();
    // A failure is met where the report is awaited; until then it must not count as unhandled.
    report.catch(() => undefined);
    await settle();
    pending = { step: { step: state.step, epoch: batch.epoch, learningRate, tokens: sum(batch.microBatches.map(({ tokens }) => tokens)) }, report };

    const isLast = state.step === steps;
    const evaluates = isLast || state.step % evaluateEvery === 0;
    const isDue = isLast || (checkpoints !== undefined && state.step % checkpoints.every === 0);
    if (evaluates || isDue) await settle();
    if (evaluates) await evaluate();
    const improved = state.best?.step === state.step;
    if (checkpoints !== undefined && (isDue || improved)) {
      await saveCheckpoint(checkpoints.store, checkpoints.model, optimizer, state);
      await prune(checkpoints.store, checkpoints.keep, state.best?.step);
    }
  }
  return state;
}

interface RecordedStep {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  readonly tokens: number;
}

/**
 * Records forward, backward and update of a step and returns its report. The loss is the mean over all targets
 * of all micro-batches, so that how a batch is cut does not change it.
 */
function recordStep(device: Device, optimizer: AdamW, { microBatches }: StepBatch, step: number, learningRate: number): Tensor {
  const targets = sum(microBatches.map((batch) => batch.targets));
  if (!(targets > 0)) throw new TrainingError(`step ${step}: the batch has nothing to predict`);
  return device.scope(() => {
    const losses = microBatches.map((batch) => scale(backward(device, batch.loss, optimizer.lossSeed(batch.targets / targets)), batch.targets / targets));
    return optimizer.update(losses.reduce((total, loss) => add(total, loss)), step, learningRate);
  });
}

/** Gives the function that checks a step's report, logs it and shows progress. */
function createMeter({ device, steps, log, onProgress, checkpoints }: TrainOptions): (step: RecordedStep, report: StepReport) => void {
  let tokensSeen = 0;
  const begin = Date.now();
  return ({ step, epoch, learningRate, tokens }, { loss, gradientNorm, applied, scaling }) => {
    const overflowed = !applied && Number.isFinite(loss) && scaling !== undefined && scaling.scale > 1;
    if (!applied && !overflowed) {
      const kept = checkpoints === undefined ? '' : ' The last checkpoint is from before it and is kept.';
      throw new TrainingError(`step ${step}: the loss is ${loss} and the gradient's norm ${gradientNorm}, so the step was not taken. Lower the learning rate, lengthen the warm-up or clip the gradient to a smaller norm.${kept}`);
    }
    tokensSeen += tokens;
    log?.append(overflowed ? { step, epoch, skippedAtLossScale: scaling.scale } : { step, epoch, loss, learningRate, gradientNorm, tokens });
    const seconds = Math.max(0.001, (Date.now() - begin) / 1000);
    onProgress?.({
      step, steps, epoch, loss, learningRate, gradientNorm, ...(scaling && { skipped: scaling.skipped }),
      tokensPerSecond: tokensSeen / seconds, memory: device.memory.use(),
    });
  };
}

/** Removes all checkpoints but the newest `keep` and the best. */
async function prune(store: CheckpointStore, keep = 2, best: number | undefined): Promise<void> {
  const names = await store.names();
  for (const name of names.slice(0, Math.max(0, names.length - keep))) {
    if (best === undefined || name !== checkpointName(best)) await store.remove(name);
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
