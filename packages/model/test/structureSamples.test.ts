/** Samples of structures: what is hidden of each, and which is the surest. What predicts is a stand-in. */
import { expect, test } from 'vitest';
import {
  letterWithoutAtoms,
  structureSamples,
  surestFirst,
  tertiaryEvidence,
  type StructureSample,
  type TertiaryDetail,
  type TertiaryDetailOptions,
} from '../src/index.ts';

/** Samples by a model whose plDDT is the given number in each call. */
async function sampled(
  plddts: readonly number[],
  seed: number,
): Promise<{ samples: StructureSample[]; asked: TertiaryDetailOptions[] }> {
  const asked: TertiaryDetailOptions[] = [];
  const predict = (_: string, options: TertiaryDetailOptions = {}): Promise<TertiaryDetail> => {
    const plddt = new Float32Array(40).fill(plddts[asked.length]!);
    asked.push(options);
    return Promise.resolve({ plddt } as unknown as TertiaryDetail);
  };
  const samples: StructureSample[] = [];
  for await (const sample of structureSamples(predict, 'A'.repeat(40), { samples: plddts.length, seed, recycles: 3 }))
    samples.push(sample);
  return { samples, asked };
}

test('the first sample hides nothing, the others 15 % of the nucleotides, by the seed', async () => {
  const { asked } = await sampled([0.5, 0.5, 0.5], 1);
  expect(asked.map(({ recycles }) => recycles)).toEqual([3, 3, 3]);
  expect(asked[0]!.hidden).toBeUndefined();
  for (const { hidden } of asked.slice(1)) {
    expect(hidden).toHaveLength(6);
    expect(new Set(hidden).size).toBe(6);
    expect(hidden!.every((place, at) => place >= (hidden![at - 1] ?? 0) && place < 40)).toBe(true);
  }
  expect(asked[1]!.hidden).not.toEqual(asked[2]!.hidden);
  expect((await sampled([0.5, 0.5, 0.5], 1)).asked).toEqual(asked);
  expect((await sampled([0.5, 0.5, 0.5], 2)).asked).not.toEqual(asked);
});

test('the surest sample comes first, of two the earlier one', async () => {
  const { samples } = await sampled([0.25, 0.75, 0.5, 0.75], 0);
  expect(surestFirst(samples).map(({ number, plddt }) => [number, plddt])).toEqual([
    [2, 0.75],
    [4, 0.75],
    [3, 0.5],
    [1, 0.25],
  ]);
});

test('what a file says of its training, and a letter without atoms, are found', () => {
  const scalars = new Map([
    ['trainedChains', 12],
    ['heldOutLddt', 0.5],
    ['threshold', 0.3],
  ]);
  expect(tertiaryEvidence(scalars)).toEqual({ trainedChains: 12, heldOutLddt: 0.5 });
  expect(['ACGU', 'ACNGU', ''].map(letterWithoutAtoms)).toEqual([-1, 2, -1]);
});
