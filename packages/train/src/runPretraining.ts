/**
 * The pre-training script: the one that `rna pretrain`, the page and the
 * examples call. It names no platform: who calls it brings the corpus, and says
 * how a device is opened and where checkpoints, log and progress go. A run that
 * the store has is gone on with, to the bit, also when the device is lost on the
 * way.
 *
 *     const state = await runPretraining({
 *       config,
 *       train: await openCorpus(source),
 *       openDevice: (tuned) => openDevice(tuned && { tuned }),
 *     });
 */
import { Encoder } from '@rna/model';
import { newEncoderConfig, trainingPrecision } from './config.ts';
import { pretrain, type PretrainRun } from './recipes.ts';
import { withRecovery, type RecoveryOptions } from './recovery.ts';
import type { TrainState } from './trainState.ts';

export interface PretrainingRun
  extends Omit<PretrainRun, 'encoder'>, Pick<RecoveryOptions<TrainState>, 'openDevice' | 'onDevice' | 'onLost'> {}

/**
 * Pre-trains a new encoder, or goes on with the run in `store`, and returns the state after `config.train.steps`
 * updates. Devices are opened and destroyed here; closing batches is the caller's. Rejects as `pretrain` and
 * `withRecovery` do, and with a CheckpointError where the config's sizes do not fit each other.
 */
export async function runPretraining({ openDevice, onDevice, onLost, ...run }: PretrainingRun): Promise<TrainState> {
  const { config, store, stop, ranks } = run;
  const sizes = newEncoderConfig(config.model);
  return withRecovery({
    openDevice,
    run: (device) =>
      pretrain({ ...run, encoder: Encoder.initialize(device, sizes, config.seed, trainingPrecision(config)) }),
    ...(onDevice && { onDevice }),
    ...(store && { store }),
    ...(onLost && { onLost }),
    ...(stop && { stop }),
    // A rank cannot go back to a checkpoint alone.
    ...(ranks && { retries: 0 }),
  });
}
