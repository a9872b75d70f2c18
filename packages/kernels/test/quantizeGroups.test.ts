/** Laws of the 4 bits that a weight is stored in, of the reference that the kernel is held to. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupedMatrix, ungroupedMatrix } from '../src/quantizeGroups.check.ts';
import { QUANTIZED_GROUP, groupedRowWords } from '../src/index.ts';

const matrices = fc
  .record({ rows: fc.integer({ min: 1, max: 4 }), cols: fc.integer({ min: 1, max: 150 }) })
  .chain(({ rows, cols }) =>
    fc.record({
      rows: fc.constant(rows),
      cols: fc.constant(cols),
      x: fc
        .array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: rows * cols, maxLength: rows * cols })
        .map((values) => Float64Array.from(values)),
    }),
  );

/** The largest magnitude of each element's group. */
function largestOf(x: Float64Array, cols: number): Float64Array {
  const largest = new Map<string, number>();
  const group = (i: number): string => `${Math.floor(i / cols)} ${Math.floor((i % cols) / QUANTIZED_GROUP)}`;
  x.forEach((value, i) => {
    largest.set(group(i), Math.max(largest.get(group(i)) ?? 0, Math.abs(value)));
  });
  return x.map((_, i) => largest.get(group(i))!);
}

test('every value comes back to half a step of its group, and a half of 11 bits for the scale', () => {
  fc.assert(
    fc.property(matrices, ({ rows, cols, x }) => {
      const words = groupedMatrix(x, rows, cols);
      expect(words.length).toBe(rows * groupedRowWords(cols));
      const largest = largestOf(x, cols);
      ungroupedMatrix(words, rows, cols).forEach((value, i) => {
        // Half a step and what seven steps of a rounded scale are off; or half of the least scale.
        const bound = Math.max(largest[i]! * (1 / 14 + 2 ** -11), 2 ** -15) * (1 + 1e-6);
        expect(Math.abs(value - x[i]!)).toBeLessThanOrEqual(bound);
      });
    }),
    { numRuns: 60 },
  );
});

test('what came back is stored as the same words, and its negative comes back as the negative', () => {
  fc.assert(
    fc.property(matrices, ({ rows, cols, x }) => {
      const words = groupedMatrix(x, rows, cols);
      const back = ungroupedMatrix(words, rows, cols);
      expect(groupedMatrix(back, rows, cols)).toEqual(words);
      expect(
        ungroupedMatrix(
          groupedMatrix(
            x.map((value) => -value),
            rows,
            cols,
          ),
          rows,
          cols,
        ),
      ).toEqual(back.map((value) => (value === 0 ? value : -value)));
    }),
    { numRuns: 60 },
  );
});
