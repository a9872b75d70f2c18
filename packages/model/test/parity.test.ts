/** Parity with the reference implementations, in Node. */
import { readFile } from 'node:fs/promises';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll } from 'vitest';
import { forwardTests, gradientTests, type Platform } from './parity.ts';
import { rnaFmForwardTests, rnaFmGradientTests } from './rnaFmParity.ts';

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
forwardTests(platform);
gradientTests(platform);
rnaFmForwardTests(platform);
rnaFmGradientTests(platform);
