/**
 * Fine-tuning of every head but that for pairs (finetuning.test.ts): it learns, its scalars are kept, it resumes to the
 * bit, also across an unfreezing.
 */
import {
  Encoder,
  expressionLevel,
  headParameters,
  initializeParameters,
  ncrnaFamily,
  openModel,
  openTensorFile,
  ribosomeLoad,
  spliceSite,
  translationEfficiency,
  type Head,
  type Scalars,
} from '@rna/model';
import { linear, segmentMean, squaredError, uploadSegments, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  FIRST_CURSOR,
  finetune,
  finetuneConfig,
  finetuningTask,
  predictions,
  validateConfig,
  type LabelledRna,
} from '../src/index.ts';
import { predictPack } from '../src/predictions.ts';
import { frozenRepresentations } from '../src/representations.ts';
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

const gc = (sequence: string): number =>
  [...sequence].filter((letter) => 'GC'.includes(letter)).length / sequence.length;
const labelled = (target: (sequence: string) => number): LabelledRna<number>[] =>
  rnas.slice(0, 8).map(({ id, sequence }) => ({ id, sequence, target: target(sequence) }));

const median = [...rnas.slice(0, 8)].map(({ sequence }) => gc(sequence)).sort((a, b) => a - b)[4]!;
const above = labelled((sequence) => (gc(sequence) >= median ? 1 : 0));
const shares = labelled((sequence) => 5 + 10 * gc(sequence));

/** A head of its own, whose scalars have names of their own: one is fitted, the other chosen at each evaluation. */
const shifted: Head<{ readonly scale: number }, number, number> = {
  name: 'shifted-share',
  title: 'share of G and C above the mean',
  kind: 'number',
  sizes: z.strictObject({ scale: z.number().default(1).describe('Factor') }),
  parameters: (dim) =>
    new Map([
      ['out.weight', [1, dim]],
      ['out.bias', [1]],
    ]),
  forward: ({ device: on, representation, cuSeqlens, weight }) =>
    linear(segmentMean(representation, uploadSegments(on, cuSeqlens)), weight('out.weight'), weight('out.bias')),
  loss: (output, targets, scalars) =>
    squaredError(
      output,
      Float32Array.from(targets, (target) => target - scalars.get('shift')!),
    ),
  fit: (targets) => new Map([['shift', targets.reduce((sum, target) => sum + target, 0) / targets.length]]),
  predict: (output, { scale }, scalars) => Array.from(output, (value) => scale * value + scalars.get('shift')!),
  choose: (predicted) => new Map([['largest', Math.max(...predicted)]]),
  metrics: (predicted, examples, scalars) => ({
    error: predicted.reduce((sum, value, i) => sum + Math.abs(value - examples[i]!.target), 0),
    largest: scalars.get('largest')!,
  }),
  best: { metric: 'error', order: 'smallest' },
};

function tinyModel<S extends object, T, P>(head: Head<S, T, P>, sizes: object = {}, layers = 1) {
  const config = { ...tinyConfig('rinalmo'), layers };
  const encoder = Encoder.initialize(device, config, 5);
  const task = { head, sizes: head.sizes.parse(sizes) };
  const parameters = initializeParameters(device, headParameters(task, config.dim), config.model, 6);
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

const configOf = (head: Head, more: object = {}) =>
  validateConfig(
    finetuneConfig(head),
    {
      out: 'x',
      model: { checkpoint: 'tiny' },
      data: { train: ['a'] },
      train: { epochs: 10, batchSize: 4 },
      optimizer: { learningRate: 0.01, schedule: 'constant' },
      run: { evaluateEvery: 1000, checkpointEvery: 1000 },
      ...more,
    },
    'config',
  );

const numbers = (lines: readonly string[]): number[] =>
  lines.flatMap((line) => (JSON.parse(line) as { loss?: number }).loss ?? []);

async function openNewest(store: ReturnType<typeof memoryStore>, encoder: Encoder, head: Head) {
  const reader = await store.open((await store.names()).at(-1)!);
  return openModel(await openTensorFile(await reader.open('model.safetensors')), encoder.config, [head]);
}

async function collect<P>(made: AsyncIterable<P>): Promise<P[]> {
  const all: P[] = [];
  for await (const each of made) all.push(each);
  return all;
}

const HEADS_AND_DATA: readonly [Head<object, number>, object, readonly LabelledRna<number>[], readonly string[]][] = [
  [spliceSite, { hidden: 8 }, above, []],
  [ncrnaFamily, { hidden: 8, classes: 3 }, above, []],
  [ribosomeLoad, { channels: 8, blocks: 1 }, shares, ['scaler._mean', 'scaler._std']],
  [translationEfficiency, { channels: 8, blocks: 1 }, shares, []],
  [expressionLevel, { channels: 8, blocks: 1 }, shares, []],
  [shifted, {}, shares, ['largest', 'shift']],
];

describe.each(HEADS_AND_DATA)('finetune of $task', (head, sizes, rnasOfTask, scalarNames) => {
  it('learns, and saves a model that predicts what the last evaluation saw', async () => {
    const model = tinyModel(head, sizes);
    const [log, store] = [memoryLog(), memoryStore()];
    const state = await finetune({
      ...model,
      config: configOf(head),
      train: rnasOfTask,
      validation: rnasOfTask,
      log,
      store,
    });
    const losses = numbers(log.lines);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(losses).toHaveLength(20);
    expect(mean(losses.slice(-4))).toBeLessThan(mean(losses.slice(0, 4)));

    const opened = await openNewest(store, model.encoder, head);
    expect(opened.task).toEqual(model.task);
    expect([...opened.scalars.keys()].sort()).toEqual(scalarNames);
    const predicted = await collect(predictions(model, rnasOfTask, opened.scalars));
    const { metrics, score } = state.evaluation!;
    expect(head.metrics(predicted, rnasOfTask, opened.scalars, model.task.sizes)).toEqual(metrics);
    expect(score).toBe((head.best.order === 'largest' ? 1 : -1) * metrics[head.best.metric]!);
    model.dispose();
  });
});

describe('finetuningTask', () => {
  it('cuts a step into packs by tokens, and its loss stays the mean over its RNAs', async () => {
    const model = tinyModel(ribosomeLoad, { channels: 8, blocks: 1 });
    const scalars = ribosomeLoad.fit!(
      shares.map(({ target }) => target),
      model.task.sizes,
    );
    const lossOf = async (maxTokens: number) => {
      const task = finetuningTask({
        ...model,
        train: shares,
        validation: [],
        scalars: new Map(scalars),
        freeze: false,
        batchSize: 8,
        maxTokens,
        seed: 1,
      });
      const { microBatches } = await task.batchAt(FIRST_CURSOR, 0);
      let sum = 0;
      for (const micro of microBatches) {
        const loss = device.scope(() => micro.loss());
        sum += micro.targets * (await loss.item());
        loss.dispose();
      }
      return { parts: microBatches.map(({ targets }) => targets), loss: sum / 8 };
    };
    const [whole, cut] = [await lossOf(4096), await lossOf(120)];
    expect(whole.parts).toEqual([8]);
    expect(cut.parts.length).toBeGreaterThan(3);
    expect(cut.parts.reduce((sum, count) => sum + count, 0)).toBe(8);
    expect(cut.loss).toBeCloseTo(whole.loss, 5);
    model.dispose();
  });

  it("packs a frozen encoder's representations anew, with the same loss as computed afresh", async () => {
    const model = tinyModel(ribosomeLoad, { channels: 8, blocks: 1 });
    const scalars = new Map(
      ribosomeLoad.fit!(
        shares.map(({ target }) => target),
        model.task.sizes,
      ),
    );
    const options = { ...model, train: shares, validation: [], scalars, batchSize: 3, maxTokens: 150, seed: 1 };
    const [frozen, live] = [
      finetuningTask({ ...options, freeze: true }),
      finetuningTask({ ...options, freeze: false }),
    ];
    let cursor = FIRST_CURSOR;
    for (let step = 0; step < 5; step++) {
      const [a, b] = [await frozen.batchAt(cursor, step), await live.batchAt(cursor, step)];
      for (const [i, micro] of a.microBatches.entries()) {
        const losses = device.scope(() => [micro.loss(), b.microBatches[i]!.loss()]);
        expect(await losses[0]!.item()).toBeCloseTo(await losses[1]!.item(), 5);
        losses.forEach((loss) => {
          loss.dispose();
        });
      }
      cursor = a.next;
    }
    model.dispose();
  });
});

describe('frozenRepresentations', () => {
  it('are the same to the bit in whatever order they are asked for, kept or not', async () => {
    const model = tinyModel(spliceSite);
    const { encoder } = model;
    const { dim } = encoder.config;
    const width = (index: number): number => dim * (above[index]!.sequence.length + 2);
    let passes = 0;
    const counted = Object.assign(Object.create(encoder) as Encoder, {
      forward: (...args: Parameters<Encoder['forward']>) => (passes++, encoder.forward(...args)),
    });
    // The first three fit.
    const options = { maxTokens: 120, largestBytes: 4 * (width(0) + width(1) + width(2)) };
    const [one, other] = [
      frozenRepresentations(counted, above, options),
      frozenRepresentations(counted, above, options),
    ];
    const first = await one([2, 5, 0]);
    await other([1, 6]);
    passes = 0;
    expect(await other([2, 5, 0])).toEqual(first);
    expect(await one([2, 5, 0])).toEqual(first);
    expect(passes, 'that of 5, twice, and that of 0 or 2').toBeLessThanOrEqual(3);
    passes = 0;
    expect((await one([2, 0])).length).toBe(width(2) + width(0));
    expect(passes).toBe(0);
    model.dispose();
  });
});

describe('predictions', () => {
  it('come in the order of the RNAs, however they are packed', async () => {
    const model = tinyModel(spliceSite, { hidden: 8 });
    const none: Scalars = new Map();
    const apart: number[] = [];
    for (const { sequence } of above) apart.push(...(await predictPack(model, [sequence], none)));
    // More than one pass has room for.
    const many = Array.from(
      { length: Math.ceil(9000 / above.reduce((sum, { sequence }) => sum + sequence.length, 0)) },
      () => above,
    ).flat();
    const packed = await collect(predictions(model, many, none));
    expect(packed).toHaveLength(many.length);
    // The differences between RNAs are a thousand times larger.
    for (const [i, value] of packed.entries()) expect(value).toBeCloseTo(apart[i % above.length]!, 6);
    expect(Math.max(...apart) - Math.min(...apart)).toBeGreaterThan(1e-3);
    expect(await collect(predictions(model, [], none))).toEqual([]);
    model.dispose();
  });
});

describe('a run that unfreezes', () => {
  const EPOCH_STEPS = 2;
  const unfreeze = [
    { epoch: 0, parameters: ['shiftedShare\\.'] },
    { epoch: 1, parameters: ['finalNorm\\.'], blocks: { from: 30, to: 32, of: 33 }, rateDivisor: 10 },
    { epoch: 2, blocks: { from: 0, to: 29, of: 33 }, rateDivisor: 10 },
  ];
  const config = configOf(shifted, {
    unfreeze,
    train: { epochs: 3, batchSize: 4 },
    run: { evaluateEvery: 2, checkpointEvery: 1, keep: 99 },
  });

  async function run(stop?: number, store = memoryStore(), log = memoryLog()) {
    const model = tinyModel(shifted, {}, 2);
    const begun = new Map<string, Float32Array>();
    for (const [name, tensor] of model.encoder.parameters) begun.set(name, await tensor.read());
    const onProgress = ({ step }: { step: number }): void => {
      if (step === stop) throw new Error('killed');
    };
    try {
      await finetune({ ...model, config, train: shares, validation: shares, log, store, onProgress });
    } finally {
      model.dispose();
    }
    const text = (files: Files) => [...files].map(([name, bytes]) => [name, new TextDecoder('latin1').decode(bytes)]);
    return {
      begun,
      encoder: model.encoder,
      store,
      end: { files: text(store.checkpoints.get('step-000000006')!), lines: log.lines },
    };
  }

  it('trains each parameter from its epoch on, and what no stage names never', async () => {
    const { begun, encoder, store } = await run();
    const changedAt = async (step: number): Promise<string[]> => {
      const reader = await store.open(`step-00000000${step}`);
      const opened = await openModel(await openTensorFile(await reader.open('model.safetensors')), encoder.config, [
        shifted,
      ]);
      const changed = await Promise.all(
        [...begun].map(async ([name, values]) =>
          (await opened.read(name)).every((value, i) => value === values[i]) ? [] : [name],
        ),
      );
      return changed.flat();
    };
    const block = (index: number): string[] => [...begun.keys()].filter((name) => name.startsWith(`blocks.${index}.`));
    expect(await changedAt(EPOCH_STEPS)).toEqual([]);
    expect(await changedAt(EPOCH_STEPS + 1)).toEqual([...block(1), 'finalNorm.weight', 'finalNorm.bias']);
    expect(await changedAt(2 * EPOCH_STEPS)).not.toContain('blocks.0.attention.qkv.weight');
    const last = await changedAt(3 * EPOCH_STEPS);
    expect(last).toEqual([...block(0), ...block(1), 'finalNorm.weight', 'finalNorm.bias']);
  });

  it('is refused where its data or stages are others, and where nothing can be learnt', async () => {
    const model = tinyModel(shifted, {}, 2);
    const store = memoryStore();
    const start = (more: object) => finetune({ ...model, config, train: shares, validation: shares, store, ...more });
    await start({});
    const moved = { ...config, data: { ...config.data, train: ['elsewhere'] } };
    expect((await start({ config: moved })).step).toBe(6);
    await expect(
      start({ train: shares.map((rna, i) => (i === 3 ? { ...rna, target: rna.target + 1 } : rna)) }),
    ).rejects.toThrow(/the run to resume has other settings:\n {2}data.train: then/);
    await expect(start({ config: { ...config, unfreeze: unfreeze.slice(0, 2) } })).rejects.toThrow('unfreeze');
    const constant = shares.map((rna) => ({ ...rna, target: 1 }));
    const load = tinyModel(ribosomeLoad);
    await expect(
      finetune({ ...load, config: configOf(ribosomeLoad), train: constant, validation: [] }),
    ).rejects.toThrow('8 training targets that do not differ cannot be standardised');
    model.dispose();
    load.dispose();
  });

  it.each([1, 2, 3, 4])('resumes to the bit from step %i', async (stop) => {
    const whole = await run();
    const [store, log] = [memoryStore(), memoryLog()];
    // The report of a step is read while the next one is recorded, so the newest checkpoint is of the step before or of
    // this one.
    await expect(run(stop, store, log)).rejects.toThrow('killed');
    expect((await run(undefined, store, log)).end).toEqual(whole.end);
  });
});
