/** Distance bins of the distogram heads: what a pair's true distance is called. */

/** Bins: 39 of 1 Å from 0 on, and bin 0 for all distances from 39 Å on. */
export const DISTANCE_BINS = 40;

/** The bin of a distance in Å: k for k − 1 ≤ d < k, 0 from 39 Å on. Throws a RangeError for what is no distance. */
export function distanceBin(distance: number): number {
  if (!(distance >= 0)) throw new RangeError(`distanceBin: ${distance}`);
  return (Math.min(Math.floor(distance), DISTANCE_BINS - 1) + 1) % DISTANCE_BINS;
}
