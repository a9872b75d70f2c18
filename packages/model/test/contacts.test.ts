/**
 * Contacts from attention maps: the maps against the oracle, the regression against its optimality conditions and a
 * slow solver, the device's sum against the host's.
 */
import { readFile } from 'node:fs/promises';
import { RandomStream } from '@rna/kernels';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  contactFeatureBytes,
  contactFeatures,
  contactLabels,
  contactPrecision,
  fitContacts,
  predictContacts,
  topContacts,
  type Encoder,
} from '../src/index.ts';
import { detokenize, fitLogistic, logisticValues, sigmoid, type Samples } from '@rna/structure';
import { fixtureText } from './checkpoint.fixtures.ts';
import { fixtureEncoder, openFixture, readNumbers, type Platform } from './parity.ts';

let device: Device;
let encoder: Encoder;
const platform: Platform = {
  device: () => device,
  bytes: async (path) => new Uint8Array(await readFile(new URL(`./fixtures/${path}`, import.meta.url))),
};
beforeAll(async () => {
  device = await openDevice({ poison: true });
  encoder = await fixtureEncoder(platform, 'rinalmo-A');
});
afterAll(() => {
  device.destroy();
});

async function oracleSequence(): Promise<string> {
  const file = await openFixture(platform, 'rinalmo-A/forward.safetensors');
  return detokenize(Uint32Array.from((await readNumbers(file, 'single47.tokens')).values));
}

const SEQUENCE = 'GGGAAACUCCAGUUCGCUGGAGUUUCCCAAGG';
const partnersOf = (length: number): Int32Array => {
  const partners = new Int32Array(length).fill(-1);
  for (let i = 0; i < 10; i++) [partners[i], partners[27 - i]] = [27 - i, i];
  return partners;
};

describe('features', () => {
  it('are the symmetric, corrected maps of the oracle', async () => {
    const sequence = await oracleSequence();
    expect(sequence).toHaveLength(47);
    const columns = await contactFeatures(encoder, sequence, 1);
    const file = await openFixture(platform, 'rinalmo-A/apc.safetensors');
    const { layers, heads } = encoder.config;
    let worst = 0;
    for (const layer of [0, layers - 1]) {
      const { values } = await readNumbers(file, `single47.sym_apc.${layer}`);
      for (let h = 0; h < heads; h++) {
        let at = 0;
        for (let i = 0; i < 47; i++) {
          for (let j = i + 1; j < 47; j++)
            worst = Math.max(worst, Math.abs(columns[layer * heads + h]![at++]! - values[(h * 47 + i) * 47 + j]!));
        }
        expect(columns[layer * heads + h]).toHaveLength(at);
      }
    }
    expect(worst).toBeLessThan(3e-5);
    expect(device.memory.use().tensors, 'the encoder alone').toBe(encoder.parameters.size);
  });

  it('of the pairs that are far apart are those of all pairs without the near ones, and stand beside their labels', async () => {
    const [all, far] = [await contactFeatures(encoder, SEQUENCE, 1), await contactFeatures(encoder, SEQUENCE, 6)];
    const labels = contactLabels(partnersOf(SEQUENCE.length), 6);
    expect(labels.reduce((a, b) => a + b)).toBe(10);
    const kept: number[] = [];
    let [at, where] = [0, 0];
    for (let i = 0; i < SEQUENCE.length; i++) {
      for (let j = i + 1; j < SEQUENCE.length; j++, at++) {
        if (j - i < 6) continue;
        kept.push(all[5]![at]!);
        expect(labels[where++]).toBe(i < 10 && j === 27 - i ? 1 : 0);
      }
    }
    expect(Array.from(far[5]!)).toEqual(kept);
    expect(contactFeatureBytes([SEQUENCE.length, 6], encoder.config, 6)).toBe(
      far.reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
    await expect(contactFeatures(encoder, 'GGGAAA')).rejects.toThrow('a sequence of 6 nucleotides has no pair 6 apart');
  });
});

/** Samples whose labels follow some of the features, in two parts. */
function samples(seed: number, count: number, features: number): Samples[] {
  const random = new RandomStream(seed);
  return [count, Math.ceil(count / 2)].map((size) => {
    // Features share a part, as attention maps do.
    const shared = Array.from({ length: size }, () => random.normal());
    const columns = Array.from({ length: features }, () =>
      Float32Array.from(shared, (value) => 0.7 * value + random.normal()),
    );
    const labels = Uint8Array.from(shared, (_, i) =>
      random.uniform() < sigmoid(2 * columns[0]![i]! - columns[1]![i]! - 1) ? 1 : 0,
    );
    labels.set([0, 1]);
    return { columns, labels };
  });
}

function objective(parts: readonly Samples[], intercept: number, weights: ArrayLike<number>, penalty: number): number {
  let sum = penalty * Array.from(weights).reduce((total, value) => total + Math.abs(value), 0);
  for (const { columns, labels } of parts) {
    labels.forEach((label, i) => {
      const f = columns.reduce((value, column, j) => value + weights[j]! * column[i]!, intercept);
      sum += Math.log(1 + Math.exp(f)) - label * f;
    });
  }
  return sum;
}

describe('regression', () => {
  it('is no worse than any neighbour, and its probabilities sum to the number of positives', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 2, max: 12 }),
        fc.double({ min: 0.05, max: 20, noNaN: true }),
        (seed, features, penalty) => {
          const parts = samples(seed, 60, features);
          const { intercept, weights, violation } = fitLogistic(parts, { penalty });
          expect(violation).toBeLessThanOrEqual(1e-6);
          const best = objective(parts, intercept, weights, penalty);
          for (let j = 0; j < features; j++) {
            for (const by of [-1e-3, 1e-3])
              expect(
                objective(
                  parts,
                  intercept,
                  weights.map((value, k) => (k === j ? value + by : value)),
                  penalty,
                ),
              ).toBeGreaterThan(best - 1e-9);
          }
          // The condition of the intercept, which has no penalty.
          const expected = parts
            .flatMap(({ columns }) => Array.from(logisticValues({ intercept, weights }, columns), sigmoid))
            .reduce((a, b) => a + b);
          expect(expected).toBeCloseTo(
            parts.flatMap(({ labels }) => [...labels]).reduce((a, b) => a + b),
            4,
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  it('is no worse than any neighbour where more features matter than one step takes in', () => {
    const parts = samples(5, 110, 85);
    const { intercept, weights } = fitLogistic(parts, { penalty: 0.02 });
    expect(weights.filter((weight) => weight !== 0).length).toBeGreaterThan(50);
    const best = objective(parts, intercept, weights, 0.02);
    for (let j = 0; j < weights.length; j++) {
      for (const by of [-1e-2, 1e-2])
        expect(
          objective(
            parts,
            intercept,
            weights.map((value, k) => (k === j ? value + by : value)),
            0.02,
          ),
        ).toBeGreaterThan(best);
    }
  });

  it('finds what proximal gradient descent finds in many small steps', () => {
    const parts = samples(3, 40, 5);
    const penalty = 2;
    let intercept = 0;
    let weights = [0, 0, 0, 0, 0];
    const rate = 4 / 60 / 8;
    for (let step = 0; step < 20_000; step++) {
      const gradient = [0, 0, 0, 0, 0, 0];
      for (const { columns, labels } of parts) {
        labels.forEach((label, i) => {
          const residual =
            sigmoid(columns.reduce((value, column, j) => value + weights[j]! * column[i]!, intercept)) - label;
          columns.forEach((column, j) => {
            gradient[j]! += residual * column[i]!;
          });
          gradient[5]! += residual;
        });
      }
      intercept -= rate * gradient[5]!;
      weights = weights.map((value, j) => {
        const moved = value - rate * gradient[j]!;
        return Math.sign(moved) * Math.max(0, Math.abs(moved) - rate * penalty);
      });
    }
    const fitted = fitLogistic(parts, { penalty });
    expect(fitted.intercept).toBeCloseTo(intercept, 6);
    weights.forEach((value, j) => {
      expect(fitted.weights[j]).toBeCloseTo(value, 6);
    });
    expect(weights.filter((value) => value === 0).length, 'some weights are zero').toBeGreaterThan(0);
    expect(Array.from(fitted.weights, (value) => value === 0)).toEqual(weights.map((value) => value === 0));
  });

  it("has scikit-learn's weights (1.9.1, saga, C = 0.15)", () => {
    const { x, y, C, intercept, coef } = JSON.parse(fixtureText('logisticRegression.json')) as {
      x: number[][];
      y: number[];
      C: number;
      intercept: number;
      coef: number[];
    };
    const fitted = fitLogistic(
      [{ columns: x.map((column) => Float32Array.from(column)), labels: Uint8Array.from(y) }],
      { penalty: 1 / C },
    );
    expect(fitted.intercept).toBeCloseTo(intercept, 6);
    coef.forEach((value, j) => {
      expect(fitted.weights[j]).toBeCloseTo(value, 6);
    });
  });

  it('keeps no feature under a penalty that outweighs all, whose intercept is the share of positives', () => {
    const parts = samples(4, 50, 3);
    const labels = parts.flatMap((part) => [...part.labels]);
    const { intercept, weights, iterations } = fitLogistic(parts, { penalty: 1e4 });
    expect([...weights]).toEqual([0, 0, 0]);
    expect(iterations).toBe(0);
    expect(sigmoid(intercept)).toBeCloseTo(labels.reduce((a, b) => a + b) / labels.length, 12);
  });

  it('refuses samples of one label and columns that do not fit', () => {
    const column = Float32Array.of(1, 2);
    expect(() => fitLogistic([{ columns: [column], labels: Uint8Array.of(0, 0) }], { penalty: 1 })).toThrow(
      '0 of 2 samples are positive',
    );
    expect(() => fitLogistic([{ columns: [column], labels: Uint8Array.of(0, 1, 1) }], { penalty: 1 })).toThrow(
      '1 columns of as many samples',
    );
    expect(() => fitLogistic([{ columns: [column], labels: Uint8Array.of(0, 1) }], { penalty: 0 })).toThrow(
      'penalty must be positive',
    );
  });
});

describe('prediction', () => {
  it('on the device is the regression on the features', async () => {
    const columns = await contactFeatures(encoder, SEQUENCE, 6);
    const partners = partnersOf(SEQUENCE.length);
    const regression = await fitContacts(encoder, [{ columns, labels: contactLabels(partners, 6) }], { penalty: 0.05 });
    expect(regression.weights.some((value) => value !== 0)).toBe(true);
    const probabilities = await predictContacts(encoder, SEQUENCE, regression);
    const expected = Array.from(logisticValues(regression, await contactFeatures(encoder, SEQUENCE, 1)), sigmoid);
    expect(probabilities).toHaveLength(expected.length);
    probabilities.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
    expect(device.memory.use().tensors, 'the encoder alone').toBe(encoder.parameters.size);
    await expect(
      fitContacts(encoder, [{ columns: columns.slice(1), labels: contactLabels(partners, 6) }]),
    ).rejects.toThrow('features of 11 maps; this encoder has 3 layers of 4 heads');
    const stop = new Error('enough');
    await expect(
      fitContacts(encoder, [{ columns, labels: contactLabels(partners, 6) }], {
        penalty: 0.05,
        onStep: () => Promise.reject(stop),
      }),
    ).rejects.toBe(stop);
    await expect(predictContacts(encoder, SEQUENCE, { ...regression, heads: 2 })).rejects.toThrow(
      'is for 3 layers of 2 heads, the encoder has 3 of 4',
    );
  });
});

/** Every pair of `length` positions, in the order of a strict upper triangle. */
const pairsOf = (length: number): [number, number][] =>
  Array.from({ length }, (_, i) =>
    Array.from({ length: length - i - 1 }, (__, k): [number, number] => [i, i + k + 1]),
  ).flat();

// Few values, so that many are equal.
const triangle = fc
  .integer({ min: 7, max: 12 })
  .chain((length) =>
    fc
      .array(fc.integer({ min: 0, max: 4 }), {
        minLength: (length * (length - 1)) / 2,
        maxLength: (length * (length - 1)) / 2,
      })
      .map((quarters) => ({ length, probabilities: Float32Array.from(quarters, (value) => value / 4) })),
  );

describe('the most probable pairs', () => {
  it('are those of a sorted list of all pairs far enough apart', () => {
    fc.assert(
      fc.property(triangle, fc.integer({ min: 1, max: 20 }), ({ length, probabilities }, count) => {
        const sorted = pairsOf(length)
          .map(([i, j], pair) => ({ i, j, probability: probabilities[pair]! }))
          .filter(({ i, j }) => j - i >= 6)
          .sort((a, b) => b.probability - a.probability);
        expect(topContacts(probabilities, length, { count })).toEqual(sorted.slice(0, count));
        expect(topContacts(probabilities, length)).toEqual(sorted.slice(0, length));
      }),
    );
    expect(topContacts(new Float32Array(15), 6)).toEqual([]);
    expect(() => topContacts(new Float32Array(14), 6)).toThrow('6 positions have 15 pairs, but 14');
  });

  it('have the precision that they have', () => {
    // Pairs of eight positions six or more apart: (0, 6), (0, 7), (1, 7).
    const partners = Int32Array.of(7, -1, -1, -1, -1, -1, -1, 0);
    const probabilities = new Float32Array(28).fill(0.9);
    probabilities[5] = 0.3;
    probabilities[6] = 0.6;
    probabilities[12] = 0.5;
    expect(contactPrecision(probabilities, partners)).toEqual({ l: 1 / 3, half: 1 / 3, fifth: 1, true: 1 });
    expect(contactPrecision(new Float32Array(28), partners)).toEqual({
      l: 1 / 3,
      half: 1 / 3,
      fifth: 1 / 3,
      true: 1 / 3,
    });
    expect(() => contactPrecision(probabilities, new Int32Array(8).fill(-1))).toThrow(
      'no true pair is 6 or more apart',
    );
    expect(() => contactPrecision(probabilities.fill(NaN, 5, 6), partners)).toThrow('contain NaN');
  });

  it('have, where some are equal, the mean of the precisions of all their orders', () => {
    const orders = permutations([0, 1, 2, 3, 4, 5]);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 6, maxLength: 6 }),
        fc.nat(63),
        (values, which) => {
          // Nine positions have six pairs this far apart; those of `which` are true, as far as a structure can have
          // them.
          const far = pairsOf(9).filter(([i, j]) => j - i >= 6);
          const partners = new Int32Array(9).fill(-1);
          far.forEach(([i, j], pair) => {
            if ((which >> pair) % 2 === 1 && partners[i] === -1 && partners[j] === -1)
              [partners[i], partners[j]] = [j, i];
          });
          const trues = far.filter(([i, j]) => partners[i] === j).length;
          fc.pre(trues > 0);
          const probabilities = new Float32Array(36);
          far.forEach(([i, j], pair) => {
            probabilities[(i * (17 - i)) / 2 + j - i - 1] = values[pair]! / 2;
          });
          const expected = (count: number): number =>
            orders.reduce((sum, order) => {
              const best = [...order].sort((a, b) => values[b]! - values[a]!).slice(0, count);
              return sum + best.filter((pair) => partners[far[pair]![0]] === far[pair]![1]).length / best.length;
            }, 0) / orders.length;
          const precision = contactPrecision(probabilities, partners);
          expect(precision.l).toBeCloseTo(expected(6), 12);
          expect(precision.half).toBeCloseTo(expected(4), 12);
          expect(precision.fifth).toBeCloseTo(expected(1), 12);
          expect(precision.true).toBeCloseTo(expected(trues), 12);
        },
      ),
      { numRuns: 40 },
    );
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  return items.length === 0
    ? [[]]
    : items.flatMap((item, i) => permutations(items.filter((_, k) => k !== i)).map((rest) => [item, ...rest]));
}
