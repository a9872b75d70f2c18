/**
 * The parameter files of CONTRAfold and EternaFold: a line `feature weight` for
 * each feature of the model (Do, Woods and Batzoglou 2006, Bioinformatics
 * 22:e90). Read here into tables of scores by letter and by length, as the
 * recursions look them up. Letters are 0 … 3 for A, C, G, U and 4 for any other
 * letter or none, whose features score 0.
 */
import { InputError } from '../errors.ts';

/** Letters of the tables, with the one that stands for all others. */
export const LETTERS = 5;
/**
 * Longest single-stranded stretch of a bulge or internal loop, both sides together, and the last length of hairpins
 * with a feature.
 */
export const MAX_LOOP = 30;

/** Scores: natural logarithms of weights. Tables are row-major with `LETTERS` values a dimension. */
export interface FoldingParameters {
  /** [5, 5], symmetric. */
  readonly basePair: Float64Array;
  /** [5, 5]: the pair's letters from the 5' and the 3' side, seen from the loop. */
  readonly helixClosing: Float64Array;
  /** [5, 5, 5, 5]: a pair, then the letters after its first and before its second. */
  readonly terminalMismatch: Float64Array;
  /** [5, 5, 5, 5]: a pair and the pair inside it. */
  readonly helixStacking: Float64Array;
  /** [5, 5, 5]: a pair, then the letter after its first. */
  readonly dangleLeft: Float64Array;
  /** [5, 5, 5]: a pair, then the letter before its second. */
  readonly dangleRight: Float64Array;
  /** [MAX_LOOP + 1], by unpaired nucleotides; longer ones score as the last. */
  readonly hairpinLength: Float64Array;
  /**
   * [MAX_LOOP + 1, MAX_LOOP + 1]: unpaired nucleotides on the two sides, letters apart. 0 and 0, and what is longer
   * than MAX_LOOP, is no such loop.
   */
  readonly loopLengths: Float64Array;
  /** [5]: the letter of a bulge of one. */
  readonly bulgeLetter: Float64Array;
  /** [5, 5], symmetric: the letters of an internal loop of one by one. */
  readonly internalLetters: Float64Array;
  readonly multiBase: number;
  readonly multiUnpaired: number;
  readonly multiPaired: number;
  readonly externalUnpaired: number;
  readonly externalPaired: number;
}

const ALPHABET = 'ACGU';
const CANONICAL = new Set(['AU', 'CG', 'GU']);
const MAX_SYMMETRIC = 15;
const MAX_ASYMMETRY = 28;
const MAX_EXPLICIT = 4;
/** Twenty times the greatest weight of the published files; far greater ones would leave the range of sums. */
const MAX_WEIGHT = 100;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const LINE_END = /\r\n|\r|\n/;
const LONGEST_QUOTED = 60;

/**
 * Reads a parameter file. Throws an InputError that names file and line for
 * text that is not `feature weight`, a weight that is no number or beyond ±100,
 * an unknown or repeated feature, a missing one, or a file that gives weight to
 * pairs other than AU, CG and GU.
 */
export function parseFoldingParameters(text: string, file: string): FoldingParameters {
  const weights = readWeights(text, file);
  const take = (name: string): number => {
    const entry = weights.get(name);
    if (entry === undefined)
      throw new InputError(
        file,
        text.trimEnd().split(LINE_END).length,
        `ends without the feature "${name}"`,
        'give a whole parameter file of CONTRAfold or EternaFold',
      );
    entry.taken = true;
    return entry.weight;
  };
  /** A table over `rank` letters; `canonical` gives the word under which the file has an entry. */
  const table = (prefix: string, rank: number, canonical = (word: string): string => word): Float64Array => {
    const values = new Float64Array(LETTERS ** rank);
    for (const word of words(rank)) values[indexOf(word)] = take(`${prefix}_${canonical(word)}`);
    return values;
  };
  /** Sums of `prefix_first … prefix_n` by n, up to `last`. */
  const atLeast = (prefix: string, first: number, last: number): Float64Array => {
    const sums = new Float64Array(last + 1);
    for (let n = first; n <= last; n++) sums[n] = (n > first ? sums[n - 1]! : 0) + take(`${prefix}_at_least_${n}`);
    return sums;
  };

  const basePair = table('base_pair', 2, sorted);
  for (const word of words(2)) {
    if (basePair[indexOf(word)] !== 0 && !CANONICAL.has(sorted(word))) {
      throw new InputError(
        file,
        weights.get(`base_pair_${sorted(word)}`)!.line,
        `weight for the pair ${sorted(word)}: these parameters are for pairs other than AU, CG and GU too, which are never formed here`,
        'give parameters for complementary pairs',
      );
    }
  }
  const parameters: FoldingParameters = {
    basePair,
    terminalMismatch: table('terminal_mismatch', 4),
    hairpinLength: atLeast('hairpin_length', 0, MAX_LOOP),
    loopLengths: loopLengths(take, atLeast),
    bulgeLetter: table('bulge_0x1_nucleotides', 1),
    internalLetters: table('internal_1x1_nucleotides', 2, sorted),
    helixStacking: table('helix_stacking', 4, fromEitherSide),
    helixClosing: table('helix_closing', 2),
    multiBase: take('multi_base'),
    multiUnpaired: take('multi_unpaired'),
    multiPaired: take('multi_paired'),
    dangleLeft: table('dangle_left', 3),
    dangleRight: table('dangle_right', 3),
    externalUnpaired: take('external_unpaired'),
    externalPaired: take('external_paired'),
  };
  for (const [name, { line, taken }] of weights) {
    if (!taken)
      throw new InputError(
        file,
        line,
        `${quoted(name)} is no feature of the CONTRAfold model`,
        'correct its name or remove the line',
      );
  }
  return parameters;
}

interface Weight {
  readonly weight: number;
  readonly line: number;
  taken: boolean;
}

function readWeights(text: string, file: string): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const [index, row] of text
    .replace(/^\uFEFF/, '')
    .split(LINE_END)
    .entries()) {
    const line = index + 1;
    const [name, number, ...more] = row.trim().split(/\s+/);
    if (name === '' || name === undefined) continue;
    if (number === undefined || more.length > 0)
      throw new InputError(
        file,
        line,
        `${quoted(row.trim())} is not "feature weight"`,
        'give a parameter file of CONTRAfold or EternaFold',
      );
    const weight = DECIMAL.test(number) ? Number(number) : NaN;
    if (!(Math.abs(weight) <= MAX_WEIGHT))
      throw new InputError(
        file,
        line,
        `the weight of ${quoted(name)} is ${quoted(number)}; expected a number from -${MAX_WEIGHT} to ${MAX_WEIGHT}`,
        'correct it; weights are natural logarithms of odds',
      );
    const earlier = weights.get(name);
    if (earlier !== undefined)
      throw new InputError(
        file,
        line,
        `${quoted(name)} is given again (first on line ${earlier.line})`,
        'remove one of them',
      );
    weights.set(name, { weight, line, taken: false });
  }
  return weights;
}

/** Everything about an internal loop or bulge that depends on its two lengths alone. */
function loopLengths(
  take: (name: string) => number,
  atLeast: (prefix: string, first: number, last: number) => Float64Array,
): Float64Array {
  const explicit = new Map<string, number>();
  for (let a = 1; a <= MAX_EXPLICIT; a++)
    for (let b = a; b <= MAX_EXPLICIT; b++) explicit.set(`${a}_${b}`, take(`internal_explicit_${a}_${b}`));
  const bulge = atLeast('bulge_length', 1, MAX_LOOP);
  const internal = atLeast('internal_length', 2, MAX_LOOP);
  const symmetric = atLeast('internal_symmetric_length', 1, MAX_SYMMETRIC);
  const asymmetry = atLeast('internal_asymmetry', 1, MAX_ASYMMETRY);
  const width = MAX_LOOP + 1;
  const scores = new Float64Array(width * width);
  for (let left = 0; left <= MAX_LOOP; left++) {
    for (let right = 0; left + right <= MAX_LOOP; right++) {
      const [less, more] = left < right ? [left, right] : [right, left];
      scores[left * width + right] =
        less === 0
          ? bulge[more]!
          : internal[less + more]! +
            (less === more ? symmetric[less]! : asymmetry[more - less]!) +
            (explicit.get(`${less}_${more}`) ?? 0);
    }
  }
  return scores;
}

/** What a file says, cut to what fits a message, its control characters escaped. */
const quoted = (text: string): string =>
  JSON.stringify(text.length > LONGEST_QUOTED ? `${text.slice(0, LONGEST_QUOTED)}…` : text);

const sorted = (word: string): string => [...word].sort().join('');

/** A stack read from either strand is one feature, under the name that is first in the alphabet. */
function fromEitherSide(word: string): string {
  const turned = [...word].reverse().join('');
  return turned < word ? turned : word;
}

const indexOf = (word: string): number =>
  [...word].reduce((index, letter) => index * LETTERS + ALPHABET.indexOf(letter), 0);

function words(rank: number): string[] {
  return rank === 0 ? [''] : words(rank - 1).flatMap((word) => [...ALPHABET].map((letter) => word + letter));
}
