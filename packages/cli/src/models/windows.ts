/**
 * In which windows the records are run that a model cannot take whole: those
 * that were asked for, else as long as the adapter has the memory for. Which
 * records that concerns is said once.
 */
import { halfOverlapping, reachOf } from '@rna/inference/node';
import type { EncoderConfig, Precision, TaskHead } from '@rna/model';
import { readable, windowStarts, type Windows } from '@rna/structure';
import type { Device } from '@rna/tensor';
import { UsageError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';
import type { PlannedRecord } from '../input/fastaInput.ts';

export interface WindowOptions {
  /** Nucleotides; longer records are run in windows of so many. */
  readonly window?: number;
  /** Nucleotides from one window to the next. Default: half a window. */
  readonly stride?: number;
}

/** Throws a UsageError for a stride that leaves nucleotides out. */
export function checkWindowOptions({ window, stride }: WindowOptions): void {
  if (window !== undefined && stride !== undefined && stride > window)
    throw new UsageError(
      `--stride ${stride} leaves out what lies between windows of ${window}; give at most ${window}`,
    );
}

/** Windows, and which records they are for. */
export interface ChosenWindows extends Windows {
  readonly isWhole: (length: number) => boolean;
}

/** What is run in windows: by default, what is longer than our longest window or does not fit the device, or only that. */
export type Whole = 'short' | 'fitting';

/**
 * The windows for a model on a device. By default they are the longest that fit, of at most 4096
 * nucleotides and no more than a model with learned positions reads, every half of it. What fits depends on how the
 * model's weights are stored, which by default is f32.
 */
export function chooseWindows(
  device: Pick<Device, 'gpu' | 'memory'>,
  config: EncoderConfig,
  task: TaskHead | undefined,
  { window, stride, weights }: WindowOptions & Partial<Pick<Precision, 'weights'>>,
  whole: Whole,
): ChosenWindows {
  const reach = reachOf(device, config, task, weights);
  if (window !== undefined && window > reach.nucleotides)
    throw new UsageError(
      `--window ${window} is more than the model has positions for; give at most ${reach.nucleotides}`,
    );
  const size = window ?? reach.window();
  if (stride !== undefined && stride > size)
    throw new UsageError(`--stride ${stride} leaves out what lies between windows of ${size}; give at most ${size}`);
  return {
    ...halfOverlapping(size),
    ...(stride !== undefined && { stride }),
    isWhole: window === undefined && whole === 'fitting' ? reach.fits : (length) => length <= size,
  };
}

/** The lengths of the sequences that a record of `length` nucleotides is run in. */
export const windowsOf = (length: number, windows: ChosenWindows): number[] =>
  windows.isWhole(length) ? [length] : windowStarts(length, windows).map(() => Math.min(length, windows.size));

/** Says how many records are run in windows, and names the first. */
export function noteWindows(
  plan: readonly PlannedRecord[],
  { size, stride, isWhole }: ChosenWindows,
  what: string,
): void {
  const long = plan.filter(({ length }) => !isWhole(length));
  const [first] = long;
  if (first === undefined) return;
  note(
    `${long.length} of ${plan.length} records are too long to be run whole; they are run in windows of ${size} nucleotides every ${stride}, and ${what} are averaged; the first is "${readable(first.id)}" with ${first.length}`,
  );
}
