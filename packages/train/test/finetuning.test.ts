/**
 * Fine-tuning of the secondary-structure head on real RNAs: it learns, frozen and not, and its checkpoints are whole
 * models.
 */
import {
  Encoder,
  headParameters,
  initializeParameters,
  openModel,
  openTensorFile,
  secondaryStructure,
  type EncoderConfig,
} from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { evaluateStructures } from '@rna/structure';
import { FIRST_CURSOR, finetune, finetuneConfig, finetuningTask, pairPredictor, validateConfig } from '../src/index.ts';
import { memoryLog, memoryStore } from './memoryRun.ts';
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
const labelled = rnas.map(({ id, sequence, partners }) => ({ id, sequence, target: partners }));
const few = labelled.slice(0, 4);

function tinyModel(model: EncoderConfig['model'] = 'rinalmo') {
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

const configOf = (freeze: boolean, more: object = {}) =>
  validateConfig(
    finetuneConfig(secondaryStructure),
    {
      out: 'x',
      model: { checkpoint: 'tiny', freeze },
      head: sizes,
      data: { train: ['a'], validation: ['b'] },
      train: { epochs: 30, batchSize: 2, dropout: false },
      optimizer: { learningRate: 0.01, warmupEpochs: 1 },
      run: { evaluateEvery: 1000, checkpointEvery: 1000 },
      ...more,
    },
    'config',
  );

const task = (model: ReturnType<typeof tinyModel>, more: Partial<Parameters<typeof finetuningTask>[0]> = {}) =>
  finetuningTask({
    ...model,
    train: few,
    validation: few,
    scalars: new Map(),
    freeze: false,
    batchSize: 3,
    maxTokens: 64,
    seed: 2,
    ...more,
  });

describe('finetune', () => {
  it.each([
    ['with', false],
    ['without', true],
  ])('learns the structures it is shown, %s the encoder', async (_, freeze) => {
    const model = tinyModel();
    const before = await model.encoder.parameters.get('blocks.0.attention.qkv.weight')!.read();
    const lmHead = await model.encoder.parameters.get('lmHead.decoder.weight')!.read();
    const [log, store] = [memoryLog(), memoryStore()];
    const state = await finetune({ ...model, config: configOf(freeze), train: few, validation: few, log, store });
    const losses = log.lines
      .map((line) => (JSON.parse(line) as { loss?: number }).loss)
      .filter((loss) => loss !== undefined);
    expect(losses).toHaveLength(60);
    expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.25);
    const { threshold, flexibleF1, f1 } = state.evaluation!.metrics;
    expect(flexibleF1).toBeGreaterThan(0.3);
    expect(f1).toBeLessThanOrEqual(flexibleF1!);

    // Frozen is frozen, and the LM head has no part in it.
    const after = await model.encoder.parameters.get('blocks.0.attention.qkv.weight')!.read();
    expect(after.every((value, i) => value === before[i])).toBe(freeze);
    expect(await model.encoder.parameters.get('lmHead.decoder.weight')!.read()).toEqual(lmHead);

    // The checkpoint is a whole model, with the tuned threshold.
    const reader = await store.open((await store.names()).at(-1)!);
    const opened = await openModel(await openTensorFile(await reader.open('model.safetensors')), model.encoder.config);
    expect(opened.task).toEqual({ head: secondaryStructure, sizes });
    expect(opened.scalars.get('threshold')).toBe(threshold);
    expect(await opened.read('secondaryStructure.out.weight')).toEqual(
      await model.parameters.get('secondaryStructure.out.weight')!.read(),
    );

    // What is scored afterwards is what the evaluation saw.
    const scored = await evaluateStructures(pairPredictor(model), rnas.slice(0, 4), { threshold: threshold! });
    expect([scored.flexible.f1, scored.strict.f1]).toEqual([flexibleF1, f1]);
    model.dispose();
  });

  it('resumes to the bit', async () => {
    const run = async (stop: number | undefined, store = memoryStore(), log = memoryLog()) => {
      const model = tinyModel('ssr-lm');
      const config = configOf(false, {
        train: { epochs: 3, batchSize: 2 },
        run: { evaluateEvery: 2, checkpointEvery: 2 },
      });
      const onProgress = ({ step }: { step: number }): void => {
        if (step === stop) throw new Error('killed');
      };
      try {
        await finetune({ ...model, config, train: few, validation: few.slice(0, 1), log, store, onProgress });
      } finally {
        model.dispose();
      }
      return {
        files: [...store.checkpoints.get('step-000000006')!].map(([name, bytes]) => [
          name,
          new TextDecoder('latin1').decode(bytes),
        ]),
        lines: log.lines,
      };
    };
    const whole = await run(undefined);
    const [store, log] = [memoryStore(), memoryLog()];
    await expect(run(3, store, log)).rejects.toThrow('killed');
    expect(await run(undefined, store, log)).toEqual(whole);
  });
});

describe('finetuningTask', () => {
  it('shows every RNA once an epoch, in another order each time', async () => {
    const model = tinyModel();
    const t = task(model, { train: labelled });
    expect(t.stepsPerEpoch).toBe(7);
    const orders: string[] = [];
    let cursor = FIRST_CURSOR;
    for (let epoch = 0; epoch < 2; epoch++) {
      const targets: number[] = [];
      for (let step = 0; step < t.stepsPerEpoch; step++) {
        const batch = await t.batchAt(cursor, step);
        expect(batch.epoch).toBe(epoch);
        targets.push(...batch.microBatches.map((micro) => micro.targets));
        cursor = batch.next;
      }
      orders.push(targets.join());
      const pairs = (length: number) => (length * (length - 1)) / 2;
      expect(targets.sort((a, b) => a - b)).toEqual(
        rnas.map(({ sequence }) => pairs(sequence.length)).sort((a, b) => a - b),
      );
    }
    expect(orders[0]).not.toBe(orders[1]);
    expect(cursor).toEqual({ epoch: 2, window: 0, row: 0 });
    model.dispose();
  });

  it("computes a frozen encoder's representations once, and the same loss from them", async () => {
    const model = tinyModel();
    let forwards = 0;
    const counted = Object.assign(Object.create(model.encoder) as Encoder, {
      forward: (...args: Parameters<Encoder['forward']>) => {
        forwards++;
        return model.encoder.forward(...args);
      },
    });
    const [frozen, live] = [task(model, { encoder: counted, freeze: true }), task(model)];
    for (let repeat = 0; repeat < 2; repeat++) {
      const [{ microBatches }, { microBatches: others }] = [
        await frozen.batchAt(FIRST_CURSOR, 0),
        await live.batchAt(FIRST_CURSOR, 0),
      ];
      for (const [i, micro] of microBatches.entries()) {
        const [a, b] = device.scope(() => [micro.loss(), others[i]!.loss()]);
        expect(await a.item()).toBe(await b.item());
        a.dispose();
        b.dispose();
      }
    }
    expect(forwards).toBe(3);
    model.dispose();
  });

  it('refuses an RNA that has no pair, and an empty set', () => {
    const model = tinyModel();
    const single = { id: 'short', sequence: 'A', target: new Int32Array([-1]) };
    expect(() => task(model, { train: [...few, single] })).toThrow(/'short' has 1 nucleotides/);
    expect(() => task(model, { train: [] })).toThrow(/no RNAs/);
    model.dispose();
  });
});
