/**
 * The other half of the partition function: for every pair, the sum over what may
 * stand around it, as a share of the whole; times what it encloses, that is the
 * pair's probability. Starts i from the first to the last, all ends j of each at
 * once, as in inside.ts, whose sums have the same names. "Around" a stretch:
 *
 *   any(i, j)     one branch or more, another branch before it
 *     = Σ_p branch(p, i − 1) · around two(p, j)
 *   around one(i, j)    = any(i, j) + unpaired · around one(i − 1, j)
 *   around first(i, j)  = around one(i, j) + unpaired · around first(i, j + 1)
 *   around two(i, j)    = after(i, j) + unpaired · around two(i − 1, j) + close · around pair(i − 1, j + 1),
 *     where after(i, j) = any(i, j) + unpaired · after(i, j + 1), or any(i, j)
 *   around branch(i, j) = around first(i, j) + Σ_k around two(i, k) · multi(j + 1, k)
 *
 * Scales are those that the inside pass chose.
 */
import type { Inside } from './inside.ts';
import { clearRow, loopTable, loopWindow, sumLoops, windowRow, type LoopWindow } from './loops.ts';
import { LETTERS as LETTER_COUNT, MAX_LOOP } from './parameters.ts';
import type { FoldingProblem } from './problem.ts';
import type { FoldingRules } from './rules.ts';
import { addRows, multiplyRows, rowList, rowOffsets } from './triangle.ts';
import type { FoldingWeights } from './weights.ts';

// V8 inlines constants of this file, and not what is imported.
const LETTERS = LETTER_COUNT;
// What is smaller has no weight, and what stands around it, at most its reciprocal, would leave the range of doubles.
const LEAST = 1e-280;

/**
 * Probabilities of the pairs [pairs], by row. `multi` is the triangle that the inside pass filled; `aroundTwo`, another,
 * is overwritten.
 */
export function pairProbabilities(
  problem: FoldingProblem,
  weights: FoldingWeights,
  { repeatedMultiLoops }: FoldingRules,
  { scale, free, suffix, closed, branch }: Inside,
  multi: Float64Array,
  aroundTwo: Float64Array,
): Float64Array {
  const { length, letters, pairs, rowStart, rowJ, columnStart, columnI, columnEntry } = problem;
  const { basePair, loopEnd, branchEnd, stack, multiClose, multiBranch, multiUnpaired } = weights;
  const { externalBranch, externalUnpaired } = weights;
  const offsets = rowOffsets(length);
  const probabilities = new Float64Array(pairs);
  // Entry k is the sum over the first k positions, outside of all loops. It is complete up to i.
  const prefix = new Float64Array(length + 1);
  const any = new Float64Array(length);
  const aroundOne = new Float64Array(length);
  const aroundFirst = new Float64Array(length);
  const two = new Float64Array(length + 1);
  const list = rowList(length);
  // What stands around pairs, with the pair itself: at the other end of a loop, at a stack, and at a multi-branch loop.
  const facing = loopWindow(length);
  let around = new Float64Array(length + 1);
  let aroundBefore = new Float64Array(length + 1);
  const closing = new Float64Array(length + 1);
  const loopSums = new Float64Array(length);
  const plain = plainAfter(free);
  const loops = { step: 1, window: facing, table: loopTable(weights.loop, false), free, plain } as const;
  const total = suffix[0]!;

  prefix[0] = 1;
  for (let i = 0; i < length; i++) {
    const first = rowStart[i]!;
    const last = rowStart[i + 1]!;
    const base = offsets[i]!;

    any.fill(0, i);
    list.count = 0;
    if (i > 0) {
      for (let place = columnStart[i - 1]!; place < columnStart[i]!; place++) {
        const value = branch[columnEntry[place]!]!;
        if (value === 0) continue;
        list.offset[list.count] = offsets[columnI[place]!]!;
        list.start[list.count] = i;
        list.value[list.count++] = value;
      }
      addRows(any, aroundTwo, list, length);
    }
    const unpairedBefore = i > 0 ? free[i - 1]! * multiUnpaired : 0;
    let unpairedNext = 0;
    let firstBranch = 0;
    let after = 0;
    for (let j = length - 1; j >= i; j--) {
      const sum = multi[base + j]! < LEAST ? 0 : any[j]!;
      const here = sum + unpairedBefore * aroundOne[j]!;
      aroundOne[j] = here;
      firstBranch = here + unpairedNext * firstBranch;
      aroundFirst[j] = firstBranch;
      after = repeatedMultiLoops ? sum + unpairedNext * after : sum;
      two[j] = after + unpairedBefore * two[j]! + closing[j + 1]!;
      aroundTwo[base + j] = two[j]!;
      unpairedNext = free[j]! * multiUnpaired;
    }

    list.count = 0;
    for (let entry = first; entry < last; entry++) {
      const j = rowJ[entry]!;
      list.offset[list.count] = offsets[j + 1]!;
      list.start[list.count++] = j + 2;
    }
    multiplyRows(two, multi, list, length);
    sumLoops(problem, loops, i, loopSums);
    const row = clearRow(facing, i);
    around.fill(0);
    closing.fill(0);
    prefix[i + 1]! += prefix[i]! * free[i]! * externalUnpaired;
    for (let entry = first; entry < last; entry++) {
      if (closed[entry]! < LEAST) continue;
      const j = rowJ[entry]!;
      const a = letters[i + 1]!;
      const b = letters[j + 1]!;
      const inner = ((a * LETTERS + b) * LETTERS + letters[i + 2]!) * LETTERS + letters[j]!;
      const outer = ((b * LETTERS + a) * LETTERS + letters[j + 2]!) * LETTERS + letters[i]!;
      const external = prefix[i]! * branchEnd[outer]! * externalBranch;
      prefix[j + 1]! += external * closed[entry]!;
      let sum =
        (external * suffix[j + 1]!) / total +
        branchEnd[outer]! * multiBranch * (aroundFirst[j]! + list.value[entry - first]!) +
        loopEnd[outer]! * (loopSums[entry - first]! + smallLoops(problem, weights, facing, free, i, j));
      if (i > 0 && j + 1 < length)
        sum += aroundBefore[j + 1]! * stack[((letters[i]! * LETTERS + letters[j + 2]!) * LETTERS + a) * LETTERS + b]!;
      probabilities[entry] = Math.min(1, sum * closed[entry]!);
      const withPair = sum * basePair[a * LETTERS + b]! * scale[i]! * scale[j]!;
      around[j] = withPair;
      facing.values[row + j] = withPair * loopEnd[inner]!;
      closing[j] = withPair * branchEnd[inner]! * multiClose;
    }
    [around, aroundBefore] = [aroundBefore, around];
  }
  return probabilities;
}

/** Positions directly after each that are unscaled and may be unpaired; after the last all may. */
function plainAfter(free: Float64Array): Int32Array {
  const plain = new Int32Array(free.length);
  let count = free.length + MAX_LOOP;
  for (let j = free.length - 1; j >= 0; j--) {
    plain[j] = count;
    count = free[j] === 1 ? count + 1 : 0;
  }
  return plain;
}

/** Bulges of one and internal loops of one by one, whose letters count. */
function smallLoops(
  { letters, length }: FoldingProblem,
  { bulgeOne, internalOne }: FoldingWeights,
  facing: LoopWindow,
  free: Float64Array,
  i: number,
  j: number,
): number {
  if (i === 0 || j + 1 === length) return 0;
  const { values } = facing;
  const left = letters[i]!;
  const right = letters[j + 2]!;
  const before = windowRow(facing, i - 1) + j;
  const sum = values[before + 2]! * bulgeOne[right]! * free[j + 1]!;
  if (i === 1) return sum;
  const second = windowRow(facing, i - 2) + j;
  return (
    sum +
    free[i - 1]! *
      (values[second + 1]! * bulgeOne[left]! +
        values[second + 2]! * internalOne[left * LETTERS + right]! * free[j + 1]!)
  );
}
