/**
 * TM-score for RNA (Gong, Zhang and Zhang, Bioinformatics 35, 4459, 2019): the
 * mean of 1 / (1 + (d / d0)²) over the nucleotides of the truth, at the best
 * superposition that a search from many fragments finds. Nucleotides are paired
 * by their place in the sequence, as TM-score does; TM-align and US-align may
 * pair them otherwise and score higher.
 */

import { atomSlot, isBase } from './nucleotides.ts';
import type { Rigid } from './rigid.ts';
import { checkSameChain, type ChainAtoms } from './sameChain.ts';
import { commonPoints, squaredDistances, superpose } from './superposition.ts';

/** Places at which fragments of one length begin, at most. */
const LARGEST_STARTS = 200;

/** d0 of RNAs of so many nucleotides, Å: 0.6 √(L − 0.5) − 2.5, and by steps below 30. */
export function tmScale(length: number): number {
  if (length >= 30) return 0.6 * Math.sqrt(length - 0.5) - 2.5;
  if (length >= 24) return 0.7;
  if (length >= 20) return 0.6;
  if (length >= 16) return 0.5;
  return length >= 12 ? 0.4 : 0.3;
}

/**
 * TM-score of a model, 0 to 1, on C3'. Nucleotides of the truth that the model lacks count as 0. NaN without an atom in
 * the truth. Throws a RangeError for sequences that differ.
 */
export function tmScore(truth: ChainAtoms, model: ChainAtoms): number {
  checkSameChain(truth, model, 'tmScore');
  const slot = (base: string) => (isBase(base) ? atomSlot(base, "C3'") : -1);
  const resolved = commonPoints(truth, truth, slot).nucleotides.length;
  const points = commonPoints(truth, model, slot);
  const count = points.nucleotides.length;
  if (resolved === 0) return NaN;
  if (count < 3) return 0;
  const scale = tmScale(resolved);
  // The search takes in points up to a distance that grows where there are too few, as in TM-score's program.
  const searchRadius = Math.min(8, Math.max(4.5, scale));
  let best = 0;
  const score = (motion: Rigid): Float64Array => {
    const squared = squaredDistances(points.truth, points.model, motion);
    let sum = 0;
    for (const value of squared) sum += 1 / (1 + value / (scale * scale));
    best = Math.max(best, sum / resolved);
    return squared;
  };
  const within = (squared: Float64Array, radius: number): Int32Array => {
    for (let limit = radius; ; limit += 0.5) {
      const chosen = new Int32Array(count);
      let found = 0;
      for (let k = 0; k < count; k++) if (squared[k]! < limit * limit) chosen[found++] = k;
      if (found >= 3) return chosen.subarray(0, found);
    }
  };
  // Long RNAs begin at every second nucleotide, third, …: a fragment's neighbour leads to the same superposition.
  const step = Math.ceil(count / LARGEST_STARTS);
  for (const length of fragmentLengths(count)) {
    for (let from = 0; from + length <= count; from += step) {
      const fragment = Int32Array.from({ length }, (_, k) => from + k);
      let squared = score(superpose(points.truth, points.model, fragment));
      let chosen = within(squared, searchRadius - 1);
      for (let iteration = 0; iteration < 20; iteration++) {
        squared = score(superpose(points.truth, points.model, chosen));
        const next = within(squared, searchRadius + 1);
        if (next.length === chosen.length && next.every((place, k) => place === chosen[k])) break;
        chosen = next;
      }
    }
  }
  return best;
}

/** Lengths of the fragments that the search begins with: all, a half, a quarter … down to four points. */
function fragmentLengths(count: number): number[] {
  const shortest = Math.min(4, count);
  const lengths: number[] = [];
  for (let divisor = 1; lengths.length < 6; divisor *= 2) {
    const length = Math.floor(count / divisor);
    if (length <= shortest) break;
    lengths.push(length);
  }
  return [...lengths.slice(0, 5), shortest];
}
