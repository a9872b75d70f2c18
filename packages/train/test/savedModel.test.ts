/** A checkpoint's model is one that everything else can read, and comes back to the bit. */
import { Encoder, openModel, openTensorFile, parseConfig, type EncoderConfig } from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { savedModel } from '../src/index.ts';
import { memoryStore } from './memoryRun.ts';
import { disposeAll, tinyConfig, tinyEncoder } from './tinyModel.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});
afterEach(() => {
  expect(device.memory.use().tensors).toBe(0);
});

async function saved(encoder: Encoder) {
  const store = memoryStore();
  await store.save('step', (writer) =>
    savedModel({ ...encoder, scalars: new Map([['threshold', 0.07]]) }).save(writer),
  );
  return store.open('step');
}

const restoreInto = async (from: Encoder, config: EncoderConfig): Promise<Encoder> => {
  const into = Encoder.initialize(device, config, 99);
  try {
    await savedModel(into).restore(await saved(from));
  } catch (error) {
    disposeAll(into.parameters);
    throw error;
  }
  return into;
};

describe.each(['rinalmo', 'ssr-lm', 'rna-fm'] as const)('savedModel of %s', (model) => {
  it('is a model folder with its threshold', async () => {
    const encoder = tinyEncoder(device, model);
    const reader = await saved(encoder);
    const config = await reader.open('config.json');
    const fields = parseConfig(new TextDecoder().decode(await config.read(0, config.size)), 'config.json');
    expect(fields).toEqual(encoder.config);
    const opened = await openModel(await openTensorFile(await reader.open('model.safetensors')), fields);
    expect(opened.scalars.get('threshold')).toBe(0.07);
    expect([...opened.shapes.keys()]).toEqual([...encoder.parameters.keys()]);
    expect(opened.warnings).toEqual([]);
    disposeAll(encoder.parameters);
  });

  it('restores every bit', async () => {
    const encoder = tinyEncoder(device, model);
    const into = await restoreInto(encoder, encoder.config);
    for (const [name, tensor] of encoder.parameters)
      expect(await into.parameters.get(name)!.read(), name).toEqual(await tensor.read());
    disposeAll(encoder.parameters);
    disposeAll(into.parameters);
  });

  it('refuses a model of other sizes', async () => {
    const encoder = tinyEncoder(device, model);
    await expect(restoreInto(encoder, { ...tinyConfig(model), ffnDim: 20 })).rejects.toThrow(
      model === 'rna-fm'
        ? /step\/model\.safetensors: "blocks\.0\.feedForward\.up\.weight" is \[24, 16\], this run's model has \[20, 16\]/
        : /step\/model\.safetensors: "blocks\.0\.feedForward\.gateUp\.weight" is \[48, 16\], this run's model has \[40, 16\]/,
    );
    await expect(restoreInto(encoder, { ...tinyConfig(model), layers: 3 })).rejects.toThrow(
      /lacks parameters of this run's model: blocks\.2/,
    );
    disposeAll(encoder.parameters);
  });
});
