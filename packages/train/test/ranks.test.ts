/**
 * Training over ranks: the tree of sums against its definition, and whole runs, each rank of which has a device and a
 * model of its own in this process.
 */
import { Encoder } from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  memoryCorpus,
  pretrain,
  pretrainConfig,
  requireAlike,
  requireSameBits,
  TrainingError,
  trainingPrecision,
  validateConfig,
  type PretrainConfig,
  type Ranks,
} from '../src/index.ts';
import { ownMicroBatches } from '../src/shardedGradients.ts';
import { nodesWithin, partOf, TreeSum, type Span } from '../src/shardTree.ts';
import { memoryRanks } from './memoryRanks.ts';
import { memoryLog, memoryStore } from './memoryRun.ts';
import { disposeAll, rnas, tinyConfig } from './tinyModel.ts';

describe('the tree of shards', () => {
  /** The sum by its definition: the largest power of two of the shards that is less, and the rest. */
  const defined = (values: readonly number[]): number => {
    if (values.length === 1) return values[0]!;
    const cut = 2 ** Math.ceil(Math.log2(values.length) - 1);
    return Math.fround(defined(values.slice(0, cut)) + defined(values.slice(cut)));
  };

  it('has one sum, however the shards are shared out', () => {
    const floats = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(floats, fc.integer({ min: 1, max: 12 }), (values, size) => {
        const all = new TreeSum(values.length);
        for (let rank = 0; rank < size; rank++) {
          const own = partOf(values.length, rank, size);
          const sum = new TreeSum(values.length);
          const nodes = nodesWithin(values.length, own);
          const sent: { readonly span: Span; readonly node: Float32Array }[] = [];
          for (let shard = own.from; shard < own.to; shard++) {
            sum.add({ from: shard, to: shard + 1 }, Float32Array.of(values[shard]!));
            const next = nodes[sent.length];
            const node = next && sum.take(next);
            if (node !== undefined) sent.push({ span: next!, node });
          }
          expect(sent.map(({ span }) => span)).toEqual(nodes);
          sent.forEach(({ span, node }) => {
            all.add(span, node);
          });
        }
        expect(all.take({ from: 0, to: values.length })).toEqual(Float32Array.of(defined(values)));
      }),
    );
  });

  it('gives each micro-batch to one rank', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (count, shards, size) => {
          const owned = Array.from({ length: size }, (_, rank) => {
            const { from, to } = ownMicroBatches(count, shards, { rank, size });
            return Array.from({ length: to - from }, (__, i) => from + i);
          });
          expect(owned.flat()).toEqual(Array.from({ length: count }, (_, i) => i));
        },
      ),
    );
  });
});

describe('ranks', () => {
  const rejections = async (work: readonly Promise<unknown>[]): Promise<string[]> =>
    (await Promise.allSettled(work)).map((result) => (result.status === 'rejected' ? String(result.reason) : ''));

  it('are refused by all where one differs, with the field that does', async () => {
    const facts = (rank: number) => ({ version: '1', config: { train: { steps: rank === 2 ? 30 : 20 } } });
    const failures = await rejections(memoryRanks(3).map((each) => requireAlike(each, facts(each.rank))));
    expect(failures).toHaveLength(3);
    for (const failure of failures) {
      expect(failure).toContain('rank 2 differs from rank 0:\n  config.train.steps: rank 0 20, rank 2 30');
      expect(failure).not.toContain('rank 1 differs');
    }
    expect(await rejections(memoryRanks(3).map((each) => requireAlike(each, facts(0))))).toEqual(['', '', '']);
  });
});

describe('a run over ranks', () => {
  let devices: Device[];
  beforeAll(async () => {
    devices = [];
    for (let i = 0; i < 4; i++) devices.push(await openDevice({ poison: true }));
  });
  afterAll(() => {
    devices.forEach((device) => {
      device.destroy();
    });
  });

  const configOf = (more: Readonly<Record<string, object>> = {}): PretrainConfig =>
    validateConfig(
      pretrainConfig,
      {
        seed: 3,
        out: 'run',
        data: { train: ['x'] },
        // Twelve RNAs are about ten rows: every other step is an epoch's last and has few of them.
        batch: { maxTokens: 80, rows: 6, accumulation: 6 },
        optimizer: { learningRate: 0.01, warmupSteps: 2, maxGradientNorm: 0.5, spikeFactor: 3 },
        run: { evaluateEvery: 3, checkpointEvery: 2 },
        ...more,
        train: { steps: 7, shards: 4, ema: 0.9, recompute: true, ...more['train'] },
      },
      'config',
    );

  interface Kept {
    readonly store: ReturnType<typeof memoryStore>;
    readonly log: ReturnType<typeof memoryLog>;
  }

  const newRun = (): Kept => ({ store: memoryStore(), log: memoryLog() });

  /** Trains on `size` ranks, of which the first keeps the run. */
  async function run(size: number, config: PretrainConfig, kept: Kept, stopAfter?: { rank: number; step: number }) {
    const controllers = Array.from({ length: size }, () => new AbortController());
    const each = async (device: Device, ranks: Ranks | undefined): Promise<void> => {
      const rank = ranks?.rank ?? 0;
      const encoder = Encoder.initialize(device, tinyConfig('rinalmo'), config.seed, trainingPrecision(config));
      const refuse = (): Promise<never> => Promise.reject(new Error(`rank ${rank} writes`));
      try {
        await pretrain({
          config,
          encoder,
          train: memoryCorpus(rnas.slice(0, 12)),
          validation: memoryCorpus(rnas.slice(12)),
          stop: controllers[rank]!.signal,
          ...(ranks && { ranks }),
          ...(rank === 0 ? kept : { store: { ...kept.store, save: refuse, remove: refuse, setAside: refuse } }),
          onProgress: ({ step }) => {
            if (rank === stopAfter?.rank && step === stopAfter.step)
              controllers[rank]!.abort(new Error('asked to stop'));
          },
        });
      } finally {
        disposeAll(encoder.parameters);
        expect(device.memory.use().tensors).toBe(0);
      }
    };
    const ranks = size === 1 ? [undefined] : memoryRanks(size);
    return Promise.allSettled(ranks.map((one, i) => each(devices[i]!, one)));
  }

  const done = async (size: number, config: PretrainConfig, kept = newRun()): Promise<Kept> => {
    for (const result of await run(size, config, kept)) if (result.status === 'rejected') throw result.reason;
    return kept;
  };

  const bitsOf = ({ store, log }: Kept) => ({
    checkpoints: [...store.checkpoints].map(([name, files]) => [
      name,
      [...files].map(([file, bytes]) => [file, Buffer.from(bytes).toString('base64')]),
    ]),
    log: log.lines,
  });

  it('has the same bits on 1, 2, 3 and 4 ranks, log and checkpoints included', async () => {
    const config = configOf();
    const alone = bitsOf(await done(1, config));
    expect(alone.log.filter((line) => line.includes('learningRate'))).toHaveLength(7);
    for (const size of [2, 3, 4]) expect(bitsOf(await done(size, config))).toEqual(alone);
  });

  it('has them with halves and a scaled loss', async () => {
    if (!devices[0]!.traits.f16) return;
    const config = configOf({ train: { precision: 'f16', steps: 3 } });
    const alone = bitsOf(await done(1, config));
    for (const size of [2, 4]) expect(bitsOf(await done(size, config))).toEqual(alone);
  });

  it('has other last bits with another number of shards, and the same loss but for them', async () => {
    const losses = async (shards: number): Promise<number[]> =>
      (await done(1, configOf({ train: { shards, steps: 3 } }))).log.lines.flatMap((line) => {
        const entry = JSON.parse(line) as { loss?: number };
        return entry.loss === undefined ? [] : [entry.loss];
      });
    const [one, four] = [await losses(1), await losses(4)];
    expect(four).not.toEqual(one);
    four.forEach((loss, i) => {
      expect(loss).toBeCloseTo(one[i]!, 4);
    });
  });

  it('stops after one step on all ranks where one is asked to, and goes on with another number of them', async () => {
    const config = configOf();
    const whole = bitsOf(await done(2, config));
    const kept = newRun();
    const ends = await run(3, config, kept, { rank: 2, step: 2 });
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(ends.map((end) => (end as PromiseRejectedResult).reason as Error).map(({ name }) => name)).toEqual([
      'OtherRankStoppedError',
      'OtherRankStoppedError',
      'Error',
    ]);
    const stopped = [...kept.store.checkpoints.keys()].at(-1)!;
    expect(stopped).toMatch(/-00000000[34]$/);
    await done(1, config, kept);
    expect(kept.log.lines).toEqual(whole.log);
    const last = (bits: typeof whole) => bits.checkpoints.at(-1);
    expect(last(bitsOf(kept))).toEqual(last(whole));
  });

  it('makes no checkpoint where the weights of a rank are other ones', async () => {
    const [a, b] = memoryRanks(2) as [Ranks, Ranks];
    const tensors = [1, 2].map((value, i) => devices[i]!.tensor(Float32Array.of(0, value)).keep());
    const results = await Promise.allSettled([
      requireSameBits(a, [tensors[0]!], 'step 4'),
      requireSameBits(b, [tensors[1]!], 'step 4'),
    ]);
    for (const result of results)
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringContaining('step 4: the weights of rank 1 are not those of rank 0') as string },
      });
    tensors.forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('refuses more ranks than shards, and more shards than a step has parts', async () => {
    const results = await run(2, configOf({ train: { shards: 1 } }), newRun());
    for (const result of results) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(TrainingError);
    expect(() => configOf({ train: { shards: 7 } })).toThrow('train.shards');
  });
});
