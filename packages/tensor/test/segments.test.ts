/**
 * Ops along packed sequences: values and gradients against plain loops and finite differences, and what they refuse.
 */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  backward,
  binaryCrossEntropy,
  conv1d,
  firstRows,
  gatherRows,
  huberLoss,
  segmentMean,
  segmentNorm,
  squaredError,
  sum,
  symmetricApc,
  uploadSegments,
  type Device,
  type Tensor,
} from '../src/index.ts';
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

const normals = (random: RandomStream, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => random.normal());
const OFFSETS = Uint32Array.of(0, 3, 10, 12);

/** The gradient of a loss of body(x) by the tape, beside central differences of some of its elements. */
async function compareGradient(
  values: Float32Array,
  shape: readonly number[],
  body: (x: Tensor) => Tensor,
): Promise<void> {
  const random = new RandomStream(9);
  // Every element of y gets a gradient of its own size.
  const weighted = (x: Tensor): Tensor => {
    const y = body(x);
    return squaredError(
      y,
      Float32Array.from({ length: y.size }, (_, i) => Math.sin(1 + i)),
    );
  };
  const x = device.tensor(values, shape).train();
  backward(device, () => weighted(x)).dispose();
  const gradient = await x.gradient!.read();
  const largest = Math.max(...gradient.map(Math.abs));
  for (let probe = 0; probe < 8; probe++) {
    const i = random.below(values.length);
    const loss = async (by: number): Promise<number> => {
      const moved = device.scope(() =>
        weighted(
          device.tensor(
            values.map((value, at) => (at === i ? value + by : value)),
            shape,
          ),
        ),
      );
      const value = await moved.item();
      moved.dispose();
      return value;
    };
    const step = 2e-2;
    expect(Math.abs(((await loss(step)) - (await loss(-step))) / (2 * step) - gradient[i]!)).toBeLessThan(
      2e-2 * largest,
    );
  }
  x.dispose();
}

describe('conv1d', () => {
  it('is a plain loop over taps within each sequence', async () => {
    const random = new RandomStream(1);
    const [channels, outputs, size] = [3, 4, 5];
    const [x, filters, bias] = [
      normals(random, 12 * channels),
      normals(random, outputs * channels * size),
      normals(random, outputs),
    ];
    const y = device.scope(() =>
      conv1d(
        device.tensor(x, [12, channels]),
        device.tensor(filters, [outputs, channels, size]),
        uploadSegments(device, OFFSETS),
        device.tensor(bias),
      ),
    );
    const actual = await y.read();
    y.dispose();
    for (let s = 0; s < 3; s++) {
      for (let row = OFFSETS[s]!; row < OFFSETS[s + 1]!; row++) {
        for (let o = 0; o < outputs; o++) {
          let expected = bias[o]!;
          for (let tap = 0; tap < size; tap++) {
            const under = row + tap - 2;
            if (under < OFFSETS[s]! || under >= OFFSETS[s + 1]!) continue;
            for (let c = 0; c < channels; c++)
              expected += x[under * channels + c]! * filters[(o * channels + c) * size + tap]!;
          }
          expect(actual[row * outputs + o]).toBeCloseTo(expected, 4);
        }
      }
    }
  });

  it('has its gradients', async () => {
    const random = new RandomStream(2);
    const [x, filters] = [normals(random, 36), normals(random, 4 * 3 * 3)];
    await compareGradient(x, [12, 3], (input) =>
      conv1d(input, device.tensor(filters, [4, 3, 3]), uploadSegments(device, OFFSETS)),
    );
    await compareGradient(filters, [4, 3, 3], (weight) =>
      conv1d(device.tensor(x, [12, 3]), weight, uploadSegments(device, OFFSETS)),
    );
  });

  it('refuses filters of even width and packs of another length', () => {
    device.scope(() => {
      expect(() => conv1d(device.zeros([12, 3]), device.zeros([4, 3, 2]), uploadSegments(device, OFFSETS))).toThrow(
        'conv1d: shapes [12, 3] and [4, 3, 2]',
      );
      expect(() => conv1d(device.zeros([11, 3]), device.zeros([4, 3, 3]), uploadSegments(device, OFFSETS))).toThrow(
        'conv1d: shapes [11, 3] and [12]',
      );
    });
  });
});

describe('segmentNorm', () => {
  it('brings every channel of every sequence to mean 0 and variance 1, whatever its neighbours', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 2, max: 30 }), { minLength: 1, maxLength: 4 }),
        fc.nat(100),
        async (lengths, seed) => {
          let total = 0;
          const offsets = Uint32Array.from([0, ...lengths.map((length) => (total += length))]);
          const x = normals(new RandomStream(seed), 2 * total);
          const y = device.scope(() => segmentNorm(device.tensor(x, [total, 2]), uploadSegments(device, offsets)));
          const values = await y.read();
          y.dispose();
          lengths.forEach((length, s) => {
            for (let c = 0; c < 2; c++) {
              const own = Array.from({ length }, (_, i) => values[2 * (offsets[s]! + i) + c]!);
              const mean = own.reduce((a, b) => a + b, 0) / length;
              expect(mean).toBeCloseTo(0, 4);
              // Less than 1 by eps alone.
              expect(own.reduce((a, b) => a + (b - mean) ** 2, 0) / length).toBeLessThan(1.0001);
            }
          });
        },
      ),
      { numRuns: 15 },
    );
  });

  it('has its gradient, with ELU and residual', async () => {
    const x = normals(new RandomStream(3), 36);
    // Not OFFSETS: two rows are brought to ±1, and no gradient is left.
    await compareGradient(x, [12, 3], (input) =>
      segmentNorm(input, uploadSegments(device, Uint32Array.of(0, 5, 12)), { elu: true, residual: input }),
    );
  });
});

describe('segmentMean', () => {
  it('takes the first rows of each sequence alone where asked to, and leaves the others without gradient', async () => {
    const x = device
      .tensor(
        Float32Array.from({ length: 12 }, (_, i) => i),
        [12, 1],
      )
      .train();
    const mean = (): Tensor => segmentMean(x, firstRows(uploadSegments(device, OFFSETS), OFFSETS, [3, 2, 1]));
    const y = device.scope(mean);
    expect(Array.from(await y.read())).toEqual([1, 3.5, 10]);
    backward(device, () => sum(mean())).dispose();
    expect(Array.from(await x.gradient!.read(), (value) => Number(value.toFixed(6)))).toEqual(
      [1, 1, 1].map((v) => Number((v / 3).toFixed(6))).concat([0.5, 0.5, 0, 0, 0, 0, 0, 1, 0]),
    );
    [x, y].forEach((tensor) => {
      tensor.dispose();
    });
  });
});

describe('gatherRows', () => {
  it('takes rows in any order with zeros between, and scatters the gradient', async () => {
    const x = device.tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]).train();
    const y = gatherRows(x, Int32Array.of(2, -1, 0));
    expect(Array.from(await y.read())).toEqual([5, 6, 0, 0, 1, 2]);
    backward(device, () => sum(gatherRows(x, Int32Array.of(2, -1, 0)), 3)).dispose();
    expect(Array.from(await x.gradient!.read())).toEqual([3, 3, 0, 0, 3, 3]);
    [x, y].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('refuses a row that is not there or comes twice', () => {
    device.scope(() => {
      expect(() => gatherRows(device.zeros([3, 2]), Int32Array.of(3))).toThrow('row 3 of 3 is not there');
      expect(() => gatherRows(device.zeros([3, 2]), Int32Array.of(1, 1))).toThrow('row 1 of 3 is asked for twice');
    });
  });
});

describe('losses', () => {
  it.each([
    ['binaryCrossEntropy', binaryCrossEntropy, (x: number, t: number) => Math.log1p(Math.exp(x)) - x * t],
    [
      'huberLoss',
      huberLoss,
      (x: number, t: number) => (Math.abs(x - t) > 1 ? Math.abs(x - t) - 0.5 : (x - t) ** 2 / 2),
    ],
    ['squaredError', squaredError, (x: number, t: number) => (x - t) ** 2],
  ] as const)('%s is the mean over the elements', async (_, loss, formula) => {
    const x = Float32Array.of(-3, -0.5, 0, 0.25, 7);
    const targets = Float32Array.of(0, 1, 0, 1, 1);
    const y = device.scope(() => loss(device.tensor(x, [5, 1]), targets));
    expect(await y.item()).toBeCloseTo(x.reduce((total, value, i) => total + formula(value, targets[i]!), 0) / 5, 5);
    y.dispose();
    await compareGradient(x, [5, 1], (input) => loss(input, targets));
    device.scope(() => {
      expect(() => loss(device.zeros([2, 1]), Float32Array.of(1))).toThrow('shapes [2, 1] and [1]');
    });
  });
});

describe('symmetricApc', () => {
  it('is symmetric, and its rows and columns sum to zero', async () => {
    const random = new RandomStream(4);
    const [heads, length] = [3, 9];
    const p = Float32Array.from({ length: heads * (length + 2) ** 2 }, () => random.uniform());
    const y = device.scope(() => symmetricApc(device.tensor(p, [heads, length + 2, length + 2])));
    const values = await y.read();
    y.dispose();
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < length; i++) {
        let row = 0;
        for (let j = 0; j < length; j++) {
          row += values[(h * length + i) * length + j]!;
          expect(values[(h * length + i) * length + j]).toBeCloseTo(values[(h * length + j) * length + i]!, 5);
        }
        expect(row).toBeCloseTo(0, 4);
      }
    }
  });
});
