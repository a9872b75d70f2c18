/** Scores of tables against scikit-learn's and scipy's definitions, by hand and by plain loops. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classTableScores, labelTableScores, matthews, numberTableScores, pearson, tableColumn } from '../src/index.ts';

describe('numbers', () => {
  test('of several columns, over what is known; means of what has no unit', () => {
    const targets = [Float64Array.of(1, 10), Float64Array.of(2, NaN), Float64Array.of(4, 30), Float64Array.of(NaN, 20)];
    const predicted = [Float32Array.of(1, 10), Float32Array.of(3, 99), Float32Array.of(4, 20), Float32Array.of(99, 30)];
    const scores = numberTableScores(predicted, targets, ['a', 'b']);
    // a: errors 0, 1, 0 about a variance of 14/3 in all; b: errors 0, 10, 10, variance 200 in all.
    expect(scores['r2 (a)']).toBeCloseTo(1 - 1 / (14 / 3), 12);
    expect(scores['r2 (b)']).toBeCloseTo(1 - 200 / 200, 12);
    expect(scores['r2']).toBeCloseTo((scores['r2 (a)']! + scores['r2 (b)']!) / 2, 12);
    expect(scores['mae (b)']).toBeCloseTo(20 / 3, 12);
    expect(scores['pearson (b)']).toBeCloseTo(0.5, 12);
    expect(Object.keys(scores)).not.toContain('mae');
    expect(numberTableScores([Float32Array.of(1, 2)], [Float64Array.of(2, 4)], ['a'])).toMatchObject({
      mae: 1.5,
      pearson: 1,
    });
    expect(numberTableScores([Float32Array.of(1, 2)], [Float64Array.of(2, NaN)], ['a', 'b'])).not.toHaveProperty(
      'r2 (b)',
    );
  });

  test("Pearson's correlation does not see scale and shift", () => {
    const values = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 3, maxLength: 20 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 9 }), fc.integer({ min: -9, max: 9 }), (a, scale, shift) => {
        const isConstant = new Set(a).size === 1;
        expect(
          pearson(
            a,
            a.map((value) => scale * value + shift),
          ),
        ).toBeCloseTo(isConstant ? 0 : 1, 9);
        expect(
          pearson(
            a,
            a.map((value) => -scale * value + shift),
          ),
        ).toBeCloseTo(isConstant ? 0 : -1, 9);
      }),
    );
  });
});

test('labels: by label and their means; one that no RNA has counts as 0 where it is asked for', () => {
  const targets = [Float64Array.of(1, 0), Float64Array.of(0, 0), Float64Array.of(1, NaN)];
  const predicted = [Float32Array.of(0.9, 0.2), Float32Array.of(0.8, 0.1), Float32Array.of(0.4, 0.9)];
  const scores = labelTableScores(predicted, targets, ['a', 'b']);
  // a: ranked 1, 0, 1: precision 1 at a recall of 1/2, 2/3 at 1.
  expect(scores['auprc (a)']).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
  expect(scores['auroc (a)']).toBeCloseTo(0.5, 12);
  expect(scores['f1 (a)']).toBeCloseTo(2 / 4, 12);
  expect(scores['auprc (b)']).toBe(0);
  expect(scores).not.toHaveProperty('auroc (b)');
  expect(scores['auroc']).toBeCloseTo(0.5, 12);
  expect(scores['accuracy (b)']).toBe(1);
});

describe('classes', () => {
  test('over rows whose class is known', () => {
    const targets = [Float64Array.of(0, NaN, 1), Float64Array.of(1)];
    const predicted = [Float32Array.of(0.9, 0.1, 0, 1, 0.7, 0.3), Float32Array.of(0.2, 0.8)];
    const scores = classTableScores(predicted, targets, 2);
    // Called 0, 0, 1 for 0, 1, 1.
    expect(scores['accuracy']).toBeCloseTo(2 / 3, 12);
    expect(scores['macroF1']).toBeCloseTo((2 / 3 + 2 / 3) / 2, 12);
    // One hit of the positives, none wrong: (1·1 − 0·1) / √(1·2·1·2).
    expect(scores['mcc']).toBeCloseTo(0.5, 12);
    expect(scores['auroc']).toBeCloseTo(1, 12);
    expect(scores).not.toHaveProperty('auprc (b)');
    // b: ranked 0.8 (b), 0.3 (b), 0.1 (a).
    expect(classTableScores(predicted, targets, 2, ['a', 'b'])).toMatchObject({ 'auprc (b)': 1 });
  });

  test("Matthews' correlation of two classes is that of their table", () => {
    const bits = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(bits, (pairs) => {
        const count = (called: number, label: number): number =>
          pairs.filter(([c, l]) => c === called && l === label).length;
        const [tp, fp, fn, tn] = [count(1, 1), count(1, 0), count(0, 1), count(0, 0)];
        const scale = Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
        const expected = scale === 0 ? 0 : (tp * tn - fp * fn) / scale;
        expect(
          matthews(
            pairs.map(([called]) => called),
            pairs.map(([, label]) => label),
          ),
        ).toBeCloseTo(expected, 10);
      }),
    );
    // Two hits of six are what chance gives to these three classes, three hits are more.
    expect(matthews([0, 2, 1, 0, 0, 1], [0, 1, 2, 0, 1, 2])).toBeCloseTo(0, 12);
    expect(matthews([0, 1, 1, 0, 0, 1], [0, 1, 2, 0, 1, 2])).toBeCloseTo((3 * 6 - 12) / Math.sqrt(18 * 24), 12);
  });
});

test('a column of tables, one under the other', () => {
  expect([
    ...tableColumn(
      [
        [1, 2, 3, 4],
        [5, 6],
      ],
      2,
      1,
    ),
  ]).toEqual([2, 4, 6]);
});
