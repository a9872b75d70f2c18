/** Convolution and InstanceNorm as ops: values and all gradients against plain loops in doubles. */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  backward,
  conv2d,
  instanceNorm,
  normConv2d,
  record,
  ShapeError,
  sum,
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

interface Size {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outputs: number;
  readonly size: number;
  readonly dilation?: number;
}

const uniforms = (random: RandomStream, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);

/** Output, and the gradients of Σ dy·output, of a convolution in doubles. */
function convolution(
  { height, width, channels, outputs, size, dilation = 1 }: Size,
  x: ArrayLike<number>,
  filters: ArrayLike<number>,
  bias: ArrayLike<number>,
  dy: ArrayLike<number>,
): Record<'y' | 'dx' | 'dfilters' | 'dbias', Float64Array> {
  const y = new Float64Array(height * width * outputs);
  const [dx, dfilters, dbias] = [
    new Float64Array(x.length),
    new Float64Array(filters.length),
    new Float64Array(outputs),
  ];
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let o = 0; o < outputs; o++) {
      const at = pixel * outputs + o;
      y[at] = bias[o]!;
      dbias[o]! += dy[at]!;
      for (let tap = 0; tap < size * size; tap++) {
        const row = Math.floor(pixel / width) + dilation * (Math.floor(tap / size) - (size - 1) / 2);
        const col = (pixel % width) + dilation * ((tap % size) - (size - 1) / 2);
        if (row < 0 || row >= height || col < 0 || col >= width) continue;
        for (let c = 0; c < channels; c++) {
          const [f, i] = [(o * channels + c) * size * size + tap, (row * width + col) * channels + c];
          y[at] += filters[f]! * x[i]!;
          dx[i]! += filters[f]! * dy[at]!;
          dfilters[f]! += x[i]! * dy[at]!;
        }
      }
    }
  }
  return { y, dx, dfilters, dbias };
}

/** Largest difference relative to the largest expected value, at least 1. NaN stays. */
function difference(actual: Float32Array, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [worst, largest] = [0, 1];
  actual.forEach((value, i) => {
    const error = Math.abs(value - expected[i]!);
    worst = error <= worst ? worst : error;
    largest = Math.max(largest, Math.abs(expected[i]!));
  });
  return worst / largest;
}

/** Σ y·dy, whose gradient with respect to y is dy. */
function weighted(y: Tensor, dy: Tensor): Tensor {
  return record(
    device.scope(() => sum(y)),
    [y],
    () => [dy.alias(y.shape)],
  );
}

/** Output of `op` on trainable inputs and the gradient of Σ dy·output for each of them. Frees everything. */
async function valueAndGradients(
  inputs: readonly Tensor[],
  dy: Tensor,
  op: (...inputs: Tensor[]) => Tensor,
): Promise<Float32Array[]> {
  dy.keep();
  inputs.forEach((input) => {
    input.train();
  });
  const y = device.scope(() => op(...inputs));
  backward(device, () => weighted(op(...inputs), dy)).dispose();
  const results = [await y.read()];
  for (const input of inputs) results.push(await input.gradient!.read());
  [y, dy, ...inputs].forEach((tensor) => {
    tensor.dispose();
  });
  return results;
}

async function check(size: Size, seed: number): Promise<void> {
  const { height, width, channels, outputs, dilation } = size;
  const random = new RandomStream(seed);
  const [x, filters] = [
    uniforms(random, height * width * channels),
    uniforms(random, outputs * channels * size.size ** 2),
  ];
  const [bias, dy] = [uniforms(random, outputs), uniforms(random, height * width * outputs)];
  const expected = convolution(size, x, filters, bias, dy);
  const inputs = [
    device.tensor(x, [height, width, channels]),
    device.tensor(filters, [outputs, channels, size.size, size.size]),
    device.tensor(bias),
  ];
  const actual = await valueAndGradients(inputs, device.tensor(dy), (a, b, c) => conv2d(a, b, c, dilation));
  (['y', 'dx', 'dfilters', 'dbias'] as const).forEach((name, i) => {
    expect(difference(actual[i]!, expected[name]), `${name} of ${JSON.stringify(size)}`).toBeLessThan(1e-5);
  });
}

describe('conv2d', () => {
  it('any size', async () => {
    const extent = fc.integer({ min: 1, max: 9 });
    const size = fc.record({
      height: extent,
      width: extent,
      channels: fc.integer({ min: 1, max: 7 }),
      outputs: fc.integer({ min: 1, max: 7 }),
      size: fc.constantFrom(1, 3, 5),
      dilation: fc.constantFrom(1, 1, 2, 3),
    });
    await fc.assert(fc.asyncProperty(size, fc.nat(), check), { numRuns: 25 });
  });

  // More pixels than one chunk of the filters' gradient; one output; more and fewer outputs than channels.
  it.each([
    [20, 20, 3],
    [64, 1, 3],
    [20, 1, 5],
    [5, 33, 3],
    [33, 5, 1],
  ])('%i channels to %i, size %i, over several chunks', async (channels, outputs, size) => {
    await check({ height: 31, width: 40, channels, outputs, size }, 7);
  });

  it.each([
    [8, 8, 2],
    [3, 1, 4],
    [1, 5, 8],
  ])('%i channels to %i, taps %i apart, over several chunks', async (channels, outputs, dilation) => {
    await check({ height: 31, width: 40, channels, outputs, size: 3, dilation }, 8);
  });

  it('lets NaN through', async () => {
    const map = Float32Array.from({ length: 25 }, (_, i) => (i === 12 ? NaN : 1));
    const y = device.scope(() =>
      instanceNorm(conv2d(device.tensor(map, [5, 5, 1]), device.full([1, 1, 3, 3], 1)), { relu: true }),
    );
    expect((await y.read()).every(Number.isNaN)).toBe(true);
    y.dispose();
  });

  it('names itself and the shapes that do not fit', () => {
    device.scope(() => {
      expect(() => conv2d(device.zeros([2, 2, 3]), device.zeros([4, 5, 3, 3]))).toThrow(
        'conv2d: shapes [2, 2, 3] and [4, 5, 3, 3]',
      );
      expect(() => conv2d(device.zeros([2, 2, 3]), device.zeros([4, 3, 2, 2]))).toThrow('conv2d');
    });
  });
});

/** relu of the norm in doubles (or the norm itself), and the gradient of Σ dy·output. */
function norm(
  x: ArrayLike<number>,
  channels: number,
  relu: boolean,
  dy: ArrayLike<number>,
): { y: Float64Array; dx: Float64Array } {
  const pixels = x.length / channels;
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  for (let c = 0; c < channels; c++) {
    const values = Array.from({ length: pixels }, (_, p) => x[p * channels + c]!);
    const mean = values.reduce((a, b) => a + b, 0) / pixels;
    const rstd = 1 / Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / pixels + 1e-5);
    const v = values.map((value) => (value - mean) * rstd);
    const g = v.map((value, p) => (relu && value <= 0 ? 0 : dy[p * channels + c]!));
    const total = g.reduce((a, b) => a + b, 0);
    const dot = g.reduce((a, b, p) => a + b * v[p]!, 0);
    v.forEach((value, p) => {
      y[p * channels + c] = relu ? Math.max(0, value) : value;
      dx[p * channels + c] = rstd * (g[p]! - (total + value * dot) / pixels);
    });
  }
  return { y, dx };
}

describe('instanceNorm', () => {
  it.each([
    [2, 1, 3, false],
    [9, 7, 5, true],
    [40, 33, 20, true],
  ])('%i × %i × %i, relu %s', async (height, width, channels, relu) => {
    const random = new RandomStream(5);
    const [x, residual, dy] = [0, 1, 2].map(() => uniforms(random, height * width * channels)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const expected = norm(x, channels, relu, dy);
    const shape = [height, width, channels];
    const [y, dx, dresidual] = await valueAndGradients(
      [device.tensor(x, shape), device.tensor(residual, shape)],
      device.tensor(dy),
      (a, b) => instanceNorm(a, { relu, residual: b }),
    );
    expect(
      difference(
        y!,
        expected.y.map((value, i) => value + residual[i]!),
      ),
    ).toBeLessThan(1e-5);
    expect(difference(dx!, expected.dx)).toBeLessThan(1e-5);
    expect(difference(dresidual!, dy)).toBe(0);
  });

  it('refuses a map of one pixel', () => {
    device.scope(() => {
      expect(() => instanceNorm(device.zeros([1, 1, 4]))).toThrow(ShapeError);
      expect(() => normConv2d(device.zeros([1, 1, 4]), device.zeros([4, 4, 3, 3]))).toThrow('one pixel');
    });
  });
});

describe('normConv2d', () => {
  it.each([1, 3])('is conv2d of relu of instanceNorm, size %i', async (size) => {
    const random = new RandomStream(6);
    const shape = { height: 30, width: 29, channels: 12, outputs: 7, size };
    const [x, filters] = [uniforms(random, 30 * 29 * 12), uniforms(random, 7 * 12 * size ** 2)];
    const dy = uniforms(random, 30 * 29 * 7);
    const map = norm(x, 12, true, new Float64Array(x.length)).y;
    const expected = convolution(shape, map, filters, new Float64Array(7), dy);
    const [y, dx, dfilters] = await valueAndGradients(
      [device.tensor(x, [30, 29, 12]), device.tensor(filters, [7, 12, size, size])],
      device.tensor(dy),
      (a, b) => normConv2d(a, b),
    );
    expect(difference(y!, expected.y)).toBeLessThan(1e-5);
    expect(difference(dx!, norm(x, 12, true, expected.dx).dx)).toBeLessThan(1e-5);
    expect(difference(dfilters!, expected.dfilters)).toBeLessThan(1e-5);
  });
});
