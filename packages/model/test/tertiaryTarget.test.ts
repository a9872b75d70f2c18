/** Parts of a structure that is known by its making, and its base pairs; what a gap masks of them. */
import { RandomStream } from '@rna/kernels';
import { helixModel } from '@rna/structure';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cropTarget, drawCrop, pairLabelsOf, targetPartners, type TertiaryTarget } from '../src/tertiary/target.ts';

const SEQUENCE = 'GGCAUCGCAAAAGCGAUGCC';
const PARTNERS = Int32Array.from(SEQUENCE, (_, i) => (i < 8 || i > 11 ? 19 - i : -1));
const helix: TertiaryTarget = helixModel(SEQUENCE, PARTNERS);

test('a part has the letters and atoms of its nucleotides', () => {
  const part = cropTarget(helix, { first: 3, count: 5 });
  expect(part.sequence).toBe('AUCGC');
  expect(Array.from(part.coordinates)).toEqual(Array.from(helix.coordinates).slice(3 * 69, 8 * 69));
  expect(Array.from(part.mask)).toEqual(Array.from(helix.mask).slice(3 * 23, 8 * 23));
});

test('base pairs are those of the atoms; pairs that leave a part, and gaps, have no label of one', () => {
  expect(Array.from(targetPartners(helix))).toEqual(Array.from(PARTNERS));
  const whole = pairLabelsOf(helix, { first: 0, count: 20 });
  for (let i = 0; i < 20; i++) for (let j = 0; j < 20; j++) expect(whole[20 * i + j]).toBe(Number(PARTNERS[i] === j));
  const part = pairLabelsOf(helix, { first: 5, count: 8 });
  // 5-14 and 6-13 leave it, 7-12 does not.
  expect(part.reduce((sum, label) => sum + label, 0)).toBe(2);
  expect([part[2 * 8 + 7], part[7 * 8 + 2]]).toEqual([1, 1]);
  const mask = Uint8Array.from(helix.mask);
  mask.fill(0, 23 * 4, 23 * 5);
  const gap = pairLabelsOf({ ...helix, mask }, { first: 0, count: 20 });
  for (let j = 0; j < 20; j++) expect([gap[4 * 20 + j], gap[20 * j + 4]]).toEqual([-1, -1]);
  expect(gap[0 * 20 + 19]).toBe(1);
});

test('a drawn part lies in the chain and has something that is resolved', () => {
  const isKnown = fc.array(fc.boolean(), { minLength: 2, maxLength: 30 });
  fc.assert(
    fc.property(isKnown, fc.integer({ min: 2, max: 12 }), fc.nat(), (known, most, seed) => {
      const length = known.length;
      const mask = Uint8Array.from({ length: 23 * length }, (_, at) => Number(known[Math.floor(at / 23)]));
      const target = { sequence: 'A'.repeat(length), coordinates: new Float64Array(69 * length), mask };
      const crop = drawCrop(target, most, new RandomStream(seed));
      expect(crop.count).toBe(Math.min(most, length));
      expect(crop.first).toBeGreaterThanOrEqual(0);
      expect(crop.first + crop.count).toBeLessThanOrEqual(length);
      if (known.some(Boolean)) expect(cropTarget(target, crop).mask.some(Boolean)).toBe(true);
    }),
  );
});

test('every nucleotide of a long chain comes up', () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const { first, count } = drawCrop(helix, 6, new RandomStream(seed));
    for (let i = first; i < first + count; i++) seen.add(i);
  }
  expect(seen.size).toBe(20);
});
