/** The training loop on a task of six numbers: accumulation, checkpoints, resume, refusal of what is not finite. */
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AdamW, constantSchedule, train, TrainingError, type TrainOptions } from '../src/index.ts';
import { memoryLog, memoryStore, PointTask, type Files } from './memoryRun.ts';

let device: Device;
beforeAll(async () => { device = await openDevice({ poison: true }); });
afterAll(() => { device.destroy(); });
afterEach(() => { expect(device.memory.use().tensors).toBe(0); });

/** Trains a new point; a second call with the same store and log resumes. */
async function run(steps: number, options: Partial<Omit<TrainOptions, 'checkpoints'>> & {
  store?: ReturnType<typeof memoryStore>; every?: number; keep?: number; settings?: Record<string, number>; cuts?: number[]; prepare?: (task: PointTask) => void;
} = {}) {
  const { store, every = 4, keep = 2, settings = { seed: 1 }, cuts, prepare, ...rest } = options;
  const task = new PointTask(device, cuts);
  prepare?.(task);
  const optimizer = new AdamW(device, { groups: [{ parameters: task.parameters, rateScale: 1, weightDecay: 0.01 }], maxNorm: 1 });
  try {
    const state = await train({
      device, task, optimizer, schedule: constantSchedule(0.1), steps,
      ...(store && { checkpoints: { store, model: task.model, settings, every, keep } }), ...rest,
    });
    return { state, w: await task.w.read() };
  } finally {
    optimizer.dispose();
    task.w.dispose();
  }
}

const bytes = (files: Files | undefined) => Object.fromEntries([...files!].map(([name, content]) => [name, new TextDecoder('latin1').decode(content)]));

describe('train', () => {
  it('lowers the loss, and logs each step once and in order', async () => {
    const log = memoryLog();
    const seen: number[] = [];
    await run(12, { log, evaluateEvery: 5, onProgress: ({ step }) => { seen.push(step); } });
    const entries = log.lines.map((line) => JSON.parse(line) as { step: number; loss?: number; evaluation?: object; tokens?: number; epoch?: number });
    expect(entries.map(({ step, loss }) => (loss === undefined ? `e${step}` : step))).toEqual(['e0', 1, 2, 3, 4, 5, 'e5', 6, 7, 8, 9, 10, 'e10', 11, 12, 'e12']);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(entries[1]).toMatchObject({ epoch: 0, tokens: 2 });
    expect(entries.at(-2)).toMatchObject({ step: 12, epoch: 2 });
    // The same five targets come each epoch.
    expect(entries.find(({ step, loss }) => step === 11 && loss !== undefined)!.loss).toBeLessThan(entries[1]!.loss!);
  });

  it('gives the same result however the batch is cut', async () => {
    const whole = await run(5);
    const cut = await run(5, { cuts: [3, 1, 12] });
    whole.w.forEach((value, i) => { expect(cut.w[i]).toBeCloseTo(value, 5); });
  });

  it('resumes to the bit from wherever it was stopped, log included', async () => {
    const log = memoryLog();
    const store = memoryStore();
    const { w } = await run(15, { store, log, evaluateEvery: 3 });
    for (const stop of [1, 4, 6, 11, 15]) {
      const [again, resumedLog] = [memoryStore(), memoryLog()];
      const options = { store: again, log: resumedLog, evaluateEvery: 3 };
      await expect(run(15, { ...options, onProgress: ({ step }) => { if (step === stop) throw new Error('killed'); } })).rejects.toThrow('killed');
      const resumed = await run(15, options);
      expect(resumed.w).toEqual(w);
      expect(resumedLog.lines).toEqual(log.lines);
      expect([...again.checkpoints.keys()].sort()).toEqual([...store.checkpoints.keys()].sort());
      expect(bytes(again.checkpoints.get('step-000000015'))).toEqual(bytes(store.checkpoints.get('step-000000015')));
    }
    expect((await run(15, { store, log })).w).toEqual(w);
  });

  it('keeps the newest checkpoints and the best', async () => {
    const store = memoryStore();
    const { state } = await run(12, {
      store, every: 2, keep: 2, evaluateEvery: 3, prepare: (task) => { task.scores = { 0: 0, 1: 5, 2: 7, 3: 6, 4: 1 }; },
    });
    expect(state.best).toMatchObject({ step: 6, score: 7 });
    expect(await store.names()).toEqual(['step-000000006', 'step-000000010', 'step-000000012']);
  });

  it('stops at a loss that is not a number, and keeps the last checkpoint', async () => {
    const store = memoryStore();
    const log = memoryLog();
    const poisoned = run(12, { store, log, prepare: (task) => { task.poisoned = 7; } });
    await expect(poisoned).rejects.toThrow(TrainingError);
    await expect(poisoned).rejects.toThrow(/^step 7: the loss is NaN.*Lower the learning rate/);
    expect(await store.names()).toEqual(['step-000000004']);
    expect(log.lines.at(-1)).toContain('"step":6');
    const resumed = await run(12, { store, log });
    expect(resumed.state.step).toBe(12);
  });

  it('refuses to resume with other settings, a wrong step count or other parameters', async () => {
    const store = memoryStore();
    await run(8, { store, settings: { seed: 1, rows: 8 } });
    await expect(run(9, { store, settings: { seed: 2 } })).rejects.toThrow(/other settings:\n {2}seed: then 1, now 2\n {2}rows: then 8, now absent\n/);
    await expect(run(7, { store, settings: { seed: 1, rows: 8 } })).rejects.toThrow(/done 8 steps already/);
    store.checkpoints.get('step-000000008')!.set('trainer.json', new TextEncoder().encode('{"step": -1}'));
    await expect(run(9, { store })).rejects.toThrow(/step-000000008\/trainer.json: not the state of a training run/);
  });
});
