/**
 * The training loop, for any task that gives losses: accumulation, the update,
 * held-out evaluation, checkpoints, log and progress. The loop asks for the next
 * batch, records a step and then reads the report of the one before, so the
 * adapter waits for neither host nor data. What a run does is a function of its
 * settings alone: stopped at any moment and resumed from its last checkpoint it
 * ends in the same bits, and so does its log. When it evaluates, saves and ends
 * is decided in cadence.ts; data, masking and models are the tasks'
 * (pretraining.ts, finetuning.ts); going on after the device was lost is
 * recovery.ts's.
 */
import { add, backward, scale, type Device, type Tensor } from '@rna/tensor';
import { FIRST_CURSOR, type Cursor } from './batching.ts';
import { checkpointsToRemove, evaluatesAfter, isOver, savesAt, savesNow, type Cadence } from './cadence.ts';
import type { WeightAverage } from './ema.ts';
import { createMeter, type Meter, type Progress, type StepFacts, type TrainingLog } from './meter.ts';
import { readReport, type AdamW, type StepReport } from './optimizer.ts';
import { MOST_STEPS } from './runFiles.ts';
import { requireTuning } from './runTuning.ts';
import type { Schedule } from './schedule.ts';
import {
  asModel,
  restoreCheckpoint,
  saveCheckpoint,
  type CheckpointStore,
  type Damage,
  type Evaluation,
  type SavedModel,
  type Settings,
  type Trained,
  type TrainState,
} from './trainState.ts';

/** A part of a step that fits in memory. */
export interface MicroBatch {
  /** What its loss is the mean over: labelled tokens, or pairs. */
  readonly targets: number;
  /** Tokens that go through the model, for the rate. */
  readonly tokens: number;
  /** Floating-point operations of its loss and gradient by the book, recomputation not counted. */
  readonly flops?: number;
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
  /**
   * The batch of a step, counted from 0: a function of its arguments and the task's seed alone. It is asked for one
   * step ahead, while the device is at the step before, so it may be made elsewhere meanwhile.
   */
  batchAt(cursor: Cursor, step: number): Promise<StepBatch>;
  /** Scores the model on held-out data. */
  evaluate?(): Promise<Omit<Evaluation, 'step'>>;
}

/** Asks a run to stop: an AbortSignal, for one. */
export interface StopSignal {
  readonly aborted: boolean;
  /** What the run rejects with. */
  readonly reason: unknown;
}

export interface TrainOptions {
  readonly device: Device;
  readonly task: TrainingTask;
  readonly optimizer: AdamW;
  /** Evaluated and saved in place of the weights. */
  readonly average?: WeightAverage;
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
  /** Stop after so many evaluations without one better than the best. Default: never. */
  readonly patience?: number;
  /** Refused steps in a row at which the run stops. Default 10. */
  readonly maxRefused?: number;
  /** Once it is aborted, the run saves a checkpoint after the step at hand and rejects with its reason. */
  readonly stop?: StopSignal;
  readonly log?: TrainingLog;
  readonly onProgress?: (progress: Progress) => void;
  readonly onEvaluation?: (evaluation: Evaluation) => void;
  /** Told of a damaged checkpoint that was set aside. */
  readonly onDamage?: (damage: Damage) => void;
}

/** A run that cannot go on. Its last checkpoint is intact. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/**
 * Trains until `steps` updates are done, from the store's newest checkpoint if it has one, and returns the final
 * state. A step whose loss or gradient is not finite, or that the optimiser takes for a spike, is refused: its update
 * is not done, the log says so, and the run goes on with the next batch. Throws a TrainingError where `maxRefused`
 * are refused in a row, and where an evaluation's score is not finite; no checkpoint is from after the first of them.
 */
export async function train(options: TrainOptions): Promise<TrainState> {
  const { task, schedule, steps, stop } = options;
  const cadence = cadenceOf(options);
  const meter = createMeter(options);
  const reports = createReports(options, meter);

  const restored = await restore(options, cadence);
  let state = restored ?? firstState(options);
  let upcoming = isOver(cadence, state) ? undefined : ask(task, state.cursor, state.step);
  if (restored === undefined) state = await evaluate(options, state);
  // A regular checkpoint that is to be made as soon as steps are no longer refused.
  let due = false;
  while (upcoming !== undefined) {
    const batch = await meter.waiting(upcoming);
    const step = state.step + 1;
    upcoming = step < steps ? ask(task, batch.next, step) : undefined;
    const learningRate = schedule(state.step);
    state = { ...state, step, cursor: batch.next };
    const recorded = recordStep(options, batch, step, learningRate);
    await reports.add({ step, epoch: batch.epoch, learningRate, ...workOf(batch) }, recorded);

    const evaluates = evaluatesAfter(cadence, step);
    due ||= savesAt(cadence, step);
    // Asked once: it may be aborted while what follows waits.
    const asked = stop?.aborted === true;
    if (evaluates || due || asked) await reports.settle();
    if (evaluates) state = await evaluate(options, state);
    const over = isOver(cadence, state);
    if (over) upcoming = undefined;
    const best = state.best?.step === step;
    if (savesNow({ over, best, due, asked, refusedInRow: reports.refusedInRow() })) {
      await save(options, cadence, state);
      due = false;
    }
    if (asked && !over) throw stop.reason;
  }
  return state;
}

const cadenceOf = ({ steps, evaluateEvery = Infinity, patience = Infinity, checkpoints }: TrainOptions): Cadence => ({
  steps,
  evaluateEvery,
  patience,
  saveEvery: checkpoints?.every ?? Infinity,
});

/** The state in the newest checkpoint, its model loaded and the log taken back to it; undefined for a new run. */
async function restore(options: TrainOptions, cadence: Cadence): Promise<TrainState | undefined> {
  const { device, checkpoints, log, steps, onDamage } = options;
  if (steps > MOST_STEPS) throw new TrainingError(`a run has ${MOST_STEPS} steps at most, not ${steps}`);
  const state =
    checkpoints &&
    (await restoreCheckpoint(checkpoints.store, trainedBy(options, checkpoints), checkpoints.settings, onDamage));
  if (state !== undefined) requireTuning(device, state);
  if (state !== undefined && state.step > steps)
    throw new TrainingError(
      `the run to resume has done ${state.step} steps already, more than the ${steps} asked for; raise the number of steps`,
    );
  await log?.rewind(state === undefined ? -1 : state.step);
  if (state === undefined) return undefined;
  // The run may have ended between a checkpoint and the removal of those that it replaced.
  await prune(options, cadence, state);
  // Settings may ask for a longer run than they did.
  return { ...state, settings: checkpoints!.settings };
}

const firstState = ({ device, checkpoints }: TrainOptions): TrainState => ({
  step: 0,
  cursor: FIRST_CURSOR,
  evaluationsSinceBest: 0,
  settings: checkpoints?.settings ?? {},
  ...(Object.keys(device.tuned).length > 0 && { tuned: device.tuned }),
});

type Checkpoints = NonNullable<TrainOptions['checkpoints']>;

const trainedBy = ({ optimizer, average }: TrainOptions, { model }: Checkpoints): Trained => ({
  model,
  optimizer,
  ...(average && { average }),
});

async function save(options: TrainOptions, cadence: Cadence, state: TrainState): Promise<void> {
  const { checkpoints } = options;
  if (checkpoints === undefined) return;
  await saveCheckpoint(checkpoints.store, trainedBy(options, checkpoints), state);
  await prune(options, cadence, state);
}

async function prune({ checkpoints }: TrainOptions, cadence: Cadence, { best }: TrainState): Promise<void> {
  if (checkpoints === undefined) return;
  const { store, keep = 2 } = checkpoints;
  for (const name of checkpointsToRemove(await store.names(), { cadence, keep, best: best?.step }))
    await store.remove(name);
}

/** The state with an evaluation of the model as it is now; as it was where the task has none. */
async function evaluate(options: TrainOptions, state: TrainState): Promise<TrainState> {
  const { task, log, onEvaluation } = options;
  if (task.evaluate === undefined) return state;
  const evaluation = { step: state.step, ...(await asModel(options, () => task.evaluate!())) };
  if (!Number.isFinite(evaluation.score))
    throw new TrainingError(
      `step ${state.step}: the evaluation's score is ${evaluation.score}; the model has diverged. Lower the learning rate or lengthen the warm-up`,
    );
  const isBest = state.best === undefined || evaluation.score > state.best.score;
  log?.append({ step: state.step, evaluation: evaluation.metrics });
  onEvaluation?.(evaluation);
  return {
    ...state,
    evaluation,
    ...(isBest && { best: evaluation }),
    evaluationsSinceBest: isBest ? 0 : state.evaluationsSinceBest + 1,
  };
}

interface Reports {
  /** Reads the report of the step before, and begins to read this one's, which it frees. */
  add(step: StepFacts, recorded: Tensor): Promise<void>;
  /** Waits until no report is unread. Throws a TrainingError where too many steps in a row were refused. */
  settle(): Promise<void>;
  /** Steps refused one after the other, up to the last report. */
  refusedInRow(): number;
}

/** Reads the steps' reports, each while the next step is recorded. */
function createReports({ checkpoints, maxRefused = 10 }: TrainOptions, meter: Meter): Reports {
  let pending: { readonly step: StepFacts; readonly report: Promise<StepReport> } | undefined;
  let inRow = 0;
  const settle = async (): Promise<void> => {
    if (pending === undefined) return;
    const { step, report: promise } = pending;
    pending = undefined;
    const report = await promise;
    meter.count(step, report);
    inRow = report.refusals.inRow;
    if (inRow >= maxRefused) throw new TrainingError(await refusalText(step.step, report, checkpoints?.store));
  };
  return {
    async add(step, recorded) {
      const report = readReport(recorded);
      recorded.dispose();
      // A failure is met where the report is awaited; until then it must not count as unhandled.
      report.catch(() => undefined);
      await settle();
      pending = { step, report };
    },
    settle,
    refusedInRow: () => inRow,
  };
}

/**
 * Asks for a batch without waiting. A failure is met where the batch is awaited; until then it must not count as
 * unhandled.
 */
function ask(task: TrainingTask, cursor: Cursor, step: number): Promise<StepBatch> {
  const batch = task.batchAt(cursor, step);
  batch.catch(() => undefined);
  return batch;
}

/**
 * Records forward, backward and update of a step and returns its report. The loss is the mean over all targets
 * of all micro-batches, so that how a batch is cut does not change it.
 */
function recordStep(
  { device, optimizer, average }: TrainOptions,
  { microBatches }: StepBatch,
  step: number,
  learningRate: number,
): Tensor {
  const targets = sum(microBatches.map((batch) => batch.targets));
  if (!(targets > 0)) throw new TrainingError(`step ${step}: the batch has nothing to predict`);
  optimizer.unfreeze(step);
  return device.scope(() => {
    const losses = microBatches.map((batch) =>
      scale(backward(device, batch.loss, optimizer.lossSeed(batch.targets / targets)), batch.targets / targets),
    );
    const report = optimizer.update(
      losses.reduce((total, loss) => add(total, loss)),
      step,
      learningRate,
    );
    average?.update(report, step);
    return report;
  });
}

function workOf({ microBatches }: StepBatch): { tokens: number; flops: number | undefined } {
  const flops = microBatches.map((batch) => batch.flops);
  return {
    tokens: sum(microBatches.map(({ tokens }) => tokens)),
    flops: flops.every((each) => each !== undefined) ? sum(flops) : undefined,
  };
}

async function refusalText(
  step: number,
  { loss, gradientNorm, refusals: { inRow } }: StepReport,
  store: CheckpointStore | undefined,
): Promise<string> {
  const last = (await store?.names())?.at(-1);
  const kept =
    store === undefined
      ? ''
      : last === undefined
        ? ' There is no checkpoint yet.'
        : ` The last good checkpoint is ${last}.`;
  const steps = inRow === 1 ? `step ${step} was refused` : `${inRow} steps in a row were refused`;
  return `step ${step}: the loss is ${loss} and the gradient's norm ${gradientNorm}; ${steps}, so the run stops. Lower the learning rate, lengthen the warm-up or clip the gradient to a smaller norm, in a new run.${kept}`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
