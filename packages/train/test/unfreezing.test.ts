/**
 * Gradual unfreezing: which parameters each stage takes, and that a group which begins late takes PyTorch's steps from
 * there.
 */
import { readFileSync } from 'node:fs';
import type { Device, Tensor } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdamW } from '../src/optimizer.ts';
import { validateConfig } from '../src/overrides.ts';
import { linearSchedule } from '../src/schedule.ts';
import { scaledBlocks, unfreezeStage, unfreezingGroups } from '../src/unfreezing.ts';

const fixture = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')) as T;

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  expect(device.memory.use().tensors).toBe(0);
  device.destroy();
});

const tensorOf = (values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor =>
  device.tensor(Float32Array.from(values), shape).keep();
const stage = (value: object) => validateConfig(unfreezeStage, value, 'stage');

describe('scaledBlocks', () => {
  it('are the same blocks in a model of as many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(59), fc.nat(59), (of, a, b) => {
        const [from, to] = [Math.min(a, b) % of, Math.max(a, b) % of];
        fc.pre(from <= to);
        expect(scaledBlocks({ from, to, of }, of)).toEqual({ first: from, end: to + 1 });
      }),
    );
  });

  it('of ranges side by side lie side by side, and the uppermost has the uppermost block', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(39), (of, layers, cut) => {
        const at = cut % of;
        const upper = scaledBlocks({ from: at, to: of - 1, of }, layers);
        expect(upper.end).toBe(layers);
        expect(upper.end).toBeGreaterThan(upper.first);
        if (at > 0) expect(scaledBlocks({ from: 0, to: at - 1, of }, layers)).toEqual({ first: 0, end: upper.first });
      }),
    );
  });

  it("of RiNALMo's 33 in a model of 6", () => {
    const first = [30, 27, 24, 21, 18, 15, 12, 9]
      .map((from) => scaledBlocks({ from, to: from + 2, of: 33 }, 6))
      .map(({ first, end }) => (end > first ? first : undefined));
    expect(first).toEqual([5, 4, undefined, 3, undefined, 2, undefined, 1]);
  });
});

describe('unfreezingGroups', () => {
  const names = [
    'embedding.weight',
    'blocks.0.feedForward.beta',
    'blocks.0.attention.qkv.weight',
    'blocks.1.attention.qkv.weight',
    'blocks.10.attention.qkv.weight',
    'finalNorm.weight',
    'lmHead.decoder.weight',
    'spliceSite.out.weight',
  ];
  const shapeOf = (name: string): readonly number[] => (/norm|beta/i.test(name) ? [2] : [1, 2]);

  function groupsOf(stages: readonly object[], trained = names) {
    const parameters = new Map(trained.map((name) => [name, tensorOf([0, 0], shapeOf(name))]));
    try {
      return unfreezingGroups(parameters, names, stages.map(stage), {
        layers: 11,
        stepsPerEpoch: 7,
        decay: { weightDecay: 0.5 },
      }).map((group) => ({ ...group, parameters: [...group.parameters.keys()] }));
    } finally {
      parameters.forEach((parameter) => {
        parameter.dispose();
      });
    }
  }

  it('take each parameter in the first stage that names it, and leave the others frozen', () => {
    expect(
      groupsOf([
        { epoch: 0, parameters: ['spliceSite\\.'] },
        { epoch: 3, parameters: ['finalNorm', '.*beta$'], blocks: { from: 30, to: 32, of: 33 }, rateDivisor: 10 },
        { epoch: 5, parameters: ['blocks\\.'] },
      ]),
    ).toEqual([
      { parameters: ['spliceSite.out.weight'], rateScale: 1, weightDecay: 0.5, since: 0 },
      { parameters: ['blocks.10.attention.qkv.weight'], rateScale: 0.1, weightDecay: 0.5, since: 21 },
      { parameters: ['blocks.0.feedForward.beta', 'finalNorm.weight'], rateScale: 0.1, weightDecay: 0, since: 21 },
      {
        parameters: ['blocks.0.attention.qkv.weight', 'blocks.1.attention.qkv.weight'],
        rateScale: 1,
        weightDecay: 0.5,
        since: 35,
      },
    ]);
  });

  it('match from the beginning of a name, and refuse an expression that matches none, but for what is kept frozen', () => {
    expect(() => groupsOf([{ epoch: 0, parameters: ['spliceSite', 'attention'] }])).toThrow(
      "unfreeze.0.parameters: 'attention' matches no parameter; their names are such as 'embedding.weight' and 'spliceSite.out.weight'",
    );
    expect(groupsOf([{ epoch: 0, parameters: ['spliceSite', 'embedding'] }], ['spliceSite.out.weight'])).toHaveLength(
      1,
    );
  });

  it('are refused where they cannot be', () => {
    expect(() => stage({ epoch: 0, parameters: ['('] })).toThrow('stage: parameters.0 is no regular expression');
    expect(() => stage({ epoch: 0, blocks: { from: 3, to: 2, of: 33 } })).toThrow(
      'stage: blocks are not in order: from ≤ to < of',
    );
    expect(() => stage({ epoch: 0, blocks: { from: 3, to: 33, of: 33 } })).toThrow('not in order');
  });
});

describe('a group that begins late', () => {
  const SINCE = 3;

  it('rests untracked without moments, then takes the steps that PyTorch takes from the first', async () => {
    const { init, grads, params_after_step, hyper } =
      fixture<
        Record<string, { init: number[]; grads: number[][]; params_after_step: number[][]; hyper: { lr: number } }>
      >('optim')['adam']!;
    const [early, late, loss] = [tensorOf([1]), tensorOf(init), tensorOf([1])];
    const group = (name: string, parameter: Tensor, since: number) => ({
      parameters: new Map([[name, parameter]]),
      rateScale: 1,
      weightDecay: 0,
      since,
    });
    const optimizer = new AdamW(device, { groups: [group('early', early, 0), group('late', late, SINCE)] });
    for (let step = 1; step <= SINCE + grads.length; step++) {
      optimizer.unfreeze(step);
      expect(late.tracked).toBe(step > SINCE);
      expect(optimizer.moments().has('m.late')).toBe(step > SINCE);
      early.gradient = tensorOf([0.5]);
      if (step > SINCE) late.gradient = tensorOf(grads[step - SINCE - 1]!);
      optimizer.update(loss, step, hyper.lr).dispose();
      const expected = step > SINCE ? params_after_step[step - SINCE - 1]! : init;
      for (const [k, value] of (await late.read()).entries()) expect(value).toBeCloseTo(expected[k]!, 6);
    }
    expect(() => new AdamW(device, { groups: [group('late', late, SINCE)] })).toThrow(
      'no parameters to train from the first step on',
    );
    optimizer.dispose();
    [early, late, loss].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it("has the rates of PyTorch's scheduler for a group that is added at a tenth", async () => {
    const wanted =
      fixture<
        Record<
          string,
          {
            lr: number;
            start_factor: number;
            end_factor: number;
            total_iters: number;
            group_added_before_step: number;
            lr_used_at_step: number[][];
          }
        >
      >('linearSchedule')['linear_lr_unfreeze']!;
    const schedule = linearSchedule({
      learningRate: wanted.lr,
      startFactor: wanted.start_factor,
      endFactor: wanted.end_factor,
      steps: wanted.total_iters,
    });
    const [head, block, loss] = [tensorOf([0]), tensorOf([0], [1, 1]), tensorOf([1])];
    const stages = [
      stage({ epoch: 0, parameters: ['head'] }),
      stage({ epoch: 1, blocks: { from: 0, to: 0, of: 1 }, rateDivisor: 10 }),
    ];
    const parameters = new Map([
      ['head.weight', head],
      ['blocks.0.weight', block],
    ]);
    const groups = unfreezingGroups(parameters, parameters.keys(), stages, {
      layers: 1,
      stepsPerEpoch: wanted.group_added_before_step,
      decay: { weightDecay: 0 },
    });
    const optimizer = new AdamW(device, { groups });
    for (const [step, rates] of wanted.lr_used_at_step.entries()) {
      optimizer.unfreeze(step + 1);
      const trained = [head, block].slice(0, rates.length);
      const before = await Promise.all(trained.map((tensor) => tensor.item()));
      for (const tensor of trained) tensor.gradient = tensorOf([1], tensor.shape);
      optimizer.update(loss, step + 1, schedule(step)).dispose();
      // Under a constant gradient a step of Adam is its rate.
      for (const [i, tensor] of trained.entries())
        expect((before[i]! - (await tensor.item())) / rates[i]!).toBeCloseTo(1, 2);
    }
    optimizer.dispose();
    [head, block, loss].forEach((tensor) => {
      tensor.dispose();
    });
  });
});
