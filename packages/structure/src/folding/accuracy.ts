/**
 * The structure of maximum expected accuracy (Do, Woods and Batzoglou 2006,
 * section 2.5): the nested structure with the greatest sum of 2γ times the
 * probability of each of its pairs and of each unpaired position's probability
 * to be so. Great γ finds more pairs, small γ surer ones. A pair is tried
 * beyond its own stretch only where it beats every other structure of the
 * stretch (Wexler, Zilberstein and Ziv-Ukelson 2007), which makes the cubic
 * part small.
 */
import type { FoldingProblem } from './problem.ts';

/**
 * Partners [length]. `probabilities` [pairs] is by row; `best`, at least
 * [length, length], is overwritten. Of structures with the same expected
 * accuracy, the one with more unpaired positions first is taken.
 */
export function maximumExpectedAccuracy(
  { length, unpaired, rowStart, rowJ }: FoldingProblem,
  probabilities: Float64Array,
  gamma: number,
  best: Float64Array,
): Int32Array {
  const alone = new Float64Array(length).fill(1);
  for (let i = 0; i < length; i++) {
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++) {
      alone[i]! -= probabilities[entry]!;
      alone[rowJ[entry]!]! -= probabilities[entry]!;
    }
  }
  for (let i = 0; i < length; i++) alone[i] = unpaired[i] === 0 ? -Infinity : Math.max(0, alone[i]!);
  /** The best of i … j; an empty stretch has 0. */
  const at = (i: number, j: number): number => (j < i ? 0 : best[i * length + j]!);

  const partners = new Int32Array(length).fill(-1);
  // Pairs of each row that beat every other structure of their stretch, and what they and their inside are worth.
  const kept: { readonly j: number; readonly worth: number }[][] = [];
  for (let i = length - 1; i >= 0; i--) {
    const candidates: { readonly j: number; readonly worth: number }[] = [];
    const row = i * length;
    best[row + i] = alone[i]!;
    for (let j = i + 1; j < length; j++) best[row + j] = alone[i]! + best[row + length + j]!;
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++) {
      const p = probabilities[entry]!;
      if (p === 0) continue;
      const j = rowJ[entry]!;
      const worth = 2 * gamma * p + at(i + 1, j - 1);
      if (!(worth > best[row + j]!)) continue;
      candidates.push({ j, worth });
      best[row + j] = worth;
      const after = (j + 1) * length;
      for (let k = j + 1; k < length; k++) {
        const sum = worth + best[after + k]!;
        if (sum > best[row + k]!) best[row + k] = sum;
      }
    }
    kept[i] = candidates;
  }

  const open: [number, number][] = [[0, length - 1]];
  for (let stretch = open.pop(); stretch !== undefined; stretch = open.pop()) {
    const [i, j] = stretch;
    if (i > j) continue;
    const value = at(i, j);
    if (value === alone[i]! + at(i + 1, j)) {
      open.push([i + 1, j]);
      continue;
    }
    const pair = kept[i]!.find((candidate) => candidate.j <= j && candidate.worth + at(candidate.j + 1, j) === value)!;
    partners[i] = pair.j;
    partners[pair.j] = i;
    open.push([i + 1, pair.j - 1], [pair.j + 1, j]);
  }
  return partners;
}
