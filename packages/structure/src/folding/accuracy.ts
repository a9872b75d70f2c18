/**
 * The structure of maximum expected accuracy (Do, Woods and Batzoglou 2006,
 * section 2.5): the nested structure with the greatest sum of 2γ times the
 * probability of each of its pairs and of each unpaired position's probability
 * to be so. Great γ finds more pairs, small γ surer ones. The probabilities may
 * come from the partition function or from anywhere else. A pair is tried
 * beyond its own stretch only where it beats every other structure of the
 * stretch (Wexler, Zilberstein and Ziv-Ukelson 2007), which makes the cubic
 * part small.
 */
import { rowOffsets, triangleSize } from './triangle.ts';

/** Pairs that a structure may have, by row. */
export interface PairRows {
  readonly length: number;
  /** [length]: 0 where a position must not be unpaired. */
  readonly unpaired: Uint8Array;
  /** [length + 1]: where the pairs (i, ·) begin in `rowJ`, in the order of j. */
  readonly rowStart: Int32Array;
  /** [pairs]. */
  readonly rowJ: Int32Array;
}

/**
 * The nested structure of maximum expected accuracy for the pair probabilities of any model: partners [length], -1
 * where unpaired. `probabilities` is the strict upper triangle, row-major, [length · (length − 1) / 2]; a pair of
 * probability 0 is never taken, which is how a caller forbids one. A position is unpaired with what its pairs leave of
 * 1, or with 0 where they exceed it. Of structures with the same expected accuracy, the one with more unpaired
 * positions first is taken. Throws a RangeError for another number of probabilities, one that is not from 0 to 1, or a
 * γ that is not above 0.
 */
export function maximumExpectedAccuracy(probabilities: Float32Array, length: number, gamma: number): Int32Array {
  checkTriangle(probabilities, length, 'maximumExpectedAccuracy');
  checkGamma(gamma, 'maximumExpectedAccuracy');
  const rowStart = new Int32Array(length + 1);
  const rowJ = new Int32Array(probabilities.reduce((count, p) => (p > 0 ? count + 1 : count), 0));
  const values = new Float64Array(rowJ.length);
  let pairs = 0;
  for (let i = 0, place = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++, place++) {
      const p = probabilities[place]!;
      if (!(p >= 0 && p <= 1))
        throw new RangeError(
          `maximumExpectedAccuracy: the probability of positions ${i + 1} and ${j + 1} is ${p}; expected 0 to 1`,
        );
      if (p === 0) continue;
      rowJ[pairs] = j;
      values[pairs++] = p;
    }
    rowStart[i + 1] = pairs;
  }
  const rows = { length, unpaired: new Uint8Array(length).fill(1), rowStart, rowJ };
  return mostAccurate(rows, values, gamma, new Float64Array(triangleSize(length)));
}

/**
 * How far a structure is to be trusted: the expected share of its positions, 0 … 1, that have the partner it gives
 * them, or none where it gives none. `probabilities` as above. Throws a RangeError for another number of
 * probabilities, or no position.
 */
export function expectedAccuracy(probabilities: Float32Array, partners: Int32Array): number {
  const { length } = partners;
  checkTriangle(probabilities, length, 'expectedAccuracy');
  if (length === 0) throw new RangeError('expectedAccuracy: no positions; give at least one');
  const alone = new Float64Array(length).fill(1);
  let right = 0;
  for (let i = 0, place = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++, place++) {
      const p = probabilities[place]!;
      alone[i]! -= p;
      alone[j]! -= p;
      if (partners[i] === j) right += 2 * p;
    }
  }
  for (let i = 0; i < length; i++) if (partners[i]! < 0) right += Math.max(0, alone[i]!);
  return Math.min(1, right / length);
}

export function checkGamma(gamma: number, caller: string): void {
  if (!(gamma > 0 && gamma < Infinity)) throw new RangeError(`${caller}: gamma must be above 0, got ${gamma}`);
}

function checkTriangle({ length: count }: Float32Array, length: number, caller: string): void {
  if (count !== (length * (length - 1)) / 2)
    throw new RangeError(
      `${caller}: ${count} probabilities for ${length} positions; expected the strict upper triangle, ${(length * (length - 1)) / 2}`,
    );
}

/** Partners [length]. `probabilities` [pairs] is by row; `best`, a triangle, is overwritten. */
export function mostAccurate(
  { length, unpaired, rowStart, rowJ }: PairRows,
  probabilities: Float64Array,
  gamma: number,
  best: Float64Array,
): Int32Array {
  const offsets = rowOffsets(length);
  const alone = new Float64Array(length).fill(1);
  for (let i = 0; i < length; i++) {
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++) {
      alone[i]! -= probabilities[entry]!;
      alone[rowJ[entry]!]! -= probabilities[entry]!;
    }
  }
  for (let i = 0; i < length; i++) alone[i] = unpaired[i] === 0 ? -Infinity : Math.max(0, alone[i]!);
  /** The best of i … j; an empty stretch has 0. */
  const at = (i: number, j: number): number => (j < i ? 0 : best[offsets[i]! + j]!);

  const partners = new Int32Array(length).fill(-1);
  // Pairs of each row that beat every other structure of their stretch, and what they and their inside are worth.
  const kept: { readonly j: number; readonly worth: number }[][] = [];
  for (let i = length - 1; i >= 0; i--) {
    const candidates: { readonly j: number; readonly worth: number }[] = [];
    const row = offsets[i]!;
    const below = offsets[i + 1]!;
    best[row + i] = alone[i]!;
    for (let j = i + 1; j < length; j++) best[row + j] = alone[i]! + best[below + j]!;
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++) {
      const p = probabilities[entry]!;
      if (p === 0) continue;
      const j = rowJ[entry]!;
      const worth = 2 * gamma * p + at(i + 1, j - 1);
      if (!(worth > best[row + j]!)) continue;
      candidates.push({ j, worth });
      best[row + j] = worth;
      const after = offsets[j + 1]!;
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
