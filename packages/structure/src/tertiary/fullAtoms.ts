/**
 * From frames and torsions to atoms, and back: the full-atom builder of the
 * structure module in doubles, and the frames and torsions that a chain with
 * known coordinates has.
 */

import { geometryOf, PUCKER_SLOT, TORSION_SLOTS, type GeometryName } from './geometry.ts';
import { ATOM_NAMES, ATOM_SLOTS, C1_SLOT, C4_SLOT, NITROGEN_SLOT, atomSlot, isBase, type Base } from './nucleotides.ts';
import {
  add,
  applyRigid,
  composeRigids,
  dihedral,
  frameOfPoints,
  matrixQuaternion,
  normalizeQuaternion,
  quaternionMatrix,
  scale,
  subtract,
  vectorAt,
  type Matrix,
  type Quaternion,
  type Rigid,
  type Vector,
} from './rigid.ts';
import type { ChainAtoms } from './sameChain.ts';

/**
 * The frames of the rigid groups of L nucleotides, in the order main, then the torsion groups of the geometry: G is 5 of
 * `paper`, 6 of `repaired`.
 */
export interface GroupFrames {
  /** [L, G, 3, 3]. */
  readonly rotations: Float64Array;
  /** [L, G, 3], Å. */
  readonly translations: Float64Array;
  /** [L, G]: 1 for a frame that is known. */
  readonly mask: Uint8Array;
}

export interface BuiltAtoms {
  /** [L, 23, 3], Å; 0 where the mask is 0. */
  readonly coordinates: Float64Array;
  /** [L, 23]: 1 for each atom that the base has. */
  readonly mask: Uint8Array;
  /** The frames that the groups were built in. */
  readonly groups: GroupFrames;
}

/**
 * The atoms of nucleotides from their frames and torsions (RhoFold's builder).
 * @param frames [L, 7]: quaternion (w, x, y, z), which is normalised, and translation in Å.
 * @param torsions [L, 6, 2]: (cos, sin), divided by their length here.
 * Throws a RangeError for lengths that differ and for letters besides A, G, U and C.
 */
export function buildAtoms(
  sequence: string,
  frames: ArrayLike<number>,
  torsions: ArrayLike<number>,
  geometry: GeometryName,
): BuiltAtoms {
  const length = sequence.length;
  if (frames.length !== 7 * length || torsions.length !== 2 * TORSION_SLOTS * length)
    throw new RangeError(
      `buildAtoms: ${frames.length} numbers of frames and ${torsions.length} of torsions for ${length} nucleotides`,
    );
  const coordinates = new Float64Array(length * ATOM_SLOTS * 3);
  const mask = new Uint8Array(length * ATOM_SLOTS);
  const groups = noFrames(length, geometry);
  for (let i = 0; i < length; i++) {
    const base = sequence[i]!;
    if (!isBase(base)) throw new RangeError(`buildAtoms: "${base}" of nucleotide ${i + 1} is not A, G, U or C`);
    const quaternion = [0, 1, 2, 3].map((k) => frames[7 * i + k]!) as unknown as Quaternion;
    const main: Rigid = {
      rotation: quaternionMatrix(normalizeQuaternion(quaternion)),
      translation: [frames[7 * i + 4]!, frames[7 * i + 5]!, frames[7 * i + 6]!],
    };
    const built = groupsOf(base, main, torsions, i * TORSION_SLOTS, geometry);
    for (const [k, frame] of built.entries()) setFrame(groups, i * built.length + k, frame);
    for (const [slot, position] of placeAtoms(base, built, torsions, i * TORSION_SLOTS, geometry).entries()) {
      const at = i * ATOM_SLOTS + slot;
      coordinates.set(position, 3 * at);
      mask[at] = 1;
    }
  }
  return { coordinates, mask, groups };
}

function noFrames(length: number, geometry: GeometryName): GroupFrames {
  const count = length * groupCount(geometry);
  return {
    rotations: new Float64Array(9 * count),
    translations: new Float64Array(3 * count),
    mask: new Uint8Array(count),
  };
}

function setFrame({ rotations, translations, mask }: GroupFrames, at: number, { rotation, translation }: Rigid): void {
  rotations.set(rotation, 9 * at);
  translations.set(translation, 3 * at);
  mask[at] = 1;
}

/** Frames of a nucleotide: main, then the torsion groups. */
export const groupCount = (geometry: GeometryName): number => 1 + geometryOf(geometry).bases.A.torsions.length;

/** (cos, sin) of a torsion, divided by its length. */
function unitAngle(torsions: ArrayLike<number>, at: number, epsilon: number): readonly [number, number] {
  const [cos, sin] = [torsions[2 * at]!, torsions[2 * at + 1]!];
  const length = Math.sqrt(cos * cos + sin * sin) + epsilon;
  return [cos / length, sin / length];
}

/** The frames of one nucleotide's groups. `first` is the place of its first torsion. */
function groupsOf(base: Base, main: Rigid, torsions: ArrayLike<number>, first: number, name: GeometryName): Rigid[] {
  const { epsilon, bases } = geometryOf(name);
  const frames = new Map<number, Rigid>([[0, main]]);
  for (const [k, { group, parent, slot }] of bases[base].torsions.entries()) {
    const [cos, sin] = unitAngle(torsions, first + slot, epsilon);
    const turn: Matrix = [1, 0, 0, 0, cos, -sin, 0, sin, cos];
    const inParent = composeRigids(bases[base].transforms[k]!, { rotation: turn, translation: [0, 0, 0] });
    frames.set(group, composeRigids(frames.get(parent)!, inParent));
  }
  return [...frames.values()];
}

/** The positions of one nucleotide's atoms, by slot. */
function placeAtoms(
  base: Base,
  frames: readonly Rigid[],
  torsions: ArrayLike<number>,
  first: number,
  name: GeometryName,
): Vector[] {
  const { epsilon, bases } = geometryOf(name);
  const { groups, local, pucker, torsions: turned } = bases[base];
  const [cosPhase, sinPhase] = name === 'repaired' ? unitAngle(torsions, first + PUCKER_SLOT, epsilon) : [0, 0];
  return ATOM_NAMES[base].map((_, slot) => {
    const moved = add(
      vectorAt(local, slot),
      add(scale(vectorAt(pucker, 2 * slot), cosPhase), scale(vectorAt(pucker, 2 * slot + 1), sinPhase)),
    );
    const group = groups[slot]!;
    return applyRigid(frames[group === 0 ? 0 : 1 + turned.findIndex((torsion) => torsion.group === group)]!, moved);
  });
}

export interface ChainFrames {
  /** [L, 7]: quaternion (w, x, y, z) with w ≥ 0 and translation in Å; the identity where the mask is 0. */
  readonly frames: Float64Array;
  /** [L]: 1 where C1', C4' and the nitrogen are known. */
  readonly mask: Uint8Array;
}

/** The main frame of each nucleotide: origin C1', x axis towards the nitrogen, C4' in the xy plane with y > 0. */
export function chainFrames(chain: ChainAtoms): ChainFrames {
  const length = chain.sequence.length;
  const frames = new Float64Array(7 * length);
  const mask = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const [aside, origin, ahead] = [C4_SLOT, C1_SLOT, NITROGEN_SLOT].map((slot) => atomAt(chain, i, slot));
    frames[7 * i] = 1;
    if (aside === undefined || origin === undefined || ahead === undefined) continue;
    const { rotation, translation } = frameOfPoints(aside, origin, ahead);
    if (!rotation.every(Number.isFinite)) continue;
    frames.set([...matrixQuaternion(rotation), ...translation], 7 * i);
    mask[i] = 1;
  }
  return { frames, mask };
}

/**
 * The frames of the rigid groups as a chain's own atoms give them: the main frame, and for each torsion one with its
 * origin at the third atom, its x axis along the bond and the fourth atom in the xy plane with y > 0. They are what FAPE
 * compares a model's frames with.
 */
export function chainGroupFrames(chain: ChainAtoms, geometry: GeometryName): GroupFrames {
  const length = chain.sequence.length;
  const groups = noFrames(length, geometry);
  for (let i = 0; i < length; i++) {
    const base = chain.sequence[i]!;
    if (!isBase(base)) continue;
    const { torsions } = geometryOf(geometry).bases[base];
    const atom = (name: string) => atomAt(chain, i, atomSlot(base, name));
    const set = (k: number, aside?: Vector, origin?: Vector, ahead?: Vector) => {
      if (aside === undefined || origin === undefined || ahead === undefined) return;
      const frame = frameOfPoints(aside, origin, ahead);
      if (frame.rotation.every(Number.isFinite)) setFrame(groups, i * (torsions.length + 1) + k, frame);
    };
    set(0, ...([C4_SLOT, C1_SLOT, NITROGEN_SLOT].map((slot) => atomAt(chain, i, slot)) as [Vector?, Vector?, Vector?]));
    for (const [k, { atoms }] of torsions.entries()) {
      const [before, origin, aside] = atoms.slice(1).map(atom) as [Vector?, Vector?, Vector?];
      if (before !== undefined && origin !== undefined)
        set(k + 1, aside, origin, add(origin, subtract(origin, before)));
    }
  }
  return groups;
}

export interface ChainTorsions {
  /** [L, 6, 2]: (cos, sin); (1, 0) where the mask is 0. */
  readonly torsions: Float64Array;
  /** [L, 6]: 1 where the geometry has the torsion and the chain its atoms. */
  readonly mask: Uint8Array;
}

/** The torsions of each nucleotide in the slots of a geometry. */
export function chainTorsions(chain: ChainAtoms, geometry: GeometryName): ChainTorsions {
  const length = chain.sequence.length;
  const torsions = new Float64Array(length * TORSION_SLOTS * 2);
  const mask = new Uint8Array(length * TORSION_SLOTS);
  for (let i = 0; i < length; i++) {
    for (let slot = 0; slot < TORSION_SLOTS; slot++) torsions[2 * (i * TORSION_SLOTS + slot)] = 1;
    const base = chain.sequence[i]!;
    if (!isBase(base)) continue;
    const atom = (name: string) => atomAt(chain, i, atomSlot(base, name));
    const set = (slot: number, value: readonly [number, number] | undefined) => {
      if (value === undefined || !Number.isFinite(value[0] + value[1])) return;
      torsions.set(value, 2 * (i * TORSION_SLOTS + slot));
      mask[i * TORSION_SLOTS + slot] = 1;
    };
    for (const { slot, atoms } of geometryOf(geometry).bases[base].torsions) set(slot, dihedralOf(atoms.map(atom)));
    if (geometry === 'repaired') set(PUCKER_SLOT, puckerPhase(atom));
  }
  return { torsions, mask };
}

const dihedralOf = (atoms: readonly (Vector | undefined)[]) => {
  const [a, b, c, d] = atoms;
  return a === undefined || b === undefined || c === undefined || d === undefined ? undefined : dihedral(a, b, c, d);
};

/** The ring of the sugar: its torsion ν_j turns about the bond from the second to the third of atoms j … j + 3. */
const RING = ["C4'", "O4'", "C1'", "C2'", "C3'"];

/**
 * The phase of the sugar's pucker as (cos, sin), of Altona and Sundaralingam (J. Am. Chem. Soc. 94, 8205, 1972): 18° is
 * C3'-endo, 162° is C2'-endo. Undefined where an atom of the ring is missing.
 */
export function puckerPhase(atom: (name: string) => Vector | undefined): readonly [number, number] | undefined {
  const angles: number[] = [];
  for (let j = 0; j < 5; j++) {
    const turn = dihedralOf([0, 1, 2, 3].map((k) => atom(RING[(j + k) % 5]!)));
    if (turn === undefined) return undefined;
    angles.push(Math.atan2(turn[1], turn[0]));
  }
  const [v0, v1, v2, v3, v4] = angles as [number, number, number, number, number];
  const cos = 2 * v2 * (Math.sin(Math.PI / 5) + Math.sin((2 * Math.PI) / 5));
  const sin = v4 + v1 - (v3 + v0);
  const length = Math.hypot(cos, sin);
  return [cos / length, sin / length];
}

function atomAt({ coordinates, mask }: ChainAtoms, index: number, slot: number): Vector | undefined {
  const at = index * ATOM_SLOTS + slot;
  return slot >= 0 && mask[at] ? vectorAt(coordinates, at) : undefined;
}
