/**
 * How a nucleotide is made of rigid groups (RhoFold, whose structure module
 * SSR-LM takes). Group 0 lies in the main frame, which has its origin at C1', its
 * x axis towards the nitrogen and C4' in the xy plane; 3 is the base, 4 the
 * sugar, 5 O5', 6 the phosphate. Each of 3 to 7 is turned about a bond by a
 * torsion. `paper` has the groups as published. `repaired` has the oxygens of
 * the phosphate in a group 7 of their own and a sugar that moves with its
 * pucker, in the two torsion slots that the paper leaves empty.
 */

import { PAPER_TABLE, REPAIRED_TABLE } from './geometryTables.ts';
import { ATOM_NAMES, ATOM_SLOTS, BASES, type Base } from './nucleotides.ts';
import {
  composeRigids,
  frameOfPoints,
  invertRigid,
  add,
  applyRigid,
  subtract,
  type Rigid,
  type Vector,
} from './rigid.ts';

export const GEOMETRIES = ['paper', 'repaired'] as const;
export type GeometryName = (typeof GEOMETRIES)[number];

/** Torsion slots of a nucleotide, each (cos, sin). */
export const TORSION_SLOTS = 6;
/** The slot of the repaired geometry that turns OP1 and OP2, and the one that has the phase of the pucker. */
export const PHOSPHATE_SLOT = 0;
export const PUCKER_SLOT = 1;

/** Groups that a torsion turns, in the order in which they are built. */
export interface TorsionGroup {
  readonly group: number;
  /** Torsion slot. */
  readonly slot: number;
  /** The group whose frame it hangs on; 0 is the main frame. */
  readonly parent: number;
  /** The four atoms of the dihedral angle. */
  readonly atoms: readonly [string, string, string, string];
}

/** One base's rigid groups. */
export interface BaseGeometry {
  /** [slots]: group of each atom. */
  readonly groups: Int32Array;
  /** [slots, 3], Å, in the frame of the group. */
  readonly local: Float64Array;
  /** [slots, 2, 3], Å: what is added to `local` times cosine and sine of the pucker's phase. */
  readonly pucker: Float64Array;
  readonly torsions: readonly TorsionGroup[];
  /** The frame of each torsion group at torsion 0 in the frame of its parent, in the order of `torsions`. */
  readonly transforms: readonly Rigid[];
}

export interface Geometry {
  readonly name: GeometryName;
  /** Added to lengths that are divided by: RhoFold's 1e-4, or next to nothing. */
  readonly epsilon: number;
  /** Torsion slots in use, from the first. */
  readonly slots: readonly number[];
  readonly bases: Readonly<Record<Base, BaseGeometry>>;
}

/** The torsions of a base; the names of the atoms tell what moves. */
function torsionGroups(base: Base, name: GeometryName): TorsionGroup[] {
  const purine = base === 'A' || base === 'G';
  const nitrogen = purine ? 'N9' : 'N1';
  const torsions: TorsionGroup[] = [
    { group: 3, slot: 2, parent: 0, atoms: ["C4'", "C1'", nitrogen, purine ? 'C4' : 'C2'] },
    { group: 4, slot: 3, parent: 0, atoms: [nitrogen, "C1'", "C4'", "C5'"] },
    { group: 5, slot: 4, parent: 4, atoms: ["C1'", "C4'", "C5'", "O5'"] },
    { group: 6, slot: 5, parent: 5, atoms: ["C4'", "C5'", "O5'", 'P'] },
  ];
  if (name === 'repaired')
    torsions.push({ group: 7, slot: PHOSPHATE_SLOT, parent: 6, atoms: ["C5'", "O5'", 'P', 'OP1'] });
  return torsions;
}

function baseGeometry(base: Base, name: GeometryName, table: string, epsilon: number): BaseGeometry {
  const names = ATOM_NAMES[base];
  const groups = new Int32Array(ATOM_SLOTS);
  const local = new Float64Array(ATOM_SLOTS * 3);
  const pucker = new Float64Array(ATOM_SLOTS * 6);
  for (const line of table.trim().split('\n')) {
    const [atom, group, ...numbers] = line.trim().split(/\s+/);
    const slot = names.indexOf(atom!);
    groups[slot] = Number(group);
    local.set(numbers.slice(0, 3).map(Number), 3 * slot);
    pucker.set(numbers.slice(3).map(Number), 6 * slot);
  }
  const torsions = torsionGroups(base, name);
  // Positions in the main frame at torsion 0, as far as they are known when a frame is made.
  const frames = new Map<number, Rigid>();
  const position = (atom: string): Vector => {
    const slot = names.indexOf(atom);
    const at: Vector = [local[3 * slot]!, local[3 * slot + 1]!, local[3 * slot + 2]!];
    const frame = frames.get(groups[slot]!);
    return frame === undefined ? at : applyRigid(frame, at);
  };
  const transforms = torsions.map(({ group, parent, atoms }) => {
    const [first, second, third] = [position(atoms[0]), position(atoms[1]), position(atoms[2])];
    // Origin at the third atom, x along the bond, the first atom at y > 0: torsion 0 is cis.
    const frame = frameOfPoints(first, third, add(third, subtract(third, second)), epsilon);
    frames.set(group, frame);
    const outer = frames.get(parent);
    return outer === undefined ? frame : composeRigids(invertRigid(outer), frame);
  });
  return { groups, local, pucker, torsions, transforms };
}

function makeGeometry(name: GeometryName, tables: Readonly<Record<Base, string>>, epsilon: number): Geometry {
  const bases = Object.fromEntries(
    BASES.map((base) => [base, baseGeometry(base, name, tables[base], epsilon)]),
  ) as unknown as Record<Base, BaseGeometry>;
  return { name, epsilon, slots: name === 'paper' ? [2, 3, 4, 5] : [0, 1, 2, 3, 4, 5], bases };
}

const made = new Map<GeometryName, Geometry>();

/** The rigid groups of all bases. */
export function geometryOf(name: GeometryName): Geometry {
  let geometry = made.get(name);
  if (geometry === undefined) {
    geometry = name === 'paper' ? makeGeometry(name, PAPER_TABLE, 1e-4) : makeGeometry(name, REPAIRED_TABLE, 1e-8);
    made.set(name, geometry);
  }
  return geometry;
}
