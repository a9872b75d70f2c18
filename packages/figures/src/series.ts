/**
 * Long curves made light enough to draw. A loss curve of 100,000 steps is cut into at most a few
 * hundred bins of equal numbers of steps; each keeps its least, greatest and mean value, so a spike
 * of one step stays visible. Values that are not finite take part in no mean and are counted.
 */

import { isMeasured } from './format.ts';
import type { Measured } from './data.ts';

export interface Bin {
  /** The mean of the bin's steps. */
  readonly step: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/**
 * At most `bins` bins over `steps` and `values` of one length, in order. A bin without a finite
 * value has NaN, which interrupts a drawn line.
 */
export function binned(steps: readonly number[], values: readonly Measured[], bins: number): Bin[] {
  const count = Math.min(bins, steps.length);
  return Array.from({ length: count }, (_, b) => {
    const from = Math.floor((b * steps.length) / count);
    const to = Math.floor(((b + 1) * steps.length) / count);
    const finite = values.slice(from, to).filter(isMeasured);
    const mean = (list: readonly number[]) => list.reduce((sum, x) => sum + x, 0) / list.length;
    return {
      step: mean(steps.slice(from, to)),
      min: finite.length === 0 ? NaN : Math.min(...finite),
      max: finite.length === 0 ? NaN : Math.max(...finite),
      mean: mean(finite),
    };
  });
}

/**
 * The mean over the `window` values around each value (fewer at the ends), as many values as came
 * in. A value that is not finite stays so and is left out of its neighbours' means.
 */
export function smoothed(values: readonly Measured[], window: number): Measured[] {
  const sums = [0];
  const counts = [0];
  values.forEach((value, k) => {
    sums.push((sums[k] ?? 0) + (isMeasured(value) ? value : 0));
    counts.push((counts[k] ?? 0) + (isMeasured(value) ? 1 : 0));
  });
  const half = Math.floor(window / 2);
  return values.map((value, k) => {
    if (!isMeasured(value)) return null;
    const from = Math.max(0, k - half);
    const to = Math.min(values.length, k + half + 1);
    return ((sums[to] ?? 0) - (sums[from] ?? 0)) / ((counts[to] ?? 0) - (counts[from] ?? 0));
  });
}
