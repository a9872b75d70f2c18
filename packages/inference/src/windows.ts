/** In which windows an RNA is run that a model cannot take whole, where nobody says in which. */
import { longestInput, modelCost, type EncoderConfig, type PassCost, type TaskHead, type WeightType } from '@rna/model';
import type { Windows } from '@rna/structure';
import type { Device } from '@rna/tensor';

/** The longest window of our own choice. */
const LONGEST_WINDOW = 4096;
/** Where only the driver knows how much memory there is, so much is taken for granted. */
const MEMORY = 8 * 2 ** 30;
// Windows that we choose are multiples of it, so that machines with nearly the same memory choose the same.
const STEP = 64;

/** What a model can take of RNAs on a device. */
export interface Reach {
  /** Nucleotides that the model has positions for; Infinity where positions are rotations. */
  readonly nucleotides: number;
  /** Bytes of the device's memory that the model takes with a pass over an RNA of so many nucleotides. */
  readonly bytes: (length: number) => number;
  /** Whether an RNA of so many nucleotides can be run whole. */
  readonly fits: (length: number) => boolean;
  /** Nucleotides of the longest window that fits, of at most `LONGEST_WINDOW`. */
  readonly window: () => number;
}

/** Bytes that may be counted on: the device's own budget, or what is taken for granted where there is none. */
export function memoryBudget(device: Pick<Device, 'memory'>): number {
  const { budget } = device.memory.use();
  return Number.isFinite(budget) ? budget : MEMORY;
}

interface ReachOptions {
  /** Bytes of the device's memory. Default: `memoryBudget`. */
  readonly memory?: number;
  /** How weights are stored on the device. Default: f32. */
  readonly weights?: WeightType;
}

/** What a model with a head, or without, can take on a device. */
export function reachOf(
  device: Pick<Device, 'gpu' | 'memory'>,
  config: EncoderConfig,
  task: TaskHead | undefined,
  { memory = memoryBudget(device), weights = 'f32' }: ReachOptions = {},
): Reach {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const binding = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  // <cls> and <eos> take two of the positions that a model has.
  const nucleotides = (longestInput(config) ?? Infinity) - 2;
  // Records are many, their lengths few.
  const known = new Map<number, boolean>();
  const costOf = (length: number): PassCost => modelCost(device, config, task, length, weights);
  const bytes = (length: number): number => costOf(length).bytes;
  const fits = (length: number): boolean => {
    let answer = known.get(length);
    if (answer === undefined) {
      const { bytes, largest } = costOf(length);
      known.set(length, (answer = length <= nucleotides && bytes <= memory && largest <= binding));
    }
    return answer;
  };
  const window = (): number => {
    let size = Math.min(LONGEST_WINDOW, nucleotides);
    while (size > STEP && !fits(size)) size -= STEP;
    return size;
  };
  return { nucleotides, bytes, fits, window };
}

/** Windows of so many nucleotides, every half of them. */
export const halfOverlapping = (size: number): Windows => ({ size, stride: Math.max(1, Math.floor(size / 2)) });
