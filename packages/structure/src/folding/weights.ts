/**
 * Scores as factors: what the recursions multiply. Features that are always
 * looked up together share a table, and a pair's own score is left to the pair.
 */
import { LETTERS, MAX_LOOP, type FoldingParameters } from './parameters.ts';

/**
 * Factors, the exponentials of scores. Tables over four letters: a pair, the letter after its first and the one before
 * its second.
 */
export interface FoldingWeights {
  /** [5, 5]; 0 for letters that do not pair. */
  readonly basePair: Float64Array;
  /** [5, 5, 5, 5]: a pair at the end of a hairpin, bulge or internal loop. */
  readonly loopEnd: Float64Array;
  /** [5, 5, 5, 5]: a pair at the end of a multi-branch loop or outside of all loops. */
  readonly branchEnd: Float64Array;
  /** [5, 5, 5, 5]: a pair and the pair inside it, in the order of `loopEnd`. */
  readonly stack: Float64Array;
  /** [MAX_LOOP + 1]. */
  readonly hairpin: Float64Array;
  /** [MAX_LOOP + 1, MAX_LOOP + 1]: bulges and internal loops without features of their letters; 0 elsewhere. */
  readonly loop: Float64Array;
  /** [5]: a bulge of one. */
  readonly bulgeOne: Float64Array;
  /** [5, 5]: an internal loop of one by one. */
  readonly internalOne: Float64Array;
  /** A multi-branch loop, with the pair that closes it. */
  readonly multiClose: number;
  /** A branch of one. */
  readonly multiBranch: number;
  readonly multiUnpaired: number;
  readonly externalBranch: number;
  readonly externalUnpaired: number;
}

export function foldingWeights(parameters: FoldingParameters): FoldingWeights {
  const { helixClosing, terminalMismatch, dangleLeft, dangleRight, loopLengths, bulgeLetter, internalLetters } =
    parameters;
  const loop = loopLengths.map((score, index) => {
    const left = Math.floor(index / (MAX_LOOP + 1));
    const right = index % (MAX_LOOP + 1);
    const isOne = left <= 1 && right <= 1;
    return isOne || left + right > MAX_LOOP ? 0 : Math.exp(score);
  });
  const [one, oneByOne] = [loopLengths[1]!, loopLengths[MAX_LOOP + 2]!];
  return {
    basePair: parameters.basePair.map((score, index) => (pairs(index) ? Math.exp(score) : 0)),
    loopEnd: terminalMismatch.map((score, index) => Math.exp(score + helixClosing[Math.floor(index / LETTERS ** 2)]!)),
    branchEnd: terminalMismatch.map((_score, index) => {
      const pair = Math.floor(index / LETTERS ** 2);
      const [after, before] = [Math.floor(index / LETTERS) % LETTERS, index % LETTERS];
      return Math.exp(
        helixClosing[pair]! + dangleLeft[pair * LETTERS + after]! + dangleRight[pair * LETTERS + before]!,
      );
    }),
    stack: parameters.helixStacking.map(Math.exp),
    hairpin: parameters.hairpinLength.map(Math.exp),
    loop,
    bulgeOne: bulgeLetter.map((score) => Math.exp(score + one)),
    internalOne: internalLetters.map((score) => Math.exp(score + oneByOne)),
    multiClose: Math.exp(parameters.multiBase + parameters.multiPaired),
    multiBranch: Math.exp(parameters.multiPaired),
    multiUnpaired: Math.exp(parameters.multiUnpaired),
    externalBranch: Math.exp(parameters.externalPaired),
    externalUnpaired: Math.exp(parameters.externalUnpaired),
  };
}

/** Whether the entry of a table [5, 5] is AU, CG or GU, either way round. */
function pairs(index: number): boolean {
  const [a, b] = [Math.floor(index / LETTERS), index % LETTERS];
  const [A, C, G, U] = [0, 1, 2, 3];
  const [low, high] = a < b ? [a, b] : [b, a];
  return (low === A && high === U) || (low === C && high === G) || (low === G && high === U);
}
