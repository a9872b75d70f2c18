/**
 * Base pairs from coordinates, by the geometry of hydrogen bonds: cis
 * Watson-Crick pairs (AU, GC), wobble pairs (GU), and all others that two
 * hydrogen bonds hold in a plane as non-canonical. Structures of the PDB become
 * secondary-structure data this way.
 */

import { visitNeighbours } from './cells.ts';
import { ATOM_NAMES, ATOM_SLOTS, C1_SLOT, NITROGEN_SLOT, atomSlot, isBase, type Base } from './nucleotides.ts';
import { cross, dot, norm, scale, subtract, vectorAt, type Vector } from './rigid.ts';
import type { ChainAtoms } from './sameChain.ts';
import type { PairType } from '../secondary/pairTypes.ts';

/** A hydrogen bond, by the heavy atoms that it is between. */
export interface HydrogenBond {
  /** An atom of nucleotide i. */
  readonly first: string;
  /** An atom of nucleotide j. */
  readonly second: string;
  /** Å. */
  readonly length: number;
}

/** A base pair i < j, from 0. */
export interface SpatialPair {
  readonly i: number;
  readonly j: number;
  readonly type: PairType;
  readonly bonds: readonly HydrogenBond[];
}

/** Hydrogen bonds of the canonical pairs, from the first base to the second. */
const CANONICAL: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  AU: [
    ['N1', 'N3'],
    ['N6', 'O4'],
  ],
  GC: [
    ['N1', 'N3'],
    ['O6', 'N4'],
    ['N2', 'O2'],
  ],
  GU: [
    ['N1', 'O2'],
    ['O6', 'N3'],
  ],
};

const DONORS: Readonly<Record<Base, readonly string[]>> = {
  A: ['N6', "O2'"],
  G: ['N1', 'N2', "O2'"],
  U: ['N3', "O2'"],
  C: ['N4', "O2'"],
};
const ACCEPTORS: Readonly<Record<Base, readonly string[]>> = {
  A: ['N1', 'N3', 'N7', "O2'"],
  G: ['O6', 'N3', 'N7', "O2'"],
  U: ['O2', 'O4', "O2'"],
  C: ['O2', 'N3', "O2'"],
};

/** The longest hydrogen bond of a canonical pair, whose bonds hold each other, and of another pair, Å. */
const LONGEST_CANONICAL = 4;
const LONGEST_OTHER = 3.4;
/** The mean length of a canonical pair's bonds, Å: in a crystal of 3 Å it is 2.9 with an error of 0.3. */
const LONGEST_CANONICAL_MEAN = 3.6;
/** How far two bases of a pair lean against each other, degrees, and how far one stands above the other's plane, Å. */
const LARGEST_ANGLE = { canonical: 65, other: 40 };
const LARGEST_RISE = { canonical: 2.5, other: 1.8 };
/** Pairs are sought among nucleotides whose C1' are no farther apart than this, Å; a canonical pair has 10.5. */
const FARTHEST_C1 = 15;

interface BaseInSpace {
  readonly base: Base;
  readonly atom: (name: string) => Vector | undefined;
  readonly centre: Vector;
  /** Unit vector across the ring. */
  readonly normal: Vector;
}

/**
 * All base pairs of a chain, in the order of i, then j. A nucleotide has at most one canonical pair, that of the
 * shortest bonds; non-canonical ones may share it (triples). Neighbours in the sequence do not pair.
 */
export function findBasePairs(chain: ChainAtoms): SpatialPair[] {
  const bases = Array.from(chain.sequence, (_, i) => baseAt(chain, i));
  const c1 = new Float64Array(3 * bases.length);
  const active = new Uint8Array(bases.length);
  for (const [i, base] of bases.entries()) {
    const at = i * ATOM_SLOTS + C1_SLOT;
    if (base === undefined || !chain.mask[at]) continue;
    c1.set(vectorAt(chain.coordinates, at), 3 * i);
    active[i] = 1;
  }
  const canonical: (SpatialPair & { readonly mean: number })[] = [];
  const others: SpatialPair[] = [];
  visitNeighbours(
    c1,
    FARTHEST_C1,
    (i, j) => {
      if (j - i < 2) return;
      const [a, b] = [bases[i]!, bases[j]!];
      const pair = canonicalPair(a, b, chain, i, j);
      if (pair !== undefined) canonical.push({ i, j, ...pair });
      else {
        const bonds = otherBonds(a, b);
        if (bonds !== undefined) others.push({ i, j, type: 'nonCanonical', bonds });
      }
    },
    active,
  );
  const taken = new Uint8Array(bases.length);
  const pairs = others;
  for (const { i, j, type, bonds } of canonical.sort((a, b) => a.mean - b.mean)) {
    if (taken[i] || taken[j]) continue;
    taken[i] = taken[j] = 1;
    pairs.push({ i, j, type, bonds });
  }
  return pairs.sort((a, b) => a.i - b.i || a.j - b.j);
}

/** Partners [L] of the canonical pairs alone, -1 for none: the secondary structure. */
export function canonicalPartners(pairs: readonly SpatialPair[], length: number): Int32Array {
  const partners = new Int32Array(length).fill(-1);
  for (const { i, j, type } of pairs) {
    if (type === 'nonCanonical') continue;
    partners[i] = j;
    partners[j] = i;
  }
  return partners;
}

/** A nucleotide's base, undefined where fewer than three atoms of its ring are known. */
function baseAt({ sequence, coordinates, mask }: ChainAtoms, index: number): BaseInSpace | undefined {
  const base = sequence[index]!;
  if (!isBase(base)) return undefined;
  const atom = (name: string): Vector | undefined => {
    const slot = atomSlot(base, name);
    const at = index * ATOM_SLOTS + slot;
    return slot >= 0 && mask[at] ? vectorAt(coordinates, at) : undefined;
  };
  // The three corners of the six-membered ring that lie farthest apart.
  const corners = ['N1', 'N3', 'C5'].map(atom);
  const [first, second, third] = corners;
  if (first === undefined || second === undefined || third === undefined) return undefined;
  const across = cross(subtract(second, first), subtract(third, first));
  const length = norm(across);
  if (!(length > 0)) return undefined;
  const centre = scale(
    [0, 1, 2].map((axis) => first[axis]! + second[axis]! + third[axis]!) as unknown as Vector,
    1 / 3,
  );
  return { base, atom, centre, normal: scale(across, 1 / length) };
}

/** Whether two bases lie in one plane: they lean by no more than an angle, and neither stands above the other. */
function coplanar(a: BaseInSpace, b: BaseInSpace, kind: 'canonical' | 'other'): boolean {
  const lean = Math.acos(Math.min(1, Math.abs(dot(a.normal, b.normal)))) * (180 / Math.PI);
  const between = subtract(b.centre, a.centre);
  const rise = Math.max(Math.abs(dot(between, a.normal)), Math.abs(dot(between, b.normal)));
  return lean <= LARGEST_ANGLE[kind] && rise <= LARGEST_RISE[kind];
}

const distance = (a: Vector, b: Vector) => norm(subtract(a, b));

function canonicalPair(a: BaseInSpace, b: BaseInSpace, chain: ChainAtoms, i: number, j: number) {
  const turned = !(`${a.base}${b.base}` in CANONICAL);
  const [x, y] = turned ? [b, a] : [a, b];
  const expected = CANONICAL[`${x.base}${y.base}`];
  if (expected === undefined || !coplanar(a, b, 'canonical')) return undefined;
  const bonds: HydrogenBond[] = [];
  for (const [donor, acceptor] of expected) {
    const [p, q] = [x.atom(donor), y.atom(acceptor)];
    if (p === undefined || q === undefined) return undefined;
    const length = distance(p, q);
    bonds.push(turned ? { first: acceptor, second: donor, length } : { first: donor, second: acceptor, length });
  }
  const mean = bonds.reduce((sum, { length }) => sum + length, 0) / bonds.length;
  if (mean > LONGEST_CANONICAL_MEAN || bonds.some(({ length }) => length > LONGEST_CANONICAL)) return undefined;
  if (!isCis(chain, i, j, bonds, a, b)) return undefined;
  const type: PairType = x.base === 'G' && y.base === 'U' ? 'wobble' : 'watsonCrick';
  return { type, bonds, mean };
}

/** Whether both glycosidic bonds lie on one side of the line between the bases. */
function isCis(
  { coordinates }: ChainAtoms,
  i: number,
  j: number,
  bonds: readonly HydrogenBond[],
  a: BaseInSpace,
  b: BaseInSpace,
): boolean {
  const line = subtract(b.atom(bonds[0]!.second)!, a.atom(bonds[0]!.first)!);
  const side = (index: number) => {
    const [sugar, nitrogen] = [C1_SLOT, NITROGEN_SLOT].map((slot) => vectorAt(coordinates, index * ATOM_SLOTS + slot));
    return cross(line, subtract(sugar!, nitrogen!));
  };
  return dot(side(i), side(j)) > 0;
}

/** The hydrogen bonds of a pair that is not canonical: two or more, one of them between the bases themselves. */
function otherBonds(a: BaseInSpace, b: BaseInSpace): HydrogenBond[] | undefined {
  if (!coplanar(a, b, 'other')) return undefined;
  const bonds: HydrogenBond[] = [];
  for (const first of ATOM_NAMES[a.base]) {
    const [gives, takes] = [DONORS[a.base].includes(first), ACCEPTORS[a.base].includes(first)];
    const p = gives || takes ? a.atom(first) : undefined;
    if (p === undefined) continue;
    for (const second of ATOM_NAMES[b.base]) {
      if (!((gives && ACCEPTORS[b.base].includes(second)) || (takes && DONORS[b.base].includes(second)))) continue;
      const q = b.atom(second);
      if (q === undefined) continue;
      const length = distance(p, q);
      if (length <= LONGEST_OTHER) bonds.push({ first, second, length });
    }
  }
  const between = bonds.some(({ first, second }) => first !== "O2'" && second !== "O2'");
  return bonds.length >= 2 && between ? bonds : undefined;
}
