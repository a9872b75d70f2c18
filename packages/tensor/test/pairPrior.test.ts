/** What is added to a map over pairs before it is trained on: values and gradients against plain loops in doubles. */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { backward, pairDistance, pairPrior, record, sum, type Device, type Tensor } from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterEach(() => {
  expect(device.memory.use().tensors, 'tensors alive after a test').toBe(0);
});
afterAll(() => {
  device.destroy();
});

const draw = (random: RandomStream, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);

/** Output of `op` on x and a weight, and the gradients of Σ dy·output. */
async function found(
  x: Tensor,
  weight: Tensor,
  dy: Tensor,
  op: (x: Tensor, weight: Tensor) => Tensor,
): Promise<Float32Array[]> {
  [x, weight].forEach((tensor) => tensor.train());
  const y = device.scope(() => op(x, weight));
  backward(device, () => {
    const output = op(x, weight);
    return record(
      device.scope(() => sum(output)),
      [output],
      () => [dy.alias(output.shape)],
    );
  }).dispose();
  const values = [await y.read(), await x.gradient!.read(), await weight.gradient!.read()];
  y.dispose();
  return values;
}

function expectClose(actual: Float32Array, expected: Float64Array): void {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(1, ...expected.map(Math.abs));
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!) / largest).toBeLessThan(1e-5);
  });
}

describe('pairPrior', () => {
  it('adds the weighted log-odds of any number of engines to any number of channels', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        async (length, channels, engines, seed) => {
          const random = new RandomStream(seed);
          const [x, logOdds, weight, dy] = [
            draw(random, length * length * channels),
            draw(random, length * length * engines),
            draw(random, channels * engines),
            draw(random, length * length * channels),
          ];
          const y = Float64Array.from(x);
          const dweight = new Float64Array(weight.length);
          for (let at = 0; at < y.length; at++) {
            const [pixel, c] = [Math.floor(at / channels), at % channels];
            for (let e = 0; e < engines; e++) {
              const value = 0.5 * logOdds[pixel * engines + e]! + 2;
              y[at]! += weight[c * engines + e]! * value;
              dweight[c * engines + e]! += dy[at]! * value;
            }
          }
          const tensors = [
            device.tensor(x, [length, length, channels]),
            device.tensor(weight, [channels, engines]),
            device.tensor(dy),
          ] as const;
          const prior = device.tensor(logOdds, [length, length, engines]);
          const values = await found(...tensors, (a, b) => pairPrior(a, prior, b, { factor: 0.5, shift: 2 }));
          expectClose(values[0]!, y);
          expect(values[1]).toEqual(dy);
          expectClose(values[2]!, dweight);
          [...tensors, prior].forEach((tensor) => {
            tensor.dispose();
          });
        },
      ),
      { numRuns: 15 },
    );
  });

  it('takes logits without a dimension for channels, and a weight for each engine', async () => {
    const [logits, prior, weight] = [
      device.zeros([2, 2]),
      device.tensor(Float32Array.of(1, 10, 2, 20, 3, 30, 4, 40), [2, 2, 2]),
      device.tensor(Float32Array.of(1, 0.5)),
    ];
    const y = pairPrior(logits, prior, weight);
    expect([y.shape, [...(await y.read())]]).toEqual([
      [2, 2],
      [6, 12, 18, 24],
    ]);
    [logits, prior, weight, y].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('names the shapes that do not fit', () => {
    device.scope(() => {
      expect(() => pairPrior(device.zeros([3, 3, 4]), device.zeros([3, 3, 2]), device.zeros([4, 1]))).toThrow(
        'pairPrior: shapes [3, 3, 4] and [3, 3, 2] and [4, 1] do not fit',
      );
    });
  });
});

describe('pairDistance', () => {
  it('adds the row of the distance, the last one beyond', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 25 }),
        fc.nat(),
        async (length, channels, distances, seed) => {
          const random = new RandomStream(seed);
          const [x, table, dy] = [
            draw(random, length * length * channels),
            draw(random, distances * channels),
            draw(random, length * length * channels),
          ];
          const y = Float64Array.from(x);
          const dtable = new Float64Array(table.length);
          for (let at = 0; at < y.length; at++) {
            const pixel = Math.floor(at / channels);
            const distance = Math.abs(Math.floor(pixel / length) - (pixel % length));
            const entry = Math.min(distance, distances - 1) * channels + (at % channels);
            y[at]! += table[entry]!;
            dtable[entry]! += dy[at]!;
          }
          const tensors = [
            device.tensor(x, [length, length, channels]),
            device.tensor(table, [distances, channels]),
            device.tensor(dy),
          ] as const;
          const values = await found(...tensors, pairDistance);
          expectClose(values[0]!, y);
          expect(values[1]).toEqual(dy);
          expectClose(values[2]!, dtable);
          tensors.forEach((tensor) => {
            tensor.dispose();
          });
        },
      ),
      { numRuns: 15 },
    );
  });
});
