/**
 * The losses of a predicted structure and how they are weighed (TERTIARY section 7; Jumper et al. 2021, supplement
 * 1.9, adapted to RNA): frame-aligned point errors, torsions, distograms, the predicted lDDT and the secondary
 * structure. What is not known of a chain counts in none of them.
 */
import { ATOMS_OF_NUCLEOTIDE } from '@rna/kernels';
import {
  atomSlot,
  C1_SLOT,
  C4_SLOT,
  chainGroupFrames,
  chainTorsions,
  distanceBin,
  geometryOf,
  isBase,
  NITROGEN_SLOT,
  TORSION_SLOTS,
  type ChainAtoms,
} from '@rna/structure';
import {
  add,
  binaryCrossEntropy,
  columns,
  crossEntropy,
  fape,
  frameMatrices,
  lddtLoss,
  reshape,
  scale,
  torsionLoss,
  type Device,
  type FapeGoal,
  type Tensor,
} from '@rna/tensor';
import type { TertiarySizes } from './config.ts';
import { geometryName, type FullAtoms } from './fullAtoms.ts';
import type { StructureIteration } from './structureModule.ts';

/** What a chain's own atoms say, of L nucleotides: all that losses compare with. */
export interface StructureGoal {
  /** Frames of the rigid groups, [L, G, 12]: rotations by rows, translations in Å; and whether each is known, [L, G]. */
  readonly frames: Float32Array;
  readonly frameMask: Float32Array;
  /** [L, 23, 3], Å, and [L, 23]. */
  readonly coordinates: Float32Array;
  readonly atomMask: Float32Array;
  /** [L, 6, 2] cosines and sines, and [L, 6]. */
  readonly torsions: Float32Array;
  readonly torsionMask: Float32Array;
  /** Slots of torsions that the geometry has. */
  readonly torsionSlots: readonly number[];
  /** Classes of the three distograms, [L, L] each; −1 where an atom is not known. */
  readonly distances: readonly Int32Array[];
  /** [L, L]: 1 for a pair of the secondary structure, 0 for none, −1 where it is not known; absent where nothing is. */
  readonly pairs?: Float32Array;
}

/** The slots whose distances the distograms are of: P, C4', and the nitrogen of the glycosidic bond. */
const distogramSlots = (letter: string): readonly number[] => [
  isBase(letter) ? atomSlot(letter, 'P') : -1,
  C4_SLOT,
  NITROGEN_SLOT,
];

/**
 * What a chain with known coordinates says.
 * @param pairs [L, L], of its secondary structure: 1, 0, or −1 where it is not known
 */
export function structureGoal(
  chain: ChainAtoms,
  sizes: Pick<TertiarySizes, 'geometry'>,
  pairs?: Float32Array,
): StructureGoal {
  const name = geometryName(sizes);
  const length = chain.sequence.length;
  const groups = chainGroupFrames(chain, name);
  const frames = new Float32Array(12 * groups.mask.length);
  for (let at = 0; at < groups.mask.length; at++) {
    frames.set(groups.rotations.subarray(9 * at, 9 * at + 9), 12 * at);
    frames.set(groups.translations.subarray(3 * at, 3 * at + 3), 12 * at + 9);
  }
  const { torsions, mask } = chainTorsions(chain, name);
  const slots = Array.from(chain.sequence, distogramSlots);
  const places = (atom: number): (number | undefined)[] =>
    slots.map((own, l) => {
      const at = l * ATOMS_OF_NUCLEOTIDE + own[atom]!;
      return own[atom]! >= 0 && chain.mask[at] ? at : undefined;
    });
  const distances = [0, 1, 2].map((atom) => {
    const own = places(atom);
    return Int32Array.from({ length: length * length }, (_, at) => {
      const [a, b] = [own[Math.floor(at / length)], own[at % length]];
      if (a === undefined || b === undefined) return -1;
      const squares = [0, 1, 2].map((k) => (chain.coordinates[3 * a + k]! - chain.coordinates[3 * b + k]!) ** 2);
      return distanceBin(Math.sqrt(squares[0]! + squares[1]! + squares[2]!));
    });
  });
  return {
    frames,
    frameMask: Float32Array.from(groups.mask),
    coordinates: Float32Array.from(chain.coordinates),
    atomMask: Float32Array.from(chain.mask, (known) => (known ? 1 : 0)),
    torsions: Float32Array.from(torsions),
    torsionMask: Float32Array.from(mask),
    torsionSlots: geometryOf(name).slots,
    distances,
    ...(pairs !== undefined && { pairs }),
  };
}

/** What a cycle gives that losses are of. */
export interface StructurePrediction {
  readonly iterations: readonly StructureIteration[];
  readonly atoms: FullAtoms;
  /** [L, 50] */
  readonly confidence: Tensor;
  /** [L, L, 40] each. */
  readonly distograms: readonly Tensor[];
  /** [L, L] */
  readonly pairLogits: Tensor;
}

export interface LossWeights {
  /** FAPE of the main frames and their origins, the mean over all iterations. */
  readonly backbone: number;
  /** FAPE of the rigid groups and all atoms of the last iteration. */
  readonly allAtom: number;
  readonly torsion: number;
  /** How far the torsions' lengths are from 1. */
  readonly angleNorm: number;
  readonly distogram: number;
  readonly confidence: number;
  readonly pairs: number;
}

/** OpenFold's weights, and one for the secondary structure. */
export const LOSS_WEIGHTS: LossWeights = {
  backbone: 0.5,
  allAtom: 0.5,
  torsion: 0.5,
  angleNorm: 0.01,
  distogram: 0.3,
  confidence: 0.01,
  pairs: 0.3,
};

export interface LossOptions {
  /** Terms of weight 0 are left out. */
  readonly weights?: Partial<LossWeights>;
  /** Where the frame-aligned errors are cut, Å; Infinity for no cut. Default 10. */
  readonly clamp?: number;
  /** Whether all rigid groups' frames see all atoms, or the main ones alone; default all. */
  readonly frames?: 'all' | 'main';
  /** How many times a pair of the secondary structure counts against one that is none; default 5. */
  readonly positiveWeight?: number;
}

export interface StructureLoss {
  /** The weighted sum, [1]. */
  readonly total: Tensor;
  /** Each term before its weight, [1]; those that nothing is known for are absent. */
  readonly terms: Readonly<Partial<Record<keyof LossWeights, Tensor>>>;
}

const counted = (mask: Float32Array): number => mask.reduce((sum, value) => sum + value, 0);

/** Every G-th frame of [L, G, 12] and its mask: the main ones. */
function mainFrames({ frames, frameMask, atomMask }: StructureGoal): { frames: Float32Array; mask: Float32Array } {
  const length = atomMask.length / ATOMS_OF_NUCLEOTIDE;
  const groups = frameMask.length / length;
  return {
    frames: Float32Array.from(
      { length: 12 * length },
      (_, at) => frames[12 * groups * Math.floor(at / 12) + (at % 12)]!,
    ),
    mask: Float32Array.from({ length }, (_, l) => frameMask[l * groups]!),
  };
}

function fapeGoal(
  device: Device,
  frames: Float32Array,
  frameMask: Float32Array,
  points: Float32Array,
  pointMask: Float32Array,
): FapeGoal {
  return {
    frames: device.tensor(frames),
    points: device.tensor(points),
    frameMask: device.tensor(frameMask),
    pointMask: device.tensor(pointMask),
    framesCounted: counted(frameMask),
    pointsCounted: counted(pointMask),
  };
}

/** The mean over iterations of FAPE of the main frames and their origins, [1]. */
export function backboneLoss(iterations: readonly StructureIteration[], goal: StructureGoal, clamp: number): Tensor {
  const { device } = iterations[0]!.frames;
  return device.scope(() => {
    const { frames, mask } = mainFrames(goal);
    const origins = Float32Array.from(
      { length: frames.length / 4 },
      (_, at) => frames[12 * Math.floor(at / 3) + 9 + (at % 3)]!,
    );
    const truth = fapeGoal(device, frames, mask, origins, mask);
    return iterations
      .map((iteration) => {
        const matrices = frameMatrices(iteration.frames);
        return fape(matrices, columns(matrices, 9, 3), truth, { clamp, factor: 1 / iterations.length });
      })
      .reduce((sum, term) => add(sum, term));
  });
}

/** FAPE of all atoms from the frames of all rigid groups, or from the main ones, [1]. */
export function allAtomLoss(
  { coordinates, groups }: FullAtoms,
  goal: StructureGoal,
  clamp: number,
  which: 'all' | 'main' = 'all',
): Tensor {
  const { device } = coordinates;
  return device.scope(() => {
    if (which === 'all')
      return fape(groups, coordinates, fapeGoal(device, goal.frames, goal.frameMask, goal.coordinates, goal.atomMask), {
        clamp,
      });
    const [length = 0] = groups.shape;
    const main = columns(reshape(groups, [length, groups.size / length]), 0, 12);
    const { frames, mask } = mainFrames(goal);
    return fape(main, coordinates, fapeGoal(device, frames, mask, goal.coordinates, goal.atomMask), { clamp });
  });
}

const EPSILON = 1e-4;

/**
 * The mean of |â − a|² over iterations, nucleotides and torsions that are known times `weight`, and that of ||a| − 1|
 * over all torsions that the geometry has times `normWeight`, [1].
 */
export function torsionLosses(
  rawTorsions: readonly Tensor[],
  goal: Pick<StructureGoal, 'torsions' | 'torsionMask' | 'torsionSlots'>,
  weight: number,
  normWeight: number,
): Tensor {
  const { device } = rawTorsions[0]!;
  const { torsions, torsionMask, torsionSlots } = goal;
  return device.scope(() => {
    const iterations = rawTorsions.length;
    const length = torsionMask.length / TORSION_SLOTS;
    const live = (at: number): boolean => torsionSlots.includes(at % TORSION_SLOTS);
    const known = torsionMask.map((value, at) => (live(at) ? value : 0));
    const each = weight / (EPSILON + iterations * counted(known));
    const eachNorm = normWeight / (EPSILON + iterations * length * torsionSlots.length);
    const [truth, weights, norms] = [
      device.tensor(torsions),
      device.tensor(known.map((value) => value * each)),
      device.tensor(Float32Array.from(torsionMask, (_, at) => (live(at) ? eachNorm : 0))),
    ];
    return rawTorsions.map((x) => torsionLoss(x, truth, weights, norms)).reduce((sum, term) => add(sum, term));
  });
}

/** The mean cross entropy of those distograms of which a distance is known, [1]; undefined where none is. */
export function distogramLoss(distograms: readonly Tensor[], distances: readonly Int32Array[]): Tensor | undefined {
  const known = distograms.flatMap((logits, i) =>
    distances[i]!.some((label) => label >= 0) ? [{ logits, labels: distances[i]! }] : [],
  );
  if (known.length === 0) return undefined;
  const { device } = distograms[0]!;
  return device.scope(() =>
    scale(
      known
        .map(({ logits, labels }) => crossEntropy(reshape(logits, [labels.length, logits.shape.at(-1)!]), labels))
        .reduce((sum, term) => add(sum, term)),
      1 / known.length,
    ),
  );
}

/** Cross entropy of the predicted lDDT against that of the predicted C1', [1]; undefined where none is known. */
export function confidenceLoss(
  logits: Tensor,
  coordinates: Tensor,
  goal: Pick<StructureGoal, 'coordinates' | 'atomMask'>,
): Tensor | undefined {
  const { device } = logits;
  const known = goal.atomMask.reduce((sum, value, at) => sum + (at % ATOMS_OF_NUCLEOTIDE === C1_SLOT ? value : 0), 0);
  if (known === 0) return undefined;
  return device.scope(() =>
    lddtLoss(logits, coordinates, device.tensor(goal.coordinates), device.tensor(goal.atomMask), {
      slot: C1_SLOT,
      counted: known,
    }),
  );
}

/** All terms of a cycle and their weighted sum. Gradients reach everything but the coordinates through lDDT. */
export function structureLoss(
  prediction: StructurePrediction,
  goal: StructureGoal,
  { weights: given = {}, clamp = 10, frames = 'all', positiveWeight = 5 }: LossOptions = {},
): StructureLoss {
  const weights = { ...LOSS_WEIGHTS, ...given };
  const { iterations, atoms, confidence, distograms, pairLogits } = prediction;
  const rawTorsions = iterations.map((iteration) => iteration.rawTorsions);
  const losses: Readonly<Record<keyof LossWeights, () => Tensor | undefined>> = {
    backbone: () => backboneLoss(iterations, goal, clamp),
    allAtom: () => allAtomLoss(atoms, goal, clamp, frames),
    torsion: () => torsionLosses(rawTorsions, goal, 1, 0),
    angleNorm: () => torsionLosses(rawTorsions, goal, 0, 1),
    distogram: () => distogramLoss(distograms, goal.distances),
    confidence: () => confidenceLoss(confidence, atoms.coordinates, goal),
    pairs: () =>
      goal.pairs?.some((label) => label >= 0) === true
        ? binaryCrossEntropy(pairLogits, goal.pairs, positiveWeight)
        : undefined,
  };
  const { device } = pairLogits;
  return device.scope(() => {
    const terms: Partial<Record<keyof LossWeights, Tensor>> = {};
    const weighted: Tensor[] = [];
    for (const name of Object.keys(losses) as (keyof LossWeights)[]) {
      const term = weights[name] === 0 ? undefined : losses[name]();
      if (term === undefined) continue;
      terms[name] = term;
      weighted.push(scale(term, weights[name]));
    }
    if (weighted.length === 0)
      throw new RangeError('structureLoss: every term has weight 0 or nothing is known for it');
    return { total: weighted.reduce((sum, term) => add(sum, term)), terms };
  });
}
