import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBasePairs } from '../src/secondary/decode.ts';
import {
  averagePrecision,
  bestThreshold,
  meanScore,
  scoreBasePairs,
  thresholdCurve,
  CANDIDATE_THRESHOLDS,
  type PairScore,
} from '../src/secondary/metrics.ts';
import { partnersFromPairs } from '../src/secondary/structure.ts';

type Pairs = [number, number][];
const oracle = JSON.parse(readFileSync(new URL('fixtures/metrics.json', import.meta.url), 'utf8')) as {
  edge: { L: number; target: Pairs; pred: Pairs; flexible: PairScore; strict: PairScore }[];
  threshold_tuning: {
    candidates: number[];
    items: { seq: string; L: number; probs_row_major_upper: number[]; target_pairs: Pairs }[];
    table: Record<string, { per_item: number[]; mean: number }>;
    best_threshold: number;
    best_f1: number;
  };
};
const tuning = oracle.threshold_tuning;
const items = tuning.items.map(({ seq, L, probs_row_major_upper, target_pairs }) => ({
  sequence: seq,
  probabilities: Float32Array.from(probs_row_major_upper),
  target: partnersFromPairs(target_pairs, L),
}));

describe('scoreBasePairs', () => {
  it.each(oracle.edge)('target $target, predicted $pred', ({ L, target, pred, flexible, strict }) => {
    for (const [wanted, isFlexible] of [
      [flexible, true],
      [strict, false],
    ] as const) {
      const score = scoreBasePairs(partnersFromPairs(target, L), partnersFromPairs(pred, L), { flexible: isFlexible });
      for (const key of ['precision', 'recall', 'f1'] as const) expect(score[key]).toBeCloseTo(wanted[key], 12);
    }
  });

  it('refuses structures of different lengths', () => {
    expect(() => scoreBasePairs(new Int32Array(2), new Int32Array(3), { flexible: false })).toThrow(
      '2 positions, the prediction 3',
    );
  });
});

describe('threshold tuning', () => {
  const curves = items.map(({ probabilities, sequence, target }) =>
    thresholdCurve(probabilities, sequence, target, { flexible: true }),
  );

  it('tries the thresholds of the reference', () => expect(CANDIDATE_THRESHOLDS).toEqual(tuning.candidates));

  it.each(tuning.candidates.map((threshold, k) => ({ threshold, k })))(
    'scores every RNA at $threshold',
    ({ threshold, k }) => {
      const wanted = tuning.table[String(threshold)]!;
      for (const [i, f1] of wanted.per_item.entries()) {
        expect(curves[i]![k]).toBeCloseTo(f1, 12);
        const { probabilities, sequence, target } = items[i]!;
        const decoded = decodeBasePairs(probabilities, sequence, { threshold });
        expect(scoreBasePairs(target, decoded, { flexible: true }).f1).toBeCloseTo(f1, 12);
      }
    },
  );

  it('chooses the threshold of the reference, and the smallest of equals', () => {
    const best = bestThreshold(curves);
    expect(best.threshold).toBe(tuning.best_threshold);
    expect(best.f1).toBeCloseTo(tuning.best_f1, 12);
    expect(bestThreshold([new Float64Array(29)]).threshold).toBe(0.01);
    expect(() => bestThreshold([])).toThrow('no validation RNAs');
  });
});

describe('meanScore', () => {
  const scores = [
    { precision: 1, recall: 0.5, f1: 0.6 },
    { precision: 0, recall: 0.5, f1: 0.2 },
  ];

  it('averages over RNAs, or by weight', () => {
    const macro = meanScore(scores);
    expect([macro.precision, macro.recall]).toEqual([0.5, 0.5]);
    expect(macro.f1).toBeCloseTo(0.4, 12);
    expect(meanScore(scores, [30, 10]).f1).toBeCloseTo(0.5, 12);
  });

  it('refuses nothing and weights that do not match', () => {
    expect(() => meanScore([])).toThrow('no scores');
    expect(() => meanScore(scores, [1])).toThrow('1 weights for 2 scores');
  });
});

describe('averagePrecision', () => {
  it('is the step-wise area under the curve', () => {
    // Pairs (0,1) (0,2) (0,3) (1,2) (1,3) (2,3); true are (0,3) and (1,2): precisions 1/1 and 2/3 at recalls 1/2 and 1.
    const target = partnersFromPairs(
      [
        [0, 3],
        [1, 2],
      ],
      4,
    );
    expect(averagePrecision(Float32Array.of(0.1, 0.8, 0.9, 0.7, 0.2, 0.3), target)).toBeCloseTo(
      0.5 + 0.5 * (2 / 3),
      12,
    );
    expect(averagePrecision(new Float32Array(6).fill(0.5), target)).toBeCloseTo(2 / 6, 12);
    expect(averagePrecision(new Float32Array(6), new Int32Array(4).fill(-1))).toBe(0);
    expect(() => averagePrecision(Float32Array.of(0, NaN, 0, 0, 0, 0), target)).toThrow('NaN');
  });

  it('agrees with its definition over all thresholds', () => {
    const target = partnersFromPairs(
      [
        [0, 7],
        [1, 6],
        [2, 4],
      ],
      8,
    );
    const values = fc.array(
      fc.integer({ min: 0, max: 9 }).map((n) => n / 9),
      { minLength: 28, maxLength: 28 },
    );
    fc.assert(
      fc.property(values, (probabilities) => {
        const triangle = Float32Array.from(probabilities);
        const labels: boolean[] = [];
        for (let i = 0; i < 8; i++) for (let j = i + 1; j < 8; j++) labels.push(target[i] === j);
        let area = 0;
        let recall = 0;
        for (const threshold of [...new Set(triangle)].sort((a, b) => b - a)) {
          const above = labels.filter((_, k) => triangle[k]! >= threshold);
          const hits = above.filter(Boolean).length;
          area += (hits / 3 - recall) * (hits / above.length);
          recall = hits / 3;
        }
        expect(averagePrecision(triangle, target)).toBeCloseTo(area, 12);
      }),
    );
  });
});
