/** Halves on the host, against the definition of binary16. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeHalves, encodeHalves, fromHalf, toHalf } from '../src/index.ts';

test('every half comes back from its number', () => {
  for (let half = 0; half < 65536; half++) {
    const value = fromHalf(half);
    if (Number.isNaN(value)) expect(fromHalf(toHalf(value))).toBeNaN();
    else expect(toHalf(value), String(value)).toBe(half);
  }
});

test('known values', () => {
  expect([0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555, 0x7c00, 0xfc00].map(fromHalf)).toEqual([
    1,
    -2,
    65504,
    2 ** -14,
    2 ** -24,
    0.333251953125,
    Infinity,
    -Infinity,
  ]);
  // Halfway between two halves goes to the even one, and beyond the largest by half a step to infinity.
  expect(
    [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 3 * 2 ** -25, 65519, 65520, 1e9].map((value) => fromHalf(toHalf(value))),
  ).toEqual([1, 1 + 2 ** -9, 0, 2 ** -23, 65504, Infinity, Infinity]);
  expect(Object.is(fromHalf(toHalf(-0)), -0)).toBe(true);
});

test('a number goes to the nearest half', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const half = toHalf(value);
      const error = Math.abs(fromHalf(half) - value);
      for (const neighbour of [half - 1, half + 1]) {
        const other = fromHalf(neighbour & 0xffff);
        if (Number.isFinite(other)) expect(error).toBeLessThanOrEqual(Math.abs(other - value));
      }
    }),
    { numRuns: 2000, seed: 3 },
  );
});

test('arrays are what their elements are', () => {
  const values = Float32Array.of(0.1, -3, 1e-7, 70000);
  expect(Array.from(decodeHalves(encodeHalves(values)))).toEqual(
    Array.from(values, (value) => fromHalf(toHalf(value))),
  );
});
