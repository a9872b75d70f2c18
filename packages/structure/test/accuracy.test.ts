/** The structure of maximum expected accuracy over any pair probabilities, against all structures, and its score. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { basePairs, dotBracket, expectedAccuracy, maximumExpectedAccuracy } from '../src/index.ts';

/** All nested structures of `length` positions, as lists of pairs i < j. */
function* nested(i: number, j: number): Generator<[number, number][], void, undefined> {
  if (i >= j) {
    yield [];
    return;
  }
  yield* nested(i + 1, j);
  for (let k = i + 1; k <= j; k++)
    for (const within of nested(i + 1, k - 1))
      for (const after of nested(k + 1, j)) yield [[i, k], ...within, ...after];
}

const place = (length: number, i: number, j: number): number => (i * (2 * length - i - 1)) / 2 + j - i - 1;

function alone(probabilities: Float32Array, length: number, i: number): number {
  let sum = 0;
  for (let k = 0; k < length; k++) if (k !== i) sum += probabilities[place(length, Math.min(i, k), Math.max(i, k))]!;
  return Math.max(0, 1 - sum);
}

/** 2γ for each pair's probability, and what each unpaired position has to be so. */
function worth(pairs: readonly (readonly [number, number])[], p: Float32Array, length: number, gamma: number): number {
  const paired = new Set(pairs.flat());
  return (
    pairs.reduce((sum, [i, j]) => sum + 2 * gamma * p[place(length, i, j)]!, 0) +
    Array.from({ length }, (_, i) => (paired.has(i) ? 0 : alone(p, length, i))).reduce((a, b) => a + b, 0)
  );
}

// A third of the pairs are forbidden, as a decoder's rules forbid some; rows may sum to more than 1, as a network's do.
const maps = fc
  .integer({ min: 1, max: 8 })
  .chain((length) =>
    fc
      .array(
        fc.oneof(
          fc.constant(0),
          fc.float({ min: 0, max: 1, noNaN: true }),
          fc.float({ min: 0, max: 0.25, noNaN: true }),
        ),
        { minLength: (length * (length - 1)) / 2, maxLength: (length * (length - 1)) / 2 },
      )
      .map((values) => ({ length, probabilities: Float32Array.from(values) })),
  );

describe('maximum expected accuracy over any matrix', () => {
  test('no nested structure is better, and no pair of probability 0 is taken', () => {
    fc.assert(
      fc.property(maps, fc.double({ min: 0.05, max: 20, noNaN: true }), ({ length, probabilities }, gamma) => {
        const pairs = basePairs(maximumExpectedAccuracy(probabilities, length, gamma));
        const best = Math.max(...[...nested(0, length - 1)].map((each) => worth(each, probabilities, length, gamma)));
        expect(worth(pairs, probabilities, length, gamma)).toBeCloseTo(best, 9);
        for (const [i, j] of pairs) expect(probabilities[place(length, i, j)]).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });

  test('a knot is left out for the better of its stems, and γ weighs pairs', () => {
    const length = 10;
    const probabilities = new Float32Array(45);
    for (const [i, j, p] of [
      [0, 6, 0.9],
      [1, 5, 0.9],
      [3, 9, 0.8],
      [4, 8, 0.8],
    ] as const)
      probabilities[place(length, i, j)] = p;
    expect(dotBracket(maximumExpectedAccuracy(probabilities, length, 1))).toBe('((...))...');
    expect(dotBracket(maximumExpectedAccuracy(probabilities, length, 0.1))).toBe('..........');
  });

  test('what is no matrix of probabilities is refused', () => {
    expect(() => maximumExpectedAccuracy(new Float32Array(2), 3, 1)).toThrow('2 probabilities for 3 positions');
    expect(() => maximumExpectedAccuracy(Float32Array.of(0.5, NaN, 0), 3, 1)).toThrow('positions 1 and 3 is NaN');
    expect(() => maximumExpectedAccuracy(Float32Array.of(0.5, 1.5, 0), 3, 1)).toThrow('positions 1 and 3 is 1.5');
    expect(() => maximumExpectedAccuracy(Float32Array.of(0.5, 0, 0), 3, 0)).toThrow('gamma must be above 0');
  });
});

describe('expected accuracy of a structure', () => {
  test('is the share of positions that are expected to be right', () => {
    const probabilities = Float32Array.of(0.5, 0.25, 0.125);
    // Pair (1, 2) with 0.5 each, position 3 unpaired with 1 - 0.25 - 0.125.
    expect(expectedAccuracy(probabilities, Int32Array.of(1, 0, -1))).toBeCloseTo((0.5 + 0.5 + 0.625) / 3, 6);
    expect(expectedAccuracy(probabilities, Int32Array.of(-1, -1, -1))).toBeCloseTo((0.25 + 0.375 + 0.625) / 3, 6);
  });

  test('is from 0 to 1, and 1 for a structure that is sure', () => {
    fc.assert(
      fc.property(maps, ({ length, probabilities }) => {
        const partners = maximumExpectedAccuracy(probabilities, length, 2);
        const sure = new Float32Array(probabilities.length);
        for (const [i, j] of basePairs(partners)) sure[place(length, i, j)] = 1;
        expect(expectedAccuracy(sure, partners)).toBe(1);
        const accuracy = expectedAccuracy(probabilities, partners);
        expect(accuracy).toBeGreaterThanOrEqual(0);
        expect(accuracy).toBeLessThanOrEqual(1);
      }),
    );
    expect(() => expectedAccuracy(new Float32Array(0), new Int32Array(0))).toThrow('no positions');
    expect(() => expectedAccuracy(new Float32Array(2), new Int32Array(3))).toThrow('2 probabilities for 3 positions');
  });
});
