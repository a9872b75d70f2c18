import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDevice } from '@rna/tensor/node';
import { expect, test } from 'vitest';
import { openModel } from '../src/node/index.ts';
import { builtinTests, checkFineTuned, fineTuned } from './expected.ts';

const bytes = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(new URL(`../../../${path}`, import.meta.url)));

builtinTests({ open: openModel, bytes });

test('a fine-tuned model in a folder predicts as the published one, and leaves nothing on the device', async () => {
  const model = await fineTuned(bytes);
  const folder = await mkdtemp(join(tmpdir(), 'rna-inference-'));
  const device = await openDevice();
  try {
    await writeFile(join(folder, 'config.json'), model.config);
    await writeFile(join(folder, 'model.safetensors'), model.weights);
    const before = device.memory.use().live;
    {
      using opened = await openModel(folder, { device });
      await checkFineTuned(opened, model);
      expect(device.memory.use().live).toBeGreaterThan(before);
    }
    expect(device.memory.use().live).toBe(before);
    // Nor where it cannot be opened: the head's last tensor is cut off.
    await writeFile(join(folder, 'model.safetensors'), model.weights.subarray(0, -16));
    await expect(openModel(folder, { device })).rejects.toThrow('model.safetensors');
    expect(device.memory.use().live).toBe(before);
  } finally {
    device.destroy();
    await rm(folder, { recursive: true });
  }
});

test('what is no model is refused, and an opening can be ended', async () => {
  await expect(openModel('no/such/path/at all')).rejects.toThrow('no such file or folder');
  await expect(openModel('some-lab/some-model', { hub: 'ftp://hub' })).rejects.toThrow('expected the address of a hub');
});
