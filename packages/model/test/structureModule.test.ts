/** The structure module and RefineNet against the reference, in Node. */
import { readFile } from 'node:fs/promises';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll } from 'vitest';
import type { Platform } from './parity.ts';
import { refineNetTests } from './refineNet.ts';
import { structureModuleTests } from './structureModule.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

const platform: Platform = {
  device: () => device,
  bytes: async (path) => new Uint8Array(await readFile(new URL(`./fixtures/${path}`, import.meta.url))),
};
structureModuleTests(platform);
refineNetTests(platform);
