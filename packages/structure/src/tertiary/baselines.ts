/**
 * Two models of an RNA in space that no learning is behind, which a predictor
 * must beat. One bends an A-form helix into the stems of a secondary structure,
 * the other is a random walk of the backbone.
 */

import { RandomStream } from '@rna/kernels';
import { buildAtoms, type BuiltAtoms } from './fullAtoms.ts';
import { ATOM_SLOTS, isBase, type Base } from './nucleotides.ts';
import {
  add,
  composeRigids,
  IDENTITY,
  matrixQuaternion,
  normalizeQuaternion,
  quaternionMatrix,
  scale,
  type Quaternion,
  type Rigid,
  type Vector,
} from './rigid.ts';

/** The atoms of a whole sequence. */
export interface ModelledChain extends Pick<BuiltAtoms, 'coordinates' | 'mask'> {
  readonly sequence: string;
}

const rigid = (quaternion: Quaternion, translation: Vector): Rigid => ({
  rotation: quaternionMatrix(normalizeQuaternion(quaternion)),
  translation,
});

/*
 * Medians over the canonical pairs that stand between two others in 196 chains of the PDB of 3 Å or better, none of them
 * near a target of RNA-Puzzles or CASP15: 1,918 steps, 2,928 pairs.
 */
/** The frame of the next nucleotide of a strand in that of the one before. */
const STEP = rigid([0.9594, -0.0249, 0.1608, 0.2303], [0.925, -2.118, 4.895]);
/** The frame of a nucleotide's partner in its own: half a turn, as a pair looks the same from both sides. */
const PARTNER = rigid([0, -0.8165, -0.4962, 0.2951], [6.101, -7.886, 3.549]);
/** Degrees, in the slots of the repaired geometry; circular means over the same nucleotides. */
const TORSIONS: Readonly<Record<Base, readonly number[]>> = {
  A: [46.6, 13.9, 159.3, 27.7, -31.6, 173.3],
  G: [42.3, 13.9, 154.1, 29.0, -24.6, 175.5],
  U: [48.5, 14.8, 161.7, 27.8, -34.5, 172.8],
  C: [46.1, 14.6, 159.8, 28.3, -31.0, 174.1],
};

/** Å between the C1' of neighbours in those steps. */
const STEP_LENGTH = 5.41;

/** The atoms of nucleotides at some frames, with the torsions of A-form; a nucleotide of unknown base has none. */
function atFrames(sequence: string, frames: readonly Rigid[]): ModelledChain {
  const letters = Array.from(sequence, (letter) => (isBase(letter) ? letter : 'A'));
  const { coordinates, mask } = buildAtoms(
    letters.join(''),
    frames.flatMap(({ rotation, translation }) => [...matrixQuaternion(rotation), ...translation]),
    letters.flatMap((letter) =>
      TORSIONS[letter].flatMap((degrees) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]),
    ),
    'repaired',
  );
  for (let i = 0; i < sequence.length; i++)
    if (!isBase(sequence[i]!)) mask.fill(0, i * ATOM_SLOTS, (i + 1) * ATOM_SLOTS);
  return { sequence, coordinates, mask };
}

/**
 * An RNA whose stems are A-form helices. All of it is one stack of nucleotides; at a pair the strand that leaves the
 * stem goes on from the partner's side. Loops are not closed, and nothing keeps helices apart. Of pairs that cross, the
 * ones that begin inside of others and end outside are left out.
 * @param partners [L], −1 without.
 */
export function helixModel(sequence: string, partners: ArrayLike<number>): ModelledChain {
  if (partners.length !== sequence.length)
    throw new RangeError(`helixModel: ${partners.length} partners for ${sequence.length} nucleotides`);
  const frames: Rigid[] = [];
  const place = (first: number, end: number, start: Rigid): void => {
    let at = start;
    for (let i = first; i < end; i++) {
      frames[i] = at;
      const partner = partners[i]!;
      if (partner > i && partner < end) {
        place(i + 1, partner, composeRigids(at, STEP));
        at = composeRigids(at, PARTNER);
        frames[partner] = at;
        i = partner;
      }
      at = composeRigids(at, STEP);
    }
  };
  place(0, sequence.length, IDENTITY);
  return atFrames(sequence, frames);
}

/** An RNA whose backbone is a random walk: steps of an A-form helix's length, each nucleotide turned at random. */
export function randomWalkModel(sequence: string, seed: number): ModelledChain {
  const random = new RandomStream(seed);
  let position: Vector = [0, 0, 0];
  const frames = Array.from(sequence, (): Rigid => {
    const turn = [random.normal(), random.normal(), random.normal(), random.normal()] as const;
    const here = rigid(turn, position);
    const step: Vector = [random.normal(), random.normal(), random.normal()];
    position = add(position, scale(step, STEP_LENGTH / Math.hypot(...step)));
    return here;
  });
  return atFrames(sequence, frames);
}
