/**
 * Scores of a model beside lDDT, RMSD and TM-score: whether its base pairs are
 * those of the truth, and how many of its atoms stand in each other's way.
 */

import { findBasePairs, type SpatialPair } from './basePairs.ts';
import { visitNeighbours } from './cells.ts';
import { ATOM_NAMES, ATOM_SLOTS, isBase } from './nucleotides.ts';
import { checkSameChain, type ChainAtoms } from './sameChain.ts';

export interface NetworkFidelity {
  /** √(precision · recall), 0 to 1; 1 where neither side has a pair, 0 where one has none. */
  readonly fidelity: number;
  readonly precision: number;
  readonly recall: number;
  /** Pairs of the truth, of the model, and of both. */
  readonly pairs: number;
  readonly predicted: number;
  readonly matched: number;
}

/**
 * Interaction network fidelity (Parisien et al., RNA 15, 1875, 2009) of the cis Watson-Crick pairs AU and GC, or with
 * `wobble` of GU too. Pairs are found in both by `findBasePairs`; annotators differ, so compare values of one only.
 * Throws a RangeError for sequences that differ.
 */
export function networkFidelity(truth: ChainAtoms, model: ChainAtoms, { wobble = false } = {}): NetworkFidelity {
  checkSameChain(truth, model, 'networkFidelity');
  const keys = (pairs: readonly SpatialPair[]) =>
    new Set(
      pairs
        .filter(({ type }) => type === 'watsonCrick' || (wobble && type === 'wobble'))
        .map(({ i, j }) => `${i} ${j}`),
    );
  const [expected, found] = [keys(findBasePairs(truth)), keys(findBasePairs(model))];
  const matched = [...found].filter((key) => expected.has(key)).length;
  const precision = found.size === 0 ? 0 : matched / found.size;
  const recall = expected.size === 0 ? 0 : matched / expected.size;
  const none = expected.size === 0 && found.size === 0;
  return {
    fidelity: none ? 1 : Math.sqrt(precision * recall),
    precision,
    recall,
    pairs: expected.size,
    predicted: found.size,
    matched,
  };
}

export interface Clash {
  /** Nucleotides, from 0, and the names of their atoms. */
  readonly i: number;
  readonly j: number;
  readonly first: string;
  readonly second: string;
  readonly distance: number;
}

/** Radii of van der Waals (Bondi), Å. */
const RADII: Readonly<Record<string, number>> = { C: 1.7, N: 1.55, O: 1.52, P: 1.8 };
/** How far two spheres may overlap, Å, and how much farther where a hydrogen bond may hold the atoms. */
const OVERLAP = 0.4;
const HYDROGEN_BOND = 0.5;
/** Bonds from O3' back into its nucleotide, and from P of the next one on. Atoms that three bonds join are no clash. */
const FROM_OXYGEN: Readonly<Record<string, number>> = { "O3'": 0, "C3'": 1, "C2'": 2, "C4'": 2 };
const FROM_PHOSPHORUS: Readonly<Record<string, number>> = { P: 0, OP1: 1, OP2: 1, "O5'": 1, "C5'": 2 };
const LINKED_BY = 3;

/**
 * Clashes: heavy atoms of different nucleotides whose spheres overlap by more than 0.4 Å, between N and O by more than
 * 0.9 Å. Atoms that up to three bonds join over O3'-P are left out. Without hydrogens, so fewer than MolProbity's.
 */
export function findClashes({ sequence, coordinates, mask }: ChainAtoms): Clash[] {
  const clashes: Clash[] = [];
  const nameOf = (at: number) => {
    const base = sequence[Math.floor(at / ATOM_SLOTS)]!;
    return isBase(base) ? (ATOM_NAMES[base][at % ATOM_SLOTS] ?? '') : '';
  };
  visitNeighbours(
    coordinates,
    2 * RADII.P! - OVERLAP,
    (a, b, squared) => {
      const [i, j] = [Math.floor(a / ATOM_SLOTS), Math.floor(b / ATOM_SLOTS)];
      if (i === j) return;
      const [first, second] = [nameOf(a), nameOf(b)];
      const bonds =
        j === i + 1 ? (FROM_OXYGEN[first] ?? Infinity) + 1 + (FROM_PHOSPHORUS[second] ?? Infinity) : Infinity;
      if (bonds <= LINKED_BY) return;
      const [x, y] = [first[0]!, second[0]!];
      const polar = (x === 'N' || x === 'O') && (y === 'N' || y === 'O');
      const allowed = RADII[x]! + RADII[y]! - OVERLAP - (polar ? HYDROGEN_BOND : 0);
      const distance = Math.sqrt(squared);
      if (distance < allowed) clashes.push({ i, j, first, second, distance });
    },
    mask,
  );
  return clashes.sort((a, b) => a.i - b.i || a.j - b.j);
}
