/**
 * Ridge regression on features that are mostly 0: the normal equations from sums over samples, and a penalty that is
 * chosen by cross-validation. What a sample's features are is the caller's.
 */

/** Tried by default, against the summed squares of the residuals. */
export const RIDGE_PENALTIES: readonly number[] = [1, 10, 100, 1000, 10_000];

/** Parts of the training set in cross-validation. */
export const FOLDS = 5;

export interface Solution {
  readonly intercept: number;
  /** [features] */
  readonly weights: Float64Array;
}

/**
 * Minimises Σ (y − β0 − Σ β·x)² + penalty · Σ β². `rows` are the features of each sample that are not 0, as often as
 * they count, and `foldOf` says which of FOLDS parts a sample is in: samples that are alike belong into one.
 */
export function fitSparse(
  rows: readonly Int32Array[],
  targets: readonly number[],
  features: number,
  foldOf: (sample: number) => number,
  penalties: readonly number[],
): Solution & { readonly penalty: number } {
  const parts = Array.from({ length: FOLDS }, (_, fold) => {
    const isPart = (_: unknown, i: number): boolean => foldOf(i) === fold;
    return moments(rows.filter(isPart), targets.filter(isPart), features);
  });
  const errors = new Float64Array(penalties.length);
  for (let fold = 0; fold < FOLDS; fold++) {
    const others = parts.filter((_, part) => part !== fold).reduce(combine);
    penalties.forEach((penalty, p) => {
      const solution = solve(others, penalty);
      rows.forEach((row, i) => {
        if (foldOf(i) === fold) errors[p]! += (linearValue(row, solution) - targets[i]!) ** 2;
      });
    });
  }
  const penalty = penalties[errors.indexOf(Math.min(...errors))]!;
  return { ...solve(parts.reduce(combine), penalty), penalty };
}

/** What a solution makes of a sample. */
export const linearValue = (row: Int32Array, { intercept, weights }: Solution): number =>
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
