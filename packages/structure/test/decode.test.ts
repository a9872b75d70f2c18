import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBasePairs, decodeNested, gammaOf, greedyPairs, upperTriangle } from '../src/secondary/decode.ts';
import { dotBracket } from '../src/secondary/dotBracket.ts';
import { scoreBasePairs, type PairScore } from '../src/secondary/metrics.ts';
import { basePairs, partnersFromPairs } from '../src/secondary/structure.ts';

interface Input {
  case: string;
  seq: string;
  L: number;
  probs_row_major_upper: number[];
  target_pairs: [number, number][];
}
interface Expected {
  case: string;
  threshold: number;
  allow_nc_pairs: boolean;
  allow_sharp_loops: boolean;
  pairs: [number, number][];
  flexible: PairScore;
  strict: PairScore;
}
const { inputs, expected } = JSON.parse(readFileSync(new URL('fixtures/decode.json', import.meta.url), 'utf8')) as {
  inputs: Input[];
  expected: Expected[];
};

function expectScore(actual: PairScore, wanted: PairScore): void {
  for (const key of ['precision', 'recall', 'f1'] as const) expect(actual[key]).toBeCloseTo(wanted[key], 12);
}

describe('decodeBasePairs', () => {
  it('has all 84 cases', () => expect(expected).toHaveLength(84));

  it.each(expected)('$case at $threshold, nc $allow_nc_pairs, sharp $allow_sharp_loops', (wanted) => {
    const input = inputs.find((candidate) => candidate.case === wanted.case)!;
    const decoded = decodeBasePairs(Float32Array.from(input.probs_row_major_upper), input.seq, {
      threshold: wanted.threshold,
      allowNcPairs: wanted.allow_nc_pairs,
      allowSharpLoops: wanted.allow_sharp_loops,
    });
    expect(basePairs(decoded)).toEqual(wanted.pairs);
    const target = partnersFromPairs(input.target_pairs, input.L);
    expectScore(scoreBasePairs(target, decoded, { flexible: true }), wanted.flexible);
    expectScore(scoreBasePairs(target, decoded, { flexible: false }), wanted.strict);
  });

  it('takes the pairs of a higher threshold first', () => {
    const probabilities = fc.array(
      fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
      { minLength: 66, maxLength: 66 },
    );
    fc.assert(
      fc.property(probabilities, fc.constantFrom(0.1, 0.25, 0.6), (values, threshold) => {
        const options = { allowNcPairs: true, allowSharpLoops: true };
        const triangle = Float32Array.from(values);
        const all = greedyPairs(triangle, 'ACGUACGUACGU', { ...options, threshold: 0 });
        const high = greedyPairs(triangle, 'ACGUACGUACGU', { ...options, threshold });
        expect(high).toEqual(all.filter(({ probability }) => probability > threshold));
      }),
    );
  });

  it('compares with the threshold in float32, strictly', () => {
    const at = (threshold: number) =>
      greedyPairs(Float32Array.of(0.3), 'AU', { threshold, allowSharpLoops: true }).length;
    expect([at(0.29), at(0.3), at(0.31)]).toEqual([1, 0, 0]);
  });

  it('handles one nucleotide and refuses a wrong size, NaN and odd thresholds', () => {
    expect(decodeBasePairs(new Float32Array(0), 'A')).toEqual(Int32Array.of(-1));
    expect(() => decodeBasePairs(new Float32Array(4), 'AU')).toThrow('2 positions have 1 pairs, but 4');
    expect(() => decodeBasePairs(Float32Array.of(NaN), 'AU')).toThrow('the pair (0, 1) is NaN');
    expect(() => decodeBasePairs(Float32Array.of(0), 'AU', { threshold: 1.5 })).toThrow('0 … 1');
  });
});

describe('decodeNested', () => {
  const triangle = (length: number, pairs: readonly (readonly [number, number, number])[]): Float32Array => {
    const values = new Float32Array((length * (length - 1)) / 2);
    for (const [i, j, p] of pairs) values[(i * (2 * length - i - 1)) / 2 + j - i - 1] = p;
    return values;
  };

  it('takes a pair without rivals where the greedy decode does, at the γ of its threshold', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 0, max: 100 }).filter((n) => n > 0),
        (percent, of) => {
          const [threshold, p] = [percent / 100, of / 100];
          fc.pre(percent !== of);
          const one = triangle(6, [[0, 5, p]]);
          const options = { allowNcPairs: true };
          expect(decodeNested(one, 'AAAAAA', gammaOf(threshold), options)).toEqual(
            decodeBasePairs(one, 'AAAAAA', { ...options, threshold }),
          );
        },
      ),
    );
    expect(gammaOf(0.25)).toBe(3);
    expect([gammaOf(0), gammaOf(1)].every((gamma) => gamma > 0 && gamma < Infinity)).toBe(true);
  });

  it('leaves a knot out for the better of its stems, and keeps what pairs are allowed', () => {
    const knot = triangle(10, [
      [0, 6, 0.9],
      [1, 5, 0.9],
      [3, 9, 0.8],
      [4, 8, 0.8],
    ]);
    expect(dotBracket(decodeNested(knot, 'GGACCCCAGG', 2))).toBe('((...))...');
    expect(dotBracket(decodeBasePairs(knot, 'GGACCCCAGG'))).toBe('((.[[)).]]');
    expect(dotBracket(decodeNested(knot, 'AGACCCCAGG', 2))).toBe('...((...))');
    expect(dotBracket(decodeNested(knot, 'AGACCCCAGG', 2, { allowNcPairs: true }))).toBe('((...))...');
    const sharp = triangle(4, [[0, 3, 0.9]]);
    expect(dotBracket(decodeNested(sharp, 'GAAC', 2))).toBe('....');
    expect(dotBracket(decodeNested(sharp, 'GAAC', 2, { allowSharpLoops: true }))).toBe('(..)');
    expect(() => decodeNested(new Float32Array(4), 'AU', 1)).toThrow('2 positions have 1 pairs, but 4');
  });
});

describe('upperTriangle', () => {
  it('reads rows above the diagonal', () => {
    expect([...upperTriangle(Float32Array.of(0, 1, 2, 9, 0, 3, 9, 9, 0), 3)]).toEqual([1, 2, 3]);
    expect(() => upperTriangle(new Float32Array(8), 3)).toThrow('[3, 3]');
  });
});
