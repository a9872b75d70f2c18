import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '@rna/kernels';
import { packRows } from '../src/batching.ts';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('packRows', () => {
  const packing = fc
    .integer({ min: 3, max: 60 })
    .chain((maxTokens) =>
      fc.record({
        maxTokens: fc.constant(maxTokens),
        lengths: fc.array(fc.integer({ min: 1, max: maxTokens }), { maxLength: 120 }),
      }),
    );

  it('places each sequence once, in rows that hold it', () => {
    fc.assert(
      fc.property(packing, ({ lengths, maxTokens }) => {
        const rows = packRows(lengths, maxTokens);
        expect(rows.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
        for (const row of rows) {
          expect(row.length).toBeGreaterThan(0);
          expect(sum(row.map((i) => lengths[i]!))).toBeLessThanOrEqual(maxTokens);
        }
      }),
    );
  });

  it('is first-fit: when a sequence came, it fitted into no earlier row', () => {
    fc.assert(
      fc.property(packing, ({ lengths, maxTokens }) => {
        const rows = packRows(lengths, maxTokens);
        rows.forEach((row, later) => {
          for (const i of row) {
            for (const earlier of rows.slice(0, later)) {
              expect(
                sum(earlier.filter((before) => before < i).map((before) => lengths[before]!)) + lengths[i]!,
              ).toBeGreaterThan(maxTokens);
            }
          }
        });
      }),
    );
  });

  it('fills more than 98 % of the slots of rows of 1,024 tokens, of a window of RNAs of many lengths', () => {
    const random = new RandomStream(1);
    const lengths = Array.from(
      { length: 2048 },
      () => 2 + Math.min(1022, Math.round(Math.exp(4.7 + 0.6 * random.normal()))),
    );
    expect(sum(lengths) / (packRows(lengths, 1024).length * 1024)).toBeGreaterThan(0.98);
  });

  it('refuses what no row can hold', () => {
    expect(() => packRows([3, 11], 10)).toThrow("sequence 1 has 11 tokens, more than a row's 10");
  });
});
