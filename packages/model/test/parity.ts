/**
 * The encoders against the numbers of the reference implementations
 * (RiNALMo's own modules; an independent PyTorch SSR-LM). Node and the browser
 * run the same forward tests; Node runs the gradients as well.
 */
import { backward, crossEntropy, pairLoss, type Device, type Tensor } from '@rna/tensor';
import { describe, expect, it } from 'vitest';
import {
  Encoder,
  encoderMappings,
  FULL_PRECISION,
  headMappings,
  loadParameters,
  memorySource,
  openModel,
  openTensorFile,
  packTokens,
  parseConfig,
  readFloat32,
  runHead,
  secondaryStructure,
  unpackRows,
  WRITTEN_LAYOUTS,
  type PackedTokens,
  type ParameterMap,
  type ParameterMapping,
  type Precision,
  type SecondaryStructureSizes,
  type TaskHead,
  type TensorFile,
} from '../src/index.ts';
import { TOKEN } from '@rna/structure';

export interface Platform {
  readonly device: () => Device;
  readonly bytes: (path: string) => Promise<Uint8Array>;
}

/** Absolute tolerance of float32 on representations and logits, from the oracle's README. */
const TOLERANCE = 3e-5;

export async function openFixture({ bytes }: Platform, path: string): Promise<TensorFile> {
  return openTensorFile(memorySource(path, await bytes(`oracle/${path}`)));
}

export async function readNumbers(
  file: TensorFile,
  name: string,
): Promise<{ shape: readonly number[]; values: Float32Array }> {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) throw new Error(`${file.name}: no tensor ${name}`);
  const bytes = await tensor.read(0, tensor.byteLength);
  const values =
    tensor.dtype === 'I32' ? Float32Array.from(new Int32Array(bytes.slice().buffer)) : await readFloat32(tensor);
  return { shape: tensor.shape, values };
}

export async function fixtureEncoder(
  platform: Platform,
  model: string,
  precision: Precision = FULL_PRECISION,
): Promise<Encoder> {
  const text = new TextDecoder().decode(await platform.bytes(`oracle/${model}/config.json`));
  const fields = JSON.parse(text) as { multimolecule_config?: unknown };
  const config = parseConfig(JSON.stringify(fields.multimolecule_config ?? fields), model);
  const weights = await openFixture(
    platform,
    `${model}/${model.startsWith('rinalmo') ? 'weights_official' : 'weights'}.safetensors`,
  );
  const opened = await openModel(weights, config);
  return new Encoder(
    platform.device(),
    opened.config,
    await loadParameters(platform.device(), opened, precision.weights),
    precision,
  );
}

/** Padded rows [sequences, length] as a pack without padding, and the padded index of each packed row. */
export function packPadded(tokens: Float32Array, length: number): { batch: PackedTokens; rows: number[] } {
  const rows: number[] = [];
  const sequences: Uint32Array[] = [];
  for (let s = 0; s < tokens.length / length; s++) {
    const row = Uint32Array.from(tokens.subarray(s * length, (s + 1) * length));
    const end = row.indexOf(TOKEN.pad) < 0 ? length : row.indexOf(TOKEN.pad);
    sequences.push(row.subarray(0, end));
    for (let t = 0; t < end; t++) rows.push(s * length + t);
  }
  return { batch: packTokens(sequences), rows };
}

function largestDifference(
  actual: Float32Array,
  expected: Float32Array,
  rows: readonly number[],
  width: number,
): number {
  let worst = 0;
  rows.forEach((row, i) => {
    for (let c = 0; c < width; c++) {
      const difference = Math.abs(actual[i * width + c]! - expected[row * width + c]!);
      worst = difference <= worst ? worst : difference;
    }
  });
  return worst;
}

/** Everything that one forward pass shows, read back. */
async function observe(encoder: Encoder, batch: PackedTokens): Promise<Map<string, Float32Array>> {
  const { device } = encoder;
  const seen = new Map<string, Tensor>();
  const representation = device.scope(() =>
    encoder.forward(batch, {
      onBlock: (block, x) => {
        seen.set(block < 0 ? 'embedding' : `block${block}`, x.alias().keep());
      },
      onAttention: (block, map) => {
        for (let s = 0; s + 1 < batch.cuSeqlens.length; s++) seen.set(`attentions.${block}.${s}`, map(s).keep());
      },
    }),
  );
  seen.set('representation', representation.keep());
  seen.set('logits', encoder.logits(representation).keep());
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of seen) {
    values.set(name, await tensor.read());
    tensor.dispose();
  }
  return values;
}

export function forwardTests(platform: Platform): void {
  describe.each(['rinalmo-A', 'rinalmo-B'])('%s forward', (model) => {
    it.each(['mixed', 'single47', 'len130', 'len300', 'two', 'masked'])('%s', async (tag) => {
      const encoder = await fixtureEncoder(platform, model);
      const file = await openFixture(platform, `${model}/forward.safetensors`);
      const { shape, values: tokens } = await readNumbers(file, `${tag}.tokens`);
      const { batch, rows } = packPadded(tokens, shape[1]!);
      const observed = await observe(encoder, batch);
      for (const name of [
        'embedding',
        ...Array.from({ length: encoder.config.layers }, (_, i) => `block${i}`),
        'representation',
        'logits',
      ]) {
        if (!file.tensors.has(`${tag}.${name}`)) continue;
        const expected = await readNumbers(file, `${tag}.${name}`);
        const width = expected.shape.at(-1)!;
        expect(observed.get(name)!.length).toBe(rows.length * width);
        expect(largestDifference(observed.get(name)!, expected.values, rows, width), name).toBeLessThan(TOLERANCE);
      }
      if (file.tensors.has(`${tag}.attentions`)) {
        const {
          shape: [, layers, heads, length],
          values,
        } = await readNumbers(file, `${tag}.attentions`);
        expect(attentionDifference(observed, values, batch, [layers!, heads!, length!])).toBeLessThan(TOLERANCE);
      }
      encoder.parameters.forEach((tensor) => {
        tensor.dispose();
      });
    });
  });

  describe.each(['ssrlm-A', 'ssrlm-B'])('%s forward', (model) => {
    it('packed sequences', async () => {
      const encoder = await fixtureEncoder(platform, model);
      const file = await openFixture(platform, `${model}/mlm.safetensors`);
      const batch = await packedBatch(file);
      const observed = await observe(encoder, batch);
      const rows = Array.from(batch.tokens.keys());
      for (const name of [
        'embedding',
        ...Array.from({ length: encoder.config.layers }, (_, i) => `block${i}`),
        'representation',
        'logits',
      ]) {
        const expected = await readNumbers(file, name);
        expect(
          largestDifference(observed.get(name)!, expected.values, rows, expected.shape.at(-1)!),
          name,
        ).toBeLessThan(TOLERANCE);
      }
      const {
        shape: [layers, heads, length],
        values,
      } = await readNumbers(file, 'attentions');
      // One padded row holds the whole pack here: each sequence's map is a diagonal block.
      for (let layer = 0; layer < layers!; layer++) {
        for (let s = 0; s + 1 < batch.cuSeqlens.length; s++) {
          const [start, end] = [batch.cuSeqlens[s]!, batch.cuSeqlens[s + 1]!];
          const map = observed.get(`attentions.${layer}.${s}`)!;
          const n = end - start;
          let worst = 0;
          map.forEach((p, at) => {
            const [h, i, j] = [Math.floor(at / (n * n)), Math.floor(at / n) % n, at % n];
            worst = Math.max(
              worst,
              Math.abs(p - values[((layer * heads! + h) * length! + start + i) * length! + start + j]!),
            );
          });
          expect(worst).toBeLessThan(TOLERANCE);
        }
      }
      encoder.parameters.forEach((tensor) => {
        tensor.dispose();
      });
    });
  });

  it('a sequence does not depend on its neighbours in the pack', async () => {
    const encoder = await fixtureEncoder(platform, 'rinalmo-A');
    const { device } = encoder;
    const sequences = ['ACGUACGUUA', 'G'.repeat(150), 'AU'].map((text) =>
      Uint32Array.from([TOKEN.cls, ...[...text].map((c) => ({ A: 5, C: 6, G: 7, U: 8 })[c]!), TOKEN.eos]),
    );
    const run = async (batch: PackedTokens): Promise<Float32Array> => {
      const y = encoder.forward(batch);
      const values = await y.read();
      y.dispose();
      return values;
    };
    const together = unpackRows(await run(packTokens(sequences)), packTokens(sequences), encoder.config.dim);
    for (const [i, sequence] of sequences.entries()) {
      const alone = await run(packTokens([sequence]));
      expect(largestDifference(together[i]!, alone, Array.from(sequence.keys()), encoder.config.dim)).toBeLessThan(
        1e-5,
      );
    }
    expect(device.memory.use().tensors).toBe(encoder.parameters.size);
    encoder.parameters.forEach((tensor) => {
      tensor.dispose();
    });
  });
}

function attentionDifference(
  observed: Map<string, Float32Array>,
  values: Float32Array,
  batch: PackedTokens,
  [layers, heads, length]: readonly [number, number, number],
): number {
  let worst = 0;
  for (let s = 0; s + 1 < batch.cuSeqlens.length; s++) {
    const n = batch.cuSeqlens[s + 1]! - batch.cuSeqlens[s]!;
    for (let layer = 0; layer < layers; layer++) {
      observed.get(`attentions.${layer}.${s}`)!.forEach((p, at) => {
        const [h, i, j] = [Math.floor(at / (n * n)), Math.floor(at / n) % n, at % n];
        worst = Math.max(worst, Math.abs(p - values[(((s * layers + layer) * heads + h) * length + i) * length + j]!));
      });
    }
  }
  return worst;
}

export async function packedBatch(file: TensorFile): Promise<PackedTokens> {
  return {
    tokens: Uint32Array.from((await readNumbers(file, 'tokens')).values),
    cuSeqlens: Uint32Array.from((await readNumbers(file, 'segment_offsets')).values),
  };
}

/** The parameters of an oracle's head on an encoder of width `dim`. */
export async function fixtureHead(
  platform: Platform,
  file: TensorFile,
  task: TaskHead,
  dim: number,
): Promise<ParameterMap> {
  const parameters: ParameterMap = new Map();
  for (const {
    parameter,
    sources: [source],
  } of headMappings(task, dim, 'official')) {
    const { shape, values } = await readNumbers(file, source!.name);
    parameters.set(parameter, platform.device().tensor(values, shape).keep());
  }
  return parameters;
}

const structureTask = (sizes: SecondaryStructureSizes): TaskHead => ({ head: secondaryStructure, sizes });

/** Largest |gradient| difference of each parameter relative to the tolerance that the oracle's README allows it. */
export async function gradientExcess(
  parameters: ParameterMap,
  mappings: readonly ParameterMapping[],
  file: TensorFile,
  prefix: string,
): Promise<Map<string, number>> {
  const excess = new Map<string, number>();
  for (const { parameter, sources } of mappings) {
    const gradient = parameters.get(parameter)!.gradient;
    if (gradient === undefined) throw new Error(`${parameter} has no gradient`);
    const actual = await gradient.read();
    let at = 0;
    for (const source of sources) {
      const expected = (await readNumbers(file, `${prefix}${source.name}`)).values;
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // beta's gradient is a cancelling sum over tokens and channels: an absolute floor.
      const allowed = Math.max(1e-4 * largest, parameter.endsWith('.beta') ? 3e-6 : 2e-7);
      let worst = 0;
      expected.forEach((value, i) => {
        worst = Math.max(worst, Math.abs(actual[at + i]! - value));
      });
      at += expected.length;
      excess.set(source.name, worst / allowed);
    }
    expect(at).toBe(actual.length);
  }
  return excess;
}

export function gradientTests(platform: Platform): void {
  describe.each(['rinalmo-A', 'rinalmo-B', 'ssrlm-A', 'ssrlm-B'])('%s masked language modelling', (model) => {
    it('loss and the gradient of every parameter', async () => {
      const encoder = await fixtureEncoder(platform, model);
      const file = await openFixture(platform, `${model}/mlm.safetensors`);
      const padded = model.startsWith('rinalmo');
      const { shape, values: tokens } = await readNumbers(file, 'tokens');
      const { batch, rows } = padded
        ? packPadded(tokens, shape[1]!)
        : { batch: await packedBatch(file), rows: Array.from(tokens.keys()) };
      const allLabels = (await readNumbers(file, 'labels')).values;
      const labels = Int32Array.from(rows, (row) => allLabels[row]!);
      encoder.parameters.forEach((tensor) => {
        tensor.train();
      });
      const loss = backward(encoder.device, () => crossEntropy(encoder.logits(encoder.forward(batch)), labels));
      expect(Math.abs((await loss.item()) - (await readNumbers(file, 'loss')).values[0]!)).toBeLessThan(TOLERANCE);
      loss.dispose();
      const excess = await gradientExcess(
        encoder.parameters,
        encoderMappings(encoder.config, padded ? WRITTEN_LAYOUTS.rinalmo.official : WRITTEN_LAYOUTS['ssr-lm'].llama),
        file,
        'grad.',
      );
      for (const [name, ratio] of excess) expect(ratio, name).toBeLessThan(1);
      expect(excess.size).toBeGreaterThan(10);
      const { tensors } = encoder.device.memory.use();
      expect(tensors, 'parameters and gradients only').toBe(2 * encoder.parameters.size);
      encoder.parameters.forEach((tensor) => {
        tensor.dispose();
      });
    });
  });

  describe.each([
    ['rinalmo-A', { convDim: 64, kernelSize: 3, blocks: 2 }, ['L5', 'L17']],
    ['rinalmo-B', { convDim: 20, kernelSize: 5, blocks: 3 }, ['L12', 'L33']],
  ] as const)('%s secondary structure', (model, sizes, tags) => {
    it.each(tags)('%s: logits, loss and gradients', async (tag) => {
      const device = platform.device();
      const encoder = await fixtureEncoder(platform, model);
      const file = await openFixture(platform, `${model}/ss_head.safetensors`);
      const task = structureTask(sizes);
      const parameters = await fixtureHead(platform, file, task, encoder.config.dim);
      const expected = (name: string): Promise<Float32Array> =>
        readNumbers(file, `${tag}.${name}`).then(({ values }) => values);
      const batch = packTokens([Uint32Array.from(await expected('tokens'))]);
      const length = batch.tokens.length - 2;
      const rows = Array.from({ length }, (_, i) => i);
      const head = (representation: Tensor): Tensor =>
        runHead(task, parameters, { representation, cuSeqlens: batch.cuSeqlens });

      const logits = device.scope(() => head(encoder.forward(batch)));
      expect(largestDifference(await logits.read(), await expected('logits'), rows, length)).toBeLessThan(1e-4);
      logits.dispose();

      const all = [...encoder.parameters.values(), ...parameters.values()];
      all.forEach((tensor) => {
        tensor.train();
      });
      const target = device.tensor(await expected('target'), [length, length]).keep();
      const loss = backward(device, () => pairLoss(head(encoder.forward(batch)), target));
      expect(Math.abs((await loss.item()) - (await expected('loss'))[0]!)).toBeLessThan(TOLERANCE);
      const excess = await gradientExcess(
        parameters,
        headMappings(task, encoder.config.dim, 'official'),
        file,
        `${tag}.grad.`,
      );
      if (file.tensors.has(`${tag}.grad.lm.embedding.weight`)) {
        // The LM head has no part in this loss.
        const mappings = encoderMappings(encoder.config, WRITTEN_LAYOUTS.rinalmo.official).filter(
          ({ parameter }) => !parameter.startsWith('lmHead.'),
        );
        for (const [name, ratio] of await gradientExcess(encoder.parameters, mappings, file, `${tag}.grad.lm.`))
          excess.set(name, ratio);
      }
      for (const [name, ratio] of excess) expect(ratio, name).toBeLessThan(1);

      // The head alone, on the oracle's representation.
      const representation = device.tensor(await expected('representation'), [length + 2, encoder.config.dim]).train();
      backward(device, () => pairLoss(head(representation), target)).dispose();
      const gradient = await expected('grad_representation');
      const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const difference = largestDifference(
        await representation.gradient!.read(),
        gradient,
        [...rows, length, length + 1],
        encoder.config.dim,
      );
      expect(difference).toBeLessThan(Math.max(1e-4 * largest, 2e-7));
      [...all, target, loss, representation].forEach((tensor) => {
        tensor.dispose();
      });
    });
  });
}
