/**
 * Parameters updated together: the bits of `adamW` alone, in one call; and the parts of a storage that this stands on.
 */
import { adamW, RandomStream } from '@rna/kernels';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../src/node/index.ts';
import { adamWBundles, adamWUpdate, bundleGradient, disposeBundle, type Device, type Tensor } from '../src/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

const random = new RandomStream(7);
const normal = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
const tensorOf = (values: Float32Array): Tensor => device.tensor(values).keep();
const settings = {
  keep: 0.99,
  beta1: 0.9,
  oneMinusBeta1: 0.1,
  beta2: 0.999,
  oneMinusBeta2: 0.001,
  stepSize: 0.05,
  rootCorrection2: 0.2,
  eps: 1e-8,
};

describe('adamWBundles', () => {
  it('gives each parameter the bits of an update of its own, in a call for all that are small', async () => {
    const report = tensorOf(Float32Array.of(2, 3, 0.4, 1, 0, 0, 0, 0));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(1, 3, 64, 65, 640, 20_000), { minLength: 1, maxLength: 9 }),
        async (sizes) => {
          const values = sizes.map(normal);
          const [together, alone] = [
            values.map(tensorOf),
            values.map((value) => ({
              parameter: tensorOf(value),
              m: device.zeros([value.length]).keep(),
              v: device.zeros([value.length]).keep(),
            })),
          ];
          const bundles = adamWBundles(together);
          for (let step = 0; step < 2; step++) {
            for (const [i, parameter] of together.entries()) {
              const gradient = normal(sizes[i]!);
              parameter.gradient = tensorOf(gradient);
              const copy = tensorOf(gradient);
              device.run(adamW, { gradient: copy, report, ...alone[i]! }, {}, { count: sizes[i]!, ...settings });
              copy.dispose();
            }
            const { calls } = device.counts;
            for (const bundle of bundles) adamWUpdate(bundle, bundleGradient(bundle), report, settings);
            const large = sizes.filter((size) => size === 20_000).length;
            expect(device.counts.calls - calls).toBe(large + (large < sizes.length ? 1 : 0));
            together.forEach(({ gradient }) => {
              gradient!.dispose();
            });
          }
          const moments = new Map(
            bundles.flatMap(({ tensors }) => tensors).map((tensor) => [tensor.parameter, tensor]),
          );
          for (const [i, parameter] of together.entries()) {
            const [a, b] = [moments.get(parameter)!, alone[i]!];
            for (const name of ['parameter', 'm', 'v'] as const)
              expect(await a[name].read()).toEqual(await b[name].read());
          }
          bundles.forEach(disposeBundle);
          alone.forEach((tensors) => {
            Object.values(tensors).forEach((tensor) => {
              tensor.dispose();
            });
          });
          // The parameters outlive the bundles.
          expect(await Promise.all(together.map(async (parameter) => (await parameter.read()).length))).toEqual(sizes);
          together.forEach((parameter) => {
            parameter.dispose();
          });
          expect(device.memory.use().tensors).toBe(1);
        },
      ),
      { numRuns: 4, seed: 1 },
    );
    report.dispose();
  });
});

describe('a part of a tensor', () => {
  it('shares its values: what is written to one is read from the other', async () => {
    const whole = tensorOf(normal(200));
    const part = whole.part(64, [10, 10]).keep();
    expect(await part.read()).toEqual((await whole.read()).subarray(64, 164));
    device.write(part, Float32Array.of(5, 6), 98);
    expect((await whole.read()).subarray(162, 164)).toEqual(Float32Array.of(5, 6));
    // A host's write waits for what is recorded of the whole.
    const copy = device.zeros([200]).keep();
    device.copy(whole, copy);
    device.write(part, new Float32Array(100));
    expect((await copy.read()).subarray(162, 164)).toEqual(Float32Array.of(5, 6));
    whole.dispose();
    expect(await part.read()).toEqual(new Float32Array(100));
    part.dispose();
    copy.dispose();
    expect(device.memory.use().tensors).toBe(0);
  });

  it('begins where a binding may, and ends within', () => {
    const whole = tensorOf(normal(100));
    expect(() => whole.part(10, [4])).toThrow(/multiple of 256/);
    expect(() => whole.part(64, [37])).toThrow(/part: shapes/);
    expect(device.memory.use().tensors).toBe(1);
    whole.dispose();
  });
});
