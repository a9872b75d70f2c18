/**
 * A known structure that the tertiary module is trained on, parts of it, and its
 * secondary structure. Nucleotides that are not resolved keep their place and
 * count for nothing.
 */
import { ATOM_SLOTS, C1_SLOT, canonicalPartners, findBasePairs, resolvedCount, type ChainAtoms } from '@rna/structure';
import type { RandomStream } from '@rna/kernels';

/** A chain that a model is trained on: L nucleotides in 23 slots each. */
export interface TertiaryTarget extends ChainAtoms {
  readonly coordinates: Float64Array;
  readonly mask: Uint8Array;
}

/** A part of a chain: `count` nucleotides from `first` on. */
export interface Crop {
  readonly first: number;
  readonly count: number;
}

export function cropTarget(target: TertiaryTarget, { first, count }: Crop): TertiaryTarget {
  return {
    sequence: target.sequence.slice(first, first + count),
    coordinates: target.coordinates.subarray(3 * ATOM_SLOTS * first, 3 * ATOM_SLOTS * (first + count)),
    mask: target.mask.subarray(ATOM_SLOTS * first, ATOM_SLOTS * (first + count)),
  };
}

/**
 * Draws a part of at most `most` nucleotides of a chain. One of a chain's resolved nucleotides, all alike, is in it, at
 * any place of it.
 */
export function drawCrop(target: TertiaryTarget, most: number, draws: RandomStream): Crop {
  const length = target.sequence.length;
  if (length <= most) return { first: 0, count: length };
  const resolved = Array.from({ length }, (_, i) => i).filter(
    (i) => resolvedCount(cropTarget(target, { first: i, count: 1 })) > 0,
  );
  const anchor = resolved.length === 0 ? draws.below(length) : resolved[draws.below(resolved.length)]!;
  return { first: Math.max(0, Math.min(length - most, anchor - draws.below(most))), count: most };
}

/** The secondary structure of a chain's atoms: partners [L] of its canonical pairs, −1 without. Found once a chain. */
export function targetPartners(target: TertiaryTarget): Int32Array {
  const known = partnersOf.get(target) ?? canonicalPartners(findBasePairs(target), target.sequence.length);
  partnersOf.set(target, known);
  return known;
}

// Finding base pairs takes longer than all else that is asked of a chain at a step.
const partnersOf = new WeakMap<TertiaryTarget, Int32Array>();

/**
 * What the pair head is to say of a part of a chain, [count, count]: 1 for a canonical base pair, 0 for none, −1 where
 * one of the nucleotides is not resolved.
 */
export function pairLabelsOf(target: TertiaryTarget, { first, count }: Crop): Float32Array {
  const partners = targetPartners(target);
  const isResolved = (i: number): boolean => target.mask[(first + i) * ATOM_SLOTS + C1_SLOT] === 1;
  return Float32Array.from({ length: count * count }, (_, at) => {
    const [i, j] = [Math.floor(at / count), at % count];
    return isResolved(i) && isResolved(j) ? Number(partners[first + i] === first + j) : -1;
  });
}
