/**
 * Pre-training of tiny encoders on real RNAs: it learns, cuts do not change it, and its held-out loss is the same loss.
 */
import { RandomStream } from '@rna/kernels';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  AdamW,
  constantSchedule,
  corpusBatches,
  decayGroups,
  FIRST_CURSOR,
  heldOutBatches,
  maskedMetrics,
  memoryCorpus,
  pretrainingTask,
  train,
  type CorpusBatchesOptions,
  type MaskingScheme,
} from '../src/index.ts';
import { memoryLog } from './memoryRun.ts';
import { disposeAll, rnas, tinyEncoder } from './tinyModel.ts';

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

const [trained, heldOut] = [memoryCorpus(rnas.slice(0, 12)), memoryCorpus(rnas.slice(12))];
const base = { maxTokens: 80, rowsPerStep: 4, seed: 7 };

async function run(
  model: 'rinalmo' | 'ssr-lm',
  scheme: MaskingScheme,
  steps: number,
  more: Partial<CorpusBatchesOptions> = {},
) {
  const encoder = tinyEncoder(device, model);
  const optimizer = new AdamW(device, { groups: decayGroups(encoder.parameters, { weightDecay: 0.01 }), maxNorm: 1 });
  const log = memoryLog();
  const batches = { ...base, masking: { scheme }, ...more };
  const task = pretrainingTask({
    encoder,
    batches: corpusBatches(trained, batches),
    validation: heldOutBatches(heldOut, batches),
    dropout: true,
    seed: base.seed,
  });
  const state = await train({ device, task, optimizer, schedule: constantSchedule(0.02), steps, log });
  const weights = await encoder.parameters.get('blocks.1.feedForward.down.weight')!.read();
  optimizer.dispose();
  disposeAll(encoder.parameters);
  return {
    state,
    weights,
    entries: log.lines.map(
      (line) => JSON.parse(line) as { step: number; loss?: number; evaluation?: { loss: number; accuracy: number } },
    ),
  };
}

describe('pretrainingTask', () => {
  it.each([
    ['ssr-lm', 'ssm'],
    ['rinalmo', 'mlm'],
  ] as const)('lowers the held-out loss of %s with %s', async (model, scheme) => {
    const { entries } = await run(model, scheme, 25);
    const [before, after] = [entries[0]!.evaluation!, entries.at(-1)!.evaluation!];
    if (model === 'ssr-lm') expect(Math.abs(before.loss - Math.log(22))).toBeLessThan(0.15);
    expect(after.loss).toBeLessThan(before.loss - 0.5);
    expect(after.loss).toBeLessThan(2);
    expect(after.accuracy).toBeGreaterThan(0.15);
  });

  it('does not depend on how the rows are cut into micro-batches', async () => {
    const whole = await run('ssr-lm', 'ssm', 3);
    const cut = await run('ssr-lm', 'ssm', 3, { accumulation: 3 });
    cut.entries.forEach(({ loss }, i) => {
      if (loss !== undefined) expect(loss).toBeCloseTo(whole.entries[i]!.loss!, 5);
    });
    cut.weights.forEach((value, i) => {
      expect(value).toBeCloseTo(whole.weights[i]!, 4);
    });
  });

  it('gives a step the same batch whatever came before, and every epoch other masks', async () => {
    const encoder = tinyEncoder(device);
    const make = () =>
      pretrainingTask({ encoder, batches: corpusBatches(trained, { ...base, masking: { scheme: 'ssm' } }), seed: 7 });
    const [task, again] = [make(), make()];
    const seen = [];
    let cursor = FIRST_CURSOR;
    for (let step = 0; step < 12; step++) {
      const batch = await task.batchAt(cursor, step);
      seen.push({ cursor, step, targets: batch.microBatches.map(({ targets, tokens }) => [targets, tokens]) });
      cursor = batch.next;
    }
    for (const { cursor: at, step, targets } of new RandomStream(1).shuffle([...seen])) {
      expect((await again.batchAt(at, step)).microBatches.map((batch) => [batch.targets, batch.tokens])).toEqual(
        targets,
      );
    }
    expect(cursor.epoch).toBeGreaterThan(1);
    disposeAll(encoder.parameters);
  });

  it('evaluates with the loss that it trains', async () => {
    const encoder = tinyEncoder(device, 'rinalmo');
    // One record on both sides: the training loss of a batch against the same on the host.
    const batches = heldOutBatches(memoryCorpus(rnas.slice(3, 4)), { ...base, masking: { scheme: 'mlm', rate: 0.9 } });
    const task = pretrainingTask({ encoder, batches, validation: batches, seed: 0 });
    const { metrics } = await task.evaluate!();
    const {
      microBatches: [micro],
    } = await task.batchAt(FIRST_CURSOR, 0);
    const loss = device.scope(() => micro!.loss());
    expect(metrics['loss']).toBeCloseTo(await loss.item(), 4);
    loss.dispose();
    disposeAll(encoder.parameters);
  });

  it('scores each kind of mask apart, and all together', async () => {
    const encoder = tinyEncoder(device);
    const of = (scheme: MaskingScheme) =>
      maskedMetrics(encoder, heldOutBatches(memoryCorpus(rnas), { maxTokens: 200, masking: { scheme } }));
    const [mlm, ssm] = [await of('mlm'), await of('ssm')];
    expect(Object.keys(mlm)).toEqual(['loss', 'accuracy', 'perplexity', 'mlm.loss', 'mlm.accuracy', 'mlm.perplexity']);
    expect(mlm['mlm.loss']).toBe(mlm['loss']);
    expect(Object.keys(ssm).filter((name) => name.endsWith('loss'))).toEqual([
      'loss',
      'sm.loss',
      'ssmStem.loss',
      'ssmLoop.loss',
    ]);
    expect(ssm['perplexity']).toBeCloseTo(Math.exp(ssm['loss']!), 12);
    const losses = ['sm.loss', 'ssmStem.loss', 'ssmLoop.loss'].map((name) => ssm[name]!);
    expect(new Set(losses).size).toBe(3);
    expect(ssm['loss']).toBeGreaterThan(Math.min(...losses));
    expect(ssm['loss']).toBeLessThan(Math.max(...losses));
    disposeAll(encoder.parameters);
  });
});
