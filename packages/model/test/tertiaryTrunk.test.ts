/** The tertiary module's trunk, its heads over pairs and its sizes, in Node. */
import { readFile } from 'node:fs/promises';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll } from 'vitest';
import type { Platform } from './parity.ts';
import { tertiaryEndToEndTests, tertiaryTrunkTests } from './tertiaryParity.ts';

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
tertiaryTrunkTests(platform);
tertiaryEndToEndTests(platform, true);
