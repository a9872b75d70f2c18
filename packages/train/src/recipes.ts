/**
 * Whole runs from their configs: `pretrain` and `finetune` put task, optimiser
 * and schedule together and train. This is the one training script of Node and
 * the browser; the caller brings a device, a model, the records, and where
 * checkpoints, log and progress go.
 */
import type { Encoder, SecondaryStructureHead, Structure } from '@rna/model';
import type { Tensor } from '@rna/tensor';
import { finetuneSchedule, pretrainSchedule, trainingPrecision, type FinetuneConfig, type PretrainConfig } from './config.ts';
import { finetuningTask } from './finetuning.ts';
import { AdamW, decayGroups, DEFAULT_LOSS_SCALING, type ParameterGroup } from './optimizer.ts';
import { pretrainingTask, type CorpusRecord } from './pretraining.ts';
import { savedModel, type ModelParts } from './savedModel.ts';
import { train, type TrainingTask, type TrainOptions } from './trainer.ts';
import type { CheckpointStore, Settings, TrainState } from './trainState.ts';
import type { Schedule } from './schedule.ts';

/** Where a run is kept and shown. Without a store it is neither saved nor resumed. */
export interface RunPlaces extends Pick<TrainOptions, 'log' | 'onProgress' | 'onEvaluation'> {
  readonly store?: CheckpointStore;
}

export interface PretrainRun extends RunPlaces {
  readonly encoder: Encoder;
  readonly config: PretrainConfig;
  readonly train: readonly CorpusRecord[];
  readonly validation: readonly CorpusRecord[];
}

/** Pre-trains an encoder and its LM head, or goes on with a run that the store has. Ends after `config.train.steps`. */
export async function pretrain(run: PretrainRun): Promise<TrainState> {
  const { config, encoder } = run;
  const { masking, batch, train: { dropout, steps }, seed } = config;
  const task = pretrainingTask({
    encoder, masking, seed,
    train: run.train, validation: run.validation,
    maxTokens: batch.maxTokens, rowsPerStep: batch.rows, accumulation: batch.accumulation, dropout,
  });
  const model = { config: encoder.config, parameters: encoder.parameters };
  return trainWith(run, encoder, model, decayGroups(encoder.parameters, config.optimizer.weightDecay), task, pretrainSchedule(config), steps);
}

export interface FinetuneRun extends RunPlaces {
  readonly encoder: Encoder;
  readonly config: FinetuneConfig;
  readonly head: SecondaryStructureHead;
  readonly train: readonly Structure[];
  readonly validation: readonly Structure[];
}

/** Fine-tunes the secondary-structure head, and the encoder unless frozen. Ends after `config.train.epochs`. */
export async function finetune(run: FinetuneRun): Promise<TrainState> {
  const { config, encoder, head } = run;
  const { model: { freeze }, train: { batchSize, dropout, epochs }, optimizer: { encoderRateScale, weightDecay }, decode, seed } = config;
  const task = finetuningTask({ encoder, head, train: run.train, validation: run.validation, freeze, batchSize, dropout, decode, seed });
  const parameters = new Map([...encoder.parameters, ...head.parameters]);
  const part = (belongs: (name: string) => boolean): Map<string, Tensor> => new Map([...parameters].filter(([name]) => belongs(name)));
  const isHead = (name: string): boolean => name.startsWith('secondaryStructure.');
  const groups = decayGroups(part(isHead), weightDecay);
  // The LM head has no part in the loss and is saved as it was.
  if (!freeze) groups.push(...decayGroups(part((name) => !isHead(name) && !name.startsWith('lmHead.')), weightDecay, encoderRateScale));
  try {
    const model = { config: encoder.config, head: head.config, parameters };
    return await trainWith(run, encoder, model, groups, task, finetuneSchedule(config, task.stepsPerEpoch), epochs * task.stepsPerEpoch);
  } finally {
    task.dispose();
  }
}

async function trainWith(
  { config, store, log, onProgress, onEvaluation }: RunPlaces & { readonly config: PretrainConfig | FinetuneConfig },
  { device, precision }: Encoder,
  model: ModelParts,
  groups: readonly ParameterGroup[],
  task: TrainingTask,
  schedule: Schedule,
  steps: number,
): Promise<TrainState> {
  const { beta1, beta2, eps, maxGradientNorm } = config.optimizer;
  const { evaluateEvery, checkpointEvery, keep } = config.run;
  const wanted = trainingPrecision(config);
  if (precision.weights !== wanted.weights || precision.activations !== wanted.activations) {
    throw new TypeError(`train.precision is ${config.train.precision}, but the encoder was made with ${precision.weights} weights and ${precision.activations} activations; make it with trainingPrecision(config)`);
  }
  // What is in no group is frozen.
  const freeze = (): void => { model.parameters.forEach((parameter) => { parameter.train(false); }); };
  freeze();
  const optimizer = new AdamW(device, {
    groups, betas: [beta1, beta2], eps,
    ...(maxGradientNorm !== undefined && { maxNorm: maxGradientNorm }), ...(precision.activations === 'f16' && { lossScaling: DEFAULT_LOSS_SCALING }),
  });
  try {
    return await train({
      device, task, optimizer, schedule, steps, evaluateEvery,
      ...(store && { checkpoints: { store, model: savedModel(model), settings: settingsOf(config), every: checkpointEvery, keep } }),
      ...(log && { log }), ...(onProgress && { onProgress }), ...(onEvaluation && { onEvaluation }),
    });
  } finally {
    optimizer.dispose();
    freeze();
  }
}

/** What a resumed run must share: all of the config but where the run is and how often it is looked at. */
function settingsOf(config: PretrainConfig | FinetuneConfig): Settings {
  // Through JSON, which drops the fields that are absent.
  return JSON.parse(JSON.stringify({ ...config, out: undefined, run: undefined })) as Settings;
}
