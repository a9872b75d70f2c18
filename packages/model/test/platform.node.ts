/** The platform of tests that run in Node and in a browser: Node's, with a device for all tests of a file. */
import { readFile } from 'node:fs/promises';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll } from 'vitest';
import type { Platform } from './parity.ts';

export function nodePlatform(): Platform {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ poison: true });
  });
  afterAll(() => {
    device.destroy();
  });
  return {
    device: () => device,
    bytes: async (path) => new Uint8Array(await readFile(new URL(`./fixtures/${path}`, import.meta.url))),
  };
}
