/**
 * All scores of a model of one RNA against its true structure, in one table
 * row, and how well the model's own confidence tells the true one.
 */

import { LDDT_VARIANTS, lddt, type LddtName } from './lddt.ts';
import { findClashes, networkFidelity } from './modelScores.ts';
import { ATOM_SLOTS } from './nucleotides.ts';
import type { ChainAtoms } from './sameChain.ts';
import { rmsd } from './superposition.ts';
import { tmScore } from './tmScore.ts';

/** Scores by name. NaN where the truth has nothing to compare with. */
export interface ChainScores extends Readonly<Record<LddtName, number>> {
  /** Å after superposition, of C1' alone and of all heavy atoms. */
  readonly rmsdC1: number;
  readonly rmsd: number;
  readonly tmScore: number;
  /** Interaction network fidelity of cis Watson-Crick pairs; 1 where neither side has a pair. */
  readonly fidelity: number;
  /** Clashes of the model per 1,000 of its atoms. */
  readonly clashes: number;
}

/** How a table calls each score. */
export const CHAIN_SCORE_LABELS: Readonly<Record<keyof ChainScores, string>> = {
  c1Inclusive: "lDDT C1' ≤",
  c1Strict: "lDDT C1' <",
  allAtom: 'lDDT all atoms',
  allAtomByNucleotide: 'lDDT all, by nt',
  rmsdC1: "RMSD C1', Å",
  rmsd: 'RMSD all, Å',
  tmScore: 'TM-score',
  fidelity: 'INF WC',
  clashes: 'clashes/1000',
};

export const CHAIN_SCORES = Object.keys(CHAIN_SCORE_LABELS) as readonly (keyof ChainScores)[];

/** The scores of a model. Throws a RangeError for sequences that differ. */
export function scoreChain(truth: ChainAtoms, model: ChainAtoms): ChainScores {
  const distances = Object.fromEntries(
    Object.keys(LDDT_VARIANTS).map((name) => [name, lddt(truth, model, name as LddtName).score]),
  ) as Record<LddtName, number>;
  const atoms = Array.from(model.mask).reduce((sum, each) => sum + each, 0);
  return {
    ...distances,
    rmsdC1: rmsd(truth, model, 'c1'),
    rmsd: rmsd(truth, model, 'all'),
    tmScore: tmScore(truth, model),
    fidelity: networkFidelity(truth, model).fidelity,
    clashes: (1000 * findClashes(model).length) / atoms,
  };
}

/** A nucleotide's predicted and true lDDT. */
export interface Confidence {
  readonly predicted: number;
  readonly actual: number;
}

/**
 * The predicted lDDT of each nucleotide beside the true one (C1', <), of those that have neighbours in the truth.
 * @param plddt [L], 0 to 1.
 */
export function confidences(truth: ChainAtoms, model: ChainAtoms, plddt: ArrayLike<number>): Confidence[] {
  if (plddt.length !== truth.sequence.length)
    throw new RangeError(`confidences: ${plddt.length} values for ${truth.sequence.length} nucleotides`);
  const { perNucleotide, pairs } = lddt(truth, model, 'c1Strict');
  return Array.from(perNucleotide, (actual, i) => ({ predicted: plddt[i]!, actual, pairs: pairs[i]! }))
    .filter((each) => each.pairs > 0)
    .map(({ predicted, actual }) => ({ predicted, actual }));
}

/** Nucleotides of a chain that have an atom. */
export function resolvedCount({ sequence, mask }: Pick<ChainAtoms, 'sequence' | 'mask'>): number {
  let count = 0;
  for (let i = 0; i < sequence.length; i++)
    for (let slot = 0; slot < ATOM_SLOTS; slot++)
      if (mask[i * ATOM_SLOTS + slot]) {
        count++;
        break;
      }
  return count;
}
