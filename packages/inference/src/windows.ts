/** In which windows an RNA is run that a model cannot take whole, where nobody says in which. */
import { longestInput, modelCost, type EncoderConfig, type TaskHead, type WeightType } from '@rna/model';
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
  /** Whether an RNA of so many nucleotides can be run whole. */
  readonly fits: (length: number) => boolean;
  /** Nucleotides of the longest window that fits, of at most `LONGEST_WINDOW`. */
  readonly window: () => number;
}

/** What a model with a head, or without, can take on a device, where its weights are stored as `weights` says. */
export function reachOf(
  device: Pick<Device, 'gpu' | 'memory'>,
  config: EncoderConfig,
  task: TaskHead | undefined,
  weights: WeightType = 'f32',
): Reach {
  const { budget } = device.memory.use();
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const memory = Number.isFinite(budget) ? budget : MEMORY;
  const binding = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  // <cls> and <eos> take two of the positions that a model has.
  const nucleotides = (longestInput(config) ?? Infinity) - 2;
  // Records are many, their lengths few.
  const known = new Map<number, boolean>();
  const fits = (length: number): boolean => {
    let answer = known.get(length);
    if (answer === undefined) {
      const { bytes, largest } = modelCost(device, config, task, length, weights);
      known.set(length, (answer = length <= nucleotides && bytes <= memory && largest <= binding));
    }
    return answer;
  };
  const window = (): number => {
    let size = Math.min(LONGEST_WINDOW, nucleotides);
    while (size > STEP && !fits(size)) size -= STEP;
    return size;
  };
  return { nucleotides, fits, window };
}

/** Windows of so many nucleotides, every half of them. */
export const halfOverlapping = (size: number): Windows => ({ size, stride: Math.max(1, Math.floor(size / 2)) });
