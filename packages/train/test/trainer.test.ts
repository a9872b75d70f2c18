/** The training loop on a task of six numbers: accumulation, checkpoints, resume, refusal of what is not finite. */
import { memorySource, openTensorFile, readFloat32 } from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  AdamW,
  constantSchedule,
  newestState,
  train,
  TrainingError,
  WeightAverage,
  type TrainOptions,
} from '../src/index.ts';
import { memoryLog, memoryStore, PointTask, type Files } from './memoryRun.ts';

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

/** Trains a new point; a second call with the same store and log resumes. */
async function run(
  steps: number,
  options: Partial<Omit<TrainOptions, 'checkpoints'>> & {
    store?: ReturnType<typeof memoryStore>;
    every?: number;
    keep?: number;
    settings?: Record<string, number>;
    cuts?: number[];
    prepare?: (task: PointTask) => void;
    spikeFactor?: number;
    decay?: number;
    stopAfter?: number;
  } = {},
) {
  const {
    store,
    every = 4,
    keep = 2,
    settings = { seed: 1 },
    cuts,
    prepare,
    spikeFactor,
    decay,
    stopAfter,
    ...rest
  } = options;
  const task = new PointTask(device, cuts);
  prepare?.(task);
  const optimizer = new AdamW(device, {
    groups: [{ parameters: task.parameters, rateScale: 1, weightDecay: 0.01 }],
    maxNorm: 1,
    ...(spikeFactor && { spikeFactor }),
  });
  const average = decay === undefined ? undefined : new WeightAverage(task.parameters, decay);
  const controller = new AbortController();
  try {
    const state = await train({
      device,
      task,
      optimizer,
      schedule: constantSchedule(0.1),
      steps,
      ...(average && { average }),
      stop: controller.signal,
      onProgress: ({ step }) => {
        if (step === stopAfter) controller.abort(new Error('asked to'));
      },
      ...(store && { checkpoints: { store, model: task.model, settings, every, keep } }),
      ...rest,
    });
    return { state, w: await task.w.read() };
  } finally {
    optimizer.dispose();
    average?.dispose();
    task.w.dispose();
  }
}

const bytes = (files: Files | undefined) =>
  Object.fromEntries([...files!].map(([name, content]) => [name, new TextDecoder('latin1').decode(content)]));

describe('train', () => {
  it('lowers the loss, and logs each step once and in order', async () => {
    const log = memoryLog();
    const seen: number[] = [];
    await run(12, {
      log,
      evaluateEvery: 5,
      onProgress: ({ step }) => {
        seen.push(step);
      },
    });
    const entries = log.lines.map(
      (line) =>
        JSON.parse(line) as { step: number; loss?: number; evaluation?: object; tokens?: number; epoch?: number },
    );
    expect(entries.map(({ step, loss }) => (loss === undefined ? `e${step}` : step))).toEqual([
      'e0',
      1,
      2,
      3,
      4,
      5,
      'e5',
      6,
      7,
      8,
      9,
      10,
      'e10',
      11,
      12,
      'e12',
    ]);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(entries[1]).toMatchObject({ epoch: 0, tokens: 2 });
    expect(entries.at(-2)).toMatchObject({ step: 12, epoch: 2 });
    // The same five targets come each epoch.
    expect(entries.find(({ step, loss }) => step === 11 && loss !== undefined)!.loss).toBeLessThan(entries[1]!.loss!);
  });

  it('gives the same result however the batch is cut', async () => {
    const whole = await run(5);
    const cut = await run(5, { cuts: [3, 1, 12] });
    whole.w.forEach((value, i) => {
      expect(cut.w[i]).toBeCloseTo(value, 5);
    });
  });

  it('resumes to the bit from wherever it was stopped, log included', async () => {
    const log = memoryLog();
    const store = memoryStore();
    const { w } = await run(15, { store, log, evaluateEvery: 3 });
    for (const stop of [1, 4, 6, 11, 15]) {
      const [again, resumedLog] = [memoryStore(), memoryLog()];
      const options = { store: again, log: resumedLog, evaluateEvery: 3 };
      await expect(
        run(15, {
          ...options,
          onProgress: ({ step }) => {
            if (step === stop) throw new Error('killed');
          },
        }),
      ).rejects.toThrow('killed');
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
      store,
      every: 2,
      keep: 2,
      evaluateEvery: 3,
      prepare: (task) => {
        task.scores = { 0: 0, 1: 5, 2: 7, 3: 6, 4: 1 };
      },
    });
    expect(state.best).toMatchObject({ step: 6, score: 7 });
    expect(await store.names()).toEqual(['step-000000006', 'step-000000010', 'step-000000012']);
  });

  it('refuses a step whose loss is not a number, says so and goes on', async () => {
    const [store, log] = [memoryStore(), memoryLog()];
    const seen: [number, string | undefined, number][] = [];
    const { state } = await run(12, {
      store,
      log,
      prepare: (task) => {
        task.poisoned = 8;
      },
      onProgress: ({ step, refused, refusals }) => {
        seen.push([step, refused, refusals]);
      },
    });
    expect(state.step).toBe(12);
    expect(log.lines.filter((line) => line.includes('refused'))).toEqual([
      '{"step":8,"epoch":1,"refused":"notFinite","values":{"loss":null,"gradientNorm":null}}',
    ]);
    expect(seen.slice(6, 9)).toEqual([
      [7, undefined, 0],
      [8, 'notFinite', 1],
      [9, undefined, 1],
    ]);
    // The checkpoint that is due at a refused step is made at the next that is taken.
    expect(await store.names()).toEqual(['step-000000004', 'step-000000012']);
  });

  it('stops after so many refused steps in a row, names the last good checkpoint and keeps it', async () => {
    const [store, log] = [memoryStore(), memoryLog()];
    const diverge = (task: PointTask) => {
      task.spikes = { 6: NaN, 7: Infinity, 8: NaN, 9: NaN };
    };
    const diverged = run(12, { store, log, maxRefused: 3, every: 2, prepare: diverge });
    await expect(diverged).rejects.toThrow(TrainingError);
    await expect(diverged).rejects.toThrow(
      /^step 8: the loss is NaN.*3 steps in a row were refused.*The last good checkpoint is step-000000004\.$/,
    );
    expect(await store.names()).toEqual(['step-000000002', 'step-000000004']);
    // A resume counts on from where the row was.
    await expect(run(12, { store, log, maxRefused: 3, every: 2, prepare: diverge })).rejects.toThrow(/^step 8:/);
    await expect(run(12, { maxRefused: 5, prepare: diverge })).resolves.toMatchObject({ state: { step: 12 } });
  });

  it('refuses spikes of loss or norm, follows a level that has changed for good, and resumes to the bit between them', async () => {
    const prepare = (task: PointTask) => {
      // From 150 on every target is far.
      task.spikes = {
        30: 100,
        70: 100,
        71: 60,
        ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [150 + i, 40])),
      };
    };
    const options = { prepare, spikeFactor: 20, maxRefused: 1000, every: 10 };
    const [log, whole] = [memoryLog(), memoryStore()];
    const { w } = await run(200, { ...options, log, store: whole });
    const refused = log.lines.flatMap((line) =>
      line.includes('"refused":"spike"') ? [(JSON.parse(line) as { step: number }).step] : [],
    );
    // No median before step 64; half a window until the new level is the usual one.
    expect(refused).toEqual([70, 71, ...Array.from({ length: 32 }, (_, i) => 150 + i)]);
    for (const stop of [69, 72, 165, 190]) {
      const [store, again] = [memoryStore(), memoryLog()];
      await expect(
        run(200, {
          ...options,
          store,
          log: again,
          onProgress: ({ step }) => {
            if (step === stop) throw new Error('killed');
          },
        }),
      ).rejects.toThrow('killed');
      expect((await run(200, { ...options, store, log: again })).w).toEqual(w);
      expect(again.lines).toEqual(log.lines);
      expect(bytes(store.checkpoints.get('step-000000200'))).toEqual(bytes(whole.checkpoints.get('step-000000200')));
    }
  });

  it('saves a checkpoint when it is asked to stop, and goes on from there to the same bits', async () => {
    const [log, whole] = [memoryLog(), memoryStore()];
    const { w } = await run(15, { store: whole, log, evaluateEvery: 3 });
    for (const stopAfter of [1, 5, 6, 12]) {
      const [store, again] = [memoryStore(), memoryLog()];
      await expect(run(15, { store, log: again, evaluateEvery: 3, stopAfter })).rejects.toThrow('asked to');
      const { step } = (await newestState(store))!;
      expect(step).toBeGreaterThanOrEqual(stopAfter);
      expect(step).toBeLessThanOrEqual(stopAfter + 1);
      expect((await run(15, { store, log: again, evaluateEvery: 3 })).w).toEqual(w);
      expect(again.lines).toEqual(log.lines);
      expect([...store.checkpoints.keys()].sort()).toEqual([...whole.checkpoints.keys()].sort());
    }
  });

  it('stops early where evaluations get no better, and does so again when it is resumed', async () => {
    const store = memoryStore();
    const options = {
      store,
      evaluateEvery: 2,
      patience: 2,
      every: 100,
      prepare: (task: PointTask) => {
        task.scores = { 0: 0, 1: 5, 2: 7, 3: 6, 4: 7, 5: 9 };
      },
    };
    const { state } = await run(100, options);
    expect(state).toMatchObject({ step: 8, best: { step: 4, score: 7 }, evaluationsSinceBest: 2 });
    expect(await store.names()).toEqual(['step-000000004', 'step-000000008']);
    expect((await run(100, options)).state).toEqual(state);
  });

  it("asks for a step's data before it waits for the step before, and measures the wait", async () => {
    const events: string[] = [];
    let wait = 0;
    await run(4, {
      onProgress: ({ step, dataWait }) => {
        events.push(`done ${step}`);
        wait = dataWait;
      },
      prepare: (task) => {
        const batchAt = task.batchAt.bind(task);
        task.batchAt = async (cursor, step) => {
          events.push(`ask ${step + 1}`);
          if (step > 0)
            await new Promise((resolve) => {
              setTimeout(resolve, 20);
            });
          return batchAt(cursor, step);
        };
      },
    });
    expect(events).toEqual(['ask 1', 'ask 2', 'ask 3', 'done 1', 'ask 4', 'done 2', 'done 3', 'done 4']);
    expect(wait).toBeGreaterThan(0.1);
  });

  it('passes on what went wrong with the data', async () => {
    const failing = run(4, {
      prepare: (task) => {
        const batchAt = task.batchAt.bind(task);
        task.batchAt = (cursor, step) =>
          step === 2 ? Promise.reject(new Error('the corpus is gone')) : batchAt(cursor, step);
      },
    });
    await expect(failing).rejects.toThrow('the corpus is gone');
  });

  it('evaluates and saves the moving average of the weights, and resumes to the bit', async () => {
    const [log, whole] = [memoryLog(), memoryStore()];
    const options = { decay: 0.8, evaluateEvery: 3 };
    const { w } = await run(15, { ...options, store: whole, log });
    expect(w).toEqual((await run(15)).w);
    // The same average in doubles, from the weights after each step.
    let average = new Float64Array(6);
    for (let step = 1; step <= 15; step++) {
      const weights = (await run(step)).w;
      const decay = Math.min(0.8, (1 + step) / (10 + step));
      average = average.map((value, i) => decay * value + (1 - decay) * weights[i]!);
    }
    const saved = async (store: ReturnType<typeof memoryStore>, file: string) =>
      openTensorFile(memorySource(file, store.checkpoints.get('step-000000015')!.get(file)!));
    const model = await readFloat32((await saved(whole, 'model.safetensors')).tensors.get('w')!);
    model.forEach((value, i) => {
      expect(value).toBeCloseTo(average[i]!, 5);
    });
    expect(await readFloat32((await saved(whole, 'optimizer.safetensors')).tensors.get('weight.w')!)).toEqual(w);
    expect(JSON.parse(log.lines.at(-1)!)).toMatchObject({ step: 15, evaluation: { first: model[0] } });
    for (const stop of [2, 7, 12]) {
      const [store, again] = [memoryStore(), memoryLog()];
      await expect(
        run(15, {
          ...options,
          store,
          log: again,
          onProgress: ({ step }) => {
            if (step === stop) throw new Error('killed');
          },
        }),
      ).rejects.toThrow('killed');
      expect((await run(15, { ...options, store, log: again })).w).toEqual(w);
      expect(again.lines).toEqual(log.lines);
      expect(bytes(store.checkpoints.get('step-000000015'))).toEqual(bytes(whole.checkpoints.get('step-000000015')));
    }
  });

  it('refuses to resume with other settings, a wrong step count or other parameters', async () => {
    const store = memoryStore();
    await run(8, { store, settings: { seed: 1, rows: 8 } });
    await expect(run(9, { store, settings: { seed: 2 } })).rejects.toThrow(
      /other settings:\n {2}seed: then 1, now 2\n {2}rows: then 8, now absent\n/,
    );
    await expect(run(7, { store, settings: { seed: 1, rows: 8 } })).rejects.toThrow(/done 8 steps already/);
  });
});
