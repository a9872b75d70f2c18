/**
 * Ridge regression for 5′ UTRs: a number, such as the ribosome load, from the
 * letter at each position and the counts of words of three letters in each
 * reading frame, both counted from the 3′ end, where the start codon follows. So
 * it sees a start codon upstream and whether it is in frame. The penalty is
 * chosen by cross-validation on the training set.
 */
import { nucleotides, requireExamples, words, type Baseline } from './baseline.ts';

export interface Ridge extends Baseline<number> {
  readonly penalty: number;
  readonly intercept: number;
  /** [features] */
  readonly weights: Float64Array;
}

/** Tried by default, against the summed squares of the residuals. */
export const RIDGE_PENALTIES: readonly number[] = [1, 10, 100, 1000, 10_000];

const FOLDS = 5;
// Letters further up do not count in longer sequences; their words do.
const MOST_POSITIONS = 100;
const WORD = 3;
const FRAMES = 3;
const COUNTS = FRAMES * 4 ** WORD;

/** Minimises Σ (y − β0 − Σ β·x)² + penalty · Σ β² over the training set. */
export function fitRidge(
  sequences: readonly string[],
  targets: readonly number[],
  penalties: readonly number[] = RIDGE_PENALTIES,
): Ridge {
  requireExamples('fitRidge', sequences, targets, FOLDS);
  const positions = sequences.reduce((most, { length }) => Math.min(MOST_POSITIONS, Math.max(most, length)), 0);
  const rows = sequences.map((sequence) => features(sequence, positions));
  const parts = Array.from({ length: FOLDS }, (_, fold) => {
    const isPart = (_: unknown, i: number): boolean => i % FOLDS === fold;
    return moments(rows.filter(isPart), targets.filter(isPart), COUNTS + 4 * positions);
  });
  const all = parts.reduce(combine);
  const errors = new Float64Array(penalties.length);
  for (let fold = 0; fold < FOLDS; fold++) {
    const others = parts.filter((_, part) => part !== fold).reduce(combine);
    penalties.forEach((penalty, p) => {
      const solution = solve(others, penalty);
      for (let i = fold; i < rows.length; i += FOLDS) errors[p]! += (value(rows[i]!, solution) - targets[i]!) ** 2;
    });
  }
  const penalty = penalties[errors.indexOf(Math.min(...errors))]!;
  const solution = solve(all, penalty);
  return { ...solution, penalty, predict: (sequence) => value(features(sequence, positions), solution) };
}

/** The features of a sequence that are not 0, as often as they count: [COUNTS] words, then [positions][4] letters. */
function features(sequence: string, positions: number): Int32Array {
  const codes = nucleotides(sequence);
  const found: number[] = [];
  words(codes, WORD).forEach((word, i) => {
    if (word >= 0) found.push(((codes.length - i) % FRAMES) * 4 ** WORD + word);
  });
  for (let back = 1; back <= Math.min(positions, codes.length); back++) {
    const code = codes[codes.length - back]!;
    if (code >= 0) found.push(COUNTS + 4 * (back - 1) + code);
  }
  return Int32Array.from(found);
}

interface Solution {
  readonly intercept: number;
  readonly weights: Float64Array;
}

const value = (row: Int32Array, { intercept, weights }: Solution): number =>
  row.reduce((sum, feature) => sum + weights[feature]!, intercept);

/** Sums over samples of 1, x, y, x·xᵀ (lower triangle, [features, features]) and x·y. */
interface Moments {
  readonly count: number;
  readonly x: Float64Array;
  readonly y: number;
  readonly xx: Float64Array;
  readonly xy: Float64Array;
}

function moments(rows: readonly Int32Array[], targets: readonly number[], size: number): Moments {
  const [x, xx, xy] = [new Float64Array(size), new Float64Array(size ** 2), new Float64Array(size)];
  rows.forEach((row, i) => {
    for (const a of row) {
      x[a]!++;
      xy[a]! += targets[i]!;
      for (const b of row) if (b <= a) xx[a * size + b]!++;
    }
  });
  return { count: rows.length, x, y: targets.reduce((sum, target) => sum + target, 0), xx, xy };
}

function combine(a: Moments, b: Moments): Moments {
  const add = (left: Float64Array, right: Float64Array): Float64Array => left.map((value, i) => value + right[i]!);
  return { count: a.count + b.count, x: add(a.x, b.x), y: a.y + b.y, xx: add(a.xx, b.xx), xy: add(a.xy, b.xy) };
}

/** The normal equations about the means, so that the intercept has no penalty, by Cholesky's factors. */
function solve({ count, x, y, xx, xy }: Moments, penalty: number): Solution {
  if (!(penalty > 0)) throw new RangeError(`fitRidge: the penalty must be positive, got ${penalty}`);
  const n = x.length;
  const factor = new Float64Array(n * n);
  const weights = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let right = xy[i]! - (x[i]! * y) / count;
    for (let j = 0; j <= i; j++) {
      let sum = xx[i * n + j]! - (x[i]! * x[j]!) / count + (i === j ? penalty : 0);
      for (let k = 0; k < j; k++) sum -= factor[i * n + k]! * factor[j * n + k]!;
      factor[i * n + j] = i === j ? Math.sqrt(sum) : sum / factor[j * n + j]!;
      if (j < i) right -= factor[i * n + j]! * weights[j]!;
    }
    weights[i] = right / factor[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) weights[i]! -= factor[k * n + i]! * weights[k]!;
    weights[i]! /= factor[i * n + i]!;
  }
  return { intercept: (y - weights.reduce((sum, weight, i) => sum + weight * x[i]!, 0)) / count, weights };
}
