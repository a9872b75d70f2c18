/** The gradient norm of tensors of many sizes against sums in doubles. */
import { REPORT, REPORT_SIZE } from '@rna/kernels';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gradientNorm, type Device } from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => {
  device.destroy();
});

// More tensors than a call takes, and one that has more elements than a call has threads for.
const SIZES = [1, 3, 64, 65, 700, 5, 9, 2, 700_001];

async function report(values: readonly Float32Array<ArrayBuffer>[], maxNorm: number): Promise<Float32Array> {
  const gradients = values.map((value) => device.tensor(value).keep());
  const loss = device.tensor(Float32Array.of(0.5)).keep();
  const result = device.scope(() => gradientNorm(gradients, loss, { maxNorm })).keep();
  const read = await result.read();
  [...gradients, loss, result].forEach((tensor) => {
    tensor.dispose();
  });
  return read;
}

test('is the root of the sum of all squares, with the factor that clips it', async () => {
  const values = SIZES.map((size, s) => Float32Array.from({ length: size }, (_, i) => ((i * 7 + s) % 11) / 5 - 1));
  const norm = Math.sqrt(values.reduce((sum, each) => each.reduce((part, value) => part + value * value, sum), 0));
  const clipped = await report(values, 1);
  expect(clipped).toHaveLength(REPORT_SIZE);
  expect(Math.abs(clipped[REPORT.norm]! / norm - 1)).toBeLessThan(1e-5);
  expect(Math.abs(clipped[REPORT.clip]! * norm - 1)).toBeLessThan(1e-5);
  expect([clipped[REPORT.loss], clipped[REPORT.applied]]).toEqual([0.5, 1]);
  expect((await report(values, 1e6))[REPORT.clip]).toBe(1);
});

test('says where a gradient is not finite', async () => {
  const result = await report([Float32Array.of(1, 2), Float32Array.of(NaN)], 1);
  expect(result[REPORT.applied]).toBe(0);
});
