/**
 * From pair probabilities to a secondary structure: RiNALMo's greedy decode
 * (Penić et al. 2024, section 4.3). Probabilities are the strict upper triangle
 * in row-major order, [length · (length − 1) / 2], as the secondary-structure
 * head gives them. Pseudoknots can come out; no energy model is involved. Where
 * they must not, the nested structure of maximum expected accuracy is another.
 */
import { maximumExpectedAccuracy } from '../folding/accuracy.ts';

export interface DecodeOptions {
  /** A pair is taken only above it. Default 0.5; fine-tuned checkpoints carry a tuned one. */
  readonly threshold?: number;
  /** Allow pairs other than AU, GC and GU. Default false. */
  readonly allowNcPairs?: boolean;
  /** Allow fewer than three nucleotides between partners. Default false. */
  readonly allowSharpLoops?: boolean;
}

/** A pair i < j with its probability. */
export interface ScoredPair {
  readonly i: number;
  readonly j: number;
  readonly probability: number;
}

/**
 * Partners [length] of the decoded structure: the most probable pair is taken,
 * its row and column are struck out, and so on down to the threshold. Ties go
 * to the smaller i, then the smaller j. Lower-case and ambiguous letters count
 * as non-canonical, as in the reference.
 */
export function decodeBasePairs(
  probabilities: Float32Array,
  sequence: string,
  options: DecodeOptions = {},
): Int32Array {
  const partners = new Int32Array(sequence.length).fill(-1);
  for (const { i, j } of greedyPairs(probabilities, sequence, options)) {
    partners[i] = j;
    partners[j] = i;
  }
  return partners;
}

/**
 * The pairs of `decodeBasePairs` in the order they are taken, most probable
 * first. The pairs at a higher threshold are the head of this list, so one
 * decode serves every threshold. Throws a RangeError for a wrong length, a NaN
 * or a threshold outside 0 … 1.
 */
export function greedyPairs(
  probabilities: Float32Array,
  sequence: string,
  { threshold = 0.5, allowNcPairs = false, allowSharpLoops = false }: DecodeOptions = {},
): ScoredPair[] {
  const length = sequence.length;
  checkTriangle(probabilities, length, 'greedyPairs');
  if (!(threshold >= 0 && threshold <= 1))
    throw new RangeError(`greedyPairs: the threshold must be in 0 … 1, got ${threshold}`);
  // The reference compares in float32.
  const limit = Math.fround(threshold);
  const minDistance = allowSharpLoops ? 1 : 4;
  const candidates: ScoredPair[] = [];
  let index = 0;
  for (let i = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++) {
      const probability = probabilities[index++]!;
      if (Number.isNaN(probability))
        throw new RangeError(`greedyPairs: the probability of the pair (${i}, ${j}) is NaN`);
      if (
        probability > limit &&
        j - i >= minDistance &&
        (allowNcPairs || isCanonicalPair(sequence[i]!, sequence[j]!))
      ) {
        candidates.push({ i, j, probability });
      }
    }
  }
  // Stable, and candidates stand in row-major order: ties stay so.
  candidates.sort((a, b) => b.probability - a.probability);
  const taken = new Uint8Array(length);
  return candidates.filter(({ i, j }) => {
    if (taken[i] || taken[j]) return false;
    taken[i] = taken[j] = 1;
    return true;
  });
}

/**
 * Partners [length] of the nested structure of maximum expected accuracy (`maximumExpectedAccuracy`) among the pairs
 * that `options` allow. A pair whose positions have no other is taken above a probability of 1 / (1 + γ), and so
 * `gammaOf` gives the γ that goes with a threshold. Throws as that function does, and a RangeError for a wrong length.
 */
export function decodeNested(
  probabilities: Float32Array,
  sequence: string,
  gamma: number,
  { allowNcPairs = false, allowSharpLoops = false }: Omit<DecodeOptions, 'threshold'> = {},
): Int32Array {
  const { length } = sequence;
  checkTriangle(probabilities, length, 'decodeNested');
  const allowed = probabilities.slice();
  const minDistance = allowSharpLoops ? 1 : 4;
  let index = 0;
  for (let i = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++, index++) {
      if (j - i < minDistance || !(allowNcPairs || isCanonicalPair(sequence[i]!, sequence[j]!))) allowed[index] = 0;
    }
  }
  return maximumExpectedAccuracy(allowed, length, gamma);
}

/** The weight of pairs at which `decodeNested` takes a pair without rivals above a threshold, kept within 0.0001 … 0.9999. */
export function gammaOf(threshold: number): number {
  const within = Math.max(1e-4, Math.min(1 - 1e-4, threshold));
  return (1 - within) / within;
}

/** Whether two upper-case letters (T or U) are a Watson-Crick or a wobble pair. */
export function isCanonicalPair(a: string, b: string): boolean {
  switch (a) {
    case 'A':
      return b === 'U' || b === 'T';
    case 'C':
      return b === 'G';
    case 'G':
      return b === 'C' || b === 'U' || b === 'T';
    case 'U':
    case 'T':
      return b === 'A' || b === 'G';
    default:
      return false;
  }
}

/** The strict upper triangle, row-major, of a square matrix [length, length]. What stands below it is not read. */
export function upperTriangle(matrix: Float32Array, length: number): Float32Array {
  if (matrix.length !== length * length) {
    throw new RangeError(`upperTriangle: ${matrix.length} values are not a matrix [${length}, ${length}]`);
  }
  const triangle = new Float32Array((length * (length - 1)) / 2);
  let index = 0;
  for (let i = 0; i < length; i++) {
    triangle.set(matrix.subarray(i * length + i + 1, (i + 1) * length), index);
    index += length - 1 - i;
  }
  return triangle;
}

/** Throws a RangeError unless `values` are the strict upper triangle for `length` positions. */
export function checkTriangle(values: Float32Array, length: number, caller: string): void {
  const expected = (length * (length - 1)) / 2;
  if (values.length !== expected) {
    throw new RangeError(
      `${caller}: ${length} positions have ${expected} pairs, but ${values.length} probabilities were given (strict upper triangle, row-major)`,
    );
  }
}
