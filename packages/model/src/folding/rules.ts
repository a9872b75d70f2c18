/**
 * Where CONTRAfold 2.02 and EternaFold, which read the same files, differ; found
 * by holding their partition functions against sums over all structures. What
 * is left, up to 7e-3 of log Z at 350 nt, is arithmetic: CONTRAfold sums in
 * floats and drops what is below e^-11.86 of the sum so far. With that imitated,
 * its log Z of 99 RNAs up to 154 nt is met within 6e-4 instead of 3e-3 (most of
 * that its six printed digits); it is not imitated here.
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
