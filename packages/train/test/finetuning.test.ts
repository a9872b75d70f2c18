/**
 * Fine-tuning of the secondary-structure head on real RNAs: it learns, frozen and not, and its checkpoints are whole
 * models.
 */
import {
  Encoder,
  headParameters,
  initialHead,
  initializeParameters,
  openModel,
  openTensorFile,
  secondaryStructure,
  type EncoderConfig,
} from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import {
  enginePairsInProcess,
  evaluateStructures,
  parseFoldingParameters,
  type EnginePairsProvider,
} from '@rna/structure';
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

describe('with a prior', () => {
  const parameters = (file: string) =>
    parseFoldingParameters(readFileSync(new URL(`../../builtin/engines/${file}`, import.meta.url), 'utf8'), file);
  const inProcess = enginePairsInProcess({
    contrafold: parameters('contrafold/contrafold.params.complementary'),
    eternafold: parameters('eternafold/EternaFoldParams.v1'),
  });

  function priorModel(priors: EnginePairsProvider | undefined) {
    const config = tinyConfig('ssr-lm');
    const encoder = Encoder.initialize(device, config, 5);
    const own = { ...sizes, block: 'basic', dilations: [1, 2], distances: 8, prior: 'both' } as const;
    const head = { head: secondaryStructure, sizes: own };
    const weights = initialHead(device, head, config, 6);
    return {
      encoder,
      task: head,
      parameters: weights,
      ...(priors && { priors }),
      dispose: () => {
        disposeAll(encoder.parameters);
        disposeAll(weights);
      },
    };
  }

  const run = async (priors: EnginePairsProvider, stop?: number, store = memoryStore(), log = memoryLog()) => {
    const model = priorModel(priors);
    const config = configOf(false, {
      head: model.task.sizes,
      train: { epochs: 3, batchSize: 2, ema: 0.9 },
      run: { evaluateEvery: 2, checkpointEvery: 2 },
    });
    const onProgress = ({ step }: { step: number }): void => {
      if (step === stop) throw new Error('killed');
    };
    try {
      await finetune({ ...model, config, train: few, validation: labelled.slice(4, 7), log, store, onProgress });
    } finally {
      model.dispose();
    }
    const files = store.checkpoints.get('step-000000006')!;
    return {
      files: [...files].map(([name, bytes]) => [name, new TextDecoder('latin1').decode(bytes)]),
      lines: log.lines,
    };
  };

  it('a run resumes to the bit, in whatever order the pairs come', async () => {
    const whole = await run(inProcess);
    const [store, log] = [memoryStore(), memoryLog()];
    await expect(run(inProcess, 3, store, log)).rejects.toThrow('killed');
    // The first that is asked for comes last.
    let asked = 0;
    const late: EnginePairsProvider = async (...args) => {
      const wait = 40 - 10 * (asked++ % 4);
      await new Promise((resolve) => setTimeout(resolve, wait));
      return inProcess(...args);
    };
    expect(await run(late, undefined, store, log)).toEqual(whole);
    const { loss, evaluation } = JSON.parse(whole.lines[0]!) as { loss?: number; evaluation?: { f1: number } };
    expect([loss, evaluation!.f1 > 0.3]).toEqual([undefined, true]);
  });

  it('tells its provider the sequence after the one that it asks for', async () => {
    const asked: (readonly [string, string | undefined])[] = [];
    const model = priorModel((sequence, engines, next) => {
      asked.push([sequence, next]);
      return inProcess(sequence, engines);
    });
    const records = rnas.slice(0, 3);
    await evaluateStructures(pairPredictor(model), records, { threshold: 0.5 });
    const [a, b, c] = records.map(({ sequence }) => sequence);
    expect(asked).toEqual([
      [a, b],
      [b, c],
      [c, undefined],
    ]);
    model.dispose();
  });

  it('is not without a provider, and a checkpoint keeps its sizes', async () => {
    const without = priorModel(undefined);
    await expect(pairPredictor(without)('GGGAAACCC')).rejects.toThrow(
      'this head takes the pair probabilities of contrafold and eternafold',
    );
    without.dispose();
    const store = memoryStore();
    await run(inProcess, undefined, store);
    const reader = await store.open('step-000000006');
    const file = await openTensorFile(await reader.open('model.safetensors'));
    const opened = await openModel(file, tinyConfig('ssr-lm'));
    expect(opened.task?.sizes).toEqual(without.task.sizes);
    expect([...opened.shapes].filter(([name]) => /prior|distance/.test(name))).toEqual([
      ['secondaryStructure.prior.weight', [8, 2]],
      ['secondaryStructure.distance.weight', [8, 8]],
      ['secondaryStructure.prior.logit', [2]],
    ]);
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
