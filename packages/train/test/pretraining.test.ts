/** Pre-training of tiny encoders on real RNAs: it learns, cuts do not change it, and its held-out loss is the same loss. */
import { RandomStream } from '@rna/kernels';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AdamW, constantSchedule, decayGroups, FIRST_CURSOR, pretrainingTask, train, type MaskingScheme, type PretrainingOptions } from '../src/index.ts';
import { memoryLog } from './memoryRun.ts';
import { disposeAll, rnas, tinyEncoder } from './tinyModel.ts';

let device: Device;
beforeAll(async () => { device = await openDevice({ poison: true }); });
afterAll(() => { device.destroy(); });
afterEach(() => { expect(device.memory.use().tensors).toBe(0); });

const base = { train: rnas.slice(0, 16), validation: rnas.slice(16), maxTokens: 80, rowsPerStep: 4, seed: 7 };

async function run(model: 'rinalmo' | 'ssr-lm', scheme: MaskingScheme, steps: number, more: Partial<PretrainingOptions> = {}) {
  const encoder = tinyEncoder(device, model);
  const optimizer = new AdamW(device, { groups: decayGroups(encoder.parameters, 0.01), maxNorm: 1 });
  const log = memoryLog();
  const task = pretrainingTask({ ...base, encoder, masking: { scheme }, ...more });
  const state = await train({ device, task, optimizer, schedule: constantSchedule(0.02), steps, log });
  const weights = await encoder.parameters.get('blocks.1.feedForward.down.weight')!.read();
  optimizer.dispose();
  disposeAll(encoder.parameters);
  return { state, weights, entries: log.lines.map((line) => JSON.parse(line) as { step: number; loss?: number; evaluation?: { loss: number; accuracy: number } }) };
}

describe('pretrainingTask', () => {
  it.each([['ssr-lm', 'ssm'], ['rinalmo', 'mlm']] as const)('lowers the held-out loss of %s with %s', async (model, scheme) => {
    const { entries } = await run(model, scheme, 25, { dropout: true });
    const [before, after] = [entries[0]!.evaluation!, entries.at(-1)!.evaluation!];
    if (model === 'ssr-lm') expect(Math.abs(before.loss - Math.log(22))).toBeLessThan(0.15);
    expect(after.loss).toBeLessThan(before.loss - 0.5);
    expect(after.loss).toBeLessThan(2);
    expect(after.accuracy).toBeGreaterThan(0.15);
  });

  it('does not depend on how the rows are cut into micro-batches', async () => {
    const whole = await run('ssr-lm', 'ssm', 3);
    const cut = await run('ssr-lm', 'ssm', 3, { accumulation: 3 });
    cut.entries.forEach(({ loss }, i) => { if (loss !== undefined) expect(loss).toBeCloseTo(whole.entries[i]!.loss!, 5); });
    cut.weights.forEach((value, i) => { expect(value).toBeCloseTo(whole.weights[i]!, 4); });
  });

  it('gives a step the same batch whatever came before, and every epoch other masks', () => {
    const encoder = tinyEncoder(device);
    const options = { ...base, encoder, masking: { scheme: 'ssm' as const } };
    const [task, again] = [pretrainingTask(options), pretrainingTask(options)];
    const seen = [];
    let cursor = FIRST_CURSOR;
    for (let step = 0; step < 12; step++) {
      const batch = task.batchAt(cursor, step);
      seen.push({ cursor, step, targets: batch.microBatches.map(({ targets, tokens }) => [targets, tokens]) });
      cursor = batch.next;
    }
    for (const { cursor: at, step, targets } of new RandomStream(1).shuffle([...seen])) {
      expect(again.batchAt(at, step).microBatches.map((batch) => [batch.targets, batch.tokens])).toEqual(targets);
    }
    expect(cursor.epoch).toBeGreaterThan(1);
    disposeAll(encoder.parameters);
  });

  it('evaluates with the loss that it trains', async () => {
    const encoder = tinyEncoder(device, 'rinalmo');
    // One record on both sides: the training loss of a batch against the same on the host.
    const record = rnas.slice(3, 4);
    const task = pretrainingTask({ ...base, train: record, validation: record, encoder, masking: { scheme: 'mlm', rate: 0.9 }, seed: 0x6576616c });
    const { metrics } = await task.evaluate!();
    const loss = device.scope(() => task.batchAt(FIRST_CURSOR, 0).microBatches[0]!.loss());
    expect(metrics['loss']).toBeCloseTo(await loss.item(), 4);
    loss.dispose();
    disposeAll(encoder.parameters);
  });
});
