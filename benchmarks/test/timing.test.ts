import fc from 'fast-check';
import { expect, test } from 'vitest';
import { alternate, calibrate, runsFor, SAMPLE_MS, statistics } from '../src/timing.ts';

const time = fc.double({ min: 1e-3, max: 1e5, noNaN: true });

const samples = fc.array(time, { minLength: 1, maxLength: 30 });

test('the median lies in the middle and does not depend on the order', () => {
  fc.assert(
    fc.property(
      samples.chain((times) => fc.tuple(fc.constant(times), fc.shuffledSubarray(times, { minLength: times.length }))),
      ([times, shuffled]) => {
        const { medianMs, minMs, maxMs, samples: count } = statistics(times);
        expect(count).toBe(times.length);
        expect([minMs, maxMs]).toEqual([Math.min(...times), Math.max(...times)]);
        // As many samples on either side, give or take those equal to it.
        expect(times.filter((each) => each < medianMs).length).toBeLessThanOrEqual(times.length / 2);
        expect(times.filter((each) => each > medianMs).length).toBeLessThanOrEqual(times.length / 2);
        expect(statistics(shuffled)).toEqual(statistics(times));
      },
    ),
  );
});

test('the median of an even number of samples is the mean of the middle two', () => {
  expect(statistics([4, 1, 3, 2], 5)).toEqual({ medianMs: 2.5, minMs: 1, maxMs: 4, samples: 4, runs: 5 });
});

test('samples that are no times are refused', () => {
  for (const times of [[], [1, NaN], [0], [-1, 2], [Infinity]]) expect(() => statistics(times)).toThrow(RangeError);
});

test('contenders are sampled in turns', async () => {
  const order: string[] = [];
  const contender = (name: string, runs: number) => ({
    runs,
    sample: (asked: number): Promise<number> => {
      order.push(`${name}${asked}`);
      return Promise.resolve(order.length);
    },
  });
  const times = await alternate([contender('a', 3), contender('b', 1)], 3);
  expect(order).toEqual(['a3', 'b1', 'a3', 'b1', 'a3', 'b1']);
  expect(times).toEqual([
    [1, 3, 5],
    [2, 4, 6],
  ]);
});

test('a sample has as many runs as fill it, in spite of what a wait costs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0.02, max: 500, noNaN: true }), async (cost) => {
      const wait = 0.5;
      const runs = await calibrate((asked) => Promise.resolve(cost + wait / asked));
      expect(runs * cost + wait).toBeGreaterThan(0.45 * SAMPLE_MS);
      expect(runs).toBeLessThanOrEqual(runsFor(cost));
    }),
  );
});
