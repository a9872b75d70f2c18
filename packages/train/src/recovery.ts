/**
 * Going on after the device was lost (driver reset, GPU process killed, tab in
 * the background): a new device, the model built anew, the last checkpoint, or
 * the beginning where there is none. A run is a function of its settings and its
 * last checkpoint, so it ends in the same bits, and so does its log. The same
 * driver serves Node and the browser, which differ in how a device is opened.
 */
import { DeviceLostError, type AdapterAnswers, type Device } from '@rna/tensor';
import { tuningOfRun } from './runTuning.ts';
import type { StopSignal } from './trainer.ts';
import type { CheckpointStore } from './trainState.ts';

export interface DeviceLoss {
  readonly error: Error;
  /** Which loss in a row this is without a new checkpoint in between, from 1, of `retries` that are borne. */
  readonly attempt: number;
  readonly retries: number;
  /** Where the run goes on from; undefined for its beginning. */
  readonly checkpoint: string | undefined;
}

export interface RecoveryOptions<T> {
  /**
   * Opens a device. `tuned` is what a run that is resumed must have it opened with; undefined for a new run, which may
   * have any.
   */
  readonly openDevice: (tuned: AdapterAnswers | undefined) => Promise<Device>;
  /** Called with each device that was opened, before it trains. */
  readonly onDevice?: (device: Device) => void | Promise<void>;
  /** Builds the model on the device and trains it, from `store`'s newest checkpoint. */
  readonly run: (device: Device) => Promise<T>;
  /** Where the run keeps its checkpoints; without it, it begins anew. */
  readonly store?: CheckpointStore;
  /** Losses in a row, without a new checkpoint in between, after which the run fails. Default 3. */
  readonly retries?: number;
  readonly onLost?: (loss: DeviceLoss) => void;
  /** Once it is aborted, a lost device is not replaced. */
  readonly stop?: StopSignal;
}

// Before the first retry none, since most losses are over at once; a driver that restarts needs some time.
const PAUSES_MS = [0, 1000, 4000];

/**
 * Runs `run` on a device, and on another one as often as the device is lost; destroys them. Rejects with the
 * DeviceLostError of the last loss where there are too many.
 */
export async function withRecovery<T>({
  openDevice,
  onDevice,
  run,
  store,
  retries = 3,
  onLost,
  stop,
}: RecoveryOptions<T>): Promise<T> {
  const newest = async (): Promise<string | undefined> => (await store?.names())?.at(-1);
  let tuned = store && (await tuningOfRun(store));
  let [attempt, checkpoint] = [0, await newest()];
  for (;;) {
    let device: Device | undefined;
    try {
      device = await openDevice(tuned);
      // A run that has no checkpoint yet must not be given other answers half way.
      tuned ??= device.tuned;
      await onDevice?.(device);
      return await run(device);
    } catch (error) {
      const isLoss = device === undefined ? attempt > 0 : error instanceof DeviceLostError || (await isLost(device));
      if (!(error instanceof Error) || !isLoss) throw error;
      const now = await newest();
      attempt = now === checkpoint ? attempt + 1 : 1;
      checkpoint = now;
      if (attempt > retries || stop?.aborted === true) throw error;
      onLost?.({ error, attempt, retries, checkpoint });
      await pause(PAUSES_MS[Math.min(attempt, PAUSES_MS.length) - 1]!);
    } finally {
      device?.destroy();
    }
  }
}

/** Whether the device is gone. An operation may fail of it a moment before it is said. */
function isLost({ gpu }: Device): Promise<boolean> {
  return Promise.race([gpu.lost.then(() => true), pause(100).then(() => false)]);
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
