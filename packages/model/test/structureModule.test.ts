/** The structure module against the reference, in Node. */
import { readFile } from 'node:fs/promises';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll } from 'vitest';
import { structureModuleTests } from './structureModule.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

structureModuleTests({
  device: () => device,
  bytes: async (path) => new Uint8Array(await readFile(new URL(`./fixtures/${path}`, import.meta.url))),
});
