/**
 * Where CONTRAfold 2.02 and EternaFold, which read the same files, differ; found
 * by holding their partition functions against sums over all structures. What
 * is left, up to 7e-3 of log Z at 350 nt and 2.5e-3 of a probability, is the
 * programs' arithmetic in floats, which the arithmetic `program` of `createFolder`
 * has too (floatLogarithms.ts) and `exact` does not.
 */

export interface FoldingRules {
  /** Least number of nucleotides between partners. */
  readonly minHairpin: number;
  /**
   * Count a multi-branch loop once for each way to divide the nucleotides after
   * its last branch among its branches but the first two and the pair that
   * closes it: CONTRAfold's grammar derives it as often. A loop of three
   * branches, the closing one among them, is counted once.
   */
  readonly repeatedMultiLoops: boolean;
}

export const FOLDING_RULES = {
  contrafold: { minHairpin: 0, repeatedMultiLoops: true },
  eternafold: { minHairpin: 3, repeatedMultiLoops: false },
} as const satisfies Record<string, FoldingRules>;
