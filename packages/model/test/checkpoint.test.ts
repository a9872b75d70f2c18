import { describe, expect, test } from 'vitest';
import { encoderParameters, PRESETS, type EncoderConfig } from '../src/config.ts';
import { openModel, type OpenedModel } from '../src/checkpoint/load.ts';
import { encoderMappings, savedLayout, WRITTEN_LAYOUTS, type Layout } from '../src/checkpoint/names.ts';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { writeModel, type ModelToWrite } from '../src/checkpoint/save.ts';
import { memorySink, memorySource } from '../src/checkpoint/source.ts';
import { readFloat32, type TensorFile } from '../src/checkpoint/tensorFile.ts';
import { headParameters, secondaryStructure } from '../src/heads/index.ts';
import {
  digest,
  edited,
  entry,
  fixtureConfig,
  fixtureText,
  openFixture,
  safetensorsBytes,
} from './checkpoint.fixtures.ts';

/** Every parameter's size and bits. */
async function allParameters(model: OpenedModel, maxBytes?: number): Promise<Map<string, string>> {
  const values = new Map<string, Float32Array>();
  for await (const { name, shape, offset, data } of model.parameters(maxBytes)) {
    if (!values.has(name)) values.set(name, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(NaN));
    values.get(name)!.set(data, offset);
  }
  return new Map([...values].map(([name, each]) => [name, digest(each)]));
}

const rename = (file: TensorFile, from: RegExp, to: string): Promise<TensorFile> =>
  edited(file, (name) => ({ name: name.replace(from, to) }));
const add = (
  file: TensorFile,
  name: string,
  values: Float32Array,
  shape: readonly number[] = [values.length],
): Promise<TensorFile> => edited(file, () => ({}), [entry(name, shape, values)]);
const official = (model = 'A'): Promise<TensorFile> =>
  openFixture(`oracle/rinalmo-${model}/weights_official.safetensors`);
const port = (model = 'A'): Promise<TensorFile> =>
  openFixture(`oracle/rinalmo-${model}/weights_multimolecule.safetensors`);
const A = fixtureConfig('rinalmo-A');

async function written(model: ModelToWrite): Promise<TensorFile> {
  const sink = memorySink();
  await writeModel(sink, model);
  return openTensorFile(memorySource('written.safetensors', sink.bytes()));
}

describe('names', () => {
  test.each(['nano', 'micro', 'mega', 'giga'] as const)(
    'every key and shape of rinalmo-%s, official and port',
    (size) => {
      const config = PRESETS[`rinalmo-${size}`];
      const listed = (layout: Layout): string[] =>
        encoderMappings(config, layout).flatMap(({ sources }) =>
          sources.map(({ name, shape }) => `${name} ${shape.join('x')}`),
        );
      const rows = fixtureText(`keys/${size}.tsv`)
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t'));
      const officialKeys = rows.filter(([name]) => name !== '(same)').map(([name, shape]) => `${name} ${shape}`);
      const portKeys = rows.map(([, , name, shape]) => `${name!.replace(/ \(.*/, '')} ${shape}`);
      expect(listed(WRITTEN_LAYOUTS.rinalmo.official).sort()).toEqual(officialKeys.sort());
      expect(listed(WRITTEN_LAYOUTS.rinalmo.port).sort()).toEqual(portKeys.sort());
    },
  );

  test('rows of the sources fill every parameter without overlap', () => {
    const configs: EncoderConfig[] = [
      PRESETS['rinalmo-nano'],
      PRESETS['ssr-lm-s'],
      fixtureConfig('ssrlm-A'),
      PRESETS['rna-fm'],
    ];
    for (const config of configs) {
      for (const { shape, sources } of encoderMappings(config, savedLayout(config.model))) {
        let next = 0;
        const starts = sources.map(({ rows: [, count] }) => (next += count) - count);
        expect([sources.map(({ rows: [start] }) => start), next]).toEqual([starts, shape[0]]);
      }
    }
  });
});

describe('the oracles', () => {
  test.each(['A', 'B'])('RiNALMo %s: official and port files give the same parameters, bit for bit', async (name) => {
    const config = fixtureConfig(`rinalmo-${name}`);
    const expected = await allParameters(await openModel(await official(name), config));
    expect([...expected].map(([key, bits]) => [key, Number.parseInt(bits)])).toEqual(
      [...encoderParameters(config)].map(([key, shape]) => [key, 4 * shape.reduce((a, b) => a * b)]),
    );
    const files = [
      'weights_multimolecule.safetensors',
      ...(name === 'A' ? ['weights_multimolecule_v26.safetensors'] : []),
    ];
    for (const file of files) {
      const model = await openModel(await openFixture(`oracle/rinalmo-${name}/${file}`), config);
      expect(model.warnings).toEqual([]);
      expect(await allParameters(model, 1000)).toEqual(expected);
    }
  });

  test('parts stand where the encoder expects them', async () => {
    const file = await port();
    const model = await openModel(file, A);
    const stored = async (name: string): Promise<Float32Array> => readFloat32(file.tensors.get(name)!);
    const qkv = await model.read('blocks.1.attention.qkv.weight');
    expect(digest(qkv.subarray(64 * 64, 2 * 64 * 64))).toBe(
      digest(await stored('model.encoder.layer.1.attention.self.key.weight')),
    );
    const gateUp = await model.read('blocks.1.feedForward.gateUp.bias');
    expect(gateUp.subarray(0, 170)).toEqual(await stored('model.encoder.layer.1.intermediate.linear.bias'));
    expect(gateUp.subarray(170)).toEqual(await stored('model.encoder.layer.1.intermediate.linear_gate.bias'));
    expect(await model.read('blocks.2.feedForward.beta')).toEqual(
      await stored('model.encoder.layer.2.intermediate.bias'),
    );
    // Inosine: row 9 here, row 21 of the port's 28.
    const embedding = await model.read('embedding.weight');
    const table = await stored('model.embeddings.word_embeddings.weight');
    expect(embedding.subarray(9 * 64, 10 * 64)).toEqual(table.subarray(21 * 64, 22 * 64));
  });

  test.each(['A', 'B'])('SSR-LM %s', async (name) => {
    const config = fixtureConfig(`ssrlm-${name}`);
    const file = await openFixture(`oracle/ssrlm-${name}/weights.safetensors`);
    const model = await openModel(file, config);
    expect([...(await allParameters(model)).keys()]).toEqual([...encoderParameters(config).keys()]);
    const gate = await readFloat32(file.tensors.get('model.layers.1.mlp.gate_proj.weight')!);
    expect(digest((await model.read('blocks.1.feedForward.gateUp.weight')).subarray(0, gate.length))).toBe(
      digest(gate),
    );
  });

  test.each([
    ['A', { convDim: 64, kernelSize: 3, blocks: 2 }],
    ['B', { convDim: 20, kernelSize: 5, blocks: 3 }],
  ] as const)(
    'secondary-structure head %s: sizes off the tensors, official and port names alike',
    async (name, sizes) => {
      const head = await openFixture(`oracle/rinalmo-${name}/ss_head_multimolecule_names.safetensors`);
      const config = fixtureConfig(`rinalmo-${name}`);
      const extra = await Promise.all(
        [...head.tensors.values()].map(async (tensor) => entry(tensor.name, tensor.shape, await readFloat32(tensor))),
      );
      const model = await openModel(await edited(await port(name), () => ({}), extra), config);
      expect(model.task).toEqual({ head: secondaryStructure, sizes });
      const shapes = [...headParameters({ head: secondaryStructure, sizes }, config.dim)];
      expect([...model.shapes].slice(-shapes.length)).toEqual(shapes);
      expect(digest(await model.read('secondaryStructure.blocks.1.conv2.weight'))).toBe(
        digest(await readFloat32(head.tensors.get('ss_head.convnet.layers.1.conv2.weight')!)),
      );
      const asOfficial = await written({
        config,
        scheme: 'official',
        task: { head: secondaryStructure, sizes },
        read: (each) => model.read(each),
      });
      expect(asOfficial.tensors.get('pred_head.resnet.blocks.1.conv_net.3.weight')?.shape).toEqual([
        sizes.convDim,
        sizes.convDim,
        sizes.kernelSize,
        sizes.kernelSize,
      ]);
      expect(await allParameters(await openModel(asOfficial, config))).toEqual(await allParameters(model));
    },
  );
});

describe('writing', () => {
  test.each(['A', 'B'])('RiNALMo %s: official to port to official is the same file content', async (name) => {
    const config = fixtureConfig(`rinalmo-${name}`);
    const source = await official(name);
    const model = await openModel(source, config);
    const asPort = await written({ config, scheme: 'port', read: (each) => model.read(each) });
    const reference = await port(name);
    expect([...asPort.tensors.keys()].sort()).toEqual([...reference.tensors.keys()].sort());
    for (const [key, tensor] of asPort.tensors) {
      const isTable = /word_embeddings|lm_head\.(decoder|bias)/.test(key);
      const values = await readFloat32(tensor);
      const expected = await readFloat32(reference.tensors.get(key)!);
      // The port's own tokens are noise in the reference; X is their mean, up to rounding.
      const row = tensor.shape.length === 2 ? config.dim : 1;
      const compared = isTable ? 21 * row : values.length;
      expect(digest(values.subarray(0, 5 * row))).toBe(digest(expected.subarray(0, 5 * row)));
      expect(digest(values.subarray(6 * row, compared))).toBe(digest(expected.subarray(6 * row, compared)));
      if (!isTable) expect(digest(values)).toBe(digest(expected));
      if (isTable) for (let i = 22 * row; i < 23 * row; i++) expect(values[i]).toBeCloseTo(expected[i]!, 6);
    }
    const reopened = await openModel(asPort, config);
    const back = await written({ config, scheme: 'official', read: (each) => reopened.read(each) });
    expect([...back.tensors.keys()].sort()).toEqual([...source.tensors.keys()].sort());
    for (const [key, tensor] of back.tensors)
      expect(digest(await readFloat32(tensor))).toBe(digest(await readFloat32(source.tensors.get(key)!)));
  });

  test('SSR-LM with scalars, and without an LM head', async () => {
    const config = fixtureConfig('ssrlm-A');
    const model = await openModel(await openFixture('oracle/ssrlm-A/weights.safetensors'), config);
    const file = await written({
      config,
      scheme: 'llama',
      lmHead: false,
      scalars: new Map([['threshold', 0.13]]),
      read: (each) => model.read(each),
    });
    const reopened = await openModel(file, config);
    expect(reopened.lmHead).toBe(false);
    expect(reopened.scalars.get('threshold')).toBe(0.13);
    expect(reopened.shapes.has('lmHead.decoder.weight')).toBe(false);
  });

  test("refuses another model's names", async () => {
    const read = (): Promise<Float32Array> => Promise.resolve(new Float32Array(0));
    await expect(written({ config: A, scheme: 'llama', read })).rejects.toThrow(
      'rinalmo has no llama names; use official or port',
    );
    await expect(written({ config: fixtureConfig('ssrlm-A'), scheme: 'port', read })).rejects.toThrow('use llama');
    await expect(written({ config: A, scheme: 'official', read })).rejects.toThrow(
      'parameter "embedding.weight" is [22, 64], 0 values were given',
    );
  });
});

describe('variants that files come in', () => {
  const same = async (file: TensorFile): Promise<OpenedModel> => {
    const model = await openModel(file, A);
    expect(await allParameters(model)).toEqual(await allParameters(await openModel(await official(), A)));
    return model;
  };

  test.each(['lm.', 'rinalmo.'])('fine-tuned files with the prefix %s, threshold and scaler', async (prefix) => {
    const file = await rename(await official(), /^/, prefix);
    const extra = [
      entry('threshold', [], new Float64Array([0.13]), 'F64'),
      entry('scaler._mean', [1], new Float32Array([7])),
      entry('scaler._std', [1], new Float32Array([2])),
    ];
    const model = await same(await edited(file, () => ({}), extra));
    expect(model.scalars).toEqual(
      new Map([
        ['threshold', 0.13],
        ['scaler._mean', 7],
        ['scaler._std', 2],
      ]),
    );
    expect(model.warnings).toEqual([]);
  });

  test('a head of an unknown task is named in a warning', async () => {
    const model = await same(
      await edited(await rename(await official(), /^/, 'lm.'), () => ({}), [
        entry('contact_head.regression.weight', [2, 2], new Float32Array(4)),
      ]),
    );
    expect(model.task).toBeUndefined();
    expect(model.warnings).toEqual([expect.stringContaining('the task head "contact_head.*" is not read')]);
  });

  test('a bare port model with a pooler and old RoPE buffers', async () => {
    const bare = await edited(
      await port(),
      (name) => (name.startsWith('lm_head') ? null : { name: name.replace('model.', '') }),
      [
        entry('pooler.dense.weight', [64, 64], new Float32Array(4096)),
        entry('pooler.dense.bias', [64], new Float32Array(64)),
        entry('encoder.layer.0.attention.self.rotary_embeddings.inv_freq', [8], new Float32Array(8)),
      ],
    );
    const model = await openModel(bare, A);
    expect(model.lmHead).toBe(false);
    expect((await allParameters(model)).get('blocks.2.attention.qkv.weight')).toBe(
      (await allParameters(await openModel(await official(), A))).get('blocks.2.attention.qkv.weight'),
    );
  });

  test.each(['lm_head.bias', 'lm_head.decoder.bias'])('either name of the decoder bias: without %s', async (name) => {
    await same(await edited(await port(), (each) => (each === name ? null : {})));
  });

  test('the two names of the decoder bias must agree', async () => {
    const file = await edited(await port(), (name, values) =>
      name === 'lm_head.bias' ? { values: values.map((x) => x + 1) } : {},
    );
    await expect(openModel(file, A)).rejects.toThrow('"lm_head.bias" and "lm_head.decoder.bias" differ');
  });

  test('official names of the code without FlashAttention', async () => {
    const whole = await official();
    const split: ReturnType<typeof entry>[] = [];
    const rest = await edited(whole, (name, values) => {
      const block = /^(transformer\.blocks\.\d+\.mh_attn)\.(Wqkv|out_proj)/.exec(name);
      if (block?.[2] === 'out_proj') return { name: `${block[1]}.mh_attn.out_proj.weight` };
      if (block === null) return {};
      ['to_q', 'to_k', 'to_v'].forEach((part, i) => {
        split.push(entry(`${block[1]}.mh_attn.${part}.weight`, [64, 64], values.slice(i * 4096, (i + 1) * 4096)));
      });
      return null;
    });
    await same(await edited(rest, () => ({}), split));
  });

  test('F16 weights', async () => {
    const halves = await safetensorsBytes(
      await Promise.all(
        [...(await official()).tensors.values()].map(async (tensor) => {
          const values = await readFloat32(tensor);
          return entry(
            tensor.name,
            tensor.shape,
            Uint16Array.from(values, (x) => (x === 0 ? 0 : 0x3c00)),
            'F16',
          );
        }),
      ),
    );
    const model = await openModel(await openTensorFile(memorySource('half', halves)), A);
    expect(new Set(await model.read('blocks.0.feedForward.down.weight'))).toEqual(new Set([1]));
  });
});

describe('errors', () => {
  test('one error lists everything that does not fit', async () => {
    const file = await edited(await official(), (name) => {
      if (name === 'transformer.blocks.1.transition.0.beta') return null;
      if (name === 'transformer.final_layer_norm.weight') return { shape: [8, 8] };
      return name === 'lm_mask_head.linear1.bias' ? { name: 'lm_mask_head.linear1.bais' } : {};
    });
    const error = await openModel(file, A).then(
      () => undefined,
      (each: unknown) => each,
    );
    expect((error as Error).message).toBe(
      [
        'edited.safetensors: does not fit rinalmo (dim 64, 3 layers, 4 heads, feed-forward 170) under the official names:',
        '  missing "transformer.blocks.1.transition.0.beta" [1]',
        '  misshapen "transformer.final_layer_norm.weight": [8, 8], expected [64]',
        '  missing "lm_mask_head.linear1.bias" [64]',
        '  unexpected "lm_mask_head.linear1.bais" [64]',
      ].join('\n'),
    );
  });

  test.each([NaN, Infinity])('a weight of %d is refused by name and place', async (bad) => {
    const file = await edited(await official(), (name, values) =>
      name === 'transformer.blocks.2.transition.2.weight' ? { values: values.map((x, i) => (i === 77 ? bad : x)) } : {},
    );
    const model = await openModel(file, A);
    await expect(allParameters(model, 100)).rejects.toThrow(
      `tensor "transformer.blocks.2.transition.2.weight" has ${bad} at element 77`,
    );
  });

  test('an incomplete secondary-structure head is missing its tensors', async () => {
    const file = await add(await official(), 'pred_head.linear_in.weight', new Float32Array(64 * 128), [64, 128]);
    await expect(openModel(file, A)).rejects.toThrow(
      /missing "pred_head\.linear_in\.bias"[^]*missing "pred_head\.conv_out\.weight"/,
    );
  });

  test('traps of old conversions: a tied decoder, an overwritten embedding', async () => {
    const embedding = await readFloat32((await official()).tensors.get('embedding.weight')!);
    const tied = await edited(await official(), (name) =>
      name === 'lm_mask_head.linear2.weight' ? { values: embedding } : {},
    );
    expect((await openModel(tied, A)).warnings).toEqual([
      expect.stringContaining('representations are right, logits are not'),
    ]);
    const noisyPad = embedding.map((x, i) => (i === 64 ? 0.5 : x));
    const padded = await edited(await official(), (name) => (name === 'embedding.weight' ? { values: noisyPad } : {}));
    expect((await openModel(padded, A)).warnings).toEqual([expect.stringContaining('embedding of <pad> is not zero')]);
    const overwritten = await edited(await official(), (name) =>
      /^embedding|linear2\.weight/.test(name) ? { values: noisyPad } : {},
    );
    await expect(openModel(overwritten, A)).rejects.toThrow('a faulty conversion that overwrote the embedding');
  });

  test('no embedding, two embeddings, an unknown vocabulary', async () => {
    const nothing = await openTensorFile(
      memorySource('x', await safetensorsBytes([entry('a', [1], new Float32Array(1))])),
    );
    await expect(openModel(nothing, A)).rejects.toThrow(
      'x: no token embedding found; expected one of "embedding.weight", "lm.embedding.weight"',
    );
    const two = await add(await official(), 'lm.embedding.weight', new Float32Array(22), [22, 1]);
    await expect(openModel(two, A)).rejects.toThrow(
      'several models in one file ("embedding.weight", "lm.embedding.weight")',
    );
    const rows = await edited(await official(), (name, values) =>
      name === 'embedding.weight' ? { shape: [44, 32], values } : {},
    );
    await expect(openModel(rows, A)).rejects.toThrow(
      'tensor "embedding.weight" has 44 rows; a vocabulary of 22 tokens is expected',
    );
  });

  test('sizes of no preset need a config; a config of the other model is refused', async () => {
    await expect(openModel(await official())).rejects.toThrow('sizes of no published rinalmo model');
    await expect(openModel(await official(), fixtureConfig('ssrlm-A'))).rejects.toThrow(
      'holds a rinalmo encoder, but the config is for ssr-lm',
    );
  });

  test('sizes of a preset need none', async () => {
    const shapes = encoderParameters(PRESETS['rinalmo-nano']);
    const read = (name: string): Promise<Float32Array> =>
      Promise.resolve(new Float32Array(shapes.get(name)!.reduce((a, b) => a * b)).fill(1));
    const config: EncoderConfig = PRESETS['rinalmo-nano'];
    const file = await written({ config, scheme: 'official', lmHead: false, read });
    expect((await openModel(file)).config).toEqual(config);
  });
});
