/**
 * Scores of variants with the oracles' models, against log-probabilities that are
 * worked out here from one unpacked pass a masked copy, in doubles.
 */
import { readFile } from 'node:fs/promises';
import { applyMutations, parseMutations, TOKEN, tokenize } from '@rna/structure';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packTokens, scoreVariants, VARIANT_SCORES, type Encoder, type VariantScore } from '../src/index.ts';
import { fixtureEncoder, type Platform } from './parity.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => {
  device.destroy();
});
const platform: Platform = {
  device: () => device,
  bytes: async (path) => new Uint8Array(await readFile(new URL(`./fixtures/${path}`, import.meta.url))),
};

const WILD_TYPE = 'GGCUAACGUUCAGCCAAUGC';
const VARIANTS = ['', 'C3G', 'C3G:U9A', 'A5C:C7U:A17G', 'C3U'].map((text) => parseMutations(text, WILD_TYPE));

/** log p of every letter at every token of one sequence, in doubles. */
async function logProbabilities(encoder: Encoder, tokens: Uint32Array): Promise<number[][]> {
  const logits = device.scope(() => encoder.logits(encoder.forward(packTokens([tokens]))));
  const values = [...(await logits.read())];
  const width = logits.shape[1]!;
  logits.dispose();
  return Array.from(tokens, (_, t) => {
    const row = values.slice(t * width, (t + 1) * width);
    const sum = Math.log(row.reduce((total, value) => total + Math.exp(value), 0));
    return row.map((value) => value - sum);
  });
}

const token = (text: string): number => tokenize(text)[1]!;

function withMasks(sequence: string, positions: readonly number[]): Uint32Array {
  const tokens = tokenize(sequence);
  for (const position of positions) tokens[position + 1] = TOKEN.mask;
  return tokens;
}

const EXPECTED: Record<VariantScore, (encoder: Encoder, mutations: (typeof VARIANTS)[number]) => Promise<number>> = {
  async 'masked-marginal'(encoder, mutations) {
    const log = await logProbabilities(
      encoder,
      withMasks(
        WILD_TYPE,
        mutations.map(({ position }) => position),
      ),
    );
    return mutations.reduce(
      (sum, { position, from, to }) => sum + log[position + 1]![token(to)]! - log[position + 1]![token(from)]!,
      0,
    );
  },
  async 'single-masked-marginal'(encoder, mutations) {
    let sum = 0;
    for (const { position, from, to } of mutations) {
      const row = (await logProbabilities(encoder, withMasks(WILD_TYPE, [position])))[position + 1]!;
      sum += row[token(to)]! - row[token(from)]!;
    }
    return sum;
  },
  async 'wild-type-marginal'(encoder, mutations) {
    const log = await logProbabilities(encoder, tokenize(WILD_TYPE));
    return mutations.reduce(
      (sum, { position, from, to }) => sum + log[position + 1]![token(to)]! - log[position + 1]![token(from)]!,
      0,
    );
  },
  async 'pseudo-likelihood'(encoder, mutations) {
    const likelihood = async (sequence: string): Promise<number> => {
      let sum = 0;
      for (let i = 0; i < sequence.length; i++)
        sum += (await logProbabilities(encoder, withMasks(sequence, [i])))[i + 1]![token(sequence[i]!)]!;
      return sum;
    };
    return (await likelihood(applyMutations(WILD_TYPE, mutations))) - (await likelihood(WILD_TYPE));
  },
};

describe.each(['rinalmo-A', 'ssrlm-A'])('%s', (model) => {
  it.each(VARIANT_SCORES)('%s', async (score) => {
    const encoder = await fixtureEncoder(platform, model);
    const seen: number[] = [];
    const scores = await scoreVariants(encoder, WILD_TYPE.replaceAll('U', 't'), VARIANTS, {
      score,
      onProgress: (done, total) => seen.push(done / total),
    });
    expect(scores[0]).toBe(0);
    expect(seen.at(-1)).toBe(1);
    for (const [i, mutations] of VARIANTS.entries())
      expect(scores[i]).toBeCloseTo(await EXPECTED[score](encoder, mutations), 4);
    // The model tells variants apart, or the comparison would say nothing.
    expect(new Set(scores).size).toBe(VARIANTS.length);
    encoder.parameters.forEach((tensor) => {
      tensor.dispose();
    });
  });
});

it('refuses a position outside of the sequence', async () => {
  const encoder = await fixtureEncoder(platform, 'ssrlm-A');
  const outside = [[{ position: 99, from: 'A', to: 'C' }]];
  await expect(scoreVariants(encoder, WILD_TYPE, outside, { score: 'masked-marginal' })).rejects.toThrow(
    'position 100 lies outside of a sequence of 20',
  );
});
