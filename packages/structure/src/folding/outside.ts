/**
 * The other half of the partition function: for every pair, the sum over what
 * may stand around it, as a share of the whole; times what it encloses, that is
 * the pair's probability. Columns from right to left, each from the top down.
 * Scales are those that the inside pass chose.
 */
import type { Inside } from './inside.ts';
import { LETTERS, MAX_LOOP } from './parameters.ts';
import type { FoldingProblem } from './problem.ts';
import type { FoldingRules } from './rules.ts';
import type { FoldingWeights } from './weights.ts';

const WIDTH = MAX_LOOP + 1;
// What is smaller has no weight, and what stands around it, at most its reciprocal, would leave the range of doubles.
const LEAST = 1e-280;

/**
 * Probabilities of the pairs [pairs], by row. `multi` holds what the inside
 * pass left there, and is overwritten.
 */
export function pairProbabilities(
  problem: FoldingProblem,
  weights: FoldingWeights,
  { repeatedMultiLoops }: FoldingRules,
  found: Inside,
  multi: Float64Array,
): Float64Array {
  const { length, letters, pairs, rowStart, columnStart, columnI, columnEntry } = problem;
  const { basePair, loopEnd, branchEnd, multiClose, multiBranch, multiUnpaired, externalBranch } = weights;
  const { scale, free, prefix, closed } = found;
  const suffix = suffixSums(problem, weights, found);
  const probabilities = new Float64Array(pairs);
  // What stands around a pair, with the pair itself: at a stack, and at the other end of a loop.
  const around = new Float64Array(pairs);
  const aroundLoop = new Float64Array(pairs);
  const rowNext = rowStart.slice(1);
  const loop = new Float64Array(WIDTH * WIDTH);
  const branchByColumn =
    columnEntry.length === 0 ? new Float64Array(0) : Float64Array.from(columnEntry, (entry) => found.branch[entry]!);
  // Around a stretch of a multi-branch loop from i on: with one branch, at its start; with two or more; with a branch
  // at its start and more.
  const aroundFirst = new Float64Array(length + 1);
  const aroundAfter = new Float64Array(length + 1);
  const aroundTwo = new Float64Array(length);
  let closing = new Float64Array(length);
  let closingBefore = new Float64Array(length);
  const total = prefix[length]!;
  toRows(multi, length);

  for (let j = length - 1; j >= 0; j--) {
    loopsAfter(j, weights.loop, free, loop);
    const unpairedNext = j + 1 < length ? free[j + 1]! * multiUnpaired : 0;
    let place = columnStart[j]!;
    let aroundOne = 0;
    let two = 0;
    for (let i = 0; i < j; i++) {
      const unpairedBefore = i > 0 ? free[i - 1]! * multiUnpaired : 0;
      const any =
        i === 0 || multi[i * length + j]! < LEAST
          ? 0
          : branchesBefore(columnStart[i - 1]!, columnStart[i]!, columnI, branchByColumn, aroundTwo);
      aroundOne = any + unpairedBefore * aroundOne;
      aroundFirst[i] = aroundOne + unpairedNext * aroundFirst[i]!;
      const after = (aroundAfter[i] = any + (repeatedMultiLoops ? unpairedNext * aroundAfter[i]! : 0));
      two = after + unpairedBefore * two + (i > 0 ? closingBefore[i - 1]! : 0);
      aroundTwo[i] = two;
      multi[(length - 1 - i) * length + length - 1 - j] = two;
      closing[i] = 0;
      if (place >= columnStart[j + 1]! || columnI[place] !== i) continue;

      const entry = columnEntry[place++]!;
      if (closed[entry]! < LEAST) continue;
      const [a, b] = [letters[i + 1]!, letters[j + 1]!];
      const inner = ((a * LETTERS + b) * LETTERS + letters[i + 2]!) * LETTERS + letters[j]!;
      const outer = ((b * LETTERS + a) * LETTERS + letters[j + 2]!) * LETTERS + letters[i]!;
      const asBranch = aroundFirst[i]! + branchesAfter(multi, length, i, j);
      const sum =
        branchEnd[outer]! * ((prefix[i]! * suffix[j + 1]! * externalBranch) / total + multiBranch * asBranch) +
        loopEnd[outer]! *
          (surroundingLoops(problem, aroundLoop, rowNext, loop, free, i, j) +
            smallLoops(problem, weights, aroundLoop, rowNext, free, i, j)) +
        surroundingStack(problem, weights, around, rowNext, i, j);
      probabilities[entry] = Math.min(1, sum * closed[entry]!);
      const withPair = sum * basePair[a * LETTERS + b]! * scale[i]! * scale[j]!;
      around[entry] = withPair;
      aroundLoop[entry] = withPair * loopEnd[inner]!;
      closing[i] = withPair * branchEnd[inner]! * multiClose;
    }
    for (let c = columnStart[j]!; c < columnStart[j + 1]!; c++) rowNext[columnI[c]!]!--;
    [closing, closingBefore] = [closingBefore, closing];
  }
  return probabilities;
}

/** [length + 1]: of the positions from k on, outside of all loops. */
function suffixSums(
  { length, letters, rowStart, rowJ }: FoldingProblem,
  { branchEnd, externalBranch, externalUnpaired }: FoldingWeights,
  { free, closed }: Inside,
): Float64Array {
  const suffix = new Float64Array(length + 1);
  suffix[length] = 1;
  for (let i = length - 1; i >= 0; i--) {
    let sum = suffix[i + 1]! * free[i]! * externalUnpaired;
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++) {
      const j = rowJ[entry]!;
      const outer = ((letters[j + 1]! * LETTERS + letters[i + 1]!) * LETTERS + letters[j + 2]!) * LETTERS + letters[i]!;
      sum += closed[entry]! * branchEnd[outer]! * externalBranch * suffix[j + 1]!;
    }
    suffix[i] = sum;
  }
  return suffix;
}

/**
 * From j * length + i to i * length + j, in tiles that stay in the cache. The
 * lower triangle is then free: around (i, j) stands at its mirror image, where
 * a row is contiguous too.
 */
function toRows(multi: Float64Array, length: number): void {
  const tile = 32;
  for (let top = 0; top < length; top += tile) {
    for (let first = top; first < length; first += tile) {
      for (let i = top; i < Math.min(top + tile, length); i++) {
        for (let j = Math.max(first, i + 1); j < Math.min(first + tile, length); j++)
          multi[i * length + j] = multi[j * length + i]!;
      }
    }
  }
}

/** Factors of loops by their lengths, each times the scales of the unpaired positions that begin after j. */
function loopsAfter(j: number, loop: Float64Array, free: Float64Array, scaled: Float64Array): void {
  let right = 1;
  for (let b = 0; b <= MAX_LOOP; b++) {
    for (let a = 0; a + b <= MAX_LOOP; a++) scaled[a * WIDTH + b] = loop[a * WIDTH + b]! * right;
    right *= j + 1 + b < free.length ? free[j + 1 + b]! : 0;
  }
}

/** Bulges and internal loops around (i, j) but the smallest: the sum over the pair (p, q) that closes them. */
function surroundingLoops(
  { rowStart, rowJ }: FoldingProblem,
  around: Float64Array,
  rowNext: Int32Array,
  loop: Float64Array,
  free: Float64Array,
  i: number,
  j: number,
): number {
  let sum = 0;
  let left = 1;
  const last = Math.max(i - 1 - MAX_LOOP, 0);
  for (let p = i - 1; p >= last && left > 0; p--) {
    const a = i - 1 - p;
    const most = j + 1 + MAX_LOOP - a;
    const base = a * WIDTH - j - 1;
    const end = rowStart[p + 1]!;
    let row = 0;
    for (let entry = rowNext[p]!; entry < end; entry++) {
      const q = rowJ[entry]!;
      if (q > most) break;
      row += around[entry]! * loop[base + q]!;
    }
    sum += left * row;
    left *= free[p]!;
  }
  return sum;
}

/** Bulges of one and internal loops of one by one, whose letters count. */
function smallLoops(
  { rowStart, rowJ, letters }: FoldingProblem,
  { bulgeOne, internalOne }: FoldingWeights,
  around: Float64Array,
  rowNext: Int32Array,
  free: Float64Array,
  i: number,
  j: number,
): number {
  if (i === 0) return 0;
  let sum = 0;
  const [left, right] = [letters[i]!, letters[j + 2]!];
  const [freeLeft, freeRight] = [free[i - 1]!, free[j + 1] ?? 0];
  let entry = rowNext[i - 1]!;
  let end = rowStart[i]!;
  if (entry < end && rowJ[entry] === j + 1) entry++;
  if (entry < end && rowJ[entry] === j + 2) sum += around[entry]! * bulgeOne[right]! * freeRight;
  if (i === 1) return sum;
  entry = rowNext[i - 2]!;
  end = rowStart[i - 1]!;
  if (entry < end && rowJ[entry] === j + 1) sum += around[entry++]! * bulgeOne[left]! * freeLeft;
  if (entry < end && rowJ[entry] === j + 2)
    sum += around[entry]! * internalOne[left * LETTERS + right]! * freeLeft * freeRight;
  return sum;
}

/** What stands around (i, j) as the pair inside of (i - 1, j + 1). */
function surroundingStack(
  { rowStart, rowJ, letters }: FoldingProblem,
  { stack }: FoldingWeights,
  around: Float64Array,
  rowNext: Int32Array,
  i: number,
  j: number,
): number {
  if (i === 0) return 0;
  const entry = rowNext[i - 1]!;
  if (entry >= rowStart[i]! || rowJ[entry] !== j + 1) return 0;
  return (
    around[entry]! *
    stack[((letters[i]! * LETTERS + letters[j + 2]!) * LETTERS + letters[i + 1]!) * LETTERS + letters[j + 1]!]!
  );
}

/** Around a stretch from i on, as what follows a branch that ends before i. The bounds are those of column i - 1. */
function branchesBefore(
  start: number,
  end: number,
  columnI: Int32Array,
  branchByColumn: Float64Array,
  aroundTwo: Float64Array,
): number {
  let sum = 0;
  for (let place = start; place < end; place++) sum += branchByColumn[place]! * aroundTwo[columnI[place]!]!;
  return sum;
}

/** Around the branch (i, j), where another follows it in its loop. */
function branchesAfter(multi: Float64Array, length: number, i: number, j: number): number {
  let sum = 0;
  const inside = (j + 1) * length;
  const mirrored = (length - 1 - i) * length + length - 1;
  for (let k = j + 2; k < length; k++) sum += multi[mirrored - k]! * multi[inside + k]!;
  return sum;
}
