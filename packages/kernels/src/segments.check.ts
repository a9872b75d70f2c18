/** Packs for the checks of kernels over packed sequences. */
import { integers, type Call } from './check.ts';
import { sequenceTable } from './segments.ts';

/** Lengths of sequences to try: the shortest there is, and some of very different length. */
export const LENGTHS: readonly (readonly number[])[] = [[2], [3, 17, 2], [40, 5, 9, 33]];
/** A batch as ribosome loading takes it. */
export const BATCH_LENGTHS: readonly number[] = Array.from({ length: 64 }, () => 102);

const offsetsOf = (lengths: readonly number[]): Uint32Array => {
  let total = 0;
  return Uint32Array.from([0, ...lengths.map((length) => (total += length))]);
};

/** The tables of sequences of these lengths; of each sequence, the last `left` rows are outside of its bounds. */
export function packTables(lengths: readonly number[], left = 0): { sequences: Uint32Array; bounds: Uint32Array } {
  const offsets = offsetsOf(lengths);
  return {
    sequences: sequenceTable(offsets),
    bounds: Uint32Array.from(lengths.flatMap((_, s) => [offsets[s]!, offsets[s + 1]! - left])),
  };
}

/** The rows of each sequence of a call. */
export function rowsOf(call: Call): number[][] {
  const bounds = integers(call, 'bounds');
  return Array.from({ length: bounds.length / 2 }, (_, s) =>
    Array.from({ length: bounds[2 * s + 1]! - bounds[2 * s]! }, (_unused, i) => bounds[2 * s]! + i),
  );
}

export const total = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);
