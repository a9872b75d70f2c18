/** The tape: gradients of composed ops against finite differences, accumulation, and what is freed when. */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  add,
  backward,
  dropout,
  gelu,
  layerNorm,
  linear,
  recompute,
  reshape,
  scale,
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

const random = new RandomStream(5);
const draw = (shape: Shape): Tensor =>
  device
    .tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      shape,
    )
    .keep();

/** Largest difference between a parameter's gradient and central differences of the loss, relative to the largest. */
async function gradientError(loss: () => Tensor, parameter: Tensor): Promise<number> {
  parameter.train();
  const total = backward(device, loss);
  const gradient = await parameter.gradient!.read();
  const value = await parameter.read();
  const evaluate = async (i: number, by: number): Promise<number> => {
    device.write(parameter, Float32Array.of(value[i]! + by), i);
    const y = device.scope(loss);
    const read = await y.item();
    y.dispose();
    device.write(parameter, Float32Array.of(value[i]!), i);
    return read;
  };
  let worst = 0;
  for (const i of [0, value.length >> 1, value.length - 1]) {
    const numeric = ((await evaluate(i, 0.01)) - (await evaluate(i, -0.01))) / 0.02;
    worst = Math.max(worst, Math.abs(numeric - gradient[i]!));
  }
  total.dispose();
  parameter.train(false);
  return worst / Math.max(1, ...gradient.map(Math.abs));
}

describe('linear', () => {
  it('has the right gradients at any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        async (rows, inner, cols) => {
          const [x, weight, bias] = [draw([rows, inner]), draw([cols, inner]), draw([cols])];
          const loss = (): Tensor => {
            const y = linear(x, weight, bias);
            return sum(gelu(y), 1 / y.size);
          };
          for (const parameter of [x, weight, bias]) expect(await gradientError(loss, parameter)).toBeLessThan(5e-3);
          [x, weight, bias].forEach((tensor) => {
            tensor.dispose();
          });
        },
      ),
      { numRuns: 8, seed: 1 },
    );
  });
});

describe('the tape', () => {
  it('adds the gradients of all uses of a tensor', async () => {
    const x = device.tensor(Float32Array.of(1, 2, 3)).train();
    const loss = backward(device, () => sum(add(add(x, scale(x, 2)), reshape(reshape(x, [3, 1]), [3]))));
    expect(Array.from(await x.gradient!.read())).toEqual([4, 4, 4]);
    expect(await loss.item()).toBe(24);
    loss.dispose();
    x.dispose();
  });

  it('accumulates over backward passes, scaled', async () => {
    const x = device.tensor(Float32Array.of(1, 2)).train();
    for (const factor of [1, 0.5]) backward(device, () => sum(scale(x, 4)), factor).dispose();
    expect(Array.from(await x.gradient!.read())).toEqual([6, 6]);
    x.dispose();
  });

  it('frees everything but parameters, gradients and the loss, and keeps values that only a scope held', async () => {
    const before = device.memory.use().tensors;
    const [weight, bias] = [draw([8]).train(), draw([8]).train()];
    const loss = backward(device, () => {
      // x is not tracked: the tape must keep it for the gradient of the weight.
      const x = device.scope(() => scale(device.full([5, 8], 0.5), 3));
      return sum(
        device.scope(() =>
          layerNorm(
            add(
              x,
              device.tensor(
                Float32Array.from({ length: 40 }, (_, i) => i % 7),
                [5, 8],
              ),
            ),
            weight,
            bias,
          ),
        ),
      );
    });
    expect(device.memory.use().tensors).toBe(before + 5);
    expect(Array.from(await bias.gradient!.read())).toEqual(Array.from({ length: 8 }, () => 5));
    [weight, bias, loss].forEach((tensor) => {
      tensor.dispose();
    });
    expect(device.memory.use().tensors).toBe(before);
  });

  it('frees everything when the forward throws', () => {
    const before = device.memory.use().tensors;
    const x = draw([4]).train();
    expect(() =>
      backward(device, () => {
        add(x, x);
        throw new Error('stop');
      }),
    ).toThrow('stop');
    x.dispose();
    expect(device.memory.use().tensors).toBe(before);
    expect(device.tape).toBeUndefined();
  });

  it('recomputes a part: the same bits, dropout and shared parameters included, in less memory', async () => {
    const [weight, bias, x] = [draw([64, 64]).train(), draw([64]).train(), draw([256, 64]).train()];
    const table = device.full([256, 64], 0.5);
    const body = (input: Tensor, block: number): Tensor => {
      const y = gelu(gelu(gelu(linear(layerNorm(input, bias, bias), weight, bias))));
      return add(add(input, dropout(y, { rate: 0.25, key: [1, block] })), table);
    };
    const forward = (part: (input: Tensor, block: number) => Tensor) => (): Tensor => {
      let y = x;
      for (let block = 0; block < 6; block++) y = part(y, block);
      return sum(y, 1e-3);
    };
    const results = [];
    for (const part of [
      body,
      (input: Tensor, block: number) => recompute(input, (leaf) => body(leaf, block), [weight, bias, table]),
    ]) {
      const before = device.memory.use();
      device.memory.trim();
      let most = 0;
      const allocate = device.memory.allocate.bind(device.memory);
      device.memory.allocate = (...args) => {
        const storage = allocate(...args);
        most = Math.max(most, device.memory.use().live);
        return storage;
      };
      const loss = backward(device, forward(part));
      device.memory.allocate = allocate;
      results.push({
        most: most - before.live,
        values: await Promise.all([loss, weight.gradient!, bias.gradient!, x.gradient!].map((tensor) => tensor.read())),
      });
      [weight, bias, x].forEach((tensor) => {
        tensor.train(false).train();
      });
      loss.dispose();
      expect(device.memory.use().tensors).toBe(before.tensors);
    }
    const [plain, recomputed] = results;
    expect(recomputed!.values).toEqual(plain!.values);
    expect(recomputed!.most).toBeLessThan(0.5 * plain!.most);
    [weight, bias, x, table].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('recomputes what only parameters need a gradient of, and is the function itself without a tape', async () => {
    const [x, weight] = [draw([5, 8]), draw([8, 8]).train()];
    const body = (input: Tensor): Tensor => linear(input, weight);
    const losses = [() => sum(body(x)), () => sum(recompute(x, body, [weight]))].map((loss) => {
      const value = backward(device, loss);
      const { gradient } = weight;
      weight.gradient = undefined;
      return [value, gradient!] as const;
    });
    const values = await Promise.all(losses.flat().map((tensor) => tensor.read()));
    expect(values.slice(2)).toEqual(values.slice(0, 2));
    const free = recompute(x, body, [weight]);
    expect(free.tracked).toBe(false);
    [...losses.flat(), free, x, weight].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('records nothing where no gradient is wanted', () => {
    const x = draw([4]);
    const loss = backward(device, () => sum(gelu(x)));
    expect(x.gradient).toBeUndefined();
    [x, loss].forEach((tensor) => {
      tensor.dispose();
    });
  });
});
