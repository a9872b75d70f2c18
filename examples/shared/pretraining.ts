/**
 * The training script, the same in Node and in a browser tab. It names no
 * platform: who calls it brings the corpus, and says how a device is opened and
 * where checkpoints, log and progress go. A run that the store has is gone on
 * with, to the bit, also when the device is lost on the way.
 */
import { Encoder } from '@rna/model';
import {
  newEncoderConfig,
  pretrain,
  trainingPrecision,
  withRecovery,
  type PretrainRun,
  type RecoveryOptions,
  type TrainState,
} from '@rna/train';

export interface PretrainingScript
  extends Omit<PretrainRun, 'encoder'>, Pick<RecoveryOptions<TrainState>, 'onLost' | 'stop'> {
  readonly openDevice: RecoveryOptions<TrainState>['open'];
}

export async function runPretraining({ openDevice, onLost, stop, ...run }: PretrainingScript): Promise<TrainState> {
  const { config, store } = run;
  return withRecovery({
    open: openDevice,
    run: (device) =>
      pretrain({
        ...run,
        ...(stop && { stop }),
        encoder: Encoder.initialize(device, newEncoderConfig(config.model), config.seed, trainingPrecision(config)),
      }),
    ...(store && { store }),
    ...(onLost && { onLost }),
    ...(stop && { stop }),
  });
}
