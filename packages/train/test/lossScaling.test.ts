/** The loss scaler: its rules over random runs, a run whose first steps overflow, and training in halves beside f32. */
import { RandomStream } from '@rna/kernels';
import { Encoder, FULL_PRECISION, type Precision } from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  AdamW,
  constantSchedule,
  corpusBatches,
  decayGroups,
  DEFAULT_LOSS_SCALING,
  heldOutBatches,
  memoryCorpus,
  pretrain,
  pretrainConfig,
  pretrainingTask,
  readReport,
  train,
  TrainingError,
  type LossScaling,
} from '../src/index.ts';
import { memoryLog, memoryStore, PointTask } from './memoryRun.ts';
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

describe('AdamW with a scaled loss', () => {
  it('halves the scale at a step that overflows, doubles it after enough that do not, and else takes the steps of the unscaled', async () => {
    const draws = fc.array(fc.boolean(), { minLength: 1, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(draws, fc.integer({ min: 1, max: 4 }), async (finite, interval) => {
        const random = new RandomStream(3);
        const make = (lossScaling?: LossScaling) => {
          const w = device.tensor(Float32Array.of(0.5, -2)).keep();
          const groups = [{ parameters: new Map([['w', w]]), weightDecay: 0.1, rateScale: 1 }];
          return { w, optimizer: new AdamW(device, { groups, maxNorm: 0.7, ...(lossScaling && { lossScaling }) }) };
        };
        const [plain, scaled] = [make(), make({ initial: 1024, interval })];
        const loss = device.tensor(Float32Array.of(1)).keep();
        let [scale, good, skipped] = [1024, 0, 0];
        for (const [i, isFinite] of finite.entries()) {
          const gradient = isFinite ? [random.normal(), random.normal()] : [1, Infinity];
          const reports = [];
          for (const [each, factor] of [
            [plain, 1],
            [scaled, scale],
          ] as const) {
            each.w.gradient = device.tensor(Float32Array.from(gradient, (value) => factor * value)).keep();
            const report = each.optimizer.update(loss, i + 1, 0.01);
            reports.push(await readReport(report));
            report.dispose();
          }
          if (!isFinite) skipped++;
          const judged = isFinite ? {} : { refused: 'overflow', refusals: { total: 0, inRow: 0 } };
          expect(reports[1]).toEqual({
            ...reports[0],
            refusals: { total: 0, inRow: 0 },
            ...judged,
            scaling: { scale, skipped },
          });
          good = isFinite ? good + 1 : 0;
          if (!isFinite) scale /= 2;
          else if (good === interval) [scale, good] = [2 * scale, 0];
          const seed = scaled.optimizer.lossSeed(0.25);
          if (typeof seed === 'number') throw new TypeError('the seed holds no scale');
          expect(await seed.item()).toBe(0.25 * scale);
          seed.dispose();
          expect(await scaled.w.read()).toEqual(await plain.w.read());
        }
        for (const { w, optimizer } of [plain, scaled]) {
          optimizer.dispose();
          w.dispose();
        }
        loss.dispose();
      }),
      { numRuns: 12, seed: 5 },
    );
  });

  it('refuses a scale that is no power of two', () => {
    const w = device.zeros([1]).keep();
    const groups = [{ parameters: new Map([['w', w]]), weightDecay: 0, rateScale: 1 }];
    expect(() => new AdamW(device, { groups, lossScaling: { initial: 1000, interval: 10 } })).toThrow(
      'the loss scale must be a power of two',
    );
    w.dispose();
  });
});

describe('train with a scaled loss', () => {
  /** Squares of the first gradients exceed f32; a few halvings later they do not. */
  const OVERFLOWING: LossScaling = { initial: 2 ** 66, interval: 4 };

  async function run(
    options: {
      store?: ReturnType<typeof memoryStore>;
      log?: ReturnType<typeof memoryLog>;
      stop?: number;
      poisoned?: number;
      lossScaling?: LossScaling;
    } = {},
  ) {
    const { store, log, stop, poisoned, lossScaling = OVERFLOWING } = options;
    const task = new PointTask(device, [2, 1]);
    task.poisoned = poisoned;
    const optimizer = new AdamW(device, {
      groups: [{ parameters: task.parameters, rateScale: 1, weightDecay: 0.01 }],
      maxNorm: 1,
      lossScaling,
    });
    let skipped: number | undefined;
    try {
      await train({
        device,
        task,
        optimizer,
        schedule: constantSchedule(0.1),
        steps: 20,
        ...(log && { log }),
        ...(store && { checkpoints: { store, model: task.model, settings: {}, every: 3 } }),
        onProgress: (progress) => {
          ({ skipped } = progress);
          if (progress.step === stop) throw new Error('killed');
        },
      });
      return { w: await task.w.read(), skipped };
    } finally {
      optimizer.dispose();
      task.w.dispose();
    }
  }

  it('passes over steps that overflow, and resumes to the bit between them and after', async () => {
    const log = memoryLog();
    const { w, skipped } = await run({ log });
    const lines = log.lines.map(
      (line) => JSON.parse(line) as { step: number; skippedAtLossScale?: number; loss?: number },
    );
    const passed = lines.filter(({ skippedAtLossScale }) => skippedAtLossScale !== undefined);
    expect(passed.length).toBeGreaterThan(2);
    expect(skipped).toBe(passed.length);
    passed.slice(0, 3).forEach(({ step, skippedAtLossScale }, i) => {
      expect([step, skippedAtLossScale]).toEqual([i + 1, 2 ** (66 - i)]);
    });
    expect(lines.filter(({ loss }) => loss !== undefined).length).toBe(20 - passed.length);
    expect(lines.at(-2)!.loss).toBeLessThan(lines.find(({ loss }) => loss !== undefined)!.loss!);
    for (const stop of [4, 8, 14]) {
      const [store, again] = [memoryStore(), memoryLog()];
      await expect(run({ store, log: again, stop })).rejects.toThrow('killed');
      expect((await run({ store, log: again })).w).toEqual(w);
      expect(again.lines).toEqual(log.lines);
    }
  });

  it('refuses a step where the loss itself is not finite, or gradients overflow at a scale of 1', async () => {
    const log = memoryLog();
    await run({ poisoned: 15, log });
    expect(log.lines.filter((line) => line.includes('refused'))).toEqual([expect.stringContaining('"step":15')]);
    const unscaled = new PointTask(device);
    const optimizer = new AdamW(device, {
      groups: [{ parameters: unscaled.parameters, rateScale: 1, weightDecay: 0 }],
      lossScaling: { initial: 1, interval: 9 },
    });
    device.write(unscaled.w, new Float32Array(6).fill(1e19)); // the loss is 6e38 / 3 of f32's largest, its gradient's square is not
    await expect(
      train({ device, task: unscaled, optimizer, schedule: constantSchedule(0.1), steps: 3, maxRefused: 2 }),
    ).rejects.toThrow(TrainingError);
    optimizer.dispose();
    unscaled.w.dispose();
  });
});

describe('training in half precision', () => {
  const HALF: Precision = { weights: 'f16', activations: 'f16' };
  const STEPS = 20;

  async function losses(model: 'rinalmo' | 'ssr-lm', precision: Precision): Promise<number[]> {
    const encoder = Encoder.initialize(device, tinyConfig(model), 1, precision);
    const lossScaling = precision === HALF ? { lossScaling: DEFAULT_LOSS_SCALING } : {};
    const optimizer = new AdamW(device, {
      groups: decayGroups(encoder.parameters, { weightDecay: 0.01 }),
      maxNorm: 1,
      ...lossScaling,
    });
    const log = memoryLog();
    const packing = { maxTokens: 80, masking: { scheme: model === 'rinalmo' ? 'mlm' : 'ssm' } } as const;
    const task = pretrainingTask({
      encoder,
      dropout: true,
      seed: 7,
      batches: corpusBatches(memoryCorpus(rnas.slice(0, 16)), { ...packing, rowsPerStep: 4, accumulation: 2, seed: 7 }),
      validation: heldOutBatches(memoryCorpus(rnas.slice(16)), packing),
    });
    await train({ device, task, optimizer, schedule: constantSchedule(0.01), steps: STEPS, log });
    expect(
      [...encoder.parameters.values()].every(({ dtype }) => dtype === 'f32'),
      'the originals stay f32',
    ).toBe(true);
    optimizer.dispose();
    disposeAll(encoder.parameters);
    return log.lines.flatMap((line) => {
      const { loss, evaluation } = JSON.parse(line) as { loss?: number; evaluation?: { loss: number } };
      return loss ?? evaluation?.loss ?? [];
    });
  }

  it.for(['ssr-lm', 'rinalmo'] as const)('%s learns as it does in f32', async (model, context) => {
    if (!device.traits.f16) return context.skip('the adapter has no shader-f16');
    const [full, half] = [await losses(model, FULL_PRECISION), await losses(model, HALF)];
    expect(half.length).toBe(full.length); // no step overflowed
    expect(half).not.toEqual(full);
    expect(full.at(-1)!).toBeLessThan(full[0]! - 0.3);
    half.forEach((loss, i) => {
      expect(Math.abs(loss - full[i]!), `entry ${i}`).toBeLessThan(0.05);
    });
  });

  it('refuses an encoder that was made for another precision', async () => {
    const encoder = Encoder.initialize(device, tinyConfig('ssr-lm'), 1);
    const config = pretrainConfig.parse({
      out: 'run',
      data: { train: ['rnas.fasta'] },
      train: { steps: 1, precision: 'f16' },
    });
    await expect(pretrain({ encoder, config, train: memoryCorpus(rnas) })).rejects.toThrow(
      'train.precision is f16, but the encoder was made with f32 weights and f32 activations; make it with trainingPrecision(config)',
    );
    disposeAll(encoder.parameters);
  });
});
