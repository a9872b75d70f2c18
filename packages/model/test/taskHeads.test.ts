/**
 * Heads in files: published names and sizes, `config.json` and metadata, scalars, writing and reading back. And a task
 * that the project does not have, declared here alone, goes the whole way: it is saved, found again and trained.
 */
import { backward, linear, segmentMean, squaredError, uploadSegments } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { configJson, parseConfig } from '../src/configJson.ts';
import { openModel } from '../src/checkpoint/load.ts';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { writeModel, type ModelToWrite } from '../src/checkpoint/save.ts';
import { memorySink, memorySource } from '../src/checkpoint/source.ts';
import { readFloat32, type TensorFile } from '../src/checkpoint/tensorFile.ts';
import {
  expressionLevel,
  headConfig,
  headParameters,
  HEADS,
  initializeParameters,
  loadParameters,
  ncrnaFamily,
  packTokens,
  parameterCount,
  predictsPairs,
  ribosomeLoad,
  runHead,
  secondaryStructure,
  spliceSite,
  taskHead,
  translationEfficiency,
  Encoder,
  type EncoderConfig,
  type Head,
  type Labelled,
  type ParameterMap,
  type TaskHead,
} from '../src/index.ts';
import { tokenize, parseNumber, regressionScores, sigmoid } from '@rna/structure';
import { edited, entry, fixtureConfig, openFixture } from './checkpoint.fixtures.ts';

const A = fixtureConfig('rinalmo-A');
const official = (): Promise<TensorFile> => openFixture('oracle/rinalmo-A/weights_official.safetensors');

/** The pre-trained oracle under a prefix, with a head's tensors as the official code saves them. */
async function finetuned(prefix: string, file: string): Promise<TensorFile> {
  const head = await openFixture(`oracle/rinalmo-A/${file}.safetensors`);
  const extra = await Promise.all(
    [...head.tensors.values()]
      .filter(({ name }) => name.startsWith('pred_head.'))
      .map(async (tensor) => entry(tensor.name, tensor.shape, await readFloat32(tensor))),
  );
  return edited(await official(), (name) => ({ name: prefix + name }), extra);
}

async function written(model: ModelToWrite, format: 'safetensors' | 'pt' = 'safetensors'): Promise<TensorFile> {
  const sink = memorySink();
  await writeModel(sink, model, format);
  return openTensorFile(memorySource('written', sink.bytes()));
}

describe('published fine-tuned files', () => {
  test.each([
    ['rinalmo.', 'splice_head', spliceSite, { hidden: 128 }],
    ['rinalmo.', 'ncrna_head', ncrnaFamily, { hidden: 16, classes: 7 }],
    ['lm.', 'mrl_head', ribosomeLoad, { channels: 32, blocks: 6, padding: 102 }],
  ] as const)(
    '%s* with %s: task and sizes off the tensors; written and read back under every naming',
    async (prefix, file, head, sizes) => {
      const source = await finetuned(prefix, file);
      const model = await openModel(source, A);
      expect(model.warnings).toEqual([]);
      expect(model.task).toEqual({ head, sizes });
      expect(predictsPairs(model.task)).toBe(false);
      const names = [...headParameters(model.task!, A.dim).keys()];
      expect([...model.shapes.keys()].slice(-names.length)).toEqual(names);

      for (const scheme of ['official', 'port'] as const) {
        const copy = await written({ config: A, scheme, task: model.task, read: (name) => model.read(name) });
        for (const name of source.tensors.keys())
          if (name.startsWith('pred_head.')) expect(copy.tensors.has(name), name).toBe(true);
        const reopened = await openModel(copy, A);
        expect(reopened.task).toEqual(model.task);
        for (const name of names) expect(await reopened.read(name)).toEqual(await model.read(name));
      }
    },
  );

  test('the published giga heads have the sizes that the defaults give', () => {
    const count = (head: Head): number => parameterCount(headParameters({ head, sizes: head.sizes.parse({}) }, 1280));
    expect(count(secondaryStructure)).toBe(254_593);
    expect(count(spliceSite)).toBe(1280 * 128 + 128 + 128 + 1);
    expect(count(ncrnaFamily)).toBe(1280 * 256 + 256 + 256 * 88 + 88);
    expect(count(ribosomeLoad)).toBe(1280 * 32 + 32 + 12 * 32 * 32 * 3 + 32 + 1);
  });

  test('an official .pt keeps the scaler as the buffers that the reference loads', async () => {
    const model = await openModel(await finetuned('lm.', 'mrl_head'), A);
    const scalars = new Map([
      ['scaler._mean', 6.25],
      ['scaler._std', 1.5],
      ['threshold', 0.13],
    ]);
    const file = await written(
      { config: A, scheme: 'official', task: model.task, scalars, read: (name) => model.read(name) },
      'pt',
    );
    expect(file.tensors.get('scaler._mean')?.shape).toEqual([1]);
    expect(file.scalars).toEqual(new Map([['threshold', 0.13]]));
    expect((await openModel(file, A)).scalars).toEqual(scalars);
  });

  test('a .pt is not written of a head that it could not name', async () => {
    const model = await openModel(await finetuned('lm.', 'mrl_head'), A);
    const sizes = { channels: 32, blocks: 6, padding: 'none' };
    const read = (name: string) => model.read(name.replace(/^(translationEfficiency)\./, 'ribosomeLoad.'));
    for (const head of [ribosomeLoad, translationEfficiency]) {
      await expect(written({ config: A, scheme: 'official', task: { head, sizes }, read }, 'pt')).rejects.toThrow(
        `a .pt cannot say that its head is a ${head.name} head with sizes`,
      );
      expect(
        (await openModel(await written({ config: A, scheme: 'official', task: { head, sizes }, read }), A)).task,
      ).toEqual({ head, sizes });
    }
  });

  test('a stray tensor beside a head is refused', async () => {
    const file = await edited(await finetuned('rinalmo.', 'splice_head'), () => ({}), [
      entry('pred_head.classifier.4.weight', [1, 1], Float32Array.of(1)),
    ]);
    await expect(openModel(file, A)).rejects.toThrow('unexpected "pred_head.classifier.4.weight" [1, 1]');
  });
});

describe('config.json', () => {
  test.each([A, fixtureConfig('ssrlm-A')])('of $model says which head there is', (config) => {
    const head = headConfig({ head: ncrnaFamily, sizes: { hidden: 9, classes: 5 } });
    expect(parseConfig(configJson(config, config.vocabularySize, head), 'config.json')).toEqual({ ...config, head });
    expect(parseConfig(configJson(config), 'config.json')).toEqual(config);
  });

  test('names the task where the tensors cannot', async () => {
    const file = await finetuned('lm.', 'mrl_head');
    for (const head of [translationEfficiency, expressionLevel]) {
      const task: TaskHead = { head, sizes: { channels: 32, blocks: 6, padding: 'batch' } };
      const model = await openModel(file, { ...A, head: headConfig(task) });
      expect(model.task).toEqual(task);
      expect(model.config).toEqual(A);
      expect(
        model.shapes.has(
          `${head === translationEfficiency ? 'translationEfficiency' : 'expressionLevel'}.blocks.5.conv2.weight`,
        ),
      ).toBe(true);
      // Without a config.json the file's own metadata says it.
      const alone = await openModel(
        await written({ config: A, scheme: 'port', task, read: (name) => model.read(name) }),
        A,
      );
      expect(alone.task).toEqual(task);
    }
  });

  test('is refused where it names an unknown task, impossible sizes, or others than the tensors have', async () => {
    const file = await finetuned('rinalmo.', 'splice_head');
    const open = (task: string, sizes: Record<string, unknown>) => openModel(file, { ...A, head: { task, sizes } });
    await expect(open('splice', {})).rejects.toThrow(
      'has a head for the task "splice"; known are secondary-structure, tertiary-structure, splice-site,',
    );
    await expect(open('splice-site', { hidden: -1 })).rejects.toThrow(
      'the sizes of its splice-site head cannot be: "hidden":',
    );
    await expect(open('splice-site', { hidden: 64 })).rejects.toThrow(
      'misshapen "pred_head.classifier.0.weight": [128, 64], expected [64, 64]',
    );
    const broken = await written({
      config: A,
      scheme: 'official',
      read: async (name) => (await openModel(await official(), A)).read(name),
    });
    const damaged: TensorFile = { ...broken, metadata: new Map([['task_head', '{"task": 3}']]) };
    await expect(openModel(damaged, A)).rejects.toThrow(
      'its metadata "task_head" is not a task and its sizes: {"task": 3}',
    );
  });
});

// ---- a task of its own ------------------------------------------------------

interface GcSizes {
  readonly scale: number;
}

/** The share of G and C, from a linear layer on the mean of the tokens: everything that adding a task takes. */
const gcContent: Head<GcSizes, number, number> = {
  name: 'gc-content',
  title: 'share of G and C',
  kind: 'number',
  sizes: z.strictObject({ scale: z.number().positive().default(1).describe('Factor of the output') }),
  parameters: (dim) =>
    new Map([
      ['out.weight', [1, dim]],
      ['out.bias', [1]],
    ]),
  forward: ({ device, representation, cuSeqlens, weight }) =>
    linear(segmentMean(representation, uploadSegments(device, cuSeqlens)), weight('out.weight'), weight('out.bias')),
  loss: (output, shares) => squaredError(output, Float32Array.from(shares)),
  predict: (output, { scale }) => Array.from(output, (value) => scale * value),
  metrics: (predictions, examples) => ({
    ...regressionScores(
      predictions,
      examples.map(({ target }) => target),
    ),
  }),
  best: { metric: 'r2', order: 'largest' },
  columns: { sequence: 'sequence', target: 'gc', meaning: 'a share', parse: parseNumber },
};

describe('a task that is declared in one file', () => {
  const config: EncoderConfig = { ...fixtureConfig('ssrlm-A') };
  const heads = [...HEADS, gcContent];
  const examples: Labelled<number>[] = ['GGGGCCCC', 'AAAAUUUUUA', 'GCAU', 'GGAUCAAAUUU', 'CCGCAUG'].map((sequence) => {
    const target = [...sequence].filter((letter) => 'GC'.includes(letter)).length / sequence.length;
    return { sequence, target };
  });

  test('is trained, saved, found again by its config and by its metadata, and predicts the same', async () => {
    const device = await openDevice();
    const task = taskHead({ task: 'gc-content', sizes: {} }, heads, 'config.json');
    expect(task.sizes).toEqual({ scale: 1 });
    const encoder = Encoder.initialize(device, config, 1);
    const parameters: ParameterMap = new Map([
      ...encoder.parameters,
      ...initializeParameters(device, headParameters(task, config.dim), config.model, 2),
    ]);
    const batch = packTokens(examples.map(({ sequence }) => tokenize(sequence)));
    const output = (model: Encoder, all: ParameterMap) =>
      runHead(task, all, { representation: model.forward(batch), cuSeqlens: batch.cuSeqlens });
    const predict = async (model: Encoder, all: ParameterMap): Promise<number[]> => {
      const values = device.scope(() => output(model, all));
      const predictions = task.head.predict(await values.read(), task.sizes, new Map(), []) as number[];
      values.dispose();
      return predictions;
    };

    const own = ['gcContent.out.weight', 'gcContent.out.bias'].map((name) => parameters.get(name)!.train());
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      const loss = backward(device, () =>
        task.head.loss(
          output(encoder, parameters),
          examples.map(({ target }) => target),
          new Map(),
        ),
      );
      losses.push(await loss.item());
      loss.dispose();
      for (const tensor of own) {
        const [values, gradient] = [await tensor.read(), await tensor.gradient!.read()];
        device.write(
          tensor,
          values.map((value, i) => value - 0.02 * gradient[i]!),
        );
        tensor.train(false).train();
      }
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 4);
    const before = await predict(encoder, parameters);
    expect(task.head.metrics(before, examples, new Map(), task.sizes)['r2']).toBeGreaterThan(0);

    const values = new Map<string, Float32Array>();
    for (const [name, tensor] of parameters) values.set(name, await tensor.read());
    const file = await written({ config, scheme: 'llama', task, read: (name) => Promise.resolve(values.get(name)!) });
    expect(file.tensors.has('gcContent.out.weight'), 'no published names: its own').toBe(true);
    const json = configJson(config, config.vocabularySize, headConfig(task));
    for (const named of [parseConfig(json, 'config.json'), config]) {
      const model = await openModel(file, named, heads);
      expect(model.task).toEqual(task);
      const loaded = await loadParameters(device, model);
      expect(await predict(new Encoder(device, config, loaded), loaded)).toEqual(before);
    }
    await expect(openModel(file, config), 'unknown without its declaration').rejects.toThrow(
      'has a head for the task "gc-content"',
    );
    device.destroy();
  });
});

test('cells of tables are read, and refused with what was expected', () => {
  const row = { cells: [], sequence: 'A' };
  expect(spliceSite.columns!.parse('1', { hidden: 1 }, row)).toBe(1);
  expect(() => spliceSite.columns!.parse('2', { hidden: 1 }, row)).toThrow('expected 0 or 1, got "2"');
  expect(ncrnaFamily.columns!.parse('87', { hidden: 1, classes: 88 }, row)).toBe(87);
  expect(() => ncrnaFamily.columns!.parse('88', { hidden: 1, classes: 88 }, row)).toThrow(
    'expected a class from 0 to 87 (names of classes go into head.names), got "88"',
  );
  expect(() => ribosomeLoad.columns!.parse('', { channels: 1, blocks: 1, padding: 'none' }, row)).toThrow(
    'expected a number, got ""',
  );
});

test('every task has a name, a prefix and defaults of its own', () => {
  const prefixes = HEADS.map(
    (head) => [...headParameters({ head, sizes: head.sizes.parse({}) }, 8).keys()][0]!.split('.')[0],
  );
  expect(prefixes).toEqual([
    'secondaryStructure',
    'tertiaryStructure',
    'spliceSite',
    'ribosomeLoad',
    'translationEfficiency',
    'expressionLevel',
    'ncrnaFamily',
    'regression',
    'classification',
    'multiLabel',
    'nucleotideRegression',
    'nucleotideClassification',
  ]);
  expect(new Set(HEADS.map(({ name: task }) => task)).size).toBe(HEADS.length);
});

test("splice sites' published scores take a batch within 0 and 1 for probabilities", () => {
  const probabilities = [0.1, 0.4, 0.9].map(sigmoid);
  const examples = [1, 0, 1].map((target) => ({ sequence: 'A', target }));
  expect(spliceSite.published!(probabilities, examples)).toMatchObject({ precision: 100, recall: 50 });
  expect(spliceSite.published!([...probabilities, 0.8], [...examples, examples[0]!])).toMatchObject({
    precision: 75,
    recall: 100,
  });
});
