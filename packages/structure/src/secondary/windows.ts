/**
 * RNAs that a model cannot take whole, in overlapping windows of one length:
 * what is said of a pair, or of a nucleotide, is the mean over the windows that
 * hold it. Two nucleotides that no window holds together have a probability of
 * 0; those at most `size` − `stride` apart always share one.
 */
import type { PairPredictor } from './structureScores.ts';

export interface Windows {
  /** Nucleotides of a window; an RNA that is no longer is taken whole. */
  readonly size: number;
  /** Nucleotides from the begin of one window to the next; at most `size`, so that none is left out. */
  readonly stride: number;
}

/** Throws a RangeError for windows that leave nucleotides out. */
export function checkWindows({ size, stride }: Windows): void {
  if (!(Number.isSafeInteger(size) && Number.isSafeInteger(stride) && stride >= 1 && stride <= size))
    throw new RangeError(`windows of ${size} every ${stride}: a stride must be 1 to the size, both whole numbers`);
}

/**
 * Where the windows of an RNA begin: every `stride`, and the last where it ends with the RNA. An RNA of at most `size`
 * has one, at 0. Throws as `checkWindows` does.
 */
export function windowStarts(length: number, windows: Windows): number[] {
  checkWindows(windows);
  const { size, stride } = windows;
  const last = Math.max(0, length - size);
  const starts: number[] = [];
  for (let start = 0; start < last; start += stride) starts.push(start);
  return [...starts, last];
}

/**
 * A predictor that asks `predict` for the windows of an RNA, each a sequence of its own, and gives the mean of each
 * pair over the windows that hold it; an RNA of at most `size` is asked for whole, and given as it is.
 */
export function windowedPairs(predict: PairPredictor, windows: Windows): PairPredictor {
  checkWindows(windows);
  const { size } = windows;
  const first = (sequence: string | undefined): string | undefined => sequence?.slice(0, size);
  return async (sequence, next) => {
    const { length } = sequence;
    if (length <= size) return predict(sequence, first(next));
    const starts = windowStarts(length, windows);
    const sums = new Float32Array((length * (length - 1)) / 2);
    for (const [k, start] of starts.entries()) {
      const after = starts[k + 1];
      const own = await predict(
        sequence.slice(start, start + size),
        after === undefined ? first(next) : sequence.slice(after, after + size),
      );
      for (let i = 0, from = 0; i < size; from += size - 1 - i++) {
        // The place of (start + i, start + i + 1); a window's row stands in one piece of the RNA's.
        const to = rowOf(start + i, length);
        for (let at = 0; at < size - 1 - i; at++) sums[to + at]! += own[from + at]!;
      }
    }
    const begun = countsOf(starts, length);
    for (let i = 0; i < length; i++) {
      const row = rowOf(i, length);
      for (let j = i + 1; j < Math.min(length, i + size); j++) {
        const holding = begun[i]! - (j < size ? 0 : begun[j - size]!);
        if (holding > 1) sums[row + j - i - 1]! /= holding;
      }
    }
    return sums;
  };
}

/** Where the pairs (i, ·) begin in the strict upper triangle. */
const rowOf = (i: number, length: number): number => (i * (2 * length - i - 1)) / 2;

/** [length]: how many windows begin at a position or before it. */
function countsOf(starts: readonly number[], length: number): Int32Array {
  const counts = new Int32Array(length);
  for (const start of starts) counts[start]!++;
  for (let i = 1; i < length; i++) counts[i]! += counts[i - 1]!;
  return counts;
}

/** The mean over windows of rows of numbers, one row a nucleotide and one each for what stands before and behind. */
export interface WindowedRows {
  /** Takes the rows [size + 2, columns] of the window that begins at `start`. */
  add(start: number, rows: Float32Array): void;
  /** [length + 2, columns]: the first and the last row are the means of the windows' first and last rows. */
  mean(): Float32Array;
}

/** For an RNA of `length` nucleotides; as `rows` of a model's tokens are, with `<cls>` before and `<eos>` behind. */
export function windowedRows(length: number, columns: number): WindowedRows {
  const sums = new Float32Array((length + 2) * columns);
  const counts = new Int32Array(length + 2);
  return {
    add(start, rows) {
      const size = rows.length / columns - 2;
      if (!Number.isSafeInteger(size) || start + size > length)
        throw new RangeError(`windowedRows: ${rows.length} numbers are no window at ${start} of ${length} nucleotides`);
      for (let row = 0; row < size + 2; row++) {
        const to = row === 0 ? 0 : row === size + 1 ? length + 1 : start + row;
        counts[to]!++;
        for (let column = 0; column < columns; column++) sums[to * columns + column]! += rows[row * columns + column]!;
      }
    },
    mean: () =>
      sums.map((sum, at) => {
        const count = counts[Math.floor(at / columns)]!;
        return count > 1 ? sum / count : sum;
      }),
  };
}
