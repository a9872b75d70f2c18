/** Scores of numbers, classes and yes or no, against the oracle's and against plain counts. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  argmax,
  bestBinaryThreshold,
  binaryScores,
  classScores,
  confusion,
  publishedBinaryScores,
  publishedConfusion,
  regressionScores,
  sigmoid,
  softmaxRows,
} from '../src/index.ts';

const oracle = JSON.parse(readFileSync(new URL('fixtures/metrics.json', import.meta.url), 'utf8')) as {
  splice_metrics: {
    tp: number;
    fp: number;
    fn: number;
    tn: number;
    accuracy: number;
    precision: number;
    recall: number;
    specificity: number;
    f1: number;
  }[];
  regression: { y: number[]; pred: number[]; r2: number; mse: number; mae: number };
};

describe('yes or no', () => {
  it.each(oracle.splice_metrics)(
    'the reference rounds percentages of $tp $fp $fn $tn',
    ({ tp, fp, fn, tn, ...scores }) => {
      const published = publishedBinaryScores({ tp, fp, fn, tn });
      for (const [name, value] of Object.entries(scores))
        expect(published[name as keyof typeof published], name).toBeCloseTo(value, 5);
    },
  );

  it('the reference takes a batch within 0 and 1 for probabilities', () => {
    expect(publishedConfusion([0.1, 0.4, 0.9], [1, 0, 1], 32)).toEqual({ tp: 1, fp: 0, fn: 1, tn: 1 });
    expect(publishedConfusion([0.1, 0.4, 1.1], [1, 0, 1], 32)).toEqual({ tp: 2, fp: 1, fn: 0, tn: 0 });
    expect(publishedConfusion([0.1, 0.4, 1.1], [1, 0, 1], 2), 'batches of two').toEqual({ tp: 1, fp: 0, fn: 1, tn: 1 });
  });

  it('the reference rounds halves to even, in float32', () => {
    // 100 · 1/32 is 3.125, and 100 · 928/1024 is 90.625.
    expect(publishedBinaryScores({ tp: 1, fp: 31, fn: 0, tn: 0 }).precision).toBeCloseTo(3.12, 5);
    expect(publishedBinaryScores({ tp: 928, fp: 96, fn: 0, tn: 0 }).precision).toBeCloseTo(90.62, 5);
    expect(publishedBinaryScores({ tp: 3, fp: 29, fn: 0, tn: 0 }).precision).toBeCloseTo(9.38, 5);
  });

  it('the best threshold is that of the best F1, between two probabilities', () => {
    expect(bestBinaryThreshold([0.9, 0.3, 0.2, 0.1], [1, 1, 0, 0])).toBeCloseTo(0.25, 12);
    expect(bestBinaryThreshold([0.4, 0.3], [1, 1])).toBeCloseTo(0.15, 12);
    const set = fc.array(
      fc.record({ p: fc.integer({ min: 1, max: 10 }).map((n) => n / 10), label: fc.integer({ min: 0, max: 1 }) }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(set, (rnas) => {
        const [p, labels] = [rnas.map((rna) => rna.p), rnas.map(({ label }) => label)];
        const at = (threshold: number): number => binaryScores(p, labels, threshold).f1;
        const best = Math.max(...p.map((value) => at(value - 1e-9)));
        expect(at(bestBinaryThreshold(p, labels))).toBeCloseTo(best, 12);
      }),
    );
  });

  it('counts, and 0 where nothing was called', () => {
    expect(confusion([0.9, 0.5, 0.2, 0.8], [1, 1, 0, 0])).toEqual({ tp: 1, fp: 1, fn: 1, tn: 1 });
    expect(binaryScores([0.1, 0.2], [1, 1])).toEqual({ accuracy: 0, precision: 0, recall: 0, specificity: 0, f1: 0 });
    expect(() => binaryScores([], [])).toThrow('0 predictions and 0 labels');
  });
});

describe('numbers', () => {
  it('R², MSE and MAE of the oracle', () => {
    const { y, pred, ...expected } = oracle.regression;
    const scores = regressionScores(pred, y);
    expect(scores.r2).toBeCloseTo(expected.r2, 12);
    expect(scores.mse).toBeCloseTo(expected.mse, 12);
    expect(scores.mae).toBeCloseTo(expected.mae, 12);
  });

  it('Spearman is 1 under any increasing map and −1 under a decreasing one; ties take mean ranks', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: -20, max: 20 }), { minLength: 2, maxLength: 30 }), (values) => {
        expect(
          regressionScores(
            values.map((v) => v ** 3),
            values,
          ).spearman,
        ).toBeCloseTo(1, 12);
        expect(
          regressionScores(
            values.map((v) => -v),
            values,
          ).spearman,
        ).toBeCloseTo(-1, 12);
      }),
    );
    // scipy.stats.spearmanr([1, 2, 2, 3], [1, 3, 2, 4])
    expect(regressionScores([1, 2, 2, 3], [1, 3, 2, 4]).spearman).toBeCloseTo(0.9486832980505138, 12);
    expect(regressionScores([5, 5, 5], [1, 2, 3]).spearman).toBe(0);
    expect(regressionScores([-0, 0, 1], [2, 2, 3]).spearman).toBeCloseTo(1, 12);
    expect(regressionScores([1, 3], [2, 2]).r2).toBe(0);
    expect(regressionScores([2, 2], [2, 2]).r2).toBe(1);
    // A model that has diverged is scored and not waited for.
    expect(regressionScores([NaN, NaN, 1], [1, 2, 3]).r2).toBeNaN();
  });
});

describe('classes', () => {
  it("accuracy, and F1 weighted by the classes' shares", () => {
    // sklearn.metrics.f1_score(labels, predicted, average='weighted' and 'macro')
    const scores = classScores([0, 1, 1, 2, 0], [0, 1, 2, 2, 1]);
    expect(scores.accuracy).toBeCloseTo(0.6, 12);
    expect(scores.weightedF1).toBeCloseTo(0.6, 12);
    expect(scores.macroF1).toBeCloseTo((2 / 3 + 1 / 2 + 2 / 3) / 3, 12);
  });

  it('softmax of rows sums to one and keeps the order', () => {
    const rows = softmaxRows(Float32Array.of(1, 2, 3, 100, 0, -100), 3);
    expect(rows.map(argmax)).toEqual([2, 0]);
    for (const row of rows) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    expect([sigmoid(-1000), sigmoid(0), sigmoid(1000)]).toEqual([0, 0.5, 1]);
  });
});
