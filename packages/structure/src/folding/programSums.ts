/**
 * The CONTRAfold model in the arithmetic of CONTRAfold and EternaFold: the same
 * sums over structures as inside.ts and outside.ts, as logarithms in single
 * precision (floatLogarithms.ts), added in the programs' order, since each order
 * drops and rounds other things. `programInside`, `programOutside` and
 * `programPosteriors` are called in turn. An order of magnitude slower than the
 * sums themselves, and less exact: for those who want the programs' figures.
 *
 * Stretches as in programScores.ts. All sums of squares are logarithms; `multi`
 * is transposed, so that the innermost loops run along rows.
 */
import { add as addLogarithms, exp as exponential, LEAST, NOTHING } from './floatLogarithms.ts';
import { MAX_LOOP } from './parameters.ts';
import { findLoops, type ProgramScores } from './programScores.ts';

const round = Math.fround;
// V8 inlines constants of this file, and not what is imported: half the time.
const add = addLogarithms;
const exp = exponential;
// The programs skip loops of a pair whose own probability is below e to this power.
const LEAST_PAIR = -12;

/** Logarithms of sums, of what is in a part of the structure or of what is around it. */
export interface ProgramSums {
  /** [pairs], by row: within a pair. */
  readonly closed: Float32Array;
  /** [length, length] at i, j: the stretch as unpaired positions of a multi-branch loop and, at its end, one branch. */
  readonly branch: Float32Array;
  /** [length, length] at j, i: the stretch as part of a multi-branch loop with one branch or more. */
  readonly multi: Float32Array;
  /** [length + 1]: the first k positions, outside of all loops. */
  readonly prefix: Float32Array;
}

function noSums(length: number, pairs: number): ProgramSums {
  const sums = (size: number): Float32Array => new Float32Array(size).fill(NOTHING);
  return { closed: sums(pairs), branch: sums(length * length), multi: sums(length * length), prefix: sums(length + 1) };
}

/** What is within; the log partition function is the last of `prefix`, below `LEAST` where there is no structure. */
export function programInside(scores: ProgramScores): ProgramSums {
  const {
    problem,
    parameters,
    rules,
    basePair,
    closingLoop,
    enteringLoop,
    closingBranches,
    enteringBranches,
    freeUntil,
    loops,
  } = scores;
  const { length, unpaired, pairs, rowStart, rowJ, columnStart, columnI, columnEntry } = problem;
  const { hairpinLength, multiBase, multiUnpaired, multiPaired, externalUnpaired, externalPaired } = parameters;
  const sums = noSums(length, pairs);
  const { closed, branch, multi, prefix } = sums;

  for (let i = length - 1; i >= 1; i--) {
    const row = i * length;
    const [end, innerEnd] = [rowStart[i]!, rowStart[i + 1]!];
    let outer = rowStart[i - 1]!;
    let inner = end;
    for (let j = i; j < length; j++) {
      const column = j * length;
      const two = twoParts(branch, row, multi, column, i + 2, j - 1);
      if (outer < end && rowJ[outer] === j) {
        const own = closingLoop[outer]!;
        let sum =
          freeUntil[i]! >= j && j - i >= rules.minHairpin
            ? round(own + hairpinLength[Math.min(MAX_LOOP, j - i)]!)
            : NOTHING;
        findLoops(scores, i, j);
        const { count, entry, lengths, letters, stacked } = loops;
        if (stacked >= 0) sum = add(sum, round(round(basePair[stacked]! + loops.stackScore) + closed[stacked]!));
        for (let k = 0; k < count; k++) {
          const p = entry[k]!;
          sum = add(
            sum,
            round(
              round(round(round(round(own + lengths[k]!) + closed[p]!) + basePair[p]!) + enteringLoop[p]!) +
                letters[k]!,
            ),
          );
        }
        closed[outer] = add(sum, round(round(round(two + closingBranches[outer]!) + multiPaired) + multiBase));
        outer++;
      }
      if (j < i + 2) continue;
      let one = NOTHING;
      while (inner < innerEnd && rowJ[inner]! + 1 < j) inner++;
      if (inner < innerEnd && rowJ[inner]! + 1 === j)
        one = round(round(round(closed[inner]! + enteringBranches[inner]!) + multiPaired) + basePair[inner]!);
      if (unpaired[i] !== 0) one = add(one, round(branch[row + length + j]! + multiUnpaired));
      branch[row + j] = one;
      let sum = two;
      if (rules.repeatedMultiLoops) {
        if (unpaired[j - 1] !== 0) sum = add(sum, round(multi[column - length + i]! + multiUnpaired));
      } else {
        let after = 0;
        for (let k = j - 1; k >= i + 2 && unpaired[k] !== 0; k--) {
          after = round(after + multiUnpaired);
          sum = add(sum, round(branch[row + k]! + after));
        }
      }
      multi[column + i] = add(sum, one);
    }
  }

  prefix[0] = 0;
  for (let j = 0; j < length; j++) {
    let sum = unpaired[j] !== 0 ? round(prefix[j]! + externalUnpaired) : NOTHING;
    for (let c = columnStart[j]!; c < columnStart[j + 1]!; c++) {
      const p = columnEntry[c]!;
      sum = add(
        sum,
        round(
          round(round(round(prefix[columnI[c]!]! + closed[p]!) + externalPaired) + basePair[p]!) + enteringBranches[p]!,
        ),
      );
    }
    prefix[j + 1] = sum;
  }
  return sums;
}

/** What is around, given what is within. */
export function programOutside(scores: ProgramScores, within: ProgramSums): ProgramSums {
  const { problem, parameters, rules, basePair, closingLoop, enteringLoop, closingBranches, enteringBranches, loops } =
    scores;
  const { length, unpaired, pairs, rowStart, rowJ, columnStart, columnI, columnEntry } = problem;
  const { multiBase, multiUnpaired, multiPaired, externalUnpaired, externalPaired } = parameters;
  const sums = noSums(length, pairs);
  const { closed, branch, multi, prefix } = sums;

  prefix[length] = 0;
  for (let j = length - 1; j >= 0; j--) {
    if (unpaired[j] !== 0) prefix[j] = add(prefix[j]!, round(prefix[j + 1]! + externalUnpaired));
    for (let c = columnStart[j]!; c < columnStart[j + 1]!; c++) {
      const [p, i] = [columnEntry[c]!, columnI[c]!];
      const rest = round(round(round(prefix[j + 1]! + externalPaired) + basePair[p]!) + enteringBranches[p]!);
      prefix[i] = add(prefix[i]!, round(rest + within.closed[p]!));
      closed[p] = add(closed[p]!, round(rest + within.prefix[i]!));
    }
  }

  for (let i = 1; i < length; i++) {
    const row = i * length;
    const [start, innerStart] = [rowStart[i - 1]!, rowStart[i]!];
    let outer = innerStart - 1;
    let inner = rowStart[i + 1]! - 1;
    for (let j = length - 1; j >= i; j--) {
      const column = j * length;
      let two = NOTHING;
      if (j >= i + 2) {
        two = multi[column + i]!;
        if (two > LEAST) {
          if (rules.repeatedMultiLoops) {
            if (unpaired[j - 1] !== 0)
              multi[column - length + i] = add(multi[column - length + i]!, round(two + multiUnpaired));
          } else {
            let after = 0;
            for (let k = j - 1; k >= i + 2 && unpaired[k] !== 0; k--) {
              after = round(after + multiUnpaired);
              branch[row + k] = add(branch[row + k]!, round(two + after));
            }
          }
          branch[row + j] = add(branch[row + j]!, two);
        }
        const one = branch[row + j]!;
        while (inner >= innerStart && rowJ[inner]! + 1 > j) inner--;
        if (inner >= innerStart && rowJ[inner]! + 1 === j)
          closed[inner] = add(
            closed[inner]!,
            round(round(round(one + enteringBranches[inner]!) + multiPaired) + basePair[inner]!),
          );
        if (unpaired[i] !== 0) branch[row + length + j] = add(branch[row + length + j]!, round(one + multiUnpaired));
      }
      if (outer >= start && rowJ[outer] === j) {
        const whole = closed[outer]!;
        const own = round(whole + closingLoop[outer]!);
        findLoops(scores, i, j);
        const { count, entry, lengths, letters, stacked } = loops;
        if (stacked >= 0)
          closed[stacked] = add(closed[stacked]!, round(round(whole + basePair[stacked]!) + loops.stackScore));
        for (let k = 0; k < count; k++) {
          const p = entry[k]!;
          closed[p] = add(
            closed[p]!,
            round(round(round(round(own + lengths[k]!) + basePair[p]!) + enteringLoop[p]!) + letters[k]!),
          );
        }
        two = add(two, round(round(round(whole + closingBranches[outer]!) + multiPaired) + multiBase));
        outer--;
      }
      if (two > LEAST) aroundTwoParts(two, within, sums, row, column, i + 2, j - 1);
    }
  }
  return sums;
}

/** The probability of every pair, [pairs] by row. */
export function programPosteriors(scores: ProgramScores, within: ProgramSums, around: ProgramSums): Float64Array {
  const { problem, parameters, basePair, closingLoop, enteringLoop, enteringBranches, loops } = scores;
  const { length, pairs, rowStart, rowJ, columnStart, columnI, columnEntry } = problem;
  const { multiPaired, externalPaired } = parameters;
  const { closed, prefix } = within;
  const logPartition = prefix[length]!;
  const sums = new Float32Array(pairs);

  for (let i = length - 1; i >= 1; i--) {
    const [end, innerEnd] = [rowStart[i]!, rowStart[i + 1]!];
    let outer = rowStart[i - 1]!;
    let inner = end;
    for (let j = i; j < length; j++) {
      if (outer < end && rowJ[outer] === j) {
        const rest = round(around.closed[outer]! - logPartition);
        if (round(rest + closed[outer]!) > LEAST_PAIR) {
          const own = round(rest + closingLoop[outer]!);
          findLoops(scores, i, j);
          const { count, entry, lengths, letters, stacked } = loops;
          if (stacked >= 0)
            sums[stacked]! += exp(round(round(round(rest + basePair[stacked]!) + loops.stackScore) + closed[stacked]!));
          for (let k = 0; k < count; k++) {
            const p = entry[k]!;
            sums[p]! += exp(
              round(
                round(round(round(round(own + lengths[k]!) + closed[p]!) + basePair[p]!) + enteringLoop[p]!) +
                  letters[k]!,
              ),
            );
          }
        }
        outer++;
      }
      if (j < i + 2) continue;
      while (inner < innerEnd && rowJ[inner]! + 1 < j) inner++;
      if (inner < innerEnd && rowJ[inner]! + 1 === j)
        sums[inner]! += exp(
          round(
            round(
              round(
                round(round(around.branch[i * length + j]! + closed[inner]!) + enteringBranches[inner]!) + multiPaired,
              ) + basePair[inner]!,
            ) - logPartition,
          ),
        );
    }
  }
  for (let j = 0; j < length; j++) {
    const rest = round(around.prefix[j + 1]! - logPartition);
    for (let c = columnStart[j]!; c < columnStart[j + 1]!; c++) {
      const p = columnEntry[c]!;
      sums[p]! += exp(
        round(
          round(round(round(round(rest + prefix[columnI[c]!]!) + closed[p]!) + externalPaired) + basePair[p]!) +
            enteringBranches[p]!,
        ),
      );
    }
  }
  return Float64Array.from(sums, (p) => Math.min(1, p));
}

/** The sum over where the first branch of a stretch ends and the rest begins. The innermost loop of all. */
function twoParts(
  branch: Float32Array,
  row: number,
  multi: Float32Array,
  column: number,
  from: number,
  to: number,
): number {
  let sum = NOTHING;
  for (let k = from; k < to; k++) sum = add(sum, round(branch[row + k]! + multi[column + k]!));
  return sum;
}

function aroundTwoParts(
  two: number,
  within: ProgramSums,
  { branch, multi }: ProgramSums,
  row: number,
  column: number,
  from: number,
  to: number,
): void {
  const { branch: branchWithin, multi: multiWithin } = within;
  for (let k = from; k < to; k++) branch[row + k] = add(branch[row + k]!, round(two + multiWithin[column + k]!));
  for (let k = from; k < to; k++) multi[column + k] = add(multi[column + k]!, round(two + branchWithin[row + k]!));
}
