/**
 * A run keeps the autotuner's answers that it was begun with: variants of a
 * kernel sum in different orders, so answers found between a stop and a resume
 * would change its bits. Who opens a device for a run asks for its answers
 * first; the trainer refuses a device that was opened with others.
 */
import * as kernels from '@rna/kernels';
import { CheckpointError } from '@rna/model';
import { currentAnswers, type AdapterAnswers, type Device } from '@rna/tensor';
import { checkpointName } from './runFiles.ts';
import {
  differenceLines,
  differingSettings,
  newestState,
  type CheckpointStore,
  type TrainState,
} from './trainState.ts';

/**
 * What a device for the run in `store` must be opened with (`tuned`); undefined where there is no run yet, which may
 * have any.
 */
export async function tuningOfRun(store: CheckpointStore): Promise<AdapterAnswers | undefined> {
  const state = await newestState(store);
  return state && (state.tuned ?? {});
}

/** Throws a CheckpointError where the device's kernels would not sum as those of the run did. */
export function requireTuning(device: Device, { step, tuned = {} }: TrainState): void {
  const differences = differingSettings(tuned, device.tuned);
  if (differences.length > 0) {
    throw new CheckpointError(
      checkpointName(step),
      `the run was begun with other kernel variants than this device was opened with, and would not end in the same bits; open the device with those of the run (tuningOfRun):\n${differenceLines(differences)}`,
    );
  }
  const stale = Object.keys(tuned).filter((name) => {
    const kernel = Object.values(kernels).find(
      (value): value is kernels.AnyKernel & typeof value =>
        typeof value === 'object' && 'body' in value && value.name === name,
    );
    return kernel === undefined || Object.keys(currentAnswers(kernel, device.traits, tuned)).length === 0;
  });
  if (stale.length > 0) {
    throw new CheckpointError(
      checkpointName(step),
      `the run was begun with tuned variants of ${stale.join(', ')}, which this version of the program on this adapter no longer has, so it would not end in the same bits; resume it with the version that began it, or begin a new run`,
    );
  }
}
