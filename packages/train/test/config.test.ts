/** Configs: defaults, errors that name key, value and expectation, and overrides. */
import { ribosomeLoad, secondaryStructure } from '@rna/model';
import { describe, expect, it } from 'vitest';
import {
  finetuneConfig,
  finetuneSchedule,
  finetuneSteps,
  newEncoderConfig,
  pretrainConfig,
  pretrainSchedule,
} from '../src/config.ts';
import { applyOverrides, configFields, ConfigError, validateConfig } from '../src/overrides.ts';

const structureConfig = finetuneConfig(secondaryStructure);
const least = { out: 'runs/a', data: { train: ['a.dbn'] }, train: { steps: 10 } };
const faults = (value: unknown): string => {
  try {
    validateConfig(pretrainConfig, value, 'a.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
};

describe('validateConfig', () => {
  it('fills in the defaults of the papers', () => {
    const config = validateConfig(pretrainConfig, least, 'a.yaml');
    expect(config.masking).toEqual({ scheme: 'ssm', rate: 0.15, spanOffset: 3 });
    expect(config.optimizer).toMatchObject({ learningRate: 1e-4, weightDecay: 0.01, beta1: 0.9, beta2: 0.999 });
    expect(newEncoderConfig(config.model)).toMatchObject({ model: 'ssr-lm', dim: 288, layers: 6 });
  });

  it('fine-tunes the built-in model where none is named', () => {
    const config = validateConfig(structureConfig, { out: 'runs/a', data: { train: ['a.dbn'] } }, 'a.yaml');
    expect(config.model).toMatchObject({ checkpoint: 'builtin', freeze: false, untrained: false });
  });

  it('names every fault at once, with key, value and what was expected', () => {
    const message = faults({
      out: 'x',
      data: { train: [] },
      train: { steps: 'many', stepz: 3 },
      masking: { scheme: 'bert', rate: 2 },
      sed: 1,
    });
    expect(message.split('\n').sort()).toEqual([
      'a.yaml: data.train is []; expected a list (of a text) with 1 or more entries',
      'a.yaml: masking.rate is 2; expected a number above 0 and at most 1',
      'a.yaml: masking.scheme is "bert"; expected one of mlm, sm, ssm',
      'a.yaml: train.steps is "many"; expected a whole number above 0 and at most 999999999',
      'a.yaml: unknown key sed; known are seed, out, model, data, masking, batch, optimizer, train, run',
      'a.yaml: unknown key train.stepz; known are train.steps, train.precision, train.dropout, train.recompute, train.ema, train.shards',
    ]);
    expect(faults({ out: 'x', data: { train: ['a'] } })).toBe(
      'a.yaml: train.steps is missing; expected a whole number above 0 and at most 999999999',
    );
    expect(faults({ ...least, data: { train: [3] } })).toBe('a.yaml: data.train.0 is 3; expected a text');
    expect(faults({ ...least, optimizer: { spikeFactor: 0.5 } })).toBe(
      'a.yaml: optimizer.spikeFactor must be 0 or above 1',
    );
    expect(faults(7)).toBe('a.yaml: the config is 7; expected a group of settings');
  });

  it('asks for a feed-forward width with a width, and refuses sizes that do not fit', () => {
    expect(faults({ ...least, model: { dim: 32 } })).toBe(
      'a.yaml: model.ffnDim is needed with dim: 4·dim or 8·dim/3 are usual',
    );
    const { model } = validateConfig(
      pretrainConfig,
      { ...least, model: { dim: 32, ffnDim: 64, heads: 2, layers: 2 } },
      'a.yaml',
    );
    expect(newEncoderConfig(model)).toMatchObject({ dim: 32, ffnDim: 64, heads: 2, kvHeads: 2, layers: 2 });
    expect(() => newEncoderConfig({ ...model, heads: 5 })).toThrow(/5 heads over a hidden size of 32/);
  });
});

describe('applyOverrides', () => {
  const override = (...args: string[]): unknown => applyOverrides(pretrainConfig, least, args);

  it('reads each value as the type that the schema has', () => {
    expect(
      override(
        '--train.steps',
        '100',
        '--optimizer.learningRate=1e-3',
        '--data.train',
        'a.dbn,b.ct',
        '--masking.scheme',
        'mlm',
        '--out',
        '7',
      ),
    ).toEqual({
      out: '7',
      data: { train: ['a.dbn', 'b.ct'] },
      train: { steps: 100 },
      optimizer: { learningRate: 0.001 },
      masking: { scheme: 'mlm' },
    });
    expect(applyOverrides(structureConfig, {}, ['--model.freeze', 'true'])).toEqual({ model: { freeze: true } });
    expect(least.train.steps).toBe(10);
  });

  it('names a mistyped key, a missing value and a wrong type', () => {
    expect(() => override('--train.step', '1')).toThrow(
      '--train.step: unknown key train.step; known are train.steps, train.precision, train.dropout',
    );
    expect(() => override('--train.steps')).toThrow(
      '--train.steps: a value is missing; expected a whole number above 0',
    );
    expect(() => override('--train.steps', 'ten')).toThrow(
      "--train.steps is 'ten'; expected a whole number above 0 and at most 999999999",
    );
    expect(() => override('--train', '1')).toThrow(
      '--train is a group; name one of its fields: --train.steps, --train.precision, --train.dropout',
    );
    expect(() => override('steps', '1')).toThrow("'steps' is no override");
    expect(() => applyOverrides(structureConfig, {}, ['--model.freeze', 'yes'])).toThrow(
      "--model.freeze is 'yes'; expected true or false",
    );
    expect(() => override('--__proto__.x', '1')).toThrow(/unknown key/);
  });
});

describe('the config of a task', () => {
  const ofLoads = finetuneConfig(ribosomeLoad);
  const given = { out: 'x', model: { checkpoint: 'm' }, data: { train: ['a'] } };
  const fault = (value: object): string => {
    try {
      validateConfig(ofLoads, { ...given, ...value }, 'a.yaml');
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  it("has its head's sizes, a number where a word is possible too", () => {
    expect(applyOverrides(ofLoads, {}, ['--head.padding', '102'])).toEqual({ head: { padding: 102 } });
    expect(applyOverrides(ofLoads, {}, ['--head.padding', 'batch'])).toEqual({ head: { padding: 'batch' } });
    expect(validateConfig(ofLoads, given, 'a').head).toEqual({ channels: 32, blocks: 6, padding: 'none' });
    expect(configFields(ofLoads).find(({ path }) => path === 'head.padding')).toMatchObject({
      expected: 'one of none, batch, or a whole number at least 2',
      default: 'none',
    });
    expect(fault({ head: { padding: 'some' } })).toBe(
      'a.yaml: head.padding is "some"; expected one of none, batch, or a whole number at least 2',
    );
  });

  it('has rules of the decode for structures alone', () => {
    expect(validateConfig(structureConfig, given, 'a').decode).toEqual({
      allowNcPairs: false,
      allowSharpLoops: false,
      flexible: true,
    });
    expect(fault({ decode: { flexible: true } })).toContain(
      'a.yaml: unknown key decode; known are seed, out, model, unfreeze, head,',
    );
  });

  it('refuses stages that cannot be', () => {
    expect(fault({ unfreeze: [{ epoch: 1, parameters: ['blocks'] }] })).toBe(
      'a.yaml: unfreeze has no stage of epoch 0: nothing would train before the first one',
    );
    expect(fault({ unfreeze: [{ epoch: 0, parameters: ['('] }] })).toBe(
      'a.yaml: unfreeze.0.parameters.0 is no regular expression',
    );
    expect(
      fault({ unfreeze: [{ epoch: 0, parameters: ['ribosomeLoad'] }], optimizer: { encoderRateScale: 0.1 } }),
    ).toContain('optimizer.encoderRateScale does nothing beside unfreeze');
    expect(fault({ unfreeze: [{ epoch: 0, paramters: [] }] })).toContain('unknown key unfreeze.0.paramters');
  });
});

describe('configFields', () => {
  it.each([
    ['pretrain', pretrainConfig],
    ['finetune', structureConfig],
  ] as const)('describes every field (%s)', (_, schema) => {
    const fields = configFields(schema);
    for (const field of fields) expect(field.description, field.path).not.toBe('');
    expect(fields.find(({ path }) => path === 'optimizer.learningRate')).toMatchObject({
      default: 1e-4,
      required: false,
      expected: 'a number at least 0',
    });
    expect(fields.find(({ path }) => path === 'data.train')).toMatchObject({ required: true });
  });
});

describe('schedules of a config', () => {
  it('follow the papers', () => {
    const pretrain = validateConfig(
      pretrainConfig,
      { ...least, optimizer: { warmupSteps: 4, startRate: 1e-7, floorRate: 1e-5 } },
      'a',
    );
    const schedule = pretrainSchedule(pretrain);
    expect([schedule(0), schedule(4), schedule(10)]).toEqual([1e-7, 1e-4, 1e-5]);
    const finetune = (optimizer: object) =>
      finetuneSchedule(
        validateConfig(
          structureConfig,
          {
            out: 'x',
            model: { checkpoint: 'm' },
            data: { train: ['a'], validation: ['b'] },
            train: { epochs: 4 },
            optimizer,
          },
          'a',
        ),
        10,
      );
    expect(finetune({ schedule: 'linear', linearSteps: 20 })(30)).toBeCloseTo(1e-5, 12);
    // As if an epoch had gone by before the first step.
    expect(finetune({ schedule: 'linear', linearSteps: 20, epochsAhead: 1 })(0)).toBeCloseTo(5.5e-5, 12);
    const cosine = finetune({ warmupEpochs: 1 });
    expect([cosine(0), cosine(10), cosine(40)]).toEqual([0, 1e-4, 0]);
    expect(finetune({ schedule: 'constant' })(99)).toBe(1e-4);
    const warmed = finetune({ schedule: 'constant', warmupSteps: 20 });
    expect([warmed(0), warmed(5), warmed(20), warmed(99)]).toEqual([0, 2.5e-5, 1e-4, 1e-4]);
    expect(finetune({ schedule: 'constant', warmupEpochs: 2 })(5)).toBe(2.5e-5);
  });

  it('ends after a number of steps where one is given, else after epochs', () => {
    const config = (train: object) => validateConfig(structureConfig, { out: 'x', data: { train: ['a'] }, train }, 'a');
    expect(finetuneSteps(config({ epochs: 4 }), 10)).toBe(40);
    expect(finetuneSteps(config({ epochs: 4, steps: 25 }), 10)).toBe(25);
    expect(finetuneSchedule(config({ steps: 25 }), 10)(25)).toBe(0);
  });
});
