/** What is said of models of structures in space, by what is known of them, and the shades of distances. */
import { expect, test } from 'vitest';
import { distanceBytes, distanceShade, structureTrust } from '../src/index.ts';

test('what a model can be trusted for follows from what its file says', () => {
  const said = (evidence: Parameters<typeof structureTrust>[0]): string => structureTrust(evidence).join(' ');
  expect(said({})).toMatch(/^Its file does not say how well/);
  expect(said({ isRhoFold: true })).toMatch(/sequence alone.*with an alignment/);
  expect(said({ trainedChains: 1 })).toMatch(/^The model was trained on 1 chain of.*close to that one.*does not say/);
  const large = said({ trainedChains: 4321, heldOutChains: 60, heldOutLddt: 0.6412 });
  expect(large).toMatch(/^The model was trained on 4,321 chains of.*60 chains held out.*0\.641, where 1 is exact\.$/);
  expect(said({ trainedChains: 4321, heldOutChains: 60, heldOutLddt: 0.31 })).toMatch(/mostly wrong as a whole\.$/);
});

test('near is light, and from 39 Å on all is as dark as can be', () => {
  expect([...distanceBytes([0, 19.5, 39, 500])]).toEqual([0, 128, 255, 255]);
  const light = (byte: number): number => distanceShade(byte).reduce((sum, each) => sum + each, 0);
  expect([0, 128, 255].map(light)).toEqual([...[0, 128, 255].map(light)].sort((a, b) => b - a));
  for (const byte of [0, 255]) expect(distanceShade(byte).every((each) => each >= 0 && each <= 255)).toBe(true);
});
