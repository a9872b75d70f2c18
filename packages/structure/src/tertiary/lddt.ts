/**
 * lDDT, the local distance difference test (Mariani et al., Bioinformatics 29,
 * 2722, 2013): how many of the true distances up to 15 Å between atoms of
 * different nucleotides a model keeps to 0.5, 1, 2 and 4 Å. It needs no
 * superposition, and cannot tell a mirror image. Papers mean different scores by
 * the one name, so here each has a name of its own, and no output is without.
 */

import { visitNeighbours } from './cells.ts';
import { ATOM_SLOTS, C1_SLOT } from './nucleotides.ts';
import { checkSameChain, type ChainAtoms } from './sameChain.ts';

export interface LddtVariant {
  /** Atoms that are compared: one a nucleotide, or all heavy atoms of the 23 slots. */
  readonly atoms: 'c1' | 'all';
  /** Whether a distance of exactly 15 Å and a difference of exactly a threshold count (≤), or do not (<). */
  readonly inclusive: boolean;
  /** Whether nucleotides have equal weight, or pairs of atoms have. */
  readonly average: 'nucleotides' | 'pairs';
}

/** The scores that are reported, by name. */
export const LDDT_VARIANTS = {
  /** C1' alone, ≤, mean over nucleotides: RhoFold's script. */
  c1Inclusive: { atoms: 'c1', inclusive: true, average: 'nucleotides' },
  /** C1' alone, <, mean over nucleotides: the target of AlphaFold 2's plDDT, of one atom a residue. */
  c1Strict: { atoms: 'c1', inclusive: false, average: 'nucleotides' },
  /** All heavy atoms, <, over pairs: OpenStructure's, as CASP15 and RNAdvisor report it, without its check of stereochemistry. */
  allAtom: { atoms: 'all', inclusive: false, average: 'pairs' },
  /** All heavy atoms, <, mean over nucleotides. */
  allAtomByNucleotide: { atoms: 'all', inclusive: false, average: 'nucleotides' },
} as const satisfies Record<string, LddtVariant>;
export type LddtName = keyof typeof LDDT_VARIANTS;

/** How a page or a table calls each variant. */
export const LDDT_LABELS: Readonly<Record<LddtName, string>> = {
  c1Inclusive: "lDDT (C1', ≤, mean of nucleotides)",
  c1Strict: "lDDT (C1', <, mean of nucleotides)",
  allAtom: 'lDDT (all heavy atoms, <, over pairs)',
  allAtomByNucleotide: 'lDDT (all heavy atoms, <, mean of nucleotides)',
};

const RADIUS = 15;
const THRESHOLDS = [0.5, 1, 2, 4];

export interface LddtScore {
  /** The mean that the variant takes, 0 to 1; NaN without a pair. */
  readonly score: number;
  /** [L]: the mean over the pairs of each nucleotide's atoms; 1 where it has none (AlphaFold 2). */
  readonly perNucleotide: Float64Array;
  /** [L]: pairs of each nucleotide's atoms; a pair counts for both of its nucleotides. */
  readonly pairs: Int32Array;
  /** Mean of the nucleotides that have pairs, and mean over pairs: `score` is one of the two. */
  readonly mean: number;
  readonly pooled: number;
}

/**
 * lDDT of a model against the truth, of one variant. Pairs of atoms that the truth has and the model lacks count as
 * lost. Throws a RangeError for sequences that differ.
 */
export function lddt(truth: ChainAtoms, model: ChainAtoms, variant: LddtName | LddtVariant): LddtScore {
  checkSameChain(truth, model, 'lddt');
  const { atoms, inclusive, average } = typeof variant === 'string' ? LDDT_VARIANTS[variant] : variant;
  const length = truth.sequence.length;
  const sums = new Float64Array(length);
  const pairs = new Int32Array(length);
  const step = atoms === 'c1' ? ATOM_SLOTS : 1;
  const offset = atoms === 'c1' ? C1_SLOT : 0;
  const active = new Uint8Array(length * ATOM_SLOTS);
  for (let at = offset; at < active.length; at += step) active[at] = truth.mask[at] ? 1 : 0;
  const { coordinates, mask } = model;
  const nucleotideOf = Int32Array.from(active.keys(), (at) => Math.floor(at / ATOM_SLOTS));
  visitNeighbours(
    truth.coordinates,
    RADIUS,
    (a, b, squared) => {
      const i = nucleotideOf[a]!;
      const j = nucleotideOf[b]!;
      if (i === j) return;
      const distance = Math.sqrt(squared);
      if (!inclusive && distance >= RADIUS) return;
      pairs[i]!++;
      pairs[j]!++;
      if (!mask[a] || !mask[b]) return;
      const dx = coordinates[3 * a]! - coordinates[3 * b]!;
      const dy = coordinates[3 * a + 1]! - coordinates[3 * b + 1]!;
      const dz = coordinates[3 * a + 2]! - coordinates[3 * b + 2]!;
      const difference = Math.abs(distance - Math.sqrt(dx * dx + dy * dy + dz * dz));
      // A difference that fails a threshold fails all smaller ones.
      let kept = 0;
      for (let t = THRESHOLDS.length - 1; t >= 0; t--) {
        if (difference > THRESHOLDS[t]! || (!inclusive && difference === THRESHOLDS[t])) break;
        kept += 1 / THRESHOLDS.length;
      }
      sums[i]! += kept;
      sums[j]! += kept;
    },
    active,
  );
  const perNucleotide = sums.map((sum, i) => (pairs[i] === 0 ? 1 : sum / pairs[i]!));
  let [scored, scoreSum, pairCount, pairSum] = [0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    if (pairs[i] === 0) continue;
    scored++;
    scoreSum += perNucleotide[i]!;
    pairCount += pairs[i]!;
    pairSum += sums[i]!;
  }
  const [mean, pooled] = [scoreSum / scored, pairSum / pairCount];
  return { score: average === 'pairs' ? pooled : mean, perNucleotide, pairs, mean, pooled };
}
