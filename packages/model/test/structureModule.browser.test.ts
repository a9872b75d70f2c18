/** The structure module, RefineNet and their gradients against the reference, in a real browser. */
import { Device } from '@rna/tensor';
import { afterAll, beforeAll } from 'vitest';
import { commands } from 'vitest/browser';
import type { Platform } from './parity.ts';
import { refineNetTests } from './refineNet.ts';
import { structureModuleTests } from './structureModule.ts';

// The packages name no platform, so the DOM's types are not loaded.
declare const navigator: { readonly gpu: GPU };

let device: Device;
beforeAll(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error('this browser has no WebGPU adapter');
  device = await Device.open(adapter, { memoryBudget: 2 ** 30 });
});
afterAll(() => {
  device.destroy();
});

const platform: Platform = {
  device: () => device,
  bytes: async (path) =>
    Uint8Array.from(atob(await commands.readFile(`packages/model/test/fixtures/${path}`, 'base64')), (c) =>
      c.charCodeAt(0),
    ),
};
structureModuleTests(platform);
refineNetTests(platform);
