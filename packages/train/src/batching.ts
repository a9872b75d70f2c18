/**
 * Which sequences a training step sees. Each epoch's order is shuffled anew and
 * packed into rows of at most `maxTokens` tokens; a step takes `rowsPerStep`
 * rows. Everything is a function of (seed, epoch), so a cursor of two integers
 * in a checkpoint resumes a run exactly. This file deals in indices and lengths:
 * reading, masking and packing the tokens is the trainer's.
 */

import { RandomStream } from '@rna/kernels';
import { TOKEN } from '@rna/model';

export interface BatchingOptions {
  /** Tokens of each sequence, `<cls>` and `<eos>` included. */
  readonly lengths: ArrayLike<number>;
  /** Most tokens in a row. A longer sequence is cropped at random, anew in each epoch. */
  readonly maxTokens: number;
  readonly rowsPerStep: number;
  readonly seed: number;
  /** Sequences that are packed together: more fill rows better and cost more time. Default 1024. */
  readonly window?: number;
}

/** Where a run stands: the next row of an epoch. A run begins at `FIRST_CURSOR`. */
export interface Cursor {
  readonly epoch: number;
  readonly row: number;
}

export const FIRST_CURSOR: Cursor = { epoch: 0, row: 0 };

/** A stretch of a sequence: `length` nucleotides from nucleotide `start`. */
export interface Placement {
  readonly index: number;
  readonly start: number;
  readonly length: number;
}

export interface TrainingBatch {
  readonly epoch: number;
  /** `rowsPerStep` rows, fewer in an epoch's last step. */
  readonly rows: readonly (readonly Placement[])[];
  /** The cursor of the step after this one. */
  readonly next: Cursor;
  /** Whether this step is its epoch's last. */
  readonly endsEpoch: boolean;
}

const ORDER_STREAM = 0x6f726465;
const CROP_STREAM = 0x63726f70;

/** An epoch's rows: row r holds `sequences` from `offsets[r]` up to `offsets[r + 1]`. */
interface EpochPlan {
  readonly sequences: Uint32Array;
  readonly offsets: Uint32Array;
}

/**
 * Gives the function from a cursor to its step. It is pure; the plan of the last
 * epoch asked for is kept. Each sequence stands in each epoch exactly once.
 * Throws a RangeError for no sequence, an empty one, or a limit too small.
 */
export function createBatches(options: BatchingOptions): (cursor: Cursor) => TrainingBatch {
  const { lengths, maxTokens, rowsPerStep, seed } = options;
  checkOptions(options);
  let cached: { epoch: number; plan: EpochPlan } | undefined;
  const planOf = (epoch: number) => {
    if (cached?.epoch !== epoch) cached = { epoch, plan: planEpoch(options, epoch) };
    return cached.plan;
  };
  return ({ epoch, row }) => {
    const { sequences, offsets } = planOf(epoch);
    const rowCount = offsets.length - 1;
    if (!(Number.isInteger(row) && row >= 0 && row < rowCount)) {
      throw new RangeError(`createBatches: epoch ${epoch} has no row ${row}, only 0 … ${rowCount - 1}; the cursor is of another data set, seed or limit`);
    }
    const end = Math.min(row + rowsPerStep, rowCount);
    const rows: Placement[][] = [];
    for (let r = row; r < end; r++) {
      const indices = sequences.subarray(offsets[r], offsets[r + 1]);
      rows.push(Array.from(indices, (index) => placeSequence(index, lengths[index]!, maxTokens, seed, epoch)));
    }
    const endsEpoch = end === rowCount;
    return { epoch, rows, endsEpoch, next: endsEpoch ? { epoch: epoch + 1, row: 0 } : { epoch, row: end } };
  };
}

/** The tokens of a placement: its nucleotides between `<cls>` and `<eos>`. `tokens` is the whole sequence, with both. */
export function cropTokens(tokens: Uint32Array, { start, length }: Pick<Placement, 'start' | 'length'>): Uint32Array {
  if (!(start >= 0 && length >= 1 && start + length <= tokens.length - 2)) {
    throw new RangeError(`cropTokens: ${length} nucleotides from ${start} are not within the sequence's ${tokens.length - 2}`);
  }
  const cropped = new Uint32Array(length + 2);
  cropped[0] = TOKEN.cls;
  cropped.set(tokens.subarray(1 + start, 1 + start + length), 1);
  cropped[length + 1] = TOKEN.eos;
  return cropped;
}

/** The crop of one sequence in one epoch, the same whatever row it stands in. */
function placeSequence(index: number, tokens: number, maxTokens: number, seed: number, epoch: number): Placement {
  const length = Math.min(tokens, maxTokens) - 2;
  const excess = tokens - 2 - length;
  const start = excess === 0 ? 0 : new RandomStream(seed, CROP_STREAM, epoch, index).below(excess + 1);
  return { index, start, length };
}

/** Shuffles all sequences, then packs them, one window after the other, first-fit. */
function planEpoch({ lengths, maxTokens, seed, window = 1024 }: BatchingOptions, epoch: number): EpochPlan {
  const order = new RandomStream(seed, ORDER_STREAM, epoch).shuffle(Array.from({ length: lengths.length }, (_, i) => i));
  const sequences = new Uint32Array(order.length);
  const offsets = [0];
  let filled = 0;
  for (let at = 0; at < order.length; at += window) {
    const rows: { used: number; indices: number[] }[] = [];
    for (const index of order.slice(at, at + window)) {
      const tokens = Math.min(lengths[index]!, maxTokens);
      const row = rows.find(({ used }) => used + tokens <= maxTokens);
      if (row) {
        row.used += tokens;
        row.indices.push(index);
      } else rows.push({ used: tokens, indices: [index] });
    }
    for (const { indices } of rows) {
      sequences.set(indices, filled);
      filled += indices.length;
      offsets.push(filled);
    }
  }
  return { sequences, offsets: Uint32Array.from(offsets) };
}

function checkOptions({ lengths, maxTokens, rowsPerStep, window = 1 }: BatchingOptions): void {
  if (lengths.length === 0) throw new RangeError('createBatches: there are no sequences to train on');
  const limits = Object.entries({ maxTokens: [maxTokens, 3], rowsPerStep: [rowsPerStep, 1], window: [window, 1] } as const);
  for (const [name, [value, least]] of limits) {
    if (!(Number.isInteger(value) && value >= least)) throw new RangeError(`createBatches: ${name} must be an integer of ${least} or more, got ${value}`);
  }
  for (let i = 0; i < lengths.length; i++) {
    if (!(lengths[i]! >= 3)) throw new RangeError(`createBatches: sequence ${i} has ${lengths[i]} tokens; <cls>, a nucleotide and <eos> are the least`);
  }
}
