/** Runs whose device is destroyed at random moments: they go on with a new one to the same bits and the same log. */
import { RandomStream } from '@rna/kernels';
import { DeviceLostError, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { describe, expect, it } from 'vitest';
import {
  AdamW,
  constantSchedule,
  memoryCorpus,
  pretrain,
  pretrainConfig,
  train,
  withRecovery,
  type DeviceLoss,
  type RecoveryOptions,
} from '../src/index.ts';
import { memoryLog, memoryStore, PointTask } from './memoryRun.ts';
import { rnas, tinyEncoder } from './tinyModel.ts';

const STEPS = 60;

interface Disturbance {
  /** Destroys the device, or not, when told of a call. */
  readonly at?: (device: Device, calls: number) => boolean;
  readonly store?: ReturnType<typeof memoryStore>;
  readonly recovery?: Partial<RecoveryOptions<unknown>>;
}

/** Trains a point to the end; `at` is asked at each call of a kernel, reads included, whether the device goes now. */
async function run({ at, store = memoryStore(), recovery = {} }: Disturbance = {}) {
  const log = memoryLog();
  const losses: DeviceLoss[] = [];
  const devices: Device[] = [];
  const w = (await withRecovery({
    store,
    onLost: (loss) => {
      losses.push(loss);
    },
    openDevice: async (tuned) => {
      const device = await openDevice({ poison: true, ...(tuned && { tuned }) });
      devices.push(device);
      return device;
    },
    run: async (device) => {
      const task = new PointTask(device, [2, 1]);
      const optimizer = new AdamW(device, {
        groups: [{ parameters: task.parameters, rateScale: 1, weightDecay: 0.01 }],
        maxNorm: 1,
      });
      destroyAt(device, at);
      await train({
        device,
        task,
        optimizer,
        schedule: constantSchedule(0.1),
        steps: STEPS,
        evaluateEvery: 5,
        log,
        checkpoints: { store, model: task.model, settings: {}, every: 4 },
      });
      return task.w.read();
    },
    ...recovery,
  })) as Float32Array;
  const files = [...store.checkpoints].map(([name, content]) => [
    name,
    ...[...content].map(([file, bytes]) => `${file} ${new TextDecoder('latin1').decode(bytes)}`),
  ]);
  return { w, log: log.lines, losses, devices, files };
}

/** Counts the device's calls of kernels and reads, and destroys it when `at` says so. */
function destroyAt(device: Device, at: Disturbance['at']): void {
  let calls = 0;
  for (const name of ['run', 'read'] as const) {
    const call = device[name].bind(device) as (...args: unknown[]) => unknown;
    Object.assign(device, {
      [name]: (...args: unknown[]) => {
        if (at?.(device, calls++) === true) device.gpu.destroy();
        return call(...args);
      },
    });
  }
}

describe('withRecovery', () => {
  it('goes on to the same bits and the same log, whenever the device is lost', async () => {
    const whole = await run();
    const seed = Date.now();
    const random = new RandomStream(seed);
    for (let round = 0; round < 4; round++) {
      // About three losses a run, at calls and between them.
      let moment = random.below(300);
      const broken = await run({
        at: (_, calls) => calls === moment && (moment = calls < 40 ? 700 : random.below(900)) > 0,
        recovery: { retries: 8 },
      });
      expect(broken.losses.length, `losses (drawn from ${seed})`).toBeGreaterThan(0);
      expect([broken.w, broken.log, broken.files], `moments drawn from ${seed}`).toEqual([
        whole.w,
        whole.log,
        whole.files,
      ]);
    }
  });

  it('does so for a whole pre-training with everything on', async () => {
    const config = pretrainConfig.parse({
      seed: 3,
      out: 'run',
      data: { train: ['memory'] },
      batch: { maxTokens: 60, rows: 4, accumulation: 2 },
      optimizer: { learningRate: 0.01, warmupSteps: 5, maxGradientNorm: 1 },
      train: { steps: 12, recompute: true, ema: 0.9 },
      run: { evaluateEvery: 4, checkpointEvery: 3 },
    });
    const trainTiny = async (at?: Disturbance['at']) => {
      const [store, log] = [memoryStore(), memoryLog()];
      let losses = 0;
      await withRecovery({
        store,
        openDevice: (tuned) => openDevice(tuned && { tuned }),
        onLost: () => {
          losses++;
        },
        run: (device) => {
          destroyAt(device, at);
          return pretrain({
            encoder: tinyEncoder(device, 'rinalmo'),
            config,
            store,
            log,
            train: memoryCorpus(rnas.slice(4)),
            validation: memoryCorpus(rnas.slice(0, 4)),
          });
        },
      });
      const files = [...store.checkpoints].map(([name, content]) => [
        name,
        ...[...content].map(([file, bytes]) => `${file} ${new TextDecoder('latin1').decode(bytes)}`),
      ]);
      return { losses, log: log.lines, files };
    };
    let total = 0;
    const whole = await trainTiny(() => ++total < 0);
    const seed = Date.now();
    const random = new RandomStream(seed);
    const moments = Array.from({ length: 3 }, () => random.below(Math.floor(total / 2)));
    // Each device is lost at one moment, and the last at none.
    const broken = await trainTiny((_, calls) => calls === moments[0] && moments.shift() !== undefined);
    expect(broken.losses).toBeGreaterThan(0);
    expect([broken.log, broken.files], `moments drawn from ${seed}`).toEqual([whole.log, whole.files]);
  }, 120_000);

  it('names the checkpoint that it goes on from, and destroys every device', async () => {
    let lost = false;
    const { losses, devices } = await run({ at: (_, calls) => !lost && calls === 400 && (lost = true) });
    expect(losses).toMatchObject([
      {
        attempt: 1,
        retries: 3,
        checkpoint: expect.stringMatching(/^step-0000000\d\d$/) as string,
        error: { name: 'DeviceLostError' },
      },
    ]);
    expect(devices).toHaveLength(2);
    for (const device of devices) await expect(device.gpu.lost).resolves.toMatchObject({ reason: 'destroyed' });
  });

  it('gives up after too many losses without a checkpoint in between, and at any other error', async () => {
    let opened = 0;
    const hopeless = run({
      at: (_, calls) => calls === 10,
      recovery: {
        retries: 2,
        onLost: () => {
          opened++;
        },
      },
    });
    await expect(hopeless).rejects.toThrow(DeviceLostError);
    expect(opened).toBe(2);
    const store = memoryStore();
    store.save = () => Promise.reject(new Error('disk full'));
    await expect(run({ store })).rejects.toThrow('disk full');
  });

  it('tries again where a new device cannot be opened at once, but not where there is none to begin with', async () => {
    let [lost, refusals] = [false, 0];
    const openAgain: RecoveryOptions<unknown>['openDevice'] = () => {
      if (lost && refusals++ === 0) return Promise.reject(new Error('no adapter yet'));
      return openDevice();
    };
    const { losses } = await run({
      at: (_, calls) => !lost && calls === 20 && (lost = true),
      recovery: { openDevice: openAgain },
    });
    expect(losses.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('lost') as string,
      'no adapter yet',
    ]);
    await expect(run({ recovery: { openDevice: () => Promise.reject(new Error('no adapter')) } })).rejects.toThrow(
      'no adapter',
    );
  });

  it('replaces no device once it is asked to stop', async () => {
    await expect(
      run({ at: (_, calls) => calls === 20, recovery: { stop: { aborted: true, reason: undefined } } }),
    ).rejects.toThrow(DeviceLostError);
  });
});
