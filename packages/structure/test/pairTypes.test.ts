/** Types of base pairs, their scores, and the papers' protocols. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeBasePairs,
  PAIR_TYPES,
  pairType,
  partnersFromPairs,
  RINALMO_PROTOCOL,
  scoreBasePairs,
  scoreByPairType,
  SSR_LM_PROTOCOL,
  thresholdCurve,
  totalByPairType,
} from '../src/index.ts';

describe('pair types', () => {
  it('are those of the two letters, in either order, of DNA and RNA, in either case', () => {
    const types = (pairs: string) => pairs.split(' ').map((pair) => pairType(pair[0]!, pair[1]!));
    expect(types('AU UA GC CG AT ta')).toEqual(new Array(6).fill('watsonCrick'));
    expect(types('GU UG GT tg')).toEqual(new Array(4).fill('wobble'));
    expect(types('AA AC AG CC CU GG UU NU IC')).toEqual(new Array(9).fill('nonCanonical'));
  });

  it('are scored apart: a pair that is predicted of one type does not touch another', () => {
    //                0123456789
    const sequence = 'GAGCAAGUUA';
    const target = partnersFromPairs(
      [
        [0, 8],
        [1, 7],
        [2, 9],
      ],
      10,
    ); // GU wobble, AU, GA
    const predicted = partnersFromPairs(
      [
        [0, 8],
        [1, 7],
        [3, 6],
      ],
      10,
    ); // GU wobble, AU, CG
    const scores = scoreByPairType(sequence, target, predicted);
    expect(scores.wobble).toEqual({ precision: 1, recall: 1, f1: 1, pairs: 1, predicted: 1, matched: 1 });
    expect(scores.watsonCrick).toMatchObject({ precision: 0.5, recall: 1, pairs: 1, predicted: 2, matched: 1 });
    expect(scores.watsonCrick.f1).toBeCloseTo(2 / 3, 12);
    expect(scores.nonCanonical).toEqual({ precision: 0, recall: 0, f1: 0, pairs: 1, predicted: 0, matched: 0 });
    expect(() => scoreByPairType('AC', target, predicted)).toThrow('a sequence of 2, 10 true partners');
  });

  it('have totals from counts, not means', () => {
    const one = scoreByPairType('GC', partnersFromPairs([[0, 1]], 2), partnersFromPairs([[0, 1]], 2));
    const two = scoreByPairType(
      'GGGCCC',
      partnersFromPairs(
        [
          [0, 5],
          [1, 4],
          [2, 3],
        ],
        6,
      ),
      partnersFromPairs([], 6),
    );
    expect(totalByPairType([one, two]).watsonCrick).toEqual({
      precision: 1,
      recall: 0.25,
      f1: 0.4,
      pairs: 4,
      predicted: 1,
      matched: 1,
    });
  });

  it('together are all pairs', () => {
    const structure = fc.uniqueArray(fc.nat(19), { minLength: 0, maxLength: 20 }).map((places) =>
      partnersFromPairs(
        Array.from({ length: places.length >> 1 }, (_, p) => [places[2 * p]!, places[2 * p + 1]!] as const),
        20,
      ),
    );
    const sequence = fc.string({ unit: fc.constantFrom(...'ACGUN'), minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(sequence, structure, structure, (letters, target, predicted) => {
        const scores = scoreByPairType(letters, target, predicted);
        const sum = (key: 'pairs' | 'predicted' | 'matched') =>
          PAIR_TYPES.reduce((total, type) => total + scores[type][key], 0);
        const { precision, recall } = scoreBasePairs(target, predicted, { flexible: false });
        expect(sum('matched')).toBeCloseTo(precision * sum('predicted'), 9);
        expect(sum('matched')).toBeCloseTo(recall * sum('pairs'), 9);
      }),
    );
  });
});

describe('protocols', () => {
  // Pairs of five positions, row by row: (0, 1) … (0, 4), (1, 2) … The best is a sharp non-canonical one.
  const probabilities = Float32Array.of(0, 0, 0, 0.2, 0, 0.9, 0, 0, 0, 0);
  const target = partnersFromPairs([[0, 4]], 5);

  it('decode as their papers do', () => {
    const decoded = (protocol: typeof RINALMO_PROTOCOL) => [
      ...decodeBasePairs(probabilities, 'GAAAC', { ...protocol, threshold: 0.1 }),
    ];
    expect(decoded(RINALMO_PROTOCOL)).toEqual([4, -1, -1, -1, 0]);
    expect(decoded(SSR_LM_PROTOCOL)).toEqual([4, 3, -1, 1, 0]);
  });

  it('tune as they score', () => {
    expect(thresholdCurve(probabilities, 'GAAAC', target, RINALMO_PROTOCOL)[9]).toBe(1);
    expect(thresholdCurve(probabilities, 'GAAAC', target, SSR_LM_PROTOCOL)[9]).toBeCloseTo(2 / 3, 12);
    // (1, 4) is beside the pair.
    const beside = partnersFromPairs([[1, 4]], 5);
    expect(thresholdCurve(probabilities, 'GAAAC', beside, RINALMO_PROTOCOL)[9]).toBe(1);
    expect(thresholdCurve(probabilities, 'GAAAC', beside, { ...SSR_LM_PROTOCOL, allowSharpLoops: false })[9]).toBe(0);
  });
});
