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
import { type Device, type Tensor } from '@rna/tensor';
import { FIRST_CURSOR, type Cursor } from './batching.ts';
import { checkpointsToRemove, evaluatesAfter, isOver, savesAt, savesNow, type Cadence } from './cadence.ts';
import type { WeightAverage } from './ema.ts';
import { createMeter, type Meter, type Progress, type StepFacts, type TrainingLog } from './meter.ts';
import { readReport, type AdamW, type StepReport } from './optimizer.ts';
import { gatherValues, ofFirst, OtherRankStoppedError, requireAlike, requireSameBits, type Ranks } from './ranks.ts';
import { checkpointName, MOST_STEPS } from './runFiles.ts';
import { requireTuning } from './runTuning.ts';
import type { Schedule } from './schedule.ts';
import { accumulateGradients, ownMicroBatches, shardedGradients, type ShardedGradients } from './shardedGradients.ts';
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
   * step ahead, while the device is at the step before, so it may be made elsewhere meanwhile. Losses are asked for of
   * those micro-batches alone of which `isOwn` says so, of so many; without it, of all.
   */
  batchAt(cursor: Cursor, step: number, isOwn?: (microBatch: number, of: number) => boolean): Promise<StepBatch>;
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
  /** Shards that a step is computed in (shardedGradients.ts); they decide the last bits. Default 1. */
  readonly shards?: number;
  /**
   * The processes that share the shards out, no more than there are. All are given the same, but for where the run is
   * kept and shown: the first one alone evaluates and saves; the others read its checkpoints.
   */
  readonly ranks?: Ranks;
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
  /**
   * Once it is aborted, the run saves a checkpoint after the step at hand and rejects with its reason; so it does on the
   * other ranks, with an OtherRankStoppedError.
   */
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
  const { shards = 1, ranks } = options;
  if (ranks !== undefined && ranks.size > shards)
    throw new TrainingError(
      `there are ${ranks.size} ranks, but a step has ${shards} shard${shards === 1 ? '' : 's'} (train.shards), so that some would have nothing to do; start no more ranks than shards`,
    );
  if (shards === 1) return trainSteps(options, undefined);
  const gradients = shardedGradients({ ...options, shards });
  try {
    return await trainSteps(options, gradients);
  } finally {
    gradients.dispose();
  }
}

async function trainSteps(options: TrainOptions, gradients: ShardedGradients | undefined): Promise<TrainState> {
  const { schedule, steps, stop } = options;
  const cadence = cadenceOf(options);
  const meter = createMeter(options);
  const reports = createReports(options, meter);

  const restored = await restore(options, cadence);
  let state = restored ?? firstState(options);
  let upcoming = isOver(cadence, state) ? undefined : ask(options, state.cursor, state.step);
  if (restored === undefined) state = await evaluate(options, state);
  // A regular checkpoint that is to be made as soon as steps are no longer refused.
  let due = false;
  while (upcoming !== undefined) {
    const batch = await meter.waiting(upcoming);
    const step = state.step + 1;
    upcoming = step < steps ? ask(options, batch.next, step) : undefined;
    const learningRate = schedule(state.step);
    state = { ...state, step, cursor: batch.next };
    const { recorded, others, exchangeMs } = await recordStep(options, gradients, batch, step, learningRate);
    await reports.add(
      { step, epoch: batch.epoch, learningRate, ...workOf(batch), ...(exchangeMs !== undefined && { exchangeMs }) },
      recorded,
    );

    const evaluates = evaluatesAfter(cadence, step);
    due ||= savesAt(cadence, step);
    // Asked once: it may be aborted while what follows waits. Ranks must stop after the same step.
    const asked = options.ranks === undefined ? stop?.aborted === true : others;
    if (evaluates || due || asked) await reports.settle();
    if (evaluates) state = await evaluate(options, state);
    const over = isOver(cadence, state);
    if (over) upcoming = undefined;
    const best = state.best?.step === step;
    if (savesNow({ over, best, due, asked, refusedInRow: reports.refusedInRow() })) {
      await save(options, cadence, state);
      due = false;
    }
    if (asked && !over) {
      // The first rank's checkpoint must be whole before another ends.
      if (options.ranks !== undefined) await gatherValues(options.ranks, step);
      if (stop?.aborted !== true) throw new OtherRankStoppedError('another rank was asked to stop');
      throw stop.reason;
    }
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
  const { device, checkpoints, log, steps, ranks } = options;
  if (steps > MOST_STEPS) throw new TrainingError(`a run has ${MOST_STEPS} steps at most, not ${steps}`);
  if (ranks !== undefined) await requireAlike(ranks, identityOf(options));
  const state = checkpoints && (await newestCheckpoint(options, checkpoints));
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

/** What decides the bits of a run, beside the program. */
const identityOf = ({ device, steps, shards, checkpoints }: TrainOptions): Readonly<Record<string, unknown>> => ({
  adapter: device.traits.description,
  tuning: device.tuned,
  steps,
  shards,
  settings: checkpoints?.settings,
});

/** Loads the newest checkpoint. Of ranks the first one decides which that is, and sets damaged ones aside. */
async function newestCheckpoint(options: TrainOptions, checkpoints: Checkpoints): Promise<TrainState | undefined> {
  const { ranks, onDamage } = options;
  const trained = trainedBy(options, checkpoints);
  const load = (store: CheckpointStore): Promise<TrainState | undefined> =>
    restoreCheckpoint(store, trained, checkpoints.settings, onDamage);
  if (ranks === undefined) return load(checkpoints.store);
  let first: TrainState | undefined;
  const step = await ofFirst(ranks, async () => {
    first = await load(checkpoints.store);
    return first?.step ?? null;
  });
  if (ranks.rank === 0 || step === null) return first;
  const name = checkpointName(step);
  return load({ ...checkpoints.store, names: () => Promise.resolve([name]), setAside: () => Promise.resolve() });
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
  const { checkpoints, ranks, optimizer } = options;
  if (checkpoints === undefined) return;
  if (ranks !== undefined) await requireSameBits(ranks, optimizer.trained(), `step ${state.step}`);
  if (!isFirst(options)) return;
  await saveCheckpoint(checkpoints.store, trainedBy(options, checkpoints), state);
  await prune(options, cadence, state);
}

const isFirst = ({ ranks }: TrainOptions): boolean => ranks === undefined || ranks.rank === 0;

async function prune(options: TrainOptions, cadence: Cadence, { best }: TrainState): Promise<void> {
  const { checkpoints } = options;
  if (checkpoints === undefined || !isFirst(options)) return;
  const { store, keep = 2 } = checkpoints;
  for (const name of checkpointsToRemove(await store.names(), { cadence, keep, best: best?.step }))
    await store.remove(name);
}

/** The state with an evaluation of the model as it is now; as it was where the task has none. */
async function evaluate(options: TrainOptions, state: TrainState): Promise<TrainState> {
  const { task, log, onEvaluation, ranks } = options;
  if (task.evaluate === undefined) return state;
  const scored = (): Promise<Omit<Evaluation, 'step'>> => asModel(options, () => task.evaluate!());
  const evaluation = {
    step: state.step,
    ...(ranks === undefined
      ? await scored()
      : decodedScores(await ofFirst(ranks, async () => encodedScores(await scored())))),
  };
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

// JSON has no NaN.
type EncodedScores = { readonly score: string; readonly metrics: Readonly<Record<string, string>> };

const encodedScores = ({ score, metrics }: Omit<Evaluation, 'step'>): EncodedScores => ({
  score: String(score),
  metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, String(value)])),
});

const decodedScores = ({ score, metrics }: EncodedScores): Omit<Evaluation, 'step'> => ({
  score: Number(score),
  metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Number(value)])),
});

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
function ask({ task, shards = 1, ranks }: TrainOptions, cursor: Cursor, step: number): Promise<StepBatch> {
  const batch = task.batchAt(
    cursor,
    step,
    ranks &&
      ((microBatch, of) => {
        const { from, to } = ownMicroBatches(of, shards, ranks);
        return microBatch >= from && microBatch < to;
      }),
  );
  batch.catch(() => undefined);
  return batch;
}

/**
 * Records forward, backward and update of a step and returns its report, and of sharded gradients whether a rank was
 * asked to stop and how long their exchange took. The loss is the mean over all targets of all micro-batches, so that how a batch is cut does not change
 * it.
 */
async function recordStep(
  { device, optimizer, average, stop }: TrainOptions,
  gradients: ShardedGradients | undefined,
  { microBatches }: StepBatch,
  step: number,
  learningRate: number,
): Promise<{ readonly recorded: Tensor; readonly others: boolean; readonly exchangeMs: number | undefined }> {
  const targets = sum(microBatches.map((batch) => batch.targets));
  if (!(targets > 0)) throw new TrainingError(`step ${step}: the batch has nothing to predict`);
  optimizer.unfreeze(step);
  const sharded = await gradients?.compute(microBatches, () => stop?.aborted === true);
  const recorded = device.scope(() => {
    const loss = sharded?.loss ?? accumulateGradients(device, optimizer, microBatches, targets);
    const report = optimizer.update(loss, step, learningRate);
    average?.update(report, step);
    return report;
  });
  sharded?.loss.dispose();
  return { recorded, others: sharded?.asked === true, exchangeMs: sharded?.waited };
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
