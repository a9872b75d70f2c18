/** Labels of a structure that is known by its making, and what a gap masks of them. */
import { chainFrames, chainTorsions, helixModel } from '@rna/structure';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cropPartners,
  cropTarget,
  targetPartners,
  tertiaryLabels,
  type TertiaryTarget,
} from '../src/tertiary/labels.ts';
import { DISTOGRAM_ATOMS } from '../src/tertiary/pairHeads.ts';

const SEQUENCE = 'GGCAUCGCAAAAGCGAUGCC';
const PARTNERS = Int32Array.from(SEQUENCE, (_, i) => (i < 8 || i > 11 ? 19 - i : -1));
const helix: TertiaryTarget = helixModel(SEQUENCE, PARTNERS);
const labels = tertiaryLabels(helix, 'repaired');
const at = (i: number, slot: number): number[] =>
  Array.from(helix.coordinates)
    .slice(3 * (23 * i + slot))
    .slice(0, 3);

test('are the frames, torsions and base pairs of the atoms', () => {
  const length = SEQUENCE.length;
  expect(labels.length).toBe(length);
  expect(Array.from(labels.frames)).toEqual(Array.from(chainFrames(helix).frames, Math.fround));
  expect(Array.from(labels.torsions)).toEqual(Array.from(chainTorsions(helix, 'repaired').torsions, Math.fround));
  expect(Array.from(targetPartners(helix))).toEqual(Array.from(PARTNERS));
  for (let i = 0; i < length; i++)
    for (let j = 0; j < length; j++) expect(labels.pairs[i * length + j]).toBe(PARTNERS[i] === j ? 1 : 0);
  expect(labels.groupMask).toHaveLength(6 * length);
  expect(tertiaryLabels(helix, 'paper').groupMask).toHaveLength(5 * length);
});

test('distance bins are 1 Å wide, of P, C4′ and the glycosidic nitrogen', () => {
  // Slots of A and G, and of U and C, differ for P alone.
  const phosphorus = (i: number): number => ('AG'.includes(SEQUENCE[i]!) ? (SEQUENCE[i] === 'A' ? 19 : 20) : 17);
  const slots = [phosphorus, () => 0, () => 2];
  expect(DISTOGRAM_ATOMS).toEqual(['P', "C4'", 'N']);
  for (const [k, slot] of slots.entries())
    for (const [i, j] of [
      [0, 0],
      [0, 1],
      [3, 16],
      [0, 11],
      [5, 7],
    ] as const) {
      const [a, b] = [at(i, slot(i)), at(j, slot(j))];
      const distance = Math.hypot(...a.map((x, axis) => x - b[axis]!));
      const bin = distance >= 39 ? 0 : Math.floor(distance) + 1;
      expect(labels.distanceBins[k]![i * SEQUENCE.length + j]).toBe(bin);
    }
});

test('what is not resolved has no label', () => {
  const mask = Uint8Array.from(helix.mask);
  mask.fill(0, 23 * 4, 23 * 5);
  // Of nucleotide 7 the phosphorus alone (slot 17 of C).
  mask[23 * 7 + 17] = 0;
  const gap = tertiaryLabels({ ...helix, mask }, 'repaired');
  expect(gap.frameMask[4]).toBe(0);
  expect(Array.from(gap.torsionMask).slice(24, 30)).toEqual([0, 0, 0, 0, 0, 0]);
  for (let j = 0; j < 20; j++) {
    for (const bins of gap.distanceBins) expect([bins[4 * 20 + j], bins[20 * j + 4]]).toEqual([-1, -1]);
    expect(gap.pairs[4 * 20 + j]).toBe(-1);
    expect(gap.distanceBins[0]![7 * 20 + j]).toBe(-1);
    if (j !== 4) expect(gap.distanceBins[1]![7 * 20 + j]).toBeGreaterThanOrEqual(0);
  }
  expect(gap.frameMask[7]).toBe(1);
});

test('a crop has the labels of its nucleotides', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 17 }), fc.integer({ min: 2, max: 20 }), (first, most) => {
      const count = Math.min(most, 20 - first);
      const crop = tertiaryLabels(cropTarget(helix, first, count), 'repaired', cropPartners(PARTNERS, first, count));
      expect(crop.length).toBe(count);
      expect(Array.from(crop.frames)).toEqual(Array.from(labels.frames.subarray(7 * first, 7 * (first + count))));
      for (let i = 0; i < count; i++)
        for (let j = 0; j < count; j++) {
          const whole = (first + i) * 20 + first + j;
          expect(crop.pairs[i * count + j]).toBe(labels.pairs[whole]);
          expect(crop.distanceBins[2]![i * count + j]).toBe(labels.distanceBins[2]![whole]);
        }
    }),
    { numRuns: 20 },
  );
});
