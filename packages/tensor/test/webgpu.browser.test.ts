/** The browser project works at all: a page in the tests' Chromium gets an adapter and a device. */
import { expect, test } from 'vitest';

test('the browser has a WebGPU adapter', async () => {
  const { gpu } = (globalThis as unknown as { navigator: NavigatorGPU }).navigator;
  const adapter = await gpu.requestAdapter();
  expect(adapter, 'navigator.gpu.requestAdapter()').not.toBeNull();
  const device = await adapter!.requestDevice();
  expect(device.limits.maxComputeInvocationsPerWorkgroup).toBeGreaterThanOrEqual(256);
  device.destroy();
});
