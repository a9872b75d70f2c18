/** Atoms of nucleotides from their frames and torsions, and torsion angles of length 1. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { framesLength } from './frames.ts';

/** What nucleotides are made of. */
export interface AtomTable {
  /** [4, columns]: the rigid groups and the atoms of each base, as the kernels' fullAtoms.ts lays them out. */
  readonly table: Tensor;
  /** Rigid groups of a nucleotide, at most six. */
  readonly groups: number;
  /** What is added to the length of a torsion angle before it is divided by it. */
  readonly epsilon: number;
}

/**
 * The frames of the rigid groups, [L, groups, 12]: rotations as matrices by rows, then translations.
 * @param frames [L, 7], Å; quaternions of any length
 * @param torsions [L, 6, 2], cosines and sines of any length
 * @param bases u32 [L], rows of the table
 */
export function groupFrames(
  frames: Tensor,
  torsions: Tensor,
  bases: Tensor,
  { table, groups, epsilon }: AtomTable,
): Tensor {
  const count = framesLength(frames, 'groupFrames');
  requireShape(
    torsions.size === 2 * k.TORSIONS_OF_NUCLEOTIDE * count && bases.size === count,
    'groupFrames',
    frames.shape,
    torsions.shape,
    bases.shape,
  );
  const { device } = frames;
  const uniforms = { count, groups, epsilon };
  const { y } = device.run(k.groupFrames, { frames, torsions, bases, table }, { y: [count, groups, 12] }, uniforms);
  return record(y, [frames, torsions, bases, table], (dy) => {
    const { dframes, dtorsions } = device.run(
      k.groupFramesBackward,
      { dy, y, frames, torsions, bases, table },
      { dframes: frames.shape, dtorsions: torsions.shape },
      uniforms,
    );
    return [dframes, dtorsions];
  });
}

/**
 * The atoms of nucleotides, [L, 23, 3]; 0 in the slots that a base leaves empty.
 * @param frames [L, groups, 12], of the rigid groups
 * @param torsions [L, 6, 2], of which the second slot is the phase of the sugar's pucker where the table has one
 */
export function placeAtoms(
  frames: Tensor,
  torsions: Tensor,
  bases: Tensor,
  { table, groups, epsilon }: AtomTable,
): Tensor {
  const length = bases.size;
  requireShape(
    frames.size === 12 * groups * length && torsions.size === 2 * k.TORSIONS_OF_NUCLEOTIDE * length,
    'placeAtoms',
    frames.shape,
    torsions.shape,
    bases.shape,
  );
  const { device } = frames;
  const inputs = { frames, torsions, bases, table };
  const { y } = device.run(
    k.placeAtoms,
    inputs,
    { y: [length, k.ATOMS_OF_NUCLEOTIDE, 3] },
    { count: length * k.ATOMS_OF_NUCLEOTIDE, groups, epsilon },
  );
  return record(y, [frames, torsions, bases, table], (dy) => {
    const { dframes, dtorsions } = device.run(
      k.placeAtomsBackward,
      { dy, ...inputs },
      { dframes: frames.shape, dtorsions: torsions.shape },
      { count: length * groups, groups, epsilon },
    );
    return [dframes, dtorsions];
  });
}

/** Torsion angles [..., 2] divided by √max(their squared length, 1e-8). */
export function unitAngles(x: Tensor): Tensor {
  const { device, shape } = x;
  requireShape(shape.at(-1) === 2, 'unitAngles', shape);
  const uniforms = { count: x.size / 2 };
  const { y } = device.run(k.unitAngles, { x }, { y: shape }, uniforms);
  return record(y, [x], (dy) => [device.run(k.unitAnglesBackward, { dy, x }, { dx: shape }, uniforms).dx]);
}
