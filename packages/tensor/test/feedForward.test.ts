/** Two linear layers whose wide values go in bands: the same bits as at once, and gradients as near as sums allow. */
import { RandomStream } from '@rna/kernels';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { backward, Device, feedForward, linear, reshape, type Tensor } from '../src/index.ts';
import { requestAdapter, sleepingWait } from '../src/node/index.ts';

/** Bytes that the second device binds: 128 rows of 32 values. */
const BINDING = 4 * 32 * 128;
const [ROWS, INNER, HIDDEN, COLS] = [300, 8, 32, 4];

let whole: Device;
let banded: Device;
beforeAll(async () => {
  const options = { memoryBudget: 2 ** 28, wait: sleepingWait };
  whole = await Device.open(await requestAdapter({ quiet: true }), options);
  banded = await Device.open(await limited(), options);
});
afterAll(() => {
  whole.destroy();
  banded.destroy();
});

/** The machine's adapter, whose devices say that they bind no more than BINDING. */
async function limited(): Promise<GPUAdapter> {
  const adapter = await requestAdapter({ quiet: true });
  return {
    info: adapter.info,
    features: adapter.features,
    limits: adapter.limits,
    requestDevice: async (descriptor: GPUDeviceDescriptor) => {
      const gpu = await adapter.requestDevice(descriptor);
      const limits = new Proxy(gpu.limits, {
        get: (own, name) => (name === 'maxStorageBufferBindingSize' ? BINDING : own[name as keyof GPUSupportedLimits]),
      });
      return new Proxy(gpu, {
        get: (own, name) => {
          if (name === 'limits') return limits;
          const value: unknown = Reflect.get(own, name, own);
          return typeof value === 'function' ? (value.bind(own) as unknown) : value;
        },
      });
    },
  } as unknown as GPUAdapter;
}

async function run(device: Device): Promise<{ y: Float32Array; gradients: Float32Array[] }> {
  const random = new RandomStream(5);
  const values = (...shape: number[]): Tensor =>
    device
      .tensor(
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
        shape,
      )
      .train();
  const [x, added] = [values(ROWS, INNER), values(ROWS, COLS)];
  const [first, second] = [
    { weight: values(HIDDEN, INNER), bias: values(HIDDEN) },
    { weight: values(COLS, HIDDEN), bias: values(COLS) },
  ];
  const cotangent = values(1, ROWS * COLS).train(false);
  let y: Tensor | undefined;
  const trained = [x, added, first.weight, first.bias, second.weight, second.bias];
  backward(device, () => {
    const out = feedForward(x, first, second, added);
    y = out.alias().keep();
    return reshape(linear(reshape(out, [1, ROWS * COLS]), cotangent), [1]);
  }).dispose();
  return { y: await y!.read(), gradients: await Promise.all(trained.map((tensor) => tensor.gradient!.read())) };
}

it('bands do not show in the values, nor beyond rounding in the gradients', async () => {
  const [at, inBands] = [await run(whole), await run(banded)];
  expect(banded.counts.calls).toBeGreaterThan(whole.counts.calls);
  expect(inBands.y).toEqual(at.y);
  at.gradients.forEach((gradient, i) => {
    const largest = Math.max(...gradient.map(Math.abs));
    gradient.forEach((value, at) => {
      expect(Math.abs(inBands.gradients[i]![at]! - value)).toBeLessThan(1e-5 * largest);
    });
  });
});
