/**
 * In which windows the records are run that a model cannot take whole: those
 * that were asked for, else as long as the adapter has the memory for. Which
 * records that concerns is said once.
 */
import { longestInput, modelCost, type EncoderConfig, type TaskHead } from '@rna/model';
import { readable, type Windows } from '@rna/structure';
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

/** The longest window of our own choice. */
export const LONGEST_WINDOW = 4096;
/** Where only the driver knows how much memory there is, so much is taken for granted. */
const MEMORY = 8 * 2 ** 30;
// Windows that we choose are multiples of it, so that machines with nearly the same memory choose the same.
const STEP = 64;

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

/** What is run in windows: by default, what is longer than `LONGEST_WINDOW` or does not fit the device, or only that. */
export type Whole = 'short' | 'fitting';

/**
 * The windows for a model on a device. By default they are the longest that fit, of at most `LONGEST_WINDOW`
 * nucleotides and no more than a model with learned positions reads, every half of it.
 */
export function chooseWindows(
  device: Pick<Device, 'gpu' | 'memory'>,
  config: EncoderConfig,
  task: TaskHead | undefined,
  { window, stride }: WindowOptions,
  whole: Whole,
): ChosenWindows {
  const { budget } = device.memory.use();
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const memory = Number.isFinite(budget) ? budget : MEMORY;
  const binding = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  // <cls> and <eos> take two of the positions that a model has.
  const reach = (longestInput(config) ?? Infinity) - 2;
  const longest = Math.min(LONGEST_WINDOW, reach);
  if (window !== undefined && window > reach)
    throw new UsageError(`--window ${window} is more than the model has positions for; give at most ${reach}`);
  const fits = (length: number): boolean => {
    if (length > reach) return false;
    const { bytes, largest } = modelCost(device, config, task, length);
    return bytes <= memory && largest <= binding;
  };
  let size = window ?? longest;
  if (window === undefined) while (size > STEP && !fits(size)) size -= STEP;
  if (stride !== undefined && stride > size)
    throw new UsageError(`--stride ${stride} leaves out what lies between windows of ${size}; give at most ${size}`);
  return {
    size,
    stride: stride ?? Math.max(1, Math.floor(size / 2)),
    isWhole: window === undefined && whole === 'fitting' ? fits : (length) => length <= size,
  };
}

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
