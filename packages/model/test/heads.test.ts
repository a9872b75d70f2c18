/**
 * The task heads against the numbers of the reference's own modules: outputs, losses, gradients of heads and of the
 * representation under them, and of some encoder parameters, to see that the two are joined. The fixtures are those
 * of the oracle without the gradients that say nothing new.
 */
import { readFile } from 'node:fs/promises';
import { backward, huberLoss, type Device, type Tensor } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  encoderMappings,
  headMappings,
  initializeParameters,
  headParameters,
  ncrnaFamily,
  packTokens,
  ribosomeLoad,
  runHead,
  secondaryStructure,
  spliceSite,
  WRITTEN_LAYOUTS,
  type Encoder,
  type PackedTokens,
  type ParameterMap,
  type ParameterMapping,
  type ResNet1dSizes,
  type TaskHead,
  type TensorFile,
} from '../src/index.ts';
import {
  fixtureEncoder,
  fixtureHead,
  gradientExcess,
  openFixture,
  packPadded,
  readNumbers,
  type Platform,
} from './parity.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});
const platform: Platform = {
  device: () => device,
  bytes: async (path) => new Uint8Array(await readFile(new URL(`./fixtures/${path}`, import.meta.url))),
};

const TOLERANCE = 3e-5;
const NO_SIZES = { channels: 1, blocks: 1, padding: 'none' } as const;

interface Case {
  readonly encoder: Encoder;
  readonly file: TensorFile;
  readonly task: TaskHead;
  readonly parameters: ParameterMap;
  readonly batch: PackedTokens;
  /** The padded row of each packed one. */
  readonly rows: readonly number[];
  readonly numbers: (name: string) => Promise<Float32Array>;
}

async function open(model: string, name: string, task: TaskHead): Promise<Case> {
  const encoder = await fixtureEncoder(platform, model);
  const file = await openFixture(platform, `${model}/${name}.safetensors`);
  const { shape, values } = await readNumbers(file, 'tokens');
  return {
    encoder,
    file,
    task,
    parameters: await fixtureHead(platform, file, task, encoder.config.dim),
    ...packPadded(values, shape[1]!),
    numbers: async (each) => (await readNumbers(file, each)).values,
  };
}

const close = ({ encoder, parameters }: Case): void => {
  [...encoder.parameters.values(), ...parameters.values()].forEach((tensor) => {
    tensor.dispose();
  });
  expect(device.memory.use().tensors).toBe(0);
};

const forward = ({ encoder, task, parameters, batch }: Case): Tensor =>
  runHead(task, parameters, { representation: encoder.forward(batch), cuSeqlens: batch.cuSeqlens });

const worst = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => {
  expect(actual.length).toBe(expected.length);
  return Array.from(actual, (value, i) => Math.abs(value - expected[i]!)).reduce((a, b) => (b <= a ? a : b));
};

async function checkOutput(each: Case, expected: Float32Array): Promise<Float32Array> {
  const output = device.scope(() => forward(each));
  const values = await output.read();
  output.dispose();
  expect(worst(values, expected)).toBeLessThan(TOLERANCE);
  return values;
}

const shown = (file: TensorFile, mappings: readonly ParameterMapping[], prefix: string): ParameterMapping[] =>
  mappings.filter(({ sources }) => sources.every(({ name }) => file.tensors.has(prefix + name)));

/** Loss and gradients by way of the encoder, then the gradient of the representation alone. */
async function checkGradients(
  each: Case,
  loss: (output: Tensor) => Tensor,
  expectedLoss: number,
  encoderPrefix: string,
): Promise<void> {
  const { encoder, file, task, parameters, batch, rows, numbers } = each;
  const all = [...encoder.parameters.values(), ...parameters.values()];
  all.forEach((tensor) => {
    tensor.train();
  });
  const value = backward(device, () => loss(forward(each)));
  expect(Math.abs((await value.item()) - expectedLoss)).toBeLessThan(TOLERANCE * Math.max(1, expectedLoss));
  value.dispose();
  const headNames = shown(file, headMappings(task, encoder.config.dim, 'official'), 'grad.');
  const encoderNames = shown(file, encoderMappings(encoder.config, WRITTEN_LAYOUTS.rinalmo.official), encoderPrefix);
  expect(headNames.length).toBeGreaterThan(3);
  const excess = [
    ...(await gradientExcess(parameters, headNames, file, 'grad.')),
    ...(await gradientExcess(encoder.parameters, encoderNames, file, encoderPrefix)),
  ];
  for (const [name, ratio] of excess) expect(ratio, name).toBeLessThan(1);

  encoder.parameters.forEach((tensor) => {
    tensor.train(false);
  });
  const representation = device.scope(() => encoder.forward(batch)).train();
  backward(device, () => loss(runHead(task, parameters, { representation, cuSeqlens: batch.cuSeqlens }))).dispose();
  const gradient = await representation.gradient!.read();
  const { dim } = encoder.config;
  const isCls = file.tensors.has('grad_representation_cls');
  const expected = await numbers(isCls ? 'grad_representation_cls' : 'grad_representation');
  const starts = Array.from(batch.cuSeqlens.subarray(0, -1));
  const allowed = Math.max(1e-4 * expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0), 2e-7);
  const difference = gradient.map((v, i) => {
    const [row, c] = [Math.floor(i / dim), i % dim];
    const at = isCls ? starts.indexOf(row) : rows[row]!;
    return Math.abs(v - (at < 0 ? 0 : expected[at * dim + c]!));
  });
  expect(difference.reduce((a, b) => (b <= a ? a : b))).toBeLessThan(allowed);
  representation.dispose();
}

const MODELS = [
  { model: 'rinalmo-A', splice: { hidden: 128 }, ncrna: { hidden: 16, classes: 7 }, mrl: { channels: 32, blocks: 6 } },
  { model: 'rinalmo-B', splice: { hidden: 10 }, ncrna: { hidden: 9, classes: 5 }, mrl: { channels: 12, blocks: 2 } },
] as const;

describe.each(MODELS)('$model', ({ model, splice, ncrna, mrl }) => {
  it('splice sites', async () => {
    const each = await open(model, 'splice_head', { head: spliceSite, sizes: splice });
    await checkOutput(each, await each.numbers('logits'));
    const labels = Array.from(await each.numbers('labels'));
    await checkGradients(
      each,
      (output) => spliceSite.loss(output, labels, new Map()),
      (await each.numbers('loss'))[0]!,
      'grad.rinalmo.',
    );
    close(each);
  });

  it('families of non-coding RNA', async () => {
    const each = await open(model, 'ncrna_head', { head: ncrnaFamily, sizes: ncrna });
    await checkOutput(each, await each.numbers('logits'));
    const labels = Array.from(await each.numbers('labels'));
    await checkGradients(
      each,
      (output) => ncrnaFamily.loss(output, labels, new Map()),
      (await each.numbers('loss'))[0]!,
      'grad.rinalmo.',
    );
    close(each);
  });

  const ribosomes = (padding: ResNet1dSizes['padding']): Promise<Case> =>
    open(model, 'mrl_head', { head: ribosomeLoad, sizes: { ...mrl, padding } });

  it('ribosome load, padded as the reference pads', async () => {
    const each = await ribosomes(45);
    const output = await checkOutput(each, await each.numbers('pred'));
    const scalars = new Map([
      ['scaler._mean', (await each.numbers('scaler_mean'))[0]!],
      ['scaler._std', (await each.numbers('scaler_std'))[0]!],
    ]);
    expect(
      worst(
        ribosomeLoad.predict(output, { ...mrl, padding: 45 }, scalars, []),
        await each.numbers('pred_unscaled_clamped'),
      ),
    ).toBeLessThan(1e-4);
    const targets = Array.from(await each.numbers('target'));
    await checkGradients(
      each,
      (values) => ribosomeLoad.loss(values, targets, scalars),
      (await each.numbers('mse_loss'))[0]!,
      'grad.lm.',
    );
    const huber = device.scope(() => huberLoss(forward(each), Float32Array.from(targets)));
    expect(await huber.item()).toBeCloseTo((await each.numbers('huber_loss_on_raw_target'))[0]!, 4);
    huber.dispose();
    close(each);
  });

  it('ribosome load depends on the padded length as the reference does', async () => {
    const each = await ribosomes(42);
    await checkOutput(each, await each.numbers('pred_when_padded_to_42'));
    expect(worst(await each.numbers('pred_when_padded_to_42'), await each.numbers('pred'))).toBeGreaterThan(1e-2);
    close(each);
  });

  it('ribosome load without padding is what the reference gives a sequence alone, whatever the batch', async () => {
    const each = await ribosomes('none');
    const together = device.scope(() => forward(each));
    const values = await together.read();
    together.dispose();
    const { batch } = each;
    for (let s = 0; s + 1 < batch.cuSeqlens.length; s++) {
      const one = packTokens([batch.tokens.slice(batch.cuSeqlens[s], batch.cuSeqlens[s + 1])]);
      // A batch of one is padded to its own length.
      const alone = device.scope(() =>
        forward({ ...each, batch: one, task: { head: ribosomeLoad, sizes: { ...mrl, padding: 'batch' } } }),
      );
      expect((await alone.read())[0]).toBeCloseTo(values[s]!, 4);
      alone.dispose();
    }
    close(each);
  });
});

it('ribosome load is standardised by mean and population deviation', () => {
  expect(ribosomeLoad.fit!([1, 2, 3, 6], NO_SIZES)).toEqual(
    new Map([
      ['scaler._mean', 3],
      ['scaler._std', Math.sqrt(3.5)],
    ]),
  );
  expect(() => ribosomeLoad.fit!([2, 2], NO_SIZES)).toThrow('cannot be standardised');
  expect(() => ribosomeLoad.predict(new Float32Array(1), NO_SIZES, new Map(), [])).toThrow('"scaler._mean" is missing');
});

it('padding to the longest of the batch is padding to that length', async () => {
  const each = await open('rinalmo-B', 'mrl_head', {
    head: ribosomeLoad,
    sizes: { channels: 12, blocks: 2, padding: 'batch' },
  });
  const longest = Math.max(...Array.from(each.batch.cuSeqlens.subarray(1), (end, s) => end - each.batch.cuSeqlens[s]!));
  expect(longest).toBe(42);
  await checkOutput(each, await each.numbers('pred_when_padded_to_42'));
  close(each);
});

it('dropout of a key changes the prediction, and the same key gives the same', async () => {
  const task: TaskHead = { head: ribosomeLoad, sizes: { channels: 8, blocks: 1, padding: 'none' } };
  const parameters = initializeParameters(device, headParameters(task, 6), 'rinalmo', 3);
  const run = async (dropoutKey?: readonly [number, number]): Promise<number> => {
    const output = device.scope(() =>
      runHead(task, parameters, {
        representation: device.tensor(
          Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)),
          [10, 6],
        ),
        cuSeqlens: Uint32Array.of(0, 10),
        ...(dropoutKey && { dropoutKey }),
      }),
    );
    const value = await output.item();
    output.dispose();
    return value;
  };
  const [plain, dropped] = [await run(), await run([1, 2])];
  expect(dropped).not.toBe(plain);
  expect(await run([1, 2])).toBe(dropped);
  parameters.forEach((tensor) => {
    tensor.dispose();
  });
});

it('a head that takes one sequence refuses two', () => {
  device.scope(() => {
    const input = { representation: device.zeros([8, 4]), cuSeqlens: Uint32Array.of(0, 4, 8) };
    expect(() =>
      runHead({ head: secondaryStructure, sizes: { convDim: 2, kernelSize: 1, blocks: 1 } }, new Map(), input),
    ).toThrow('secondary-structure: the head takes one sequence at a time, not 2');
  });
});
