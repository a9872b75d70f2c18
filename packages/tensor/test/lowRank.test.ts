/**
 * A linear layer with a low-rank term is the layer of the sum of both matrices: output and every gradient, over random
 * shapes.
 */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { backward, cast, lowRankLinear, record, type Device, type Shape, type Tensor } from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';
import { linearReference, type Doubles } from './references.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});
afterEach(() => {
  expect(device.memory.use().tensors).toBe(0);
});

const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const normals = (random: RandomStream, count: number): Doubles =>
  Float64Array.from({ length: count }, () => Math.fround(random.normal()));

/** left [rows, inner] · right [inner, cols], either transposed as stored. */
function times(
  left: Doubles,
  right: Doubles,
  rows: number,
  inner: number,
  cols: number,
  transpose: { left?: boolean; right?: boolean } = {},
): Doubles {
  return Float64Array.from({ length: rows * cols }, (_, i) => {
    const [r, c] = [Math.floor(i / cols), i % cols];
    let sum = 0;
    for (let k = 0; k < inner; k++)
      sum +=
        left[transpose.left === true ? k * rows + r : r * inner + k]! *
        right[transpose.right === true ? c * inner + k : k * cols + c]!;
    return sum;
  });
}

function expectClose(actual: Float32Array, expected: Doubles, what: string): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  expect(actual.length, what).toBe(expected.length);
  expect(
    expected.reduce((worst, value, i) => Math.max(worst, Math.abs(actual[i]! - value)), 0) / largest,
    what,
  ).toBeLessThan(1e-5);
}

describe('lowRankLinear', () => {
  it('is the layer of W + factor · B·A', async () => {
    await fc.assert(
      fc.asyncProperty(
        size(70),
        size(70),
        size(70),
        size(9),
        fc.boolean(),
        fc.integer(),
        async (rows, inner, cols, rank, added, key) => {
          const random = new RandomStream(key >>> 0);
          const factor = 0.5;
          const [x, w, a, b, bias, residual, dy] = [
            rows * inner,
            cols * inner,
            rank * inner,
            cols * rank,
            cols,
            rows * cols,
            rows * cols,
          ].map((count) => normals(random, count)) as [Doubles, Doubles, Doubles, Doubles, Doubles, Doubles, Doubles];
          const whole = times(b, a, cols, rank, inner).map((value, i) => w[i]! + factor * value);
          const expected = linearReference(x, whole, added ? bias : new Float64Array(cols), dy, inner);

          const tensor = (values: Doubles, shape: Shape): Tensor =>
            device.tensor(Float32Array.from(values), shape).keep();
          const trained = [
            tensor(x, [rows, inner]),
            tensor(a, [rank, inner]),
            tensor(b, [cols, rank]),
            tensor(residual, [rows, cols]),
          ] as const;
          const frozen = [tensor(w, [cols, inner]), tensor(bias, [cols]), tensor(dy, [rows, cols])] as const;
          trained.forEach((each) => {
            each.train();
          });
          let y: Tensor | undefined;
          const loss = backward(device, () => {
            const output = lowRankLinear(
              trained[0],
              frozen[0],
              { a: trained[1], b: trained[2], factor },
              added ? frozen[1] : undefined,
              added ? trained[3] : undefined,
            );
            y = output.alias().keep();
            // A loss whose gradient is dy.
            return record(device.full([1], 0), [output], () => [frozen[2].alias()]);
          });
          expectClose(await y!.read(), added ? expected.y.map((value, i) => value + residual[i]!) : expected.y, 'y');
          expectClose(await trained[0].gradient!.read(), expected.dx, 'dx');
          expectClose(
            await trained[1].gradient!.read(),
            times(b, expected.dweight, rank, cols, inner, { left: true }).map((value) => factor * value),
            'da',
          );
          expectClose(
            await trained[2].gradient!.read(),
            times(expected.dweight, a, cols, inner, rank, { right: true }).map((value) => factor * value),
            'db',
          );
          if (added) expect(await trained[3].gradient!.read()).toEqual(Float32Array.from(dy));
          [...trained, ...frozen, loss, y!].forEach((each) => {
            each.dispose();
          });
        },
      ),
      { seed: 3, numRuns: 25 },
    );
  });

  it('computes nothing for the matrix, and says so where that is wanted', () => {
    const [x, w, a, b] = [
      device.zeros([2, 3]).keep(),
      device.zeros([4, 3]).train(),
      device.zeros([1, 3]).train(),
      device.zeros([4, 1]).train(),
    ];
    expect(() => backward(device, () => lowRankLinear(x, w, { a, b, factor: 1 }))).toThrow(
      /the matrix \[4, 3\] under a low-rank term is frozen/,
    );
    expect(() => lowRankLinear(x, w, { a: b, b: a, factor: 1 })).toThrow(
      /lowRankLinear: shapes \[2, 3\] and \[4, 3\] and \[4, 1\] and \[1, 3\] do not fit/,
    );
    [x, w, a, b].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('takes halves and gives them', async () => {
    if (!device.traits.f16) return;
    const [x, w, a, b] = [
      [5, 6],
      [4, 6],
      [2, 6],
      [4, 2],
    ].map((shape, i) =>
      device
        .tensor(
          Float32Array.from({ length: shape[0]! * shape[1]! }, (_, j) => ((3 * i + j) % 5) / 4),
          shape,
        )
        .keep(),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const full = lowRankLinear(x, w, { a, b, factor: 2 }).keep();
    const [halfX, halfW] = [cast(x, 'f16').keep(), cast(w, 'f16').keep()];
    const half = lowRankLinear(halfX, halfW, { a, b, factor: 2 }, undefined, undefined, 'f16').keep();
    expect(half.dtype).toBe('f16');
    const values = await half.read();
    (await full.read()).forEach((value, i) => {
      expect(Math.abs(values[i]! - value)).toBeLessThan(2e-3 * Math.abs(value));
    });
    [x, w, a, b, full, halfX, halfW, half].forEach((tensor) => {
      tensor.dispose();
    });
  });
});
