/**
 * What the recursions in the programs' arithmetic (programSums.ts) look up:
 * scores as floats, by pair where they depend on no other pair, and the loops
 * that a pair can close. A score that a sum takes in two steps is kept in two
 * parts, since floats give another sum in another order.
 *
 * A stretch i … j holds the positions from i up to j, without j; the pair around
 * it is (i − 1, j).
 */
import { NOTHING } from './floatLogarithms.ts';
import { LETTERS, MAX_LOOP, type FoldingParameters } from './parameters.ts';
import type { FoldingProblem } from './problem.ts';
import type { FoldingRules } from './rules.ts';

const WIDTH = MAX_LOOP + 1;
const MOST_LOOPS = (WIDTH * (WIDTH + 1)) / 2;

/** Parameters rounded to floats. */
export type FloatParameters = {
  readonly [K in keyof FoldingParameters]: FoldingParameters[K] extends number ? number : Float32Array;
};

export function floatParameters(parameters: FoldingParameters): FloatParameters {
  const rounded = Object.entries(parameters).map(([name, value]: [string, number | Float64Array]) => [
    name,
    typeof value === 'number' ? Math.fround(value) : Float32Array.from(value),
  ]);
  return Object.fromEntries(rounded) as FloatParameters;
}

/**
 * Scores by pair, in the order of the rows: [pairs]. Of a pair, "closing" is seen from within it and "entering" from
 * without.
 */
export interface ProgramScores {
  readonly problem: FoldingProblem;
  readonly parameters: FloatParameters;
  readonly rules: FoldingRules;
  readonly basePair: Float32Array;
  /** At the end of a hairpin, bulge or internal loop. */
  readonly closingLoop: Float32Array;
  readonly enteringLoop: Float32Array;
  /** At the end of a multi-branch loop or, entering, outside of all loops. */
  readonly closingBranches: Float32Array;
  readonly enteringBranches: Float32Array;
  /** [length + 1]: the first position, from each on, that may not be unpaired. */
  readonly freeUntil: Int32Array;
  /** [length]: a place in each row, near where `findLoops` looked last. */
  readonly cursor: Int32Array;
  readonly loops: Loops;
}

/**
 * The pairs that a pair can close a loop with, without hairpins and multi-branch loops: the nearer to its start, the
 * earlier; then the nearer to its end.
 */
export interface Loops {
  count: number;
  readonly entry: Int32Array;
  /** What the loop scores by its lengths. */
  readonly lengths: Float32Array;
  /** What it scores by its letters. */
  readonly letters: Float32Array;
  /** The pair directly within, which comes before all others, or -1. */
  stacked: number;
  stackScore: number;
}

export function programScores(
  problem: FoldingProblem,
  parameters: FloatParameters,
  rules: FoldingRules,
): ProgramScores {
  const { length, letters, unpaired, pairs, rowStart, rowJ } = problem;
  const { helixClosing, terminalMismatch, dangleLeft, dangleRight } = parameters;
  const table = (): Float32Array => new Float32Array(pairs);
  const scores = {
    basePair: table(),
    closingLoop: table(),
    enteringLoop: table(),
    closingBranches: table(),
    enteringBranches: table(),
  };
  for (let i = 0; i < length; i++) {
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++) {
      const j = rowJ[entry]!;
      const [a, b] = [letters[i + 1]!, letters[j + 1]!];
      const [closing, entering] = [a * LETTERS + b, b * LETTERS + a];
      const [afterA, beforeB, afterB, beforeA] = [letters[i + 2]!, letters[j]!, letters[j + 2]!, letters[i]!];
      scores.basePair[entry] = parameters.basePair[closing]!;
      scores.closingLoop[entry] =
        helixClosing[closing]! + terminalMismatch[(closing * LETTERS + afterA) * LETTERS + beforeB]!;
      scores.enteringLoop[entry] =
        helixClosing[entering]! + terminalMismatch[(entering * LETTERS + afterB) * LETTERS + beforeA]!;
      scores.closingBranches[entry] =
        Math.fround(helixClosing[closing]! + dangleLeft[closing * LETTERS + afterA]!) +
        dangleRight[closing * LETTERS + beforeB]!;
      scores.enteringBranches[entry] =
        Math.fround(helixClosing[entering]! + dangleLeft[entering * LETTERS + afterB]!) +
        dangleRight[entering * LETTERS + beforeA]!;
    }
  }
  const freeUntil = new Int32Array(length + 1).fill(length);
  for (let i = length - 1; i >= 0; i--) freeUntil[i] = unpaired[i] === 0 ? i : freeUntil[i + 1]!;
  const loops = {
    count: 0,
    entry: new Int32Array(MOST_LOOPS),
    lengths: new Float32Array(MOST_LOOPS),
    letters: new Float32Array(MOST_LOOPS),
    stacked: -1,
    stackScore: NOTHING,
  };
  return { problem, parameters, rules, ...scores, freeUntil, cursor: rowStart.slice(0, length), loops };
}

/** Sets `loops` to those that the pair around the stretch i … j can close. */
export function findLoops(
  { problem, parameters, freeUntil, cursor, loops }: ProgramScores,
  i: number,
  j: number,
): void {
  const { letters, rowStart, rowJ } = problem;
  const { loopLengths, bulgeLetter, internalLetters } = parameters;
  const [afterFirst, beforeLast] = [letters[i + 1]!, letters[j]!];
  loops.stacked = -1;
  let count = 0;
  const end = Math.min(j - 2, i + MAX_LOOP, freeUntil[i]!);
  for (let first = i; first <= end; first++) {
    const left = first - i;
    const start = rowStart[first]!;
    const rowEnd = rowStart[first + 1]!;
    let entry = cursor[first]!;
    while (entry < rowEnd && rowJ[entry]! < j) entry++;
    while (entry > start && rowJ[entry - 1]! >= j) entry--;
    cursor[first] = entry;
    const least = j - 1 - (MAX_LOOP - left);
    while (--entry >= start) {
      const last = rowJ[entry]!;
      if (last < least || freeUntil[last + 1]! < j) break;
      const right = j - 1 - last;
      if (left + right === 0) {
        loops.stacked = entry;
        loops.stackScore =
          parameters.helixStacking[
            ((letters[i]! * LETTERS + letters[j + 1]!) * LETTERS + afterFirst) * LETTERS + beforeLast
          ]!;
        continue;
      }
      loops.entry[count] = entry;
      loops.lengths[count] = loopLengths[left * WIDTH + right]!;
      loops.letters[count] =
        left > 1 || right > 1
          ? 0
          : left + right === 2
            ? internalLetters[afterFirst * LETTERS + beforeLast]!
            : bulgeLetter[left === 1 ? afterFirst : beforeLast]!;
      count++;
    }
  }
  loops.count = count;
}
