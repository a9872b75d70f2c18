/** Files as they are found: training checkpoints, wrapped modules, newer configs, and what is no file of weights. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PRESETS, type EncoderConfig } from '../src/config.ts';
import { parseConfig } from '../src/configJson.ts';
import { openModel } from '../src/checkpoint/load.ts';
import { unwrapped } from '../src/checkpoint/layout.ts';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { openShards } from '../src/checkpoint/shards.ts';
import { memorySink, memorySource } from '../src/checkpoint/source.ts';
import { writePyTorch } from '../src/checkpoint/pytorchWriter.ts';
import { readFloat32, type TensorFile } from '../src/checkpoint/tensorFile.ts';
import { edited, entry, openFixture, safetensorsBytes } from './checkpoint.fixtures.ts';

/** The encoder of makeWrapped.py. */
const TINY: EncoderConfig = { ...PRESETS['rinalmo-nano'], dim: 8, layers: 1, heads: 2, kvHeads: 2, ffnDim: 21 };

/** Element i of the tensor at place k, as makeWrapped.py says. */
const made = (k: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (((31 * k + i) % 17) - 8) / 16);

describe('training checkpoints', () => {
  test("Lightning's is read by its state dict, threshold and scaler included", async () => {
    const model = await openModel(await openFixture('pytorch/lightning.ckpt'), TINY);
    expect(model.layout).toMatchObject({ scheme: 'official', prefix: 'lm.' });
    expect(model.scalars).toEqual(
      new Map([
        ['threshold', 0.17],
        ['scaler._mean', made(16, 1)[0]],
        ['scaler._std', made(17, 1)[0]],
      ]),
    );
    expect([...(await model.read('embedding.weight'))]).toEqual(made(0, 176));
    expect([...(await model.read('blocks.0.attention.out.weight'))]).toEqual(made(4, 64));
    expect([...(await model.read('blocks.0.feedForward.gateUp.weight'))]).toEqual([...made(7, 168), ...made(9, 168)]);
  });

  test('what wraps modules for training or compiles them is taken off the names', async () => {
    const file = await openFixture('pytorch/wrapped.pt');
    expect(file.tensors.has('module._orig_mod.embedding.weight')).toBe(true);
    const model = await openModel(file, TINY);
    expect(model.layout).toMatchObject({ scheme: 'official', prefix: '' });
    expect([...(await model.read('finalNorm.bias'))]).toEqual(made(15, 8));
  });

  test.each(['model.', 'net._orig_mod.', 'model.module.'])('an attribute of a training script: %s', async (prefix) => {
    const file = await edited(await openFixture('pytorch/wrapped.pt'), (name) => ({
      name: name.replace('module._orig_mod.', prefix),
    }));
    expect([...(await (await openModel(file, TINY)).read('finalNorm.bias'))]).toEqual(made(15, 8));
  });

  test('two tensors of one name without wrappers are refused', async () => {
    const file = await openTensorFile(
      memorySource(
        'twice.safetensors',
        await safetensorsBytes([
          entry('module.embedding.weight', [1], Float32Array.of(1)),
          entry('embedding.weight', [1], Float32Array.of(1)),
        ]),
      ),
    );
    expect(() => unwrapped(file)).toThrow(/^twice\.safetensors: .*are both "embedding\.weight"/);
  });

  test("a model's own names stay", async () => {
    const file = await openFixture('oracle/ssrlm-A/weights.safetensors');
    expect([...unwrapped(file).tensors.keys()]).toEqual([...file.tensors.keys()]);
  });
});

describe('shards of PyTorch', () => {
  const shard = async (name: string, value: number, scalars?: ReadonlyMap<string, number>): Promise<Uint8Array> => {
    const sink = memorySink();
    await writePyTorch(sink, [entry(name, [1], Float32Array.of(value))], scalars);
    return sink.bytes();
  };
  const open = (files: Record<string, Uint8Array>, index: string): Promise<TensorFile> =>
    openShards(index, 'pytorch_model.bin.index.json', (name) => Promise.resolve(memorySource(name, files[name]!)));

  test('are joined, numbers too', async () => {
    const files = { 'p-1.bin': await shard('a', 1), 'p-2.bin': await shard('b', 2, new Map([['threshold', 0.25]])) };
    const map = { a: 'p-1.bin', b: 'p-2.bin', threshold: 'p-2.bin' };
    const file = await open(files, JSON.stringify({ weight_map: map }));
    expect([...(await readFloat32(file.tensors.get('b')!))]).toEqual([2]);
    expect(file.scalars).toEqual(new Map([['threshold', 0.25]]));
  });

  test('an index that is a pointer of Git LFS', async () => {
    await expect(open({}, LFS)).rejects.toThrow('pytorch_model.bin.index.json: a Git LFS pointer');
  });
});

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4b'.repeat(32)}\nsize 135140000\n`;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('what lies where weights should', () => {
  test.each([
    ['a pointer of Git LFS', bytesOf(LFS), /^x: a Git LFS pointer and not the file itself: run git lfs/],
    ['a web page', bytesOf('<!DOCTYPE html><html lang="en"><head>'), /^x: a web page and not the file itself/],
    ['a page after blank lines', bytesOf('\n\n  <HTML>\n'), /^x: a web page/],
    ['an answer in XML', bytesOf('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), /^x: a web page/],
    ["a hub's refusal", bytesOf('Entry not found'), /^x: the answer of a server .*"Entry not found"/],
    ['JSON', bytesOf('{"metadata": {"total_size": 3}, "weight_map": {}}'), /^x: JSON text; expected \.safetensors/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), /^x: compressed by gzip/],
    ['a bare pickle', Uint8Array.of(0x80, 4, 0x95, 9, 0, 0, 0, 0, 0, 0, 0, 0x2e), /^x: a bare pickle/],
    ['nothing', new Uint8Array(0), /^x: 0 bytes are too few/],
  ])('%s', async (_, bytes, message) => {
    await expect(openTensorFile(memorySource('x', bytes))).rejects.toThrow(message);
  });

  test.each([
    [LFS, /^config\.json: a Git LFS pointer/],
    ['<html><body>Sign in</body></html>', /^config\.json: a web page/],
    ['', /^config\.json: not valid JSON/],
  ])('a config that is %j', (text, message) => {
    expect(() => parseConfig(text, 'config.json')).toThrow(message);
  });
});

describe('bytes of readFile', () => {
  test('are copied by a read, wherever they lie in memory', async () => {
    // A header of odd length puts the numbers at an odd place; Buffer's own slice would be a view of it.
    const header = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const file = Buffer.alloc(8 + header.length + 8);
    file.writeBigUInt64LE(BigInt(header.length));
    file.write(header, 8);
    file.writeFloatLE(1.5, 8 + header.length);
    file.writeFloatLE(-2, 12 + header.length);
    expect((8 + header.length) % 4).not.toBe(0);
    const source = memorySource('odd', file);
    const read = await source.read(0, 8);
    read.fill(255);
    const { tensors } = await openTensorFile(source);
    expect([...(await readFloat32(tensors.get('a')!))]).toEqual([1.5, -2]);
    // As a README would have it.
    const path = new URL('./fixtures/oracle/ssrlm-A/weights.safetensors', import.meta.url);
    const whole = await openTensorFile(memorySource('weights', readFileSync(path)));
    const expected = await openFixture('oracle/ssrlm-A/weights.safetensors');
    for (const [name, tensor] of whole.tensors)
      expect(await readFloat32(tensor)).toEqual(await readFloat32(expected.tensors.get(name)!));
  });
});
