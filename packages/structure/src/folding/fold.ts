/**
 * Folding by the CONTRAfold model: the partition function of a sequence, the
 * probability of every pair, and the structure of maximum expected accuracy.
 * Structures are nested; pairs are AU, CG and GU, with any number of
 * nucleotides between them; letters other than A, C, G, U and T are unpaired.
 * Cubic time and quadratic memory (`foldingMemory`), which bounds the length.
 */
import { checkGamma, mostAccurate } from './accuracy.ts';
import { unconstrained, type FoldingConstraint } from './constraint.ts';
import { LEAST } from './floatLogarithms.ts';
import { inside } from './inside.ts';
import { pairProbabilities } from './outside.ts';
import type { FoldingParameters } from './parameters.ts';
import { foldingProblem, type FoldingProblem } from './problem.ts';
import { floatParameters, programScores, type FloatParameters } from './programScores.ts';
import { programInside, programOutside, programPosteriors } from './programSums.ts';
import { FOLDING_RULES, type FoldingRules } from './rules.ts';
import { triangleSize } from './triangle.ts';
import { foldingWeights, type FoldingWeights } from './weights.ts';

export interface FoldingOptions {
  /** Weight of pairs against unpaired positions, above 0. Default 6, as CONTRAfold's. */
  readonly gamma?: number;
  /** Default: CONTRAfold's. */
  readonly rules?: FoldingRules;
  /** As `parseFoldingConstraint` reads it. */
  readonly constraint?: FoldingConstraint;
  /**
   * `exact` (the default) is the true sum. `program` adds as CONTRAfold and
   * EternaFold do, in floats with approximated logarithms, and meets their log
   * partition functions and probabilities within 1e-4; it takes five times as
   * long for 50 nucleotides, 23 times for 500.
   */
  readonly arithmetic?: FoldingArithmetic;
}

export type FoldingArithmetic = 'program' | 'exact';

export interface Folding {
  /** The natural logarithm of the partition function: the sum over all structures that the constraint allows. */
  readonly logPartition: number;
  /** The probabilities of all pairs i < j: the strict upper triangle, row-major, [length · (length − 1) / 2]. */
  readonly probabilities: Float32Array;
  /** [length]: of the structure of maximum expected accuracy; -1 where unpaired. */
  readonly partners: Int32Array;
}

/** No structure meets the constraint. */
export class UnfoldableError extends Error {
  override readonly name = 'UnfoldableError';
}

/** Sums left the range of numbers: the weights of the parameters are too great. */
export class FoldingOverflowError extends Error {
  override readonly name = 'FoldingOverflowError';
}

/** The longest sequence that can be folded, with the memory for it. */
export const LONGEST_FOLDED = 65_535;

/**
 * Bytes that folding a sequence takes at most, as a bound over all sequences of its length; letters in equal parts take
 * a tenth less.
 */
export function foldingMemory(length: number, arithmetic: FoldingArithmetic): number {
  // A quarter of all pairs of positions at most can pair: those of two letters in equal parts.
  const pairs = (length * length) / 4;
  const [squares, ofPair] =
    arithmetic === 'exact' ? [2 * triangleSize(length) * 8, 36] : [4 * length ** 2 * 4 + triangleSize(length) * 8, 52];
  return squares + ofPair * pairs + ((length * (length - 1)) / 2) * 4;
}

/**
 * A function that folds sequences, any letters, T or U, any case. It keeps its
 * memory from call to call. Throws a RangeError for an empty sequence or one
 * beyond `LONGEST_FOLDED`, a γ that is not above 0 or a constraint of another
 * length, an UnfoldableError where the constraint leaves no structure,
 * a FoldingOverflowError where the weights are too great for a sum.
 */
export function createFolder(parameters: FoldingParameters): (sequence: string, options?: FoldingOptions) => Folding {
  const weights = foldingWeights(parameters);
  const floats = floatParameters(parameters);
  let triangles = [new Float64Array(0), new Float64Array(0)] as const;
  return (sequence, { gamma = 6, rules = FOLDING_RULES.contrafold, constraint, arithmetic = 'exact' } = {}) => {
    const { length } = sequence;
    if (length === 0) throw new RangeError('fold: an empty sequence; give at least one nucleotide');
    if (length > LONGEST_FOLDED)
      throw new RangeError(`fold: ${length} nucleotides; the longest that can be folded has ${LONGEST_FOLDED}`);
    checkGamma(gamma, 'fold');
    if (constraint !== undefined && constraint.may.length !== length)
      throw new RangeError(`fold: a constraint of ${constraint.may.length} positions for ${length} nucleotides`);
    const size = triangleSize(length);
    if (triangles[0].length < size) triangles = [new Float64Array(size), new Float64Array(size)];
    const problem = foldingProblem(sequence, constraint ?? unconstrained(length), rules, weights);
    const { logPartition, probabilities } =
      arithmetic === 'exact' ? exactSums(problem, weights, rules, triangles) : programSums(problem, floats, rules);
    if (logPartition === -Infinity && constraint !== undefined)
      throw new UnfoldableError('no structure meets the constraint');
    // A sum overflows to what is no number, or vanishes beside a greater one.
    if (!Number.isFinite(logPartition) || probabilities.some(Number.isNaN))
      throw new FoldingOverflowError(
        'the partition function left the range of numbers; the weights of these parameters are too great',
      );
    return {
      logPartition,
      probabilities: triangle(problem, probabilities),
      partners: mostAccurate(problem, probabilities, gamma, triangles[0]),
    };
  };
}

interface SumsOverStructures {
  /** -Infinity where there is no structure. */
  readonly logPartition: number;
  /** [pairs], by row. */
  readonly probabilities: Float64Array;
}

const NO_STRUCTURE: SumsOverStructures = { logPartition: -Infinity, probabilities: new Float64Array(0) };

function exactSums(
  problem: FoldingProblem,
  weights: FoldingWeights,
  rules: FoldingRules,
  [multi, aroundTwo]: readonly [Float64Array, Float64Array],
): SumsOverStructures {
  const within = inside(problem, weights, rules, multi);
  if (within.logPartition === -Infinity) return NO_STRUCTURE;
  return {
    logPartition: within.logPartition,
    probabilities: pairProbabilities(problem, weights, rules, within, multi, aroundTwo),
  };
}

function programSums(problem: FoldingProblem, parameters: FloatParameters, rules: FoldingRules): SumsOverStructures {
  const scores = programScores(problem, parameters, rules);
  const within = programInside(scores);
  const logPartition = within.prefix[problem.length]!;
  if (logPartition < LEAST) return NO_STRUCTURE;
  return { logPartition, probabilities: programPosteriors(scores, within, programOutside(scores, within)) };
}

function triangle({ length, rowStart, rowJ }: FoldingProblem, probabilities: Float64Array): Float32Array {
  const values = new Float32Array((length * (length - 1)) / 2);
  for (let i = 0, row = 0; i < length; row += length - 1 - i++) {
    for (let entry = rowStart[i]!; entry < rowStart[i + 1]!; entry++)
      values[row + rowJ[entry]! - i - 1] = probabilities[entry]!;
  }
  return values;
}
