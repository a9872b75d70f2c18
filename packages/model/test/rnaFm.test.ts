/** RNA-FM's files under all of their names, its sizes, its limit; its numbers are rnaFmParity.ts's. */
import { openDevice } from '@rna/tensor/node';
import { TOKEN, tokenize } from '@rna/structure';
import { describe, expect, test } from 'vitest';
import { openModel, type OpenedModel } from '../src/checkpoint/load.ts';
import { loadParameters } from '../src/checkpoint/loadParameters.ts';
import { encoderMappings, WRITTEN_LAYOUTS, type Layout } from '../src/checkpoint/names.ts';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { writeModel } from '../src/checkpoint/save.ts';
import { memorySink, memorySource } from '../src/checkpoint/source.ts';
import { readFloat32, type TensorFile } from '../src/checkpoint/tensorFile.ts';
import { longestInput, PRESETS, type EncoderConfig } from '../src/config.ts';
import { configJson, parseConfig } from '../src/configJson.ts';
import { Encoder } from '../src/encoder.ts';
import { packTokens } from '../src/packing.ts';
import { digest, edited, entry, fixtureText, openFixture } from './checkpoint.fixtures.ts';

const PREFIX = 'encoder.encoder.';
const published = (): Promise<TensorFile> => openFixture('oracle/rnafm/tiny.pth');
const port = (): Promise<TensorFile> => openFixture('oracle/rnafm/port.safetensors');
const portConfig = fixtureText('oracle/rnafm/port.config.json');
const TINY: EncoderConfig = parseConfig(portConfig, 'config.json');

/** Every parameter's size and bits; of tables only the rows of tokens that a text can hold, and `<mask>`. */
async function parameters(model: OpenedModel): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [name, shape] of model.shapes) {
    const values = await model.read(name);
    const width = values.length / shape[0]!;
    const isTable = shape[0] === 25;
    found.set(
      name,
      digest(
        isTable
          ? Float32Array.from(values).filter((_, i) => i < 22 * width && Math.floor(i / width) !== TOKEN.I)
          : values,
      ),
    );
  }
  return found;
}

const renamed = (file: TensorFile, rename: (name: string) => string | undefined): Promise<TensorFile> =>
  edited(file, (name) => {
    const other = rename(name);
    return other === undefined ? null : { name: other };
  });

async function written(model: OpenedModel, scheme: 'official' | 'port', lmHead = true): Promise<TensorFile> {
  const sink = memorySink();
  await writeModel(sink, { config: model.config, scheme, lmHead, read: (name) => model.read(name) });
  return openTensorFile(memorySource('written.safetensors', sink.bytes()));
}

describe('names', () => {
  test('every key and shape of the published model, official and port', () => {
    const listed = (layout: Layout): string[] =>
      encoderMappings(PRESETS['rna-fm'], layout).flatMap(({ sources }) =>
        sources.flatMap(({ name, aliases, shape }) => [name, ...aliases].map((each) => `${each} ${shape.join('x')}`)),
      );
    const rows = fixtureText('keys/rna-fm.tsv')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'))
      .filter(([name]) => !name!.startsWith('contact_head.'));
    expect(listed(WRITTEN_LAYOUTS['rna-fm'].official).sort()).toEqual(
      [...new Set(rows.map(([name, shape]) => `${name} ${shape}`))].sort(),
    );
    expect(listed(WRITTEN_LAYOUTS['rna-fm'].port).sort()).toEqual(
      rows.map(([, , name, shape]) => `${name} ${shape}`).sort(),
    );
  });
});

describe('the published sizes', () => {
  /** A file of these names and shapes, of which nothing can be read. */
  const shapesOnly = (names: readonly (readonly [name: string, shape: string])[]): TensorFile => ({
    name: 'RNA-FM_pretrained.pth',
    metadata: new Map(),
    scalars: new Map(),
    tensors: new Map(
      names.map(([name, shape]) => {
        const extents = shape.split('x').map(Number);
        const byteLength = 4 * extents.reduce((a, b) => a * b, 1);
        return [
          name,
          {
            file: 'RNA-FM_pretrained.pth',
            name,
            dtype: 'F32',
            shape: extents,
            byteLength,
            read: () => Promise.reject(new Error(`${name} is read`)),
          },
        ];
      }),
    ),
  });
  const keys = fixtureText('keys/rna-fm.tsv')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t') as [string, string, string, string, string]);

  test.each(['contact_head', ''])('are told by shapes alone, with and without "%s"', async (kept) => {
    const official = shapesOnly(
      keys
        .filter(([name]) => name !== 'lm_head.weight' && (kept !== '' || !name.startsWith('contact_head')))
        .map(([name, shape]) => [PREFIX + name, shape]),
    );
    expect((await openModel(official)).config).toEqual(PRESETS['rna-fm']);
    const hub = shapesOnly(
      keys
        .filter(([name, , , , tied]) => tied !== 'tied' && (kept !== '' || !name.startsWith('contact_head')))
        .map(([, , name, shape]) => [name, shape]),
    );
    expect((await openModel(hub)).config).toEqual(PRESETS['rna-fm']);
  });

  test.each([
    [28, [1, 0, 2, 3, 6, 7, 8, 9, 11, 12, 15, 16, 13, 14, 17, 18, 19, 20, 10, 26, 5, 5, 5, 5, 4]],
    [26, [1, 0, 2, 3, 6, 7, 8, 9, 11, 12, 15, 16, 13, 14, 17, 18, 19, 20, 10, 24, 5, 5, 5, 5, 4]],
  ])("each token's row in the port's table of %d", (vocabularySize, rows) => {
    // The official row of each of our ids: A and N, say, are 4 and 18 there.
    const own = encoderMappings(PRESETS['rna-fm'], WRITTEN_LAYOUTS['rna-fm'].official)[0]!.rowMap!;
    const map = encoderMappings(PRESETS['rna-fm'], { ...WRITTEN_LAYOUTS['rna-fm'].port, vocabularySize })[0]!.rowMap!;
    expect(own[TOKEN.A]).toBe(4);
    expect(own[TOKEN.N]).toBe(18);
    expect(own[TOKEN.mask]).toBe(24);
    expect(rows.map((_, official) => map[own.indexOf(official)])).toEqual(rows);
  });
});

describe('files', () => {
  test('the published container, its old form and the port give the same parameters', async () => {
    const expected = await openModel(await published());
    expect(expected.config).toEqual(TINY);
    expect(expected.warnings).toEqual([]);
    expect(expected.lmHead).toBe(true);
    const bits = await parameters(expected);
    for (const file of [await openFixture('oracle/rnafm/tiny_legacy.pth'), await port()]) {
      const model = await openModel(file);
      expect(model.config).toEqual(TINY);
      expect(await parameters(model)).toEqual(bits);
    }
    expect(await parameters(await openModel(await port(), TINY))).toEqual(bits);
  });

  test.each([
    ['', ''],
    ['encoder.', 'encoder.'],
    ['module.encoder.encoder.', 'module.encoder.encoder.'],
    ['encoder.sentence_encoder.', 'encoder.'],
    ['backbone.', 'backbone.'],
  ])('the prefix "%s", of the LM head "%s"', async (prefix, lmPrefix) => {
    const file = await renamed(await published(), (name) => {
      const own = name.slice(PREFIX.length);
      return (own.startsWith('lm_head.') ? lmPrefix : prefix) + own;
    });
    expect(await parameters(await openModel(file))).toEqual(await parameters(await openModel(await published())));
  });

  test('the language model of a RhoFold file', async () => {
    const file = await edited(
      await published(),
      (name) => ({ name: `msa_embedder.rna_fm.${name.slice(PREFIX.length)}` }),
      [
        entry('msa_embedder.rna_fm_reduction.weight', [2, 2], new Float32Array(4)),
        entry('structure_module.ipa.head_weights', [2], new Float32Array(2)),
      ],
    );
    const model = await openModel(file);
    expect(model.warnings).toEqual([expect.stringContaining('only the language model of this RhoFold file is used')]);
    expect(await parameters(model)).toEqual(await parameters(await openModel(await published())));
  });

  test("the port's former names, and a bare model with a pooler", async () => {
    const expected = await parameters(await openModel(await port()));
    const former = await renamed(await port(), (name) =>
      name
        .replace(/^model\./, 'rnafm.')
        .replace(/^lm_head\./, 'pretrain.predictions.')
        .replace(/^ss_head\.decoder/, 'pretrain.contact_head.decoder'),
    );
    expect(await parameters(await openModel(former, TINY))).toEqual(expected);
    const bare = await openModel(
      await edited(await port(), (name) => (name.startsWith('model.') ? { name: name.slice('model.'.length) } : null), [
        entry('pooler.dense.weight', [2, 2], new Float32Array(4)),
      ]),
      TINY,
    );
    expect(bare.lmHead).toBe(false);
    expect(await bare.read('embedding.positions.weight')).toHaveLength(64 * 32);
  });

  test('a decoder beside the embedding must be the same', async () => {
    const other = await edited(await published(), (name, values) =>
      name.endsWith('lm_head.weight') ? { values: values.map((value) => value + 1) } : {},
    );
    await expect(openModel(other)).rejects.toThrow(
      '"encoder.encoder.embed_tokens.weight" and "encoder.encoder.lm_head.weight" differ, though they are one tensor',
    );
    const once = await renamed(await published(), (name) => (name.endsWith('lm_head.weight') ? undefined : name));
    expect(await parameters(await openModel(once))).toEqual(await parameters(await openModel(await published())));
  });

  test('are written back bit for bit', async () => {
    const source = await published();
    const back = await written(await openModel(source), 'official');
    const kept = [...source.tensors].filter(([name]) => !name.includes('contact_head'));
    expect([...back.tensors.keys()].sort()).toEqual(kept.map(([name]) => name.slice(PREFIX.length)).sort());
    for (const [name, tensor] of kept)
      expect(digest(await readFloat32(back.tensors.get(name.slice(PREFIX.length))!))).toBe(
        digest(await readFloat32(tensor)),
      );
    // The port's file has noise in the rows of tokens that RNA-FM does not know.
    const hub = await port();
    const again = await written(await openModel(hub), 'port');
    expect([...again.tensors.keys()].sort()).toEqual(
      [...hub.tensors.keys()].filter((name) => !name.startsWith('ss_head')).sort(),
    );
    const isNoise = (row: number): boolean => [21, 23, 24, 25, 27].includes(row);
    for (const [name, tensor] of again.tensors) {
      const [actual, expected] = [await readFloat32(tensor), await readFloat32(hub.tensors.get(name)!)];
      const width = tensor.shape[0] === 28 ? actual.length / 28 : Infinity;
      const known = expected.map((value, i) => (isNoise(Math.floor(i / width)) ? 0 : value));
      // X is a mean, whose last bit depends on the order of the sum.
      expect(
        actual.reduce((worst, value, i) => Math.max(worst, Math.abs(value - known[i]!)), 0),
        name,
      ).toBeLessThan(1e-7);
    }
  });

  test('without an LM head the decoder is left out', async () => {
    const bare = await written(await openModel(await published()), 'official', false);
    expect([...bare.tensors.keys()].filter((name) => name.startsWith('lm_head'))).toEqual([]);
    expect((await openModel(bare, TINY)).lmHead).toBe(false);
  });

  test('what does not fit is one error', async () => {
    const bad = await edited(await published(), (name) => (name.endsWith('layers.1.fc2.bias') ? null : {}), [
      entry(`${PREFIX}layers.0.fc3.bias`, [2], new Float32Array(2)),
    ]);
    await expect(openModel(bad)).rejects.toThrow(
      /does not fit rna-fm \(dim 32, 2 layers, 4 heads, feed-forward 64\) under the official names:\n {2}missing "encoder\.encoder\.layers\.1\.fc2\.bias" \[32\]\n {2}unexpected "encoder\.encoder\.layers\.0\.fc3\.bias" \[2\]/,
    );
    const noHeads = await renamed(await published(), (name) => (name.includes('contact_head') ? undefined : name));
    await expect(openModel(noHeads)).rejects.toThrow('the number of heads cannot be read off them');
    expect((await openModel(noHeads, TINY)).config).toEqual(TINY);
    const codons = await edited(await published(), (name, values) =>
      name.endsWith('embed_tokens.weight')
        ? { values: new Float32Array(73 * 32).fill(values[0]!), shape: [73, 32] }
        : {},
    );
    await expect(openModel(codons)).rejects.toThrow('this is mRNA-FM, which reads codons');
    await expect(openModel(await published(), PRESETS['rinalmo-nano'])).rejects.toThrow('holds a rna-fm encoder');
  });
});

describe('config.json', () => {
  const fields = JSON.parse(portConfig) as object;
  const parse = (changed: object): EncoderConfig =>
    parseConfig(JSON.stringify({ ...fields, ...changed }), 'config.json');

  test('of the port: a wrong eps is ignored, token dropout and the norm of the embedding are read', () => {
    expect(parse({ layer_norm_eps: 1e-12, vocab_size: 26 })).toEqual(TINY);
    expect(parse({ token_dropout: true, embed_norm: false }).learned).toEqual({
      rows: 64,
      norm: false,
      tokenDropout: true,
    });
    expect(parse({ embed_norm: undefined, emb_layer_norm_before: false }).learned!.norm).toBe(false);
    expect(parseConfig(configJson(TINY, 28), 'written')).toEqual(TINY);
  });

  test.each([
    [{ codon: true }, /"codon"/],
    [{ vocab_size: 131 }, /"vocab_size".*25.*26.*28/],
    [{ hidden_act: 'relu' }, /"hidden_act"/],
    [{ position_embedding_type: 'rotary' }, /"position_embedding_type"/],
    [{ max_position_embeddings: 2 }, /"max_position_embeddings"/],
  ])('refuses %o', (changed, message) => {
    expect(() => parse(changed)).toThrow(message);
  });
});

test('reads sequences up to the last position, inosine as <unk>', async () => {
  const device = await openDevice();
  const model = await openModel(await published());
  const encoder = new Encoder(device, model.config, await loadParameters(device, model));
  const run = async (sequence: string): Promise<Float32Array> => {
    const y = encoder.forward(packTokens([tokenize(sequence)]));
    const values = await y.read();
    y.dispose();
    return values;
  };
  expect(longestInput(model.config)).toBe(62);
  expect(longestInput(PRESETS['rna-fm'])).toBe(1024);
  expect(await run('A'.repeat(60))).toHaveLength(62 * 32);
  expect(() => encoder.forward(packTokens([tokenize('AC'), tokenize('A'.repeat(61))]))).toThrow(
    'a sequence of 63 tokens is longer than the 62 that the model has positions for: cut it into parts of at most 60 nucleotides',
  );
  expect(await run('GCIAU')).toEqual(await run('GC?AU'));
  expect(await run('GCIAU')).not.toEqual(await run('GCNAU'));
  device.destroy();
});
