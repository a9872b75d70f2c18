/**
 * Low-rank terms and head alone: the base stays as it is, runs resume to the bit, and a merged model is its adapter on
 * the base.
 */
import {
  Encoder,
  headParameters,
  initializeParameters,
  memorySink,
  memorySource,
  openLora,
  openModel,
  openTensorFile,
  parsePeftConfig,
  savedLayout,
  secondaryStructure,
  writeModel,
  type EncoderConfig,
  type OpenedModel,
} from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { finetune, finetuneConfig, validateConfig } from '../src/index.ts';
import { memoryLog, memoryStore, type Files } from './memoryRun.ts';
import { disposeAll, rnas, tinyConfig } from './tinyModel.ts';

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

const sizes = { convDim: 8, kernelSize: 3, blocks: 1 };
const few = rnas.slice(0, 4).map(({ id, sequence, partners }) => ({ id, sequence, target: partners }));

function tinyModel(model: EncoderConfig['model']) {
  const config = tinyConfig(model);
  const encoder = Encoder.initialize(device, config, 5);
  const task = { head: secondaryStructure, sizes };
  const parameters = initializeParameters(device, headParameters(task, config.dim), model, 6);
  return {
    encoder,
    task,
    parameters,
    dispose: () => {
      disposeAll(encoder.parameters);
      disposeAll(parameters);
    },
  };
}

const config = (model: object, more: object = {}) =>
  validateConfig(
    finetuneConfig(secondaryStructure),
    {
      out: 'x',
      model: { checkpoint: 'organisation/base', ...model },
      head: sizes,
      data: { train: ['a'], validation: ['b'] },
      train: { epochs: 3, batchSize: 2 },
      optimizer: { learningRate: 0.01, warmupEpochs: 1 },
      run: { evaluateEvery: 2, checkpointEvery: 2 },
      ...more,
    },
    'config',
  );

const LORA = { rank: 2, alpha: 4 };
const LAST = 'step-000000006';

async function openBase({ config: sizes, parameters }: Encoder): Promise<OpenedModel> {
  const sink = memorySink();
  await writeModel(sink, {
    config: sizes,
    scheme: savedLayout(sizes.model).scheme,
    read: (name) => parameters.get(name)!.read(),
  });
  return openModel(await openTensorFile(memorySource('base', sink.bytes())), sizes);
}

/** An adapter's files on their base, or a whole model's. */
async function opened(files: Files, base: OpenedModel): Promise<OpenedModel> {
  const open = (name: string) => openTensorFile(memorySource(name, files.get(name)!));
  if (files.has('model.safetensors')) return openModel(await open('model.safetensors'), base.config);
  const text = files.get('adapter_config.json');
  return openLora(base, {
    name: 'run',
    head: await open('head.safetensors'),
    ...(text && {
      lora: {
        config: parsePeftConfig(new TextDecoder().decode(text), 'adapter_config.json'),
        weights: await open('adapter_model.safetensors'),
      },
    }),
  });
}

async function values(model: OpenedModel): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for await (const { name, offset, shape, data } of model.parameters()) {
    const whole = all.get(name) ?? new Float32Array(shape.reduce((a, b) => a * b, 1));
    whole.set(data, offset);
    all.set(name, whole);
  }
  return all;
}

async function run(
  architecture: EncoderConfig['model'],
  settings: ReturnType<typeof config>,
  stop?: number,
  store = memoryStore(),
  log = memoryLog(),
) {
  const model = tinyModel(architecture);
  const onProgress = ({ step }: { step: number }): void => {
    if (step === stop) throw new Error('killed');
  };
  const base = await openBase(model.encoder);
  const before = await values(base);
  try {
    const state = await finetune({
      ...model,
      config: settings,
      train: few,
      validation: few.slice(0, 1),
      log,
      store,
      onProgress,
    });
    const inMemory = new Map<string, Float32Array>();
    for (const [name, tensor] of [...model.encoder.parameters, ...model.parameters])
      inMemory.set(name, await tensor.read());
    return { files: store.checkpoints.get(LAST)!, lines: log.lines, base, before, inMemory, state };
  } finally {
    model.dispose();
  }
}

const text = (files: Files): unknown[] =>
  [...files].map(([name, bytes]) => [name, new TextDecoder('latin1').decode(bytes)]);

describe.each(['rinalmo', 'ssr-lm', 'rna-fm'] as const)('%s with low-rank terms', (architecture) => {
  it('is saved merged or as an adapter, to the same bits, and is the model in memory', async () => {
    const [merged, adapter] = [
      await run(architecture, config({ lora: LORA })),
      await run(architecture, config({ lora: LORA, save: 'adapter' })),
    ];
    expect(adapter.lines).toEqual(merged.lines);
    expect([...adapter.files.keys()].sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'head.safetensors',
      'optimizer.safetensors',
      'trained.safetensors',
      'trainer.json',
    ]);
    const [a, b] = [await opened(merged.files, merged.base), await opened(adapter.files, adapter.base)];
    expect(b.task).toEqual(a.task);
    expect(b.scalars).toEqual(a.scalars);
    expect(b.scalars.get('threshold')).toBe(adapter.state.evaluation!.metrics['threshold']);
    const [whole, joined] = [await values(a), await values(b)];
    expect([...joined.keys()].sort()).toEqual([...whole.keys()].sort());
    for (const [name, bits] of whole) {
      expect(joined.get(name), name).toEqual(bits);
      expect(merged.inMemory.get(name), name).toEqual(bits);
      const isTrained = /\.(qkv|out|gateUp|up|down)\.weight$/.test(name) || name.startsWith('secondaryStructure.');
      expect(merged.before.get(name)?.every((value, i) => value === bits[i]) ?? false, name).toBe(!isTrained);
    }
  });
});

describe.each([
  ['low-rank terms, merged', { lora: { ...LORA, targets: ['qkv'] } }],
  ['low-rank terms, as an adapter', { lora: LORA, save: 'adapter' }],
  ['the head alone, as an adapter', { freeze: true, save: 'adapter' }],
] as const)('a run of %s', (_, model) => {
  it('resumes to the bit', async () => {
    const settings = config(model);
    const whole = await run('rinalmo', settings);
    const [store, log] = [memoryStore(), memoryLog()];
    await expect(run('rinalmo', settings, 3, store, log)).rejects.toThrow('killed');
    const resumed = await run('rinalmo', settings, undefined, store, log);
    expect([text(resumed.files), resumed.lines]).toEqual([text(whole.files), whole.lines]);
    expect(resumed.inMemory).toEqual(whole.inMemory);
  });
});

describe('a head alone', () => {
  it('is saved beside the name of its base', async () => {
    const { files, base, inMemory } = await run('ssr-lm', config({ freeze: true, save: 'adapter' }));
    expect([...files.keys()].sort()).toEqual([
      'head.safetensors',
      'optimizer.safetensors',
      'trained.safetensors',
      'trainer.json',
    ]);
    const model = await opened(files, base);
    for (const [name, bits] of await values(model)) expect(bits, name).toEqual(inMemory.get(name));
  });
});

describe('the config', () => {
  it('says what does not go together', () => {
    expect(() => config({ lora: LORA, freeze: true })).toThrow(
      /model\.freeze trains the head alone, so there can be no lora/,
    );
    expect(() => config({ save: 'adapter' })).toThrow(
      /model\.save is adapter, but the encoder's own weights are trained/,
    );
    expect(() => config({ lora: { targets: ['query'] } })).toThrow(
      /model\.lora\.targets\.0 is "query"; expected one of qkv, out, gateUp, up, down/,
    );
    expect(config({ lora: {} }).model.lora).toEqual({
      rank: 8,
      alpha: 16,
      targets: ['qkv', 'out', 'gateUp', 'up', 'down'],
    });
  });
});
