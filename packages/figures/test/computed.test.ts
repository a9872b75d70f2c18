/**
 * What figures compute before anything is drawn: binned and smoothed curves, ticks and number formats.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatCount, formatLoss, formatRate, formatScore } from '../src/format.ts';
import { binned, smoothed } from '../src/series.ts';
import { positionTicks } from '../src/ticks.ts';

const finite = fc.double({ noNaN: true, min: -1e3, max: 1e3 });

describe('binned', () => {
  test('loses no extreme, and the means weigh all steps alike', () => {
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (values, bins) => {
          const list = binned(
            values.map((_, k) => k),
            values,
            bins,
          );
          expect(list).toHaveLength(Math.min(bins, values.length));
          expect(Math.min(...list.map((b) => b.min))).toBe(Math.min(...values));
          expect(Math.max(...list.map((b) => b.max))).toBe(Math.max(...values));
          expect(list.every((b) => b.min <= b.mean + 1e-9 && b.mean <= b.max + 1e-9)).toBe(true);
          expect(list.every((b, k) => k === 0 || b.step > (list[k - 1]?.step ?? 0))).toBe(true);
        },
      ),
    );
  });

  test('a bin of values that are not finite is a gap', () => {
    expect(binned([1, 2, 3, 4], [1, 3, null, NaN], 2)).toEqual([
      { step: 1.5, min: 1, max: 3, mean: 2 },
      { step: 3.5, min: NaN, max: NaN, mean: NaN },
    ]);
  });
});

test('smoothed is the mean of a centred window, without the values that are not finite', () => {
  expect(smoothed([1, 2, 6, 4], 3)).toEqual([1.5, 3, 4, 5]);
  expect(smoothed([1, null, 3, NaN, 5], 3)).toEqual([1, null, 3, null, 5]);
  expect(smoothed([3, 1], 1)).toEqual([3, 1]);
});

test('ticks are round positions, about ten at most', () => {
  expect(positionTicks(1)).toEqual([1]);
  expect(positionTicks(76)).toEqual([1, 10, 20, 30, 40, 50, 60, 70]);
  for (const length of [0, 9, 101, 999, 5000, 30_000]) expect(positionTicks(length).length).toBeLessThanOrEqual(11);
});

test('numbers have the digits that mean something, and a dash where there is none', () => {
  expect([0.87349, 1, null, NaN].map(formatScore)).toEqual(['0.873', '1.000', '–', '–']);
  expect([1.386294, 0.0312345, 12.3456, 0, 1e-7, Infinity].map(formatLoss)).toEqual([
    '1.386',
    '0.03123',
    '12.35',
    '0.000',
    '1.00e-7',
    '–',
  ]);
  expect([0, 1234567].map(formatCount)).toEqual(['0', '1,234,567']);
  expect([0, 1e-3, 2.5e-4].map(formatRate)).toEqual(['0', '1e-3', '2.5e-4']);
});
