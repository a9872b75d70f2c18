/**
 * Low-rank terms: none at first, the same as the merged matrix afterwards; adapters as PEFT keeps them, ours and its
 * own.
 */
import { RandomStream } from '@rna/kernels';
import { type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  loraConfigJson,
  baseDigest,
  Encoder,
  headParameters,
  initializeLora,
  initializeParameters,
  loadParameters,
  LORA_TARGETS,
  loraParameters,
  memorySink,
  memorySource,
  openLora,
  openModel,
  openTensorFile,
  packTokens,
  parsePeftConfig,
  PRESETS,
  readMerged,
  savedLayout,
  spliceSite,
  writeLora,
  writeLoraHead,
  writeModel,
  type LoraBase,
  type EncoderConfig,
  type LoraSizes,
  type OpenedModel,
  type ParameterMap,
  type TaskHead,
  type TensorFile,
} from '../src/index.ts';
import { tokenize } from '@rna/structure';
import { entry, safetensorsBytes } from './checkpoint.fixtures.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});
const made: { dispose(): void }[] = [];
afterEach(() => {
  made.splice(0).forEach((tensor) => {
    tensor.dispose();
  });
  expect(device.memory.use().tensors).toBe(0);
});

const PRESET_OF = { rinalmo: 'rinalmo-nano', 'ssr-lm': 'ssr-lm-s', 'rna-fm': 'rna-fm' } as const;
const config = (model: EncoderConfig['model']): EncoderConfig => ({
  ...PRESETS[PRESET_OF[model]],
  dim: 16,
  layers: 2,
  heads: 2,
  kvHeads: model === 'ssr-lm' ? 1 : 2,
  ffnDim: 24,
});
const lora: LoraSizes = { rank: 3, alpha: 6, targets: LORA_TARGETS };
const pack = packTokens(['GGCAUUCGCC', 'ACGUACGUUUU'].map((sequence) => tokenize(sequence)));

const own = (parameters: ParameterMap): ParameterMap => {
  made.push(...parameters.values());
  return parameters;
};

/** Terms with a B that is not zero. */
function terms(sizes: EncoderConfig, seed: number): ParameterMap {
  const random = new RandomStream(seed);
  return own(
    new Map(
      [...loraParameters(sizes, lora)].map(([name, shape]) => [
        name,
        device
          .tensor(
            Float32Array.from({ length: shape[0]! * shape[1]! }, () => 0.1 * random.normal()),
            shape,
          )
          .keep(),
      ]),
    ),
  );
}

async function representation(encoder: Encoder): Promise<Float32Array> {
  const y = encoder.forward(pack).keep();
  made.push(y);
  return y.read();
}

const file = async (
  name: string,
  write: (sink: ReturnType<typeof memorySink>) => Promise<void>,
): Promise<TensorFile> => {
  const sink = memorySink();
  await write(sink);
  return openTensorFile(memorySource(name, sink.bytes()));
};

const openBase = async ({ config: sizes, parameters }: Encoder): Promise<OpenedModel> =>
  openModel(
    await file('base', (sink) =>
      writeModel(sink, {
        config: sizes,
        scheme: savedLayout(sizes.model).scheme,
        read: (name) => parameters.get(name)!.read(),
      }),
    ),
    sizes,
  );

async function loaded(model: OpenedModel): Promise<ParameterMap> {
  return own(await loadParameters(device, model));
}

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe.each(['rinalmo', 'ssr-lm', 'rna-fm'] as const)('%s', (model) => {
  const sizes = config(model);
  const base = (): Encoder => new Encoder(device, sizes, own(Encoder.initialize(device, sizes, 1).parameters));
  const adapted = ({ parameters }: Encoder, low: ParameterMap, extra: ParameterMap = new Map()): Encoder =>
    new Encoder(device, sizes, new Map([...parameters, ...low, ...extra]), undefined, lora);
  const peft = (text: string) => parsePeftConfig(text, 'adapter_config.json');
  const written = async (encoder: Encoder, named: LoraBase) => ({
    config: peft(loraConfigJson({ config: sizes, lora, base: named })),
    weights: await file('adapter_model.safetensors', (sink) =>
      writeLora(sink, { config: sizes, lora, base: named, read: (name) => encoder.parameters.get(name)!.read() }),
    ),
  });

  it('begins as the encoder is', async () => {
    const encoder = base();
    const fresh = adapted(encoder, own(initializeLora(device, sizes, lora, 5)));
    expect(await representation(fresh)).toEqual(await representation(encoder));
    expect([...loraParameters(sizes, { ...lora, targets: ['out'] }).keys()]).toEqual([
      'blocks.0.attention.out.loraA',
      'blocks.0.attention.out.loraB',
      'blocks.1.attention.out.loraA',
      'blocks.1.attention.out.loraB',
    ]);
  });

  it('is the merged model, kept as an adapter', async () => {
    const encoder = base();
    const before = await representation(encoder);
    const tuned = adapted(encoder, terms(sizes, 7));
    const named: LoraBase = {
      name: 'organisation/base',
      digest: await baseDigest(sizes, (name) => encoder.parameters.get(name)!.read()),
    };
    const files = await written(tuned, named);
    expect([...files.weights.tensors.keys()].filter((name) => name.includes('0.')).slice(0, 4)).toEqual(
      model !== 'ssr-lm'
        ? ['query.lora_A', 'query.lora_B', 'key.lora_A', 'key.lora_B'].map(
            (name) => `base_model.model.model.encoder.layer.0.attention.self.${name}.weight`,
          )
        : ['q_proj.lora_A', 'q_proj.lora_B', 'k_proj.lora_A', 'k_proj.lora_B'].map(
            (name) => `base_model.model.model.layers.0.self_attn.${name}.weight`,
          ),
    );
    const opened = await openLora(await openBase(encoder), { name: 'adapter', lora: files });
    const merged = new Encoder(device, sizes, await loaded(opened));
    const expected = await representation(tuned);
    expect(largestDifference(await representation(merged), expected)).toBeLessThan(1e-5);
    expect(largestDifference(before, expected)).toBeGreaterThan(1e-2);
    // Merged on the way in or out, whole or in parts, to the bit.
    const [small, whole] = [
      new Map<string, number[]>(),
      new Map([...merged.parameters].map(([name, tensor]) => [name, tensor])),
    ];
    for await (const { name, data } of opened.parameters(4 * 37))
      small.set(name, [...(small.get(name) ?? []), ...data]);
    for (const [name, tensor] of whole) {
      const values = await tensor.read();
      expect(values, name).toEqual(await readMerged(tuned, name));
      expect(Float32Array.from(small.get(name)!), name).toEqual(values);
      expect(await opened.read(name), name).toEqual(values);
    }
  });

  it('names its modules as PEFT finds them', () => {
    const { target_modules: pattern } = JSON.parse(loraConfigJson({ config: sizes, lora, base: { name: 'b' } })) as {
      target_modules: string;
    };
    const found = (name: string): boolean => new RegExp(`^(?:${pattern})$`).test(name);
    const [inside, outside] =
      model !== 'ssr-lm'
        ? [
            [
              'encoder.layer.1.attention.self.value',
              'encoder.layer.11.output.dense',
              'encoder.layer.0.attention.output.dense',
            ],
            ['encoder.layer.0.attention.layer_norm', 'lm_head.decoder'],
          ]
        : [
            ['layers.1.self_attn.v_proj', 'layers.12.mlp.down_proj'],
            ['layers.1.input_layernorm', 'lm_head'],
          ];
    inside.forEach((name) => {
      expect(found(`model.${name}`), name).toBe(true);
    });
    outside.forEach((name) => {
      expect(found(`model.${name}`), name).toBe(false);
    });
  });

  it('is given the base that it was trained on', async () => {
    const encoder = base();
    const files = await written(adapted(encoder, terms(sizes, 7)), { name: 'organisation/base', digest: '00000000' });
    const opened = await openLora(await openBase(encoder), { name: 'runs/a', lora: files });
    await expect(loaded(opened)).rejects.toThrow(
      /^runs\/a: was trained on other weights than those of its base "organisation\/base"/,
    );
    const other = { ...sizes, ffnDim: 20 };
    const wrong = await openBase(new Encoder(device, other, own(Encoder.initialize(device, other, 1).parameters)));
    await expect(openLora(wrong, { name: 'runs/a', lora: files })).rejects.toThrow(
      /gate.*lora|A \[3, 16\] and B \[24, 3\] do not fit a matrix \[20, 16\]/s,
    );
  });
});

describe('an adapter that PEFT made', () => {
  const sizes = config('rinalmo');
  const text = JSON.stringify({
    peft_type: 'LORA',
    base_model_name_or_path: 'multimolecule/rinalmo',
    r: 2,
    lora_alpha: 4,
    lora_dropout: 0.1,
    target_modules: ['value'],
    alpha_pattern: {},
    peft_version: '0.19.1',
  });
  const module = 'base_model.model.encoder.layer.1.attention.self.value';
  const [a, b] = [
    Float32Array.from({ length: 32 }, (_, i) => i / 32),
    Float32Array.from({ length: 32 }, (_, i) => 1 - i / 16),
  ];
  const weights = async (name = module) =>
    openTensorFile(
      memorySource(
        'adapter_model.safetensors',
        await safetensorsBytes([
          entry(`${name}.lora_A.weight`, [2, 16], a),
          entry(`${name}.lora_B.weight`, [16, 2], b),
        ]),
      ),
    );

  it('may have a term for the values alone', async () => {
    const encoder = new Encoder(device, sizes, own(Encoder.initialize(device, sizes, 1).parameters));
    const opened = await openLora(await openBase(encoder), {
      name: 'a',
      lora: { config: parsePeftConfig(text, 'c'), weights: await weights() },
    });
    const name = 'blocks.1.attention.qkv.weight';
    const before = await encoder.parameters.get(name)!.read();
    const expected = before.map((value, i) => {
      const [row, column] = [Math.floor(i / 16) - 32, i % 16];
      return row < 0 ? value : value + 2 * (b[2 * row]! * a[column]! + b[2 * row + 1]! * a[16 + column]!);
    });
    expect(largestDifference(await opened.read(name), expected)).toBeLessThan(1e-6);
  });

  it('is refused where it is of something else', async () => {
    const encoder = new Encoder(device, sizes, own(Encoder.initialize(device, sizes, 1).parameters));
    const opening = weights('base_model.model.bert.value').then(async (file) =>
      openLora(await openBase(encoder), { name: 'a', lora: { config: parsePeftConfig(text, 'c'), weights: file } }),
    );
    await expect(opening).rejects.toThrow(
      /adapter_model\.safetensors: is no adapter of a rinalmo encoder of these sizes:\n {2}unexpected "base_model\.model\.bert\.value\.lora_A\.weight"/,
    );
    expect(() => parsePeftConfig(text.replace('LORA', 'IA3'), 'adapter_config.json')).toThrow(
      /adapter_config\.json: not a plain LoRA adapter.*peft_type/s,
    );
    expect(() => parsePeftConfig(text.replace('{', '{"use_dora":true,'), 'adapter_config.json')).toThrow(
      /not a plain LoRA adapter: "use_dora" is true\. Merge it into its base/,
    );
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    expect(() => parsePeftConfig(text.replace('{', `{"bias":${deep},`).replace('"bias":"none"', '"b":1'), 'c')).toThrow(
      /^c: not a plain LoRA adapter: "bias" is a list or a group\./,
    );
    expect(() => parsePeftConfig('[]', 'adapter_config.json')).toThrow(/not a plain LoRA adapter: .*expected object/);
  });
});

describe('a head beside a base', () => {
  const sizes = config('ssr-lm');
  const task: TaskHead = { head: spliceSite, sizes: { hidden: 4 } };

  it('takes the place of that of the base, with its scalars', async () => {
    const encoder = Encoder.initialize(device, sizes, 1);
    own(encoder.parameters);
    const parameters = own(initializeParameters(device, headParameters(task, 16), 'ssr-lm', 3));
    const read = (name: string): Promise<Float32Array> =>
      (parameters.get(name) ?? encoder.parameters.get(name)!).read();
    const head = await file('head.safetensors', (sink) =>
      writeLoraHead(sink, { task, dim: 16, scalars: new Map([['threshold', 0.25]]), base: { name: 'b' }, read }),
    );
    const opened = await openLora(await openBase(encoder), { name: 'a', head });
    expect(opened.task).toEqual(task);
    expect(opened.scalars).toEqual(new Map([['threshold', 0.25]]));
    expect([...opened.shapes.keys()]).toEqual([...encoder.parameters.keys(), ...parameters.keys()]);
    for (const [name, tensor] of await loaded(opened)) expect(await tensor.read(), name).toEqual(await read(name));
  });
});
