/**
 * The CONTRAfold model by the book: every nested structure of a short sequence
 * with its score, feature by feature. Nothing here is shared with the
 * recursions but the tables of the parameter file.
 */
import type { FoldingParameters, FoldingRules } from '../src/index.ts';

export type Pair = readonly [number, number];

const LETTERS = 'ACGU';
const CANONICAL = new Set(['AU', 'UA', 'CG', 'GC', 'GU', 'UG']);

/** All nested structures of `sequence`, as lists of pairs i < j. */
export function* structuresOf(
  sequence: string,
  minHairpin: number,
  i = 0,
  j = sequence.length - 1,
): Generator<Pair[], void, undefined> {
  if (i > j) {
    yield [];
    return;
  }
  yield* structuresOf(sequence, minHairpin, i + 1, j);
  for (let k = i + 1 + minHairpin; k <= j; k++) {
    if (!CANONICAL.has(sequence[i]! + sequence[k]!)) continue;
    for (const within of structuresOf(sequence, minHairpin, i + 1, k - 1))
      for (const after of structuresOf(sequence, minHairpin, k + 1, j)) yield [[i, k], ...within, ...after];
  }
}

/** The weight of a structure: the exponential of its score, times the ways in which the program derives it. */
export function weightOf(
  sequence: string,
  pairs: readonly Pair[],
  parameters: FoldingParameters,
  { repeatedMultiLoops }: FoldingRules,
): number {
  const at = (position: number): number => {
    const letter = LETTERS.indexOf(sequence[position] ?? 'none');
    return letter < 0 ? 4 : letter;
  };
  const of = (table: Float64Array, ...letters: number[]): number =>
    table[letters.reduce((index, letter) => 5 * index + letter, 0)]!;
  const branch = (first: number, second: number): number =>
    of(parameters.helixClosing, at(first), at(second)) +
    of(parameters.dangleLeft, at(first), at(second), at(first + 1)) +
    of(parameters.dangleRight, at(first), at(second), at(second - 1));
  const loopEnd = (first: number, second: number): number =>
    of(parameters.helixClosing, at(first), at(second)) +
    of(parameters.terminalMismatch, at(first), at(second), at(first + 1), at(second - 1));
  const childrenOf = (i: number, j: number): Pair[] =>
    pairs
      .filter(([p, q]) => p > i && q < j && !pairs.some(([a, b]) => a > i && b < j && a < p && q < b))
      .sort(([p], [q]) => p - q);
  const unpairedIn = (i: number, j: number, children: readonly Pair[]): number =>
    children.reduce((count, [p, q]) => count - (q - p + 1), j - i - 1);

  const outermost = childrenOf(-1, sequence.length);
  let score = parameters.externalUnpaired * unpairedIn(-1, sequence.length, outermost);
  for (const [p, q] of outermost) score += parameters.externalPaired + branch(q, p);
  let ways = 1;
  for (const [i, j] of pairs) {
    score += of(parameters.basePair, at(i), at(j));
    const children = childrenOf(i, j);
    const unpaired = unpairedIn(i, j, children);
    const [[p, q] = [j, i]] = children;
    if (children.length === 0) {
      score += loopEnd(i, j) + parameters.hairpinLength[Math.min(30, unpaired)]!;
    } else if (children.length === 1 && unpaired === 0) {
      score += of(parameters.helixStacking, at(i), at(j), at(p), at(q));
    } else if (children.length === 1) {
      const [left, right] = [p - i - 1, j - q - 1];
      if (unpaired > 30) return 0;
      score += loopEnd(i, j) + loopEnd(q, p) + parameters.loopLengths[31 * left + right]!;
      if (unpaired === 1) score += of(parameters.bulgeLetter, left === 1 ? at(i + 1) : at(j - 1));
      if (left === 1 && right === 1) score += of(parameters.internalLetters, at(i + 1), at(j - 1));
    } else {
      score += parameters.multiBase + parameters.multiPaired + branch(i, j) + parameters.multiUnpaired * unpaired;
      for (const [a, b] of children) score += parameters.multiPaired + branch(b, a);
      if (repeatedMultiLoops) ways *= choose(j - children.at(-1)![1] - 1 + children.length - 2, children.length - 2);
    }
  }
  return ways * Math.exp(score);
}

function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return Math.round(ways);
}
