/** Tensors that are not f32: what may be done with halves and quantised matrices, and how the rest is refused. */
import { fromHalf, RandomStream, toHalf } from '@rna/kernels';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  add,
  backward,
  cast,
  linear,
  quantize,
  quantizeGroups,
  sum,
  type Device,
  type Shape,
  type Tensor,
} from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

const random = new RandomStream(9);
const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
const upload = (values: Float32Array, shape: Shape): Tensor => device.tensor(values, shape).keep();

const inGroups = (weight: Tensor): Tensor => {
  const { weight: packed, squares } = quantizeGroups(weight);
  squares.dispose();
  return packed;
};

describe.each([
  { bits: 8, dtype: 'i8', steps: 254, pack: quantize },
  { bits: 4, dtype: 'i4', steps: 14, pack: inGroups },
])('int$bits', ({ bits, dtype, steps, pack }) => {
  it("a product with a quantised weight is near that with the weight, by its rows' steps", async () => {
    const [rows, inner, cols] = [5, 75, 9];
    const [x, w] = [numbers(rows * inner), numbers(cols * inner)];
    const [input, weight] = [upload(x, [rows, inner]), upload(w, [cols, inner])];
    const bytes = pack(weight).keep();
    expect(bytes).toMatchObject({ dtype, shape: [cols, inner] });
    expect(bytes.storage.bytes).toBeLessThan((bits / 8) * 1.7 * cols * inner);
    const [exact, near] = [await linear(input, weight).read(), await linear(input, bytes).read()];
    exact.forEach((value, i) => {
      const [row, col] = [Math.floor(i / cols), i % cols];
      const largest = Math.max(...w.subarray(col * inner, (col + 1) * inner).map(Math.abs));
      const bound =
        (x.subarray(row * inner, (row + 1) * inner).reduce((total, each) => total + Math.abs(each), 0) * largest) /
        steps;
      expect(Math.abs(near[i]! - value)).toBeLessThan(1.01 * bound + 1e-5);
    });
    expect(near).not.toEqual(exact);
    [input, weight, bytes].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('is refused where it cannot be: other kernels, gradients, reading, writing', () => {
    const [x, weight] = [upload(numbers(4), [1, 4]), upload(numbers(8), [2, 4])];
    const bytes = pack(weight).keep();
    expect(() => add(bytes, bytes)).toThrow(
      "add: 'a' is a quantised matrix, which only the right operand of a product may be",
    );
    expect(() => linear(bytes, weight)).toThrow("matmul: 'a' is a quantised matrix");
    expect(() => bytes.read()).toThrow(`read: tensor is ${dtype}, not f32 or f16`);
    expect(() => {
      device.write(bytes, numbers(8));
    }).toThrow(/\[2, 4\] is a quantised matrix; quantise f32 values instead/);
    x.train();
    expect(() => backward(device, () => sum(linear(x, bytes)))).toThrow(
      'linear: no gradient goes through the quantised weight [2, 4]; train with f32 or f16 weights',
    );
    [x, weight, bytes].forEach((tensor) => {
      tensor.dispose();
    });
  });
});

it('4 bits say how much they change, as a sum of squares of what is off', async () => {
  const shape = [3, 100] as const;
  const values = numbers(300);
  const weight = upload(values, shape);
  const unit = upload(
    Float32Array.from({ length: 100 * 100 }, (_, i) => (i % 101 === 0 ? 1 : 0)),
    [100, 100],
  );
  const { weight: packed, squares } = quantizeGroups(weight);
  const [changed, all] = await squares.read();
  const transposed = await linear(unit, packed).read();
  let [off, whole] = [0, 0];
  values.forEach((value, i) => {
    off += (value - transposed[(i % 100) * 3 + Math.floor(i / 100)]!) ** 2;
    whole += value ** 2;
  });
  expect(changed! / off).toBeCloseTo(1, 5);
  expect(all! / whole).toBeCloseTo(1, 5);
  // A step of a seventh of the largest of 32 normal numbers.
  expect(Math.sqrt(off / whole)).toBeGreaterThan(0.06);
  expect(Math.sqrt(off / whole)).toBeLessThan(0.13);
  [weight, unit, packed, squares].forEach((tensor) => {
    tensor.dispose();
  });
});

describe('f16', () => {
  it('is refused with a clear error where the adapter has none', async () => {
    const other = await openDevice();
    Object.assign(other.traits, { f16: false });
    expect(() => other.empty([2, 3], 'f16', 'activations')).toThrow(
      /activations \[2, 3\] is to be stored as f16, but this adapter \(.*\) has no shader-f16; use f32, or int8 weights/,
    );
    other.destroy();
  });

  it('values round to the nearest half, on the host as in the kernel, at odd sizes too', async (context) => {
    if (!device.traits.f16) return context.skip('the adapter has no shader-f16');
    const values = numbers(7);
    const expected = Array.from(values, (value) => fromHalf(toHalf(value)));
    const x = upload(values, [7]);
    const written = device.empty([7], 'f16');
    device.write(written, values);
    expect(Array.from(await written.read())).toEqual(expected);
    expect(Array.from(await cast(x, 'f16').read())).toEqual(expected);
    expect(Array.from(await cast(written, 'f32').read())).toEqual(expected);
    expect(cast(x, 'f32')).toBe(x);
    expect(() => {
      device.write(written, numbers(2));
    }).toThrow('write: a tensor in half precision takes all its 7 values at once, as a Float32Array');
    x.dispose();
  });

  it('a kernel that does not take halves says so', (context) => {
    if (!device.traits.f16) return context.skip('the adapter has no shader-f16');
    const x = cast(upload(numbers(4), [4]), 'f16');
    expect(() => add(x, x)).toThrow("add: buffer 'a' cannot be stored as f16");
  });

  it('a copy in halves gives its original f32 gradients', async (context) => {
    if (!device.traits.f16) return context.skip('the adapter has no shader-f16');
    const [x, master] = [upload(numbers(6), [2, 3]), upload(numbers(12), [4, 3]).train()];
    backward(device, () => sum(linear(x, cast(master, 'f16')))).dispose();
    expect(master.gradient?.dtype).toBe('f32');
    const [values, gradient] = [await x.read(), await master.gradient!.read()];
    gradient.forEach((value, i) => {
      expect(value).toBeCloseTo(values[i % 3]! + values[3 + (i % 3)]!, 5);
    });
    [x, master].forEach((tensor) => {
      tensor.dispose();
    });
  });
});
