/**
 * What smaller precisions cost: logits on all inputs of the oracles against the reference implementations' f32. Bounds
 * are about twice what was measured (lavapipe), which RNA_FIGURES=1 prints.
 */
import { readFile } from 'node:fs/promises';
import { RandomStream } from '@rna/kernels';
import { backward, crossEntropy, MemoryBudgetError, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  elementCount,
  Encoder,
  encoderParameters,
  FULL_PRECISION,
  loadParameters,
  PRESETS,
  weightBytes,
  type PackedTokens,
  type ParameterChunk,
  type ParameterShapes,
  type Precision,
} from '../src/index.ts';
import { fixtureEncoder, openFixture, packedBatch, packPadded, readNumbers, type Platform } from './parity.ts';

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

interface Batch {
  readonly batch: PackedTokens;
  /** The reference's, [tokens, vocabulary]. */
  readonly logits: Float32Array;
}

async function batches(model: string): Promise<Batch[]> {
  if (model.startsWith('ssrlm')) {
    const file = await openFixture(platform, `${model}/mlm.safetensors`);
    return [{ batch: await packedBatch(file), logits: (await readNumbers(file, 'logits')).values }];
  }
  const file = await openFixture(platform, `${model}/forward.safetensors`);
  const tags = ['mixed', 'single47', 'len130', 'len300', 'two', 'masked'].filter((tag) =>
    file.tensors.has(`${tag}.logits`),
  );
  return Promise.all(
    tags.map(async (tag) => {
      const [tokens, logits] = [await readNumbers(file, `${tag}.tokens`), await readNumbers(file, `${tag}.logits`)];
      const { batch, rows } = packPadded(tokens.values, tokens.shape[1]!);
      const width = logits.shape.at(-1)!;
      return {
        batch,
        logits: Float32Array.from(
          rows.flatMap((row) => Array.from(logits.values.subarray(row * width, (row + 1) * width))),
        ),
      };
    }),
  );
}

interface Figures {
  readonly max: number;
  readonly mean: number;
  /** Share of the tokens whose largest logit is the same one. */
  readonly agreement: number;
  /** Root mean square of the reference's logits, for scale. */
  readonly rms: number;
}

const argmax = (row: Float32Array): number => row.indexOf(Math.max(...row));

async function figures(encoder: Encoder, tests: readonly Batch[]): Promise<Figures> {
  const width = encoder.config.vocabularySize;
  let [max, sum, squares, count, same, tokens] = [0, 0, 0, 0, 0, 0];
  for (const { batch, logits } of tests) {
    const y = device.scope(() => encoder.logits(encoder.forward(batch)));
    const actual = await y.read();
    y.dispose();
    expect(actual.length).toBe(logits.length);
    actual.forEach((value, i) => {
      const error = Math.abs(value - logits[i]!);
      max = Math.max(max, error);
      sum += error;
      squares += logits[i]! ** 2;
      count++;
    });
    for (let row = 0; row < logits.length; row += width) {
      same += argmax(actual.subarray(row, row + width)) === argmax(logits.subarray(row, row + width)) ? 1 : 0;
      tokens++;
    }
  }
  return { max, mean: sum / count, agreement: same / tokens, rms: Math.sqrt(squares / count) };
}

interface Bound {
  readonly max: number;
  readonly mean: number;
  readonly agreement: number;
}

function precisionTests(
  name: string,
  precision: Precision,
  bounds: Readonly<Record<string, Bound>>,
  needsF16: boolean,
): void {
  describe(name, () => {
    it.each(Object.entries(bounds))('%s: logits stay near the reference', async (model, bound) => {
      if (needsF16 && !device.traits.f16) {
        await expect(
          fixtureEncoder(platform, model, precision).then((encoder) =>
            encoder.forward({ tokens: new Uint32Array(3), cuSeqlens: Uint32Array.of(0, 3) }),
          ),
        ).rejects.toThrow(/no shader-f16; use f32/);
        return;
      }
      const encoder = await fixtureEncoder(platform, model, precision);
      const found = await figures(encoder, await batches(model));
      if (process.env['RNA_FIGURES'] === '1') console.log(`${name} ${model}: ${JSON.stringify(found)}`);
      expect(found.max).toBeLessThan(bound.max);
      expect(found.mean).toBeLessThan(bound.mean);
      expect(found.agreement).toBeGreaterThanOrEqual(bound.agreement);
      expect(found.max, 'no smaller precision was at work').toBeGreaterThan(3e-5);
      encoder.parameters.forEach((tensor) => {
        tensor.dispose();
      });
    });
  });
}

// max, mean and agreement as measured: 0.28 0.024 0.987, 0.25 0.020 0.970, 0.15 0.025 0.940, 0.11 0.021 0.983.
precisionTests(
  'int8 weights',
  { weights: 'int8', activations: 'f32' },
  {
    'rinalmo-A': { max: 0.5, mean: 0.05, agreement: 0.97 },
    'rinalmo-B': { max: 0.5, mean: 0.05, agreement: 0.95 },
    'ssrlm-A': { max: 0.3, mean: 0.05, agreement: 0.9 },
    'ssrlm-B': { max: 0.3, mean: 0.05, agreement: 0.95 },
  },
  false,
);

// 3.30 0.325 0.664, 1.88 0.282 0.578, 2.14 0.380 0.607, 1.42 0.264 0.752.
precisionTests(
  'int4 weights',
  { weights: 'int4', activations: 'f32' },
  {
    'rinalmo-A': { max: 6, mean: 0.6, agreement: 0.5 },
    'rinalmo-B': { max: 4, mean: 0.55, agreement: 0.4 },
    'ssrlm-A': { max: 4, mean: 0.7, agreement: 0.45 },
    'ssrlm-B': { max: 3, mean: 0.5, agreement: 0.6 },
  },
  false,
);

// 0.0085 0.0008 0.998, 0.0051 0.0006 1, 0.0066 0.0011 1, 0.0041 0.0006 1.
precisionTests(
  'f16 weights',
  { weights: 'f16', activations: 'f32' },
  {
    'rinalmo-A': { max: 0.016, mean: 0.0016, agreement: 0.995 },
    'rinalmo-B': { max: 0.01, mean: 0.0012, agreement: 0.995 },
    'ssrlm-A': { max: 0.013, mean: 0.002, agreement: 0.99 },
    'ssrlm-B': { max: 0.01, mean: 0.0013, agreement: 0.99 },
  },
  true,
);

const halves: Precision = { weights: 'f16', activations: 'f16' };
// 0.0092 0.0010 1, 0.0081 0.0009 0.998, 0.0131 0.0015 1, 0.0072 0.0010 1.
precisionTests(
  'f16 weights and activations',
  halves,
  {
    'rinalmo-A': { max: 0.02, mean: 0.002, agreement: 0.99 },
    'rinalmo-B': { max: 0.016, mean: 0.002, agreement: 0.99 },
    'ssrlm-A': { max: 0.026, mean: 0.003, agreement: 0.98 },
    'ssrlm-B': { max: 0.015, mean: 0.002, agreement: 0.99 },
  },
  true,
);

precisionTests(
  'int8 weights and f16 activations',
  { weights: 'int8', activations: 'f16' },
  { 'ssrlm-A': { max: 0.3, mean: 0.05, agreement: 0.9 } },
  true,
);

describe('gradients through halves', () => {
  it.for(['rinalmo-B', 'ssrlm-B'] as const)(
    "%s: every parameter's is near that in f32, and is stored in f32",
    async (model, context) => {
      if (!device.traits.f16) return context.skip('the adapter has no shader-f16');
      const [{ batch }] = (await batches(model)) as [Batch];
      const labels = Int32Array.from(batch.tokens, (token, i) => (i % 3 === 0 ? token : -100));
      const gradients = async (precision: Precision, scale: number): Promise<Map<string, Float32Array>> => {
        const { config, parameters } = await fixtureEncoder(platform, model);
        const encoder = new Encoder(device, config, parameters, precision);
        parameters.forEach((tensor) => {
          tensor.train();
        });
        backward(device, () => crossEntropy(encoder.logits(encoder.forward(batch)), labels), scale).dispose();
        const found = new Map<string, Float32Array>();
        for (const [name, { gradient }] of parameters) {
          expect(gradient?.dtype, name).toBe('f32');
          found.set(
            name,
            (await gradient!.read()).map((value) => value / scale),
          );
        }
        expect(device.memory.use().tensors, 'parameters and gradients only').toBe(2 * parameters.size);
        parameters.forEach((tensor) => {
          tensor.dispose();
        });
        return found;
      };
      const [full, half] = [await gradients(FULL_PRECISION, 1), await gradients(halves, 2 ** 12)];
      let worst = 0;
      for (const [name, expected] of full) {
        const largest = Math.max(1e-4, ...expected.map(Math.abs));
        const error =
          expected.reduce((most, value, i) => Math.max(most, Math.abs(value - half.get(name)![i]!)), 0) / largest;
        expect(error, name).toBeLessThan(0.05);
        worst = Math.max(worst, error);
      }
      expect(worst).toBeGreaterThan(1e-4);
      if (process.env['RNA_FIGURES'] === '1') console.log(`gradients ${model}: ${worst}`);
    },
  );
});

/** Parameters as a file gives them, with values that are drawn. */
const drawnModel = (shapes: ParameterShapes, draw: () => number) => ({
  shapes,
  async *parameters(): AsyncGenerator<ParameterChunk, void, undefined> {
    await Promise.resolve();
    for (const [name, shape] of shapes)
      yield { name, shape, offset: 0, data: Float32Array.from({ length: elementCount(shape) }, draw) };
  },
});

describe('loading', () => {
  it('frees the f32 originals: the matrices take a quarter in int8, less in int4', async () => {
    const bytes = async (weights: Precision['weights']): Promise<{ live: number; pooled: number }> => {
      const before = device.memory.use();
      const encoder = await fixtureEncoder(platform, 'ssrlm-B', { ...FULL_PRECISION, weights });
      const { live, pooled, tensors } = device.memory.use();
      expect(tensors - before.tensors).toBe(encoder.parameters.size);
      // What is said before a model is loaded; buffers have the next greater of four sizes to an octave.
      const said = weightBytes(new Map([...encoder.parameters].map(([name, { shape }]) => [name, shape])), weights);
      expect(said).toBeLessThanOrEqual(live - before.live);
      expect(said).toBeGreaterThan((live - before.live) / 1.25);
      encoder.parameters.forEach((tensor) => {
        tensor.dispose();
      });
      return { live: live - before.live, pooled };
    };
    const [full, int8, int4] = [await bytes('f32'), await bytes('int8'), await bytes('int4')];
    expect([int8.pooled, int4.pooled]).toEqual([0, 0]);
    // The fixture's rows are short, so scales and what is not a matrix weigh more than in a real model.
    expect(int8.live / full.live).toBeLessThan(0.4);
    expect(int4.live / full.live).toBeLessThan(0.3);
  });

  it('never has more of the originals on the device than one: a model loads that is larger than the memory', async () => {
    // Blocks are small beside the budget, and all of them in f32 are not.
    const sizes = { layers: 12, dim: 96, heads: 4, kvHeads: 4, ffnDim: 256 };
    const shapes = encoderParameters({ ...PRESETS['rinalmo-micro'], ...sizes });
    const whole = weightBytes(shapes, 'f32');
    const budget = 0.5 * whole;
    const small = await openDevice({ memoryBudget: budget });
    const random = new RandomStream(3);
    const model = drawnModel(shapes, () => random.normal());
    await expect(loadParameters(small, model, 'f32')).rejects.toThrow(MemoryBudgetError);
    expect(small.memory.use().live).toBe(0);
    const parameters = await loadParameters(small, model, 'int4');
    const { live, peak } = small.memory.use();
    expect(live).toBeLessThan(0.3 * whole);
    expect(peak).toBeLessThanOrEqual(budget);
    expect(new Set([...parameters.values()].map(({ dtype }) => dtype))).toEqual(new Set(['f32', 'i4']));
    small.destroy();
  });

  it.each([
    ['normal numbers', (random: RandomStream) => random.normal(), 'i4'],
    ['numbers with a long tail', (random: RandomStream) => random.normal() / (0.02 + random.uniform()), 'i8'],
    ['zeros', () => 0, 'i4'],
    ['numbers beyond the largest scale', (random: RandomStream) => 1e7 * random.normal(), 'i8'],
    ['numbers below the least scale', (random: RandomStream) => 1e-6 * random.normal(), 'i8'],
  ] as const)('int4 stores %s as 4 bits where those change little, else as 8', async (_, draw, dtype) => {
    const random = new RandomStream(5);
    const name = 'blocks.0.attention.out.weight';
    const model = drawnModel(new Map([[name, [64, 96]]]), () => draw(random));
    const stored = (await loadParameters(device, model, 'int4')).get(name)!;
    expect(stored.dtype).toBe(dtype);
    stored.dispose();
  });

  it('refuses int8 where the parameters are not', async () => {
    const encoder = await fixtureEncoder(platform, 'ssrlm-A');
    expect(
      () => new Encoder(device, encoder.config, encoder.parameters, { weights: 'int8', activations: 'f32' }),
    ).toThrow(/'blocks\.0\.attention\.qkv\.weight' is f32, not int8; load the parameters with/);
    encoder.parameters.forEach((tensor) => {
      tensor.dispose();
    });
  });
});
