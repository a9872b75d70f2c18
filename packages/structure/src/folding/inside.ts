/**
 * The partition function (McCaskill's recursion) of the CONTRAfold model: for
 * every stretch i … j of the sequence, the sum over its structures of the
 * products of their factors. Starts i from the last to the first, and for each
 * start all ends j at once, so that every loop runs along a row:
 *
 *   closed(i, j)  what the pair (i, j) encloses, with the pair
 *     = pair · (hairpin + Σ loops closed(p, q) + stack · closed(i + 1, j − 1) + close · two(i + 1, j − 1))
 *   branch(i, j)  the same as a branch of a multi-branch loop
 *   first(i, j)   one branch, at i, and unpaired positions after it
 *     = first(i, j − 1) · unpaired + branch(i, j)
 *   one(i, j)     one branch anywhere        = unpaired · one(i + 1, j) + first(i, j)
 *   two(i, j)     two branches or more
 *     = unpaired · two(i + 1, j) + Σ_k branch(i, k) · multi(k + 1, j)
 *   multi(i, j)   one branch or more
 *     = one(i, j) + two(i, j); where loops are counted repeatedly (rules.ts), one(i, j) + after(i, j),
 *     after(i, j) = after(i, j − 1) · unpaired + two(i, j)
 *   suffix(i)     everything from i on, outside of all loops
 *
 * Sums are kept as they are, not as logarithms, which spares an exponential and
 * a logarithm for every term. So that they neither overflow nor vanish, each
 * position has a scale: where the greatest sum of a row leaves the range, the
 * row and all that later contain its position are scaled by a power of two. A
 * sum that vanishes beside the greatest of its row is of structures of no
 * weight.
 */
import { clearRow, loopTable, loopWindow, sumLoops, windowRow, type LoopWindow } from './loops.ts';
import { LETTERS as LETTER_COUNT, MAX_LOOP as LONGEST } from './parameters.ts';
import type { FoldingProblem } from './problem.ts';
import type { FoldingRules } from './rules.ts';
import { addRows, rowList, rowOffsets } from './triangle.ts';
import type { FoldingWeights } from './weights.ts';

// V8 inlines constants of this file, and not what is imported.
const LETTERS = LETTER_COUNT;
const MAX_LOOP = LONGEST;
// Rows are scaled when their greatest sum is not between 2^-RANGE and 2^RANGE; doubles reach 2^±1022.
const RANGE = 200;

/** Sums over structures, each times the scales of its positions. */
export interface Inside {
  readonly logPartition: number;
  /** [length]. */
  readonly scale: Float64Array;
  /** [length]: the scale of a position that may be unpaired, else 0. */
  readonly free: Float64Array;
  /** [length + 1]: of the positions from k on, outside of all loops. */
  readonly suffix: Float64Array;
  /** [pairs], by row: of what a pair encloses, with the pair. */
  readonly closed: Float64Array;
  /** [pairs], by row: the same as a branch of a multi-branch loop. */
  readonly branch: Float64Array;
}

/** `multi`, a triangle, receives the sums of the stretches of multi-branch loops with at least one branch. */
export function inside(
  problem: FoldingProblem,
  weights: FoldingWeights,
  { repeatedMultiLoops }: FoldingRules,
  multi: Float64Array,
): Inside {
  const { length, letters, unpaired, pairs, rowStart, rowJ } = problem;
  const { basePair, loopEnd, branchEnd, stack, hairpin, multiClose, multiBranch, multiUnpaired } = weights;
  const { externalBranch, externalUnpaired } = weights;
  const offsets = rowOffsets(length);
  const scale = new Float64Array(length).fill(1);
  const free = Float64Array.from(unpaired);
  const suffix = new Float64Array(length + 1);
  const closed = new Float64Array(pairs);
  const branch = new Float64Array(pairs);
  const one = new Float64Array(length);
  const two = new Float64Array(length);
  const branches = rowList(length);
  // What pairs enclose, as loops and as stacks around them take it.
  const facing = loopWindow(length);
  let closedHere = new Float64Array(length);
  let closedBelow = new Float64Array(length);
  const loopSums = new Float64Array(length);
  const plain = plainBefore(unpaired);
  const loops = { step: -1, window: facing, table: loopTable(weights.loop, true), free, plain } as const;
  let logScale = 0;

  suffix[length] = 1;
  for (let i = length - 1; i >= 0; i--) {
    const first = rowStart[i]!;
    const last = rowStart[i + 1]!;
    const row = clearRow(facing, i);
    closedHere.fill(0);
    sumLoops(problem, loops, i, loopSums);
    let external = suffix[i + 1]! * free[i]! * externalUnpaired;
    let greatest = 0;
    let enclosed = 1;
    let position = i + 1;
    branches.count = 0;
    for (let entry = first; entry < last; entry++) {
      const j = rowJ[entry]!;
      for (; position < j; position++) enclosed *= free[position]!;
      const a = letters[i + 1]!;
      const b = letters[j + 1]!;
      const inner = ((a * LETTERS + b) * LETTERS + letters[i + 2]!) * LETTERS + letters[j]!;
      const outer = ((b * LETTERS + a) * LETTERS + letters[j + 2]!) * LETTERS + letters[i]!;
      const within =
        enclosed * hairpin[j - i - 1 < MAX_LOOP ? j - i - 1 : MAX_LOOP]! +
        loopSums[entry - first]! +
        smallLoops(problem, weights, facing, free, i, j);
      let sum = loopEnd[inner]! * within;
      if (j > i + 2) sum += stack[inner]! * closedBelow[j - 1]! + branchEnd[inner]! * multiClose * two[j - 1]!;
      sum *= basePair[a * LETTERS + b]! * scale[j]!;
      closed[entry] = sum;
      closedHere[j] = sum;
      facing.values[row + j] = sum * loopEnd[outer]!;
      const asBranch = sum * branchEnd[outer]! * multiBranch;
      branch[entry] = asBranch;
      external += sum * branchEnd[outer]! * externalBranch * suffix[j + 1]!;
      if (sum > greatest) greatest = sum;
      if (asBranch > 0 && j + 2 < length) {
        branches.offset[branches.count] = offsets[j + 1]!;
        branches.start[branches.count] = j + 2;
        branches.value[branches.count++] = asBranch;
      }
    }
    suffix[i] = external;

    const unpairedI = free[i]! * multiUnpaired;
    for (let j = i + 1; j < length; j++) two[j]! *= unpairedI;
    addRows(two, multi, branches, length);
    const base = offsets[i]!;
    let firstBranch = 0;
    let after = 0;
    let entry = first;
    multi[base + i] = 0;
    for (let j = i + 1; j < length; j++) {
      const unpairedJ = free[j]! * multiUnpaired;
      firstBranch *= unpairedJ;
      if (entry < last && rowJ[entry] === j) firstBranch += branch[entry++]!;
      one[j] = unpairedI * one[j]! + firstBranch;
      after = repeatedMultiLoops ? after * unpairedJ + two[j]! : two[j]!;
      const sum = one[j]! + after;
      multi[base + j] = sum;
      if (sum > greatest) greatest = sum;
    }

    greatest = Math.max(greatest, external);
    if (greatest > 0 && Math.abs(Math.log2(greatest)) > RANGE) {
      const factor = 2 ** -Math.round(Math.log2(greatest));
      logScale += Math.log(factor);
      scale[i] = factor;
      free[i]! *= factor;
      suffix[i]! *= factor;
      multiply(multi, factor, base + i, base + length);
      multiply(one, factor, i, length);
      multiply(two, factor, i, length);
      multiply(closed, factor, first, last);
      multiply(branch, factor, first, last);
      multiply(closedHere, factor, i, length);
      multiply(facing.values, factor, row, row + length);
      for (let j = i + 1; j < length && j <= i + MAX_LOOP; j++) plain[j] = Math.min(plain[j]!, j - i - 1);
    }
    [closedHere, closedBelow] = [closedBelow, closedHere];
  }
  return { logPartition: Math.log(suffix[0]!) - logScale, scale, free, suffix, closed, branch };
}

/** Positions directly before each that may be unpaired; before the first all may. */
function plainBefore(unpaired: Uint8Array): Int32Array {
  const plain = new Int32Array(unpaired.length);
  let count = unpaired.length + MAX_LOOP;
  for (let j = 0; j < unpaired.length; j++) {
    plain[j] = count;
    count = unpaired[j] === 0 ? 0 : count + 1;
  }
  return plain;
}

/** Bulges of one and internal loops of one by one, whose letters count. */
function smallLoops(
  { letters }: FoldingProblem,
  { bulgeOne, internalOne }: FoldingWeights,
  facing: LoopWindow,
  free: Float64Array,
  i: number,
  j: number,
): number {
  if (j - i < 4) return 0;
  const { values } = facing;
  const left = letters[i + 2]!;
  const right = letters[j]!;
  const next = windowRow(facing, i + 1) + j;
  const second = windowRow(facing, i + 2) + j;
  return (
    values[next - 2]! * bulgeOne[right]! * free[j - 1]! +
    free[i + 1]! *
      (values[second - 1]! * bulgeOne[left]! +
        values[second - 2]! * internalOne[left * LETTERS + right]! * free[j - 1]!)
  );
}

function multiply(values: Float64Array, factor: number, from: number, end: number): void {
  for (let k = from; k < end; k++) values[k]! *= factor;
}
