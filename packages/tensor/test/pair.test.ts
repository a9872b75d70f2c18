/** Ops over pairs of tokens: laws, values and gradients against plain loops in doubles. */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { backward, linear, pairLogits, pairLoss, pairSum, reshape, rows, sum, type Device } from '../src/index.ts';
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

const normals = (random: RandomStream, count: number, scale = 1): Float32Array =>
  Float32Array.from({ length: count }, () => scale * random.normal());

describe('rows', () => {
  it('slices, and scatters the gradient into zeros', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(20),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(20),
        fc.integer({ min: 1, max: 5 }),
        async (first, count, after, cols) => {
          const x = device
            .tensor(
              Float32Array.from({ length: (first + count + after) * cols }, (_, i) => i),
              [first + count + after, cols],
            )
            .train();
          const y = rows(x, first, count);
          expect(Array.from(await y.read())).toEqual(Array.from({ length: count * cols }, (_, i) => first * cols + i));
          backward(device, () => sum(rows(x, first, count), 2)).dispose();
          const inside = (i: number): boolean => i >= first * cols && i < (first + count) * cols;
          expect(Array.from(await x.gradient!.read())).toEqual(
            Array.from({ length: x.size }, (_, i) => (inside(i) ? 2 : 0)),
          );
          [x, y].forEach((tensor) => {
            tensor.dispose();
          });
        },
      ),
      { numRuns: 20 },
    );
  });

  it('refuses rows that are not there', () => {
    device.scope(() => {
      expect(() => rows(device.zeros([3, 2]), 2, 2)).toThrow('rows: shapes [3, 2]');
    });
  });
});

describe('pairSum', () => {
  it('is a linear layer over the outer concatenation', async () => {
    const [length, dim, channels] = [11, 6, 5];
    const random = new RandomStream(2);
    const [x, weight, bias] = [
      normals(random, length * dim),
      normals(random, channels * 2 * dim),
      normals(random, channels),
    ];
    const y = device.scope(() =>
      pairSum(
        linear(
          device.tensor(x, [length, dim]),
          reshape(device.tensor(weight, [channels, 2 * dim]), [2 * channels, dim]),
        ),
        device.tensor(bias),
      ),
    );
    expect(y.shape).toEqual([length, length, channels]);
    const actual = await y.read();
    actual.forEach((value, at) => {
      const [i, j, c] = [Math.floor(at / channels / length), Math.floor(at / channels) % length, at % channels];
      let expected = bias[c]!;
      for (let d = 0; d < dim; d++)
        expected += weight[c * 2 * dim + d]! * x[i * dim + d]! + weight[c * 2 * dim + dim + d]! * x[j * dim + d]!;
      expect(value).toBeCloseTo(expected, 4);
    });
    y.dispose();
  });
});

describe('pairLogits', () => {
  it('mirrors the strict upper triangle and ignores the rest', async () => {
    const length = 5;
    const x = device
      .tensor(
        Float32Array.from({ length: 25 }, (_, i) => i + 1),
        [length, length],
      )
      .train();
    const y = pairLogits(x);
    const values = await y.read();
    for (let i = 0; i < length; i++) {
      for (let j = 0; j < length; j++)
        expect(values[i * length + j]).toBe(i === j ? 0 : Math.min(i, j) * length + Math.max(i, j) + 1);
    }
    backward(device, () => sum(pairLogits(x))).dispose();
    expect(Array.from(await x.gradient!.read())).toEqual(
      Array.from({ length: 25 }, (_, at) => (Math.floor(at / 5) < at % 5 ? 2 : 0)),
    );
    [x, y].forEach((tensor) => {
      tensor.dispose();
    });
  });
});

describe('pairLoss', () => {
  /** Loss and the gradient of `factor` times it, in doubles. */
  function reference(
    x: Float32Array,
    labels: Float32Array,
    length: number,
    factor: number,
  ): { loss: number; dx: Float64Array } {
    const pairs = (length * (length - 1)) / 2;
    const dx = new Float64Array(x.length);
    let loss = 0;
    for (let i = 0; i < length; i++) {
      for (let j = i + 1; j < length; j++) {
        const at = i * length + j;
        loss += (Math.max(x[at]!, 0) - x[at]! * labels[at]! + Math.log1p(Math.exp(-Math.abs(x[at]!)))) / pairs;
        dx[at] = (factor * (1 / (1 + Math.exp(-x[at]!)) - labels[at]!)) / pairs;
      }
    }
    return { loss, dx };
  }

  it.each([2, 3, 17, 130])('length %i', async (length) => {
    const random = new RandomStream(3);
    const values = normals(random, length ** 2, 6);
    const truth = Float32Array.from({ length: length ** 2 }, () => random.below(2));
    const expected = reference(values, truth, length, 3);
    const [x, labels] = [device.tensor(values, [length, length]).train(), device.tensor(truth, [length, length])];
    const loss = backward(device, () => pairLoss(x, labels), 3);
    expect(Math.abs((await loss.item()) / expected.loss - 1)).toBeLessThan(1e-5);
    (await x.gradient!.read()).forEach((value, i) => {
      expect(Math.abs(value - expected.dx[i]!)).toBeLessThanOrEqual(1e-6 * 3);
    });
    [x, labels, loss].forEach((tensor) => {
      tensor.dispose();
    });
  });

  // log(1 + e) in f32 is 0 from here on, and the loss would be too.
  it.each([20, 50, 80])('keeps its relative accuracy for logits of −%i', async (size) => {
    const loss = device.scope(() => pairLoss(device.full([9, 9], -size), device.zeros([9, 9])));
    expect((await loss.item()) / Math.log1p(Math.exp(-size))).toBeCloseTo(1, 4);
    loss.dispose();
  });

  it('does not look below the diagonal, and lets NaN through above it', async () => {
    const values = Float32Array.from({ length: 16 }, (_, at) => (Math.floor(at / 4) < at % 4 ? 0 : NaN));
    const above = Float32Array.from({ length: 16 }, (_, at) => (at === 7 ? NaN : 0));
    const losses = [values, above].map((x) =>
      device.scope(() => pairLoss(device.tensor(x, [4, 4]), device.zeros([4, 4]))),
    );
    expect(await losses[0]!.item()).toBeCloseTo(Math.log(2), 6);
    expect(await losses[1]!.item()).toBeNaN();
    losses.forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('refuses one nucleotide, labels of another length and what is not square', () => {
    device.scope(() => {
      expect(() => pairLoss(device.zeros([1, 1]), device.zeros([1, 1]))).toThrow('leave out sequences of length 1');
      expect(() => pairLoss(device.zeros([3, 3]), device.zeros([2, 2]))).toThrow('pairLoss: shapes [3, 3] and [2, 2]');
      expect(() => pairLogits(device.zeros([3, 2]))).toThrow('pairLogits: shapes [3, 2]');
    });
  });
});
