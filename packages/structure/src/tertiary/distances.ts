/** Distances within a chain, and the bins of the distogram heads: what a pair's true distance is called. */
import { ATOM_SLOTS, NITROGEN_SLOT } from './nucleotides.ts';
import type { ChainAtoms } from './sameChain.ts';

/** Bins: 39 of 1 Å from 0 on, and bin 0 for all distances from 39 Å on. */
export const DISTANCE_BINS = 40;

/** The bin of a distance in Å: k for k − 1 ≤ d < k, 0 from 39 Å on. Throws a RangeError for what is no distance. */
export function distanceBin(distance: number): number {
  if (!(distance >= 0)) throw new RangeError(`distanceBin: ${distance}`);
  return (Math.min(Math.floor(distance), DISTANCE_BINS - 1) + 1) % DISTANCE_BINS;
}

/** Distances in Å between the glycosidic nitrogens of all pairs, [L, L]; NaN where the chain lacks one. */
export function nitrogenDistances({ sequence, coordinates, mask }: ChainAtoms): Float32Array {
  const { length } = sequence;
  const atom = (i: number): number => i * ATOM_SLOTS + NITROGEN_SLOT;
  const axis = (i: number, k: number): number => coordinates[3 * atom(i) + k]!;
  return Float32Array.from({ length: length ** 2 }, (_, at) => {
    const [i, j] = [Math.floor(at / length), at % length];
    if (!mask[atom(i)] || !mask[atom(j)]) return NaN;
    return Math.hypot(axis(i, 0) - axis(j, 0), axis(i, 1) - axis(j, 1), axis(i, 2) - axis(j, 2));
  });
}
