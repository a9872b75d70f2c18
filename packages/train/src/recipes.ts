/**
 * Whole runs from their configs: `pretrain` and `finetune` put task, optimiser
 * and schedule together and train on one device. The caller brings the device, a
 * model, the corpus or the records, and where checkpoints, log and progress go;
 * runPretraining.ts opens devices too.
 */
import { encoderParameters, headParameters, headPrefix, longestInput, parameter, type Encoder } from '@rna/model';
import type { Tensor } from '@rna/tensor';
import type { BatchSource } from './batchSource.ts';
import {
  finetuneSchedule,
  finetuneSteps,
  pretrainSchedule,
  trainingPrecision,
  type FinetuneConfig,
  type PretrainConfig,
} from './config.ts';
import type { Corpus } from './corpus/corpus.ts';
import { hash128, hex } from './corpus/hash.ts';
import { corpusBatches, heldOutBatches } from './corpusBatches.ts';
import { finetuningTask, fittedScalars } from './finetuning.ts';
import { WeightAverage } from './ema.ts';
import { adaptEncoder } from './lora.ts';
import { AdamW, decayGroups, DEFAULT_LOSS_SCALING, type ParameterGroup } from './optimizer.ts';
import type { LabelledRna, TaskModel } from './predictions.ts';
import { pretrainingTask } from './pretraining.ts';
import { ConfigError } from './overrides.ts';
import { savedModel, type ModelParts } from './savedModel.ts';
import { train, type TrainingTask, type TrainOptions } from './trainer.ts';
import type { CheckpointStore, Settings, TrainState } from './trainState.ts';
import type { Schedule } from './schedule.ts';
import { unfreezingGroups } from './unfreezing.ts';

/** Where a run is kept and shown. Without a store it is neither saved nor resumed. */
export interface RunPlaces extends Pick<
  TrainOptions,
  'log' | 'onProgress' | 'onEvaluation' | 'onDamage' | 'stop' | 'ranks'
> {
  readonly store?: CheckpointStore;
}

export interface PretrainRun extends RunPlaces {
  readonly encoder: Encoder;
  readonly config: PretrainConfig;
  readonly train: Corpus;
  /** Held-out RNAs; without them there is no evaluation. */
  readonly validation?: Corpus;
  /**
   * Where batches are made elsewhere, in a worker: `runBatches` of the same corpora and config. Closing them is the
   * caller's.
   */
  readonly batches?: RunBatches;
}

export interface RunBatches {
  readonly train: BatchSource;
  readonly validation?: BatchSource;
}

/** The batches that a run of this config trains on and is evaluated on. */
export function runBatches(
  { train, validation }: Pick<PretrainRun, 'train' | 'validation'>,
  { data, masking, batch, seed }: PretrainConfig,
): RunBatches {
  const { maxTokens, rows, accumulation } = batch;
  return {
    train: corpusBatches(train, {
      masking,
      maxTokens,
      rowsPerStep: rows,
      accumulation,
      seed,
      window: data.window,
      otherShare: data.otherShare,
    }),
    // What a step's micro-batch has room for, an evaluation has.
    ...(validation && {
      validation: heldOutBatches(validation, { masking, maxTokens, rowsPerStep: Math.ceil(rows / accumulation) }),
    }),
  };
}

/** Steps that a worker is to make ahead: enough rows to go on with while it reads and packs the next window. */
export const stepsAhead = ({ batch }: PretrainConfig): number => Math.max(3, Math.ceil(256 / batch.rows));

/** Pre-trains an encoder and its LM head, or goes on with a run that the store has. Ends after `config.train.steps`. */
export async function pretrain(run: PretrainRun): Promise<TrainState> {
  const { config, encoder } = run;
  const {
    data,
    batch: { maxTokens },
    train: { dropout, recompute, steps },
    seed,
  } = config;
  const most = longestInput(encoder.config) ?? Infinity;
  if (maxTokens > most)
    throw new ConfigError(
      `batch.maxTokens is ${maxTokens}, but ${encoder.config.model} has positions for ${most} tokens; give that at most`,
    );
  const { train: batches, validation } = run.batches ?? runBatches(run, config);
  const task = pretrainingTask({ encoder, batches, ...(validation && { validation }), dropout, recompute, seed });
  const model = { config: encoder.config, parameters: encoder.parameters };
  // The content counts, not the files that it is read from.
  const settings = settingsOf({
    ...config,
    data: { ...data, train: run.train.digest, other: undefined, validation: run.validation?.digest },
  });
  return trainWith(
    run,
    encoder,
    model,
    decayGroups(encoder.parameters, config.optimizer),
    task,
    pretrainSchedule(config),
    steps,
    settings,
  );
}

export interface FinetuneRun<S extends object = object, T = unknown, P = unknown>
  extends RunPlaces, TaskModel<S, T, P> {
  readonly config: FinetuneConfig;
  readonly train: readonly LabelledRna<T>[];
  /** Held-out RNAs; without them there is no evaluation. */
  readonly validation: readonly LabelledRna<T>[];
}

/**
 * Fine-tunes a head, and with it the encoder, low-rank terms beside its matrices, or neither, or goes on with a run
 * that the store has. Ends after `config.train.steps` or `config.train.epochs`. The tensors that it was given hold the trained model then.
 */
export async function finetune<S extends object, T, P>(run: FinetuneRun<S, T, P>): Promise<TrainState> {
  const { config, task } = run;
  const {
    model: { freeze },
    train: { batchSize, dropout, recompute },
    batch: { maxTokens },
    decode,
    seed,
  } = config;
  const scalars = fittedScalars(task, run.train);
  if (typeof config.threshold === 'number' && config.threshold !== DEFAULT_THRESHOLD)
    scalars.set('threshold', config.threshold);
  const adapted = adaptEncoder({ encoder: run.encoder, task, parameters: run.parameters }, config.model, seed);
  const { encoder, trained, files } = adapted;
  try {
    const training = finetuningTask({
      encoder,
      task,
      parameters: run.parameters,
      ...(run.priors && { priors: run.priors }),
      train: run.train,
      validation: run.validation,
      scalars,
      freeze,
      batchSize,
      maxTokens,
      shards: config.train.shards,
      dropout,
      recompute,
      ...(decode && { decode }),
      chooseThreshold: config.threshold === 'tuned',
      seed,
    });
    const { stepsPerEpoch } = training;
    // Not what an encoder that was fine-tuned before may have beside it.
    const own = [...encoderParameters(encoder.config).keys()].flatMap((name) =>
      run.encoder.parameters.has(name) ? [[name, parameter(run.encoder.parameters, name)] as const] : [],
    );
    const model = {
      config: encoder.config,
      task,
      parameters: new Map([...own, ...run.parameters]),
      scalars,
      ...(files && { partial: files }),
    };
    const groups = finetuneGroups(run, trained, stepsPerEpoch);
    // The content counts, not the files that it is read from.
    const settings = settingsOf({
      ...config,
      data: { train: contentOf(run.train), validation: contentOf(run.validation) },
    });
    const state = await trainWith(
      run,
      encoder,
      model,
      groups,
      training,
      finetuneSchedule(config, stepsPerEpoch),
      finetuneSteps(config, stepsPerEpoch),
      settings,
      stepsPerEpoch,
    );
    await adapted.merge();
    return state;
  } finally {
    adapted.dispose();
  }
}

// For a model that has none.
const DEFAULT_THRESHOLD = 0.5;

const contentOf = (rnas: readonly LabelledRna[]): string =>
  digestOf(JSON.stringify(rnas.map(({ id, sequence, target }) => [id, sequence, withDigests(target)])));

const digestOf = (content: string | Uint8Array): string =>
  hex(hash128(typeof content === 'string' ? new TextEncoder().encode(content) : content));

/** A target that is an object of arrays, such as a chain's coordinates, with digests in their place. */
function withDigests(target: unknown): unknown {
  if (typeof target !== 'object' || target === null || Array.isArray(target) || ArrayBuffer.isView(target))
    return target;
  return Object.fromEntries(
    Object.entries(target).map(([name, value]: [string, unknown]) => [
      name,
      ArrayBuffer.isView(value) ? digestOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) : value,
    ]),
  );
}

/** The optimiser's groups: the head's parameters, and those that are trained beside it. */
function finetuneGroups<S extends object, T, P>(
  { config: { unfreeze, optimizer }, encoder, task, parameters }: FinetuneRun<S, T, P>,
  trained: ReadonlyMap<string, Tensor>,
  stepsPerEpoch: number,
): ParameterGroup[] {
  const { config } = encoder;
  const head = new Map(
    [...headParameters(task, config.dim).keys()]
      .filter((name) => task.head.idle?.(name.slice(headPrefix(task.head).length), task.sizes) !== true)
      .map((name) => [name, parameter(parameters, name)]),
  );
  if (unfreeze.length > 0) {
    const names = new Set([...encoderParameters(config).keys(), ...trained.keys(), ...head.keys()]);
    return unfreezingGroups(new Map([...head, ...trained]), names, unfreeze, {
      layers: config.layers,
      stepsPerEpoch,
      decay: optimizer,
    });
  }
  return [...decayGroups(head, optimizer), ...decayGroups(trained, optimizer, optimizer.encoderRateScale)];
}

async function trainWith(
  {
    config,
    store,
    log,
    onProgress,
    onEvaluation,
    onDamage,
    stop,
    ranks,
  }: RunPlaces & { readonly config: PretrainConfig | FinetuneConfig },
  { device, precision }: Encoder,
  model: ModelParts,
  groups: readonly ParameterGroup[],
  task: TrainingTask,
  schedule: Schedule,
  steps: number,
  settings: Settings,
  stepsPerEpoch = steps,
): Promise<TrainState> {
  const {
    optimizer: { beta1, beta2, eps, maxGradientNorm, spikeFactor },
    train: { ema, shards },
  } = config;
  const { checkpointEvery, keep, patience, maxRefused } = config.run;
  const evaluateEvery = config.run.evaluateEvery === 'epoch' ? stepsPerEpoch : config.run.evaluateEvery;
  const wanted = trainingPrecision(config);
  if (precision.weights !== wanted.weights || precision.activations !== wanted.activations) {
    throw new TypeError(
      `train.precision is ${config.train.precision}, but the encoder was made with ${precision.weights} weights and ${precision.activations} activations; make it with trainingPrecision(config)`,
    );
  }
  // What is in no group is frozen.
  const freeze = (): void => {
    model.parameters.forEach((parameter) => {
      parameter.train(false);
    });
  };
  freeze();
  const optimizer = new AdamW(device, {
    groups,
    betas: [beta1, beta2],
    eps,
    ...(maxGradientNorm !== undefined && { maxNorm: maxGradientNorm }),
    ...(spikeFactor > 0 && { spikeFactor }),
    ...(precision.activations === 'f16' && { lossScaling: DEFAULT_LOSS_SCALING }),
  });
  const average =
    ema === undefined
      ? undefined
      : new WeightAverage(new Map(groups.flatMap(({ parameters }) => [...parameters])), ema);
  try {
    return await train({
      device,
      task,
      optimizer,
      schedule,
      steps,
      shards,
      evaluateEvery,
      maxRefused,
      ...(average && { average }),
      ...(patience !== undefined && { patience }),
      ...(store && { checkpoints: { store, model: savedModel(model), settings, every: checkpointEvery, keep } }),
      ...(log && { log }),
      ...(onProgress && { onProgress }),
      ...(onEvaluation && { onEvaluation }),
      ...(onDamage && { onDamage }),
      ...(stop && { stop }),
      ...(ranks && { ranks }),
    });
  } finally {
    average?.dispose();
    optimizer.dispose();
    freeze();
  }
}

/**
 * What a resumed run must share: all of the config but where the run is, how often it is looked at, and what changes no
 * bit.
 */
function settingsOf({
  train,
  ...config
}: {
  readonly train: { readonly shards: number };
  readonly [field: string]: unknown;
}): Settings {
  // Checkpoints of a step in one part do not speak of shards.
  const shards = train.shards === 1 ? undefined : train.shards;
  // Through JSON, which drops the fields that are absent.
  return JSON.parse(
    JSON.stringify({ ...config, train: { ...train, recompute: undefined, shards }, out: undefined, run: undefined }),
  ) as Settings;
}
