/** Operations of the module against those that the specification counted (TERTIARY section 12). */
import { expect, test } from 'vitest';
import { parameterCount, TERTIARY_PRESETS, tertiaryFlops, tertiaryParameters } from '../src/index.ts';

test.each([
  [64, 55.6, 2.2, 2.9, 94.7],
  [128, 238, 4.9, 11.7, 327],
  [256, 1100, 11.8, 46.8, 1207],
])('%i nucleotides at the published sizes', (length, trunk, structure, heads, refinement) => {
  const flops = tertiaryFlops(TERTIARY_PRESETS.published, length);
  expect(flops.trunk / 1e9 / trunk).toBeCloseTo(1, 2);
  expect(flops.heads / 1e9 / heads).toBeCloseTo(1, 1.5);
  expect(flops.refinement / 1e9 / refinement).toBeCloseTo(1, 2);
  // The specification counts the bias of pairs in each iteration.
  const { iterations, pairDim, ipaHeads } = TERTIARY_PRESETS.published;
  const biases = 2 * (iterations - 1) * pairDim * ipaHeads * length ** 2;
  const share = (flops.structure + biases) / 1e9 / structure;
  expect(share).toBeGreaterThan(0.95);
  expect(share).toBeLessThan(1.05);
});

test('parameters are as many as those of the published presets', () => {
  // 27,392,197 in RhoFold's file beside its language model; small and tiny as the specification counts them.
  expect(parameterCount(tertiaryParameters(TERTIARY_PRESETS.published))).toBe(27_392_197);
  const few = (preset: 'small' | 'tiny', lmDim: number): number =>
    parameterCount(tertiaryParameters({ ...TERTIARY_PRESETS[preset], lmDim, positions: 4098 })) / 1e6;
  expect(few('small', 1280)).toBeCloseTo(2.64, 1.7);
  expect(few('tiny', 288)).toBeCloseTo(0.53, 1.7);
});
