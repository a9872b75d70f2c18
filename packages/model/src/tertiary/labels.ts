/**
 * What a known structure teaches the tertiary module, on the host: frames,
 * torsions, atoms, distance bins and base pairs, each with a mask of what the
 * file resolves. Nucleotides that are not resolved keep their place and count
 * for nothing.
 */
import {
  ATOM_SLOTS,
  atomSlot,
  canonicalPartners,
  chainFrames,
  chainGroupFrames,
  chainTorsions,
  distanceBin,
  findBasePairs,
  isBase,
  type ChainAtoms,
  type GeometryName,
} from '@rna/structure';
import { DISTOGRAM_ATOMS } from './pairHeads.ts';

/** A chain that a model is trained on: L nucleotides in 23 slots each. */
export interface TertiaryTarget extends ChainAtoms {
  readonly coordinates: Float64Array;
  readonly mask: Uint8Array;
}

/** Labels of L nucleotides, with G rigid groups each. */
export interface TertiaryLabels {
  readonly length: number;
  /** [L, 7]: quaternion (w, x, y, z) and translation in Å. */
  readonly frames: Float32Array;
  /** [L]. */
  readonly frameMask: Float32Array;
  /** [L, G, 3, 3] and [L, G, 3] in Å: the frames of the rigid groups, the main one first. */
  readonly groupRotations: Float32Array;
  readonly groupTranslations: Float32Array;
  /** [L, G]. */
  readonly groupMask: Float32Array;
  /** [L, 23, 3], Å. */
  readonly atoms: Float32Array;
  /** [L, 23]. */
  readonly atomMask: Float32Array;
  /** [L, 6, 2]: cosine and sine. */
  readonly torsions: Float32Array;
  /** [L, 6]: 0 where an atom is missing, and in slots that the geometry leaves empty. */
  readonly torsionMask: Float32Array;
  /** For each of DISTOGRAM_ATOMS [L, L]: the bin of the distance, −1 where one of the atoms is not resolved. */
  readonly distanceBins: readonly Int32Array[];
  /** [L, L]: 1 for a canonical base pair, 0 for none, −1 where one of the nucleotides is not resolved. */
  readonly pairs: Int32Array;
}

/** A part of a chain: `count` nucleotides from `first` on. */
export function cropTarget(target: TertiaryTarget, first: number, count: number): TertiaryTarget {
  return {
    sequence: target.sequence.slice(first, first + count),
    coordinates: target.coordinates.subarray(3 * ATOM_SLOTS * first, 3 * ATOM_SLOTS * (first + count)),
    mask: target.mask.subarray(ATOM_SLOTS * first, ATOM_SLOTS * (first + count)),
  };
}

/**
 * The labels of a chain.
 * @param partners [L], −1 without: the secondary structure of the crop, or default that of its own atoms.
 */
export function tertiaryLabels(
  target: TertiaryTarget,
  geometry: GeometryName,
  partners: ArrayLike<number> = targetPartners(target),
): TertiaryLabels {
  const { sequence, coordinates, mask } = target;
  const { frames, mask: frameMask } = chainFrames(target);
  const groups = chainGroupFrames(target, geometry);
  const { torsions, mask: torsionMask } = chainTorsions(target, geometry);
  return {
    length: sequence.length,
    frames: Float32Array.from(frames),
    frameMask: Float32Array.from(frameMask),
    groupRotations: Float32Array.from(groups.rotations),
    groupTranslations: Float32Array.from(groups.translations),
    groupMask: Float32Array.from(groups.mask),
    atoms: Float32Array.from(coordinates),
    atomMask: Float32Array.from(mask),
    torsions: Float32Array.from(torsions),
    torsionMask: Float32Array.from(torsionMask),
    distanceBins: DISTOGRAM_ATOMS.map((atom) => binsOf(target, atom)),
    pairs: pairLabelsOf(frameMask, partners),
  };
}

/** The secondary structure of a chain's atoms: partners [L] of its canonical pairs, −1 without. */
export const targetPartners = (target: TertiaryTarget): Int32Array =>
  canonicalPartners(findBasePairs(target), target.sequence.length);

/** The secondary structure of a part of a chain: pairs that leave it are none. */
export const cropPartners = (partners: ArrayLike<number>, first: number, count: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => {
    const partner = partners[first + i]! - first;
    return partner >= 0 && partner < count ? partner : -1;
  });

function binsOf({ sequence, coordinates, mask }: TertiaryTarget, atom: (typeof DISTOGRAM_ATOMS)[number]): Int32Array {
  const length = sequence.length;
  const places = Array.from(sequence, (letter, i) => {
    if (!isBase(letter)) return -1;
    const slot = atom === 'N' ? NITROGEN : atomSlot(letter, atom);
    const at = i * ATOM_SLOTS + slot;
    return mask[at] === 1 ? 3 * at : -1;
  });
  const bins = new Int32Array(length * length).fill(-1);
  for (let i = 0; i < length; i++)
    for (let j = 0; j < length; j++) {
      const [a, b] = [places[i]!, places[j]!];
      if (a < 0 || b < 0) continue;
      bins[i * length + j] = distanceBin(
        Math.hypot(
          coordinates[a]! - coordinates[b]!,
          coordinates[a + 1]! - coordinates[b + 1]!,
          coordinates[a + 2]! - coordinates[b + 2]!,
        ),
      );
    }
  return bins;
}

/** The slot of N9 of A and G and of N1 of U and C. */
const NITROGEN = 2;

function pairLabelsOf(resolved: ArrayLike<number>, partners: ArrayLike<number>): Int32Array {
  const length = resolved.length;
  const labels = new Int32Array(length * length);
  for (let i = 0; i < length; i++)
    for (let j = 0; j < length; j++)
      labels[i * length + j] = resolved[i] === 1 && resolved[j] === 1 ? (partners[i] === j ? 1 : 0) : -1;
  return labels;
}
