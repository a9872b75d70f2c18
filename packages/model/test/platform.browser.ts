/** The platform of tests that run in Node and in a browser: the browser's, with a device for all tests of a file. */
import { Device } from '@rna/tensor';
import { afterAll, beforeAll } from 'vitest';
import { commands } from 'vitest/browser';
import type { Platform } from './parity.ts';

// The packages name no platform, so the DOM's types are not loaded.
declare const navigator: { readonly gpu: GPU };

export function browserPlatform(): Platform {
  let device: Device;
  beforeAll(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    if (adapter === null) throw new Error('this browser has no WebGPU adapter');
    device = await Device.open(adapter, { memoryBudget: 2 ** 30 });
  });
  afterAll(() => {
    device.destroy();
  });
  return {
    device: () => device,
    bytes: async (path) =>
      Uint8Array.from(atob(await commands.readFile(`packages/model/test/fixtures/${path}`, 'base64')), (c) =>
        c.charCodeAt(0),
      ),
  };
}
