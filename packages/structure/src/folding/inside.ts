/**
 * The partition function (McCaskill's recursion) of the CONTRAfold model: for
 * every stretch of the sequence, the sum over its structures of the products of
 * their factors. Columns from left to right, each from the bottom up.
 *
 * Sums are kept as they are, not as logarithms, which spares an exponential and
 * a logarithm for every term. So that they neither overflow nor vanish, each
 * position has a scale: where the greatest sum of a column leaves the range, the
 * column and all that later contain its position are scaled by a power of two.
 * A sum that vanishes beside the greatest of its column is of structures of no
 * weight.
 */
import { LETTERS, MAX_LOOP } from './parameters.ts';
import type { FoldingProblem } from './problem.ts';
import type { FoldingRules } from './rules.ts';
import type { FoldingWeights } from './weights.ts';

/** Sums over structures, each times the scales of its positions. "Row" is the place of a pair by row. */
export interface Inside {
  readonly logPartition: number;
  /** [length]. */
  readonly scale: Float64Array;
  /** [length]: the scale of a position that may be unpaired, else 0. */
  readonly free: Float64Array;
  /** [length + 1]: of the first k positions, outside of all loops. */
  readonly prefix: Float64Array;
  /** [pairs], by row: of what a pair encloses, with the pair. */
  readonly closed: Float64Array;
  /** [pairs], by row: the same as a branch of a multi-branch loop. */
  readonly branch: Float64Array;
}

const WIDTH = MAX_LOOP + 1;
// Columns are scaled when their greatest sum is not between 2^-RANGE and 2^RANGE; doubles reach 2^±1022.
const RANGE = 200;

/**
 * `multi` [length, length] receives, at j * length + i, the sum of the stretch
 * i … j of a multi-branch loop with at least one branch.
 */
export function inside(
  problem: FoldingProblem,
  weights: FoldingWeights,
  { repeatedMultiLoops }: FoldingRules,
  multi: Float64Array,
): Inside {
  const { length, letters, unpaired, pairs, rowStart, columnStart, columnI, columnEntry } = problem;
  const {
    basePair,
    loopEnd,
    branchEnd,
    hairpin,
    multiClose,
    multiBranch,
    multiUnpaired,
    externalBranch,
    externalUnpaired,
  } = weights;
  const scale = new Float64Array(length);
  const free = new Float64Array(length);
  const prefix = new Float64Array(length + 1);
  const closed = new Float64Array(pairs);
  const branch = new Float64Array(pairs);
  const facing = new Float64Array(pairs);
  const rowEnd = rowStart.slice();
  const loop = new Float64Array(WIDTH * WIDTH);
  // Of multi-branch loops, by the stretch's start: one branch, there; two or more, where the loop goes on before them;
  // the same, after them.
  const firstBranch = new Float64Array(length + 1);
  let twoBranches = new Float64Array(length + 1);
  const twoAfter = new Float64Array(length + 1);
  let twoBefore = new Float64Array(length + 1);
  let logScale = 0;

  prefix[0] = 1;
  for (let j = 0; j < length; j++) {
    const column = j * length;
    const freeJ = unpaired[j]!;
    scale[j] = 1;
    free[j] = freeJ;
    loopsBefore(j, weights.loop, free, loop);
    const unpairedJ = freeJ * multiUnpaired;
    const repeated = repeatedMultiLoops ? unpairedJ : 0;
    let oneBranch = 0;
    let enclosed = 1;
    let place = columnStart[j + 1]! - 1;
    let external = prefix[j]! * freeJ * externalUnpaired;
    let greatest = 0;
    multi[column + j] = 0;
    twoBranches[j] = 0;
    for (let i = j - 1; i >= 0; i--) {
      let asBranch = 0;
      if (place >= columnStart[j]! && columnI[place] === i) {
        const [a, b] = [letters[i + 1]!, letters[j + 1]!];
        const inner = ((a * LETTERS + b) * LETTERS + letters[i + 2]!) * LETTERS + letters[j]!;
        const outer = ((b * LETTERS + a) * LETTERS + letters[j + 2]!) * LETTERS + letters[i]!;
        const unpairedLoops =
          enclosed * hairpin[Math.min(j - i - 1, MAX_LOOP)]! + enclosedLoops(problem, facing, rowEnd, loop, free, i, j);
        const sum =
          basePair[a * LETTERS + b]! *
          scale[i]! *
          (loopEnd[inner]! * (unpairedLoops + smallLoops(problem, weights, facing, rowEnd, free, i, j)) +
            weights.stack[inner]! * enclosedStack(problem, closed, rowEnd, i, j) +
            branchEnd[inner]! * multiClose * twoBefore[i + 1]!);
        const entry = columnEntry[place]!;
        closed[entry] = sum;
        facing[entry] = sum * loopEnd[outer]!;
        asBranch = branch[entry] = sum * branchEnd[outer]! * multiBranch;
        external += prefix[i]! * sum * branchEnd[outer]! * externalBranch;
        if (sum > greatest) greatest = sum;
        place--;
      }
      const unpairedI = free[i]! * multiUnpaired;
      const first = (firstBranch[i] = firstBranch[i]! * unpairedJ + asBranch);
      oneBranch = unpairedI * oneBranch + first;
      const two = (twoBranches[i] =
        unpairedI * twoBranches[i + 1]! + branches(problem, branch, rowEnd, multi, i, column));
      const after = (twoAfter[i] = repeated * twoAfter[i]! + two);
      const sum = (multi[column + i] = oneBranch + after);
      if (sum > greatest) greatest = sum;
      enclosed *= free[i]!;
    }
    prefix[j + 1] = external;
    for (let c = columnStart[j]!; c < columnStart[j + 1]!; c++) rowEnd[columnI[c]!]!++;

    greatest = Math.max(greatest, external);
    if (greatest > 0 && Math.abs(Math.log2(greatest)) > RANGE) {
      const factor = 2 ** -Math.round(Math.log2(greatest));
      logScale += Math.log(factor);
      scale[j]! *= factor;
      free[j]! *= factor;
      prefix[j + 1]! *= factor;
      for (let i = 0; i <= j; i++) {
        multi[column + i]! *= factor;
        firstBranch[i]! *= factor;
        twoBranches[i]! *= factor;
        twoAfter[i]! *= factor;
      }
      for (let c = columnStart[j]!; c < columnStart[j + 1]!; c++) {
        const entry = columnEntry[c]!;
        closed[entry]! *= factor;
        facing[entry]! *= factor;
        branch[entry]! *= factor;
      }
    }
    [twoBranches, twoBefore] = [twoBefore, twoBranches];
  }
  return { logPartition: Math.log(prefix[length]!) - logScale, scale, free, prefix, closed, branch };
}

/** Factors of loops by their lengths, each times the scales of the unpaired positions that end before j. */
function loopsBefore(j: number, loop: Float64Array, free: Float64Array, scaled: Float64Array): void {
  let right = 1;
  for (let b = 0; b <= MAX_LOOP; b++) {
    for (let a = 0; a + b <= MAX_LOOP; a++) scaled[a * WIDTH + b] = loop[a * WIDTH + b]! * right;
    right *= j - 1 - b >= 0 ? free[j - 1 - b]! : 0;
  }
}

/** Bulges and internal loops in (i, j) but the smallest: the sum over the pair (p, q) at their other end. */
function enclosedLoops(
  { rowStart, rowJ }: FoldingProblem,
  facing: Float64Array,
  rowEnd: Int32Array,
  loop: Float64Array,
  free: Float64Array,
  i: number,
  j: number,
): number {
  let sum = 0;
  let left = 1;
  const last = Math.min(i + 1 + MAX_LOOP, j - 2);
  for (let p = i + 1; p <= last && left > 0; p++) {
    const a = p - i - 1;
    const least = j - 1 - (MAX_LOOP - a);
    const base = a * WIDTH + j - 1;
    const first = rowStart[p]!;
    let row = 0;
    for (let entry = rowEnd[p]! - 1; entry >= first; entry--) {
      const q = rowJ[entry]!;
      if (q < least) break;
      row += facing[entry]! * loop[base - q]!;
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
  facing: Float64Array,
  rowEnd: Int32Array,
  free: Float64Array,
  i: number,
  j: number,
): number {
  if (j - i < 4) return 0;
  let sum = 0;
  const [left, right] = [letters[i + 2]!, letters[j]!];
  const [freeLeft, freeRight] = [free[i + 1]!, free[j - 1]!];
  let entry = rowEnd[i + 1]! - 1;
  if (entry >= rowStart[i + 1]! && rowJ[entry] === j - 1) entry--;
  if (entry >= rowStart[i + 1]! && rowJ[entry] === j - 2) sum += facing[entry]! * bulgeOne[right]! * freeRight;
  entry = rowEnd[i + 2]! - 1;
  if (entry >= rowStart[i + 2]! && rowJ[entry] === j - 1) sum += facing[entry--]! * bulgeOne[left]! * freeLeft;
  if (entry >= rowStart[i + 2]! && rowJ[entry] === j - 2)
    sum += facing[entry]! * internalOne[left * LETTERS + right]! * freeLeft * freeRight;
  return sum;
}

/** What (i + 1, j - 1) encloses, 0 where they cannot pair. */
function enclosedStack(
  { rowStart, rowJ }: FoldingProblem,
  closed: Float64Array,
  rowEnd: Int32Array,
  i: number,
  j: number,
): number {
  const entry = rowEnd[i + 1]! - 1;
  return entry >= rowStart[i + 1]! && rowJ[entry] === j - 1 ? closed[entry]! : 0;
}

/** Stretches of a multi-branch loop that begin with a branch at i and have another after it. */
function branches(
  { rowStart, rowJ }: FoldingProblem,
  branch: Float64Array,
  rowEnd: Int32Array,
  multi: Float64Array,
  i: number,
  column: number,
): number {
  let sum = 0;
  const end = rowEnd[i]!;
  for (let entry = rowStart[i]!; entry < end; entry++) sum += branch[entry]! * multi[column + rowJ[entry]! + 1]!;
  return sum;
}
