/** Means over overlapping windows, against plain loops over all windows and all pairs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowedPairs, windowedRows, windowStarts, type PairPredictor } from '../src/index.ts';

/** Numbers that depend on the window's whole sequence, as a model's do. */
const valuesOf = (sequence: string, count: number): Float32Array => {
  let state = [...sequence].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 65_521, 7);
  return Float32Array.from({ length: count }, () => (state = (state * 75 + 74) % 65_537) / 65_537);
};
const predict: PairPredictor = (sequence) =>
  Promise.resolve(valuesOf(sequence, (sequence.length * (sequence.length - 1)) / 2));

const cases = fc.record({
  sequence: fc.string({ unit: fc.constantFrom('A', 'C', 'G', 'U'), minLength: 1, maxLength: 24 }),
  windows: fc
    .integer({ min: 1, max: 30 })
    .chain((size) => fc.record({ size: fc.constant(size), stride: fc.integer({ min: 1, max: size }) })),
});

/** Every window that has a place among the strides, and the one at the end. */
const startsOf = (length: number, size: number, stride: number): number[] =>
  Array.from({ length }, (_, start) => start).filter(
    (start) => (start % stride === 0 && start + size < length) || start === Math.max(0, length - size),
  );

describe('windows', () => {
  test('begin every stride, end with the RNA, and hold every nucleotide', () => {
    fc.assert(
      fc.property(cases, ({ sequence: { length }, windows }) => {
        const starts = windowStarts(length, windows);
        expect(starts).toEqual(startsOf(length, windows.size, windows.stride));
        const held = new Set(starts.flatMap((start) => Array.from({ length: windows.size }, (_, i) => start + i)));
        for (let i = 0; i < length; i++) expect(held.has(i)).toBe(true);
      }),
    );
    expect(windowStarts(10, { size: 4, stride: 3 })).toEqual([0, 3, 6]);
    expect(windowStarts(11, { size: 4, stride: 3 })).toEqual([0, 3, 6, 7]);
    for (const windows of [
      { size: 4, stride: 5 },
      { size: 4, stride: 0 },
      { size: 4.5, stride: 1 },
    ])
      expect(() => windowStarts(10, windows)).toThrow('a stride must be 1 to the size');
  });
});

describe('windowedPairs', () => {
  test('is the mean over the windows that hold a pair, 0 where none does', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ sequence, windows: { size, stride } }) => {
        const { length } = sequence;
        const found = await windowedPairs(predict, { size, stride })(sequence);
        const expected: number[] = [];
        for (let i = 0; i < length; i++) {
          for (let j = i + 1; j < length; j++) {
            const values = startsOf(length, size, stride)
              .filter((start) => i >= start && j < start + size)
              .map((start) => {
                const window = sequence.slice(start, start + size);
                const own = valuesOf(window, (window.length * (window.length - 1)) / 2);
                const [a, b] = [i - start, j - start];
                return own[(a * (2 * window.length - a - 1)) / 2 + b - a - 1]!;
              });
            expected.push(values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length);
            if (j - i <= size - stride) expect(values.length).toBeGreaterThan(0);
          }
        }
        expect(found).toHaveLength(expected.length);
        found.forEach((value, at) => {
          expect(value).toBeCloseTo(expected[at]!, 5);
        });
      }),
    );
  });

  test('gives what the whole RNA gives where the window is as long, bit by bit', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.integer({ min: 0, max: 9 }), async ({ sequence }, more) => {
        const size = sequence.length + more;
        expect(await windowedPairs(predict, { size, stride: 1 })(sequence)).toEqual(await predict(sequence));
      }),
    );
  });

  test('says of each window which comes after it, into the next RNA', async () => {
    const asked: (string | undefined)[][] = [];
    const listen: PairPredictor = (sequence, next) => {
      asked.push([sequence, next]);
      return predict(sequence);
    };
    const windowed = windowedPairs(listen, { size: 4, stride: 2 });
    await windowed('AACCGG', 'UUUUUU');
    await windowed('ACG', 'GG');
    expect(asked).toEqual([
      ['AACC', 'CCGG'],
      ['CCGG', 'UUUU'],
      ['ACG', 'GG'],
    ]);
  });
});

describe('windowedRows', () => {
  test('is the mean over windows of each row, and of what stands before and behind', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 3 }), ({ sequence, windows: { size, stride } }, columns) => {
        const { length } = sequence;
        const starts = windowStarts(length, { size, stride });
        const own = starts.map((start) => {
          const { length: held } = sequence.slice(start, start + size);
          return valuesOf(sequence.slice(start, start + size), (held + 2) * columns);
        });
        const rows = windowedRows(length, columns);
        starts.forEach((start, k) => {
          rows.add(start, own[k]!);
        });
        const found = rows.mean();
        for (let row = 0; row < length + 2; row++) {
          for (let column = 0; column < columns; column++) {
            const values = starts.flatMap((start, k) => {
              const last = own[k]!.length / columns - 1;
              const at = row === 0 ? 0 : row === length + 1 ? last : row - start;
              return row > 0 && row < length + 1 && (at < 1 || at >= last) ? [] : [own[k]![at * columns + column]!];
            });
            const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
            expect(found[row * columns + column]).toBeCloseTo(mean, 5);
          }
        }
        if (size >= length) expect(found).toEqual(own[0]);
      }),
    );
    expect(() => windowedRows(3, 2).add(2, new Float32Array(8))).toThrow('no window at 2 of 3 nucleotides');
  });
});
