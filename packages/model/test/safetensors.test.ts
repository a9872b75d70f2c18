import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { openSafetensors, writeSafetensors, type TensorEntry } from '../src/checkpoint/safetensors.ts';
import { openShards } from '../src/checkpoint/shards.ts';
import { blobSource, memorySink, memorySource, type ByteSource } from '../src/checkpoint/source.ts';
import { DTYPE_BYTES, readFloat32, readFloat32Chunks, type DType } from '../src/checkpoint/tensorFile.ts';
import { digest, entry, fixtureBytes, openFixture, safetensorsBytes } from './checkpoint.fixtures.ts';

/** A file with a header of our own making, well-formed or not. */
function rawFile(
  header: string,
  data = new Uint8Array(0),
  length = new TextEncoder().encode(header).byteLength,
): ByteSource {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.byteLength + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.byteLength);
  return memorySource('m.safetensors', bytes);
}

const dtypes = Object.keys(DTYPE_BYTES) as DType[];
const randomTensor = fc.record({
  dtype: fc.constantFrom(...dtypes),
  shape: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
  fill: fc.nat(255),
});

describe('round trip', () => {
  test('any names, dtypes, shapes and metadata come back, in order and byte for byte', async () => {
    const model = fc.tuple(
      fc.uniqueArray(
        fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
        { maxLength: 6 },
      ),
      fc.array(randomTensor, { minLength: 6, maxLength: 6 }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }),
    );
    await fc.assert(
      fc.asyncProperty(model, async ([names, tensors, texts]) => {
        const written = names.map((name, i) => {
          const { dtype, shape, fill } = tensors[i]!;
          const bytes = new Uint8Array(shape.reduce((a, b) => a * b, 1) * DTYPE_BYTES[dtype]).map((_, j) => fill + j);
          return { name, dtype, shape, bytes };
        });
        const metadata = new Map(Object.entries(texts));
        const bytes = await safetensorsBytes(
          written.map((each) => entry(each.name, each.shape, each.bytes, each.dtype)),
          metadata,
        );
        expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
        const file = await openSafetensors(memorySource('m', bytes));
        expect(new Map(file.metadata)).toEqual(metadata);
        expect([...file.tensors.keys()].sort()).toEqual([...names].sort());
        for (const each of written) {
          const tensor = file.tensors.get(each.name)!;
          expect(tensor).toMatchObject({ dtype: each.dtype, shape: each.shape, byteLength: each.bytes.byteLength });
          expect(digest(await tensor.read(0, tensor.byteLength))).toBe(digest(each.bytes));
        }
      }),
      { numRuns: 50 },
    );
  });

  test("the header of the reference writer's files is read, and a Blob like memory", async () => {
    const bytes = fixtureBytes('oracle/rinalmo-A/weights_official.safetensors');
    const memory = await openSafetensors(memorySource('m', bytes));
    const blob = await openSafetensors(blobSource('b', new Blob([bytes])));
    expect(memory.metadata.get('source')).toBe('RiNALMo official key names');
    for (const [name, tensor] of memory.tensors) {
      expect(digest(await readFloat32(blob.tensors.get(name)!))).toBe(digest(await readFloat32(tensor)));
    }
  });

  test('a file whose header is as long as the first bytes of an old .pt is still safetensors', async () => {
    const data = new Uint8Array(4);
    const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.padEnd(0x0280, ' ');
    const file = await openTensorFile(rawFile(header, data));
    expect([...file.tensors.keys()]).toEqual(['a']);
  });

  test('data come lazily, in order, in parts', async () => {
    const calls: string[] = [];
    const lazy = (name: string): TensorEntry => ({
      name,
      dtype: 'F32',
      shape: [2, 2],
      async *data() {
        calls.push(name);
        yield await Promise.resolve(new Float32Array([1, 2, 3]));
        yield new Float32Array([4]);
      },
    });
    const sink = memorySink();
    const source = await writeSafetensors(sink, [lazy('z'), lazy('a'), lazy('1')]).then(() =>
      memorySource('m', sink.bytes()),
    );
    expect(calls).toEqual(['z', 'a', '1']);
    const file = await openSafetensors(source);
    expect([...file.tensors.keys()].filter((name) => name !== '1')).toEqual(['z', 'a']);
    expect([...(await readFloat32(file.tensors.get('1')!))]).toEqual([1, 2, 3, 4]);
  });

  test('offsets beyond 4 GB are exact', async () => {
    const big = 6_000_000_000;
    const header = `{"big":{"dtype":"U8","shape":[${big}],"data_offsets":[0,${big}]},"w":{"dtype":"F32","shape":[1],"data_offsets":[${big},${big + 4}]}}`;
    const text = new TextEncoder().encode(header);
    const reads: number[] = [];
    const source: ByteSource = {
      name: 'huge',
      size: 8 + text.byteLength + big + 4,
      read(offset, length) {
        reads.push(offset);
        const head = new Uint8Array(8 + text.byteLength);
        new DataView(head.buffer).setBigUint64(0, BigInt(text.byteLength), true);
        head.set(text, 8);
        return Promise.resolve(
          offset < head.length ? head.slice(offset, offset + length) : new Uint8Array(new Float32Array([7]).buffer),
        );
      },
    };
    const file = await openSafetensors(source);
    expect(await readFloat32(file.tensors.get('w')!)).toEqual(new Float32Array([7]));
    expect(reads.at(-1)).toBe(8 + text.byteLength + big);
  });
});

describe('conversion to float32', () => {
  const read = async (dtype: DType, data: ArrayBufferView, count: number): Promise<number[]> => {
    const file = await openSafetensors(
      memorySource(
        'm',
        await safetensorsBytes([entry('odd', [1], new Uint8Array(1), 'U8'), entry('t', [count], data, dtype)]),
      ),
    );
    return [...(await readFloat32(file.tensors.get('t')!))];
  };

  test('F16, with subnormals, infinities and both zeros', async () => {
    const halves = new Uint16Array([
      0x0000, 0x8000, 0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x3555,
    ]);
    expect(await read('F16', halves, 11)).toEqual([
      0,
      -0,
      1,
      -2,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      Infinity,
      -Infinity,
      0.333251953125,
    ]);
    expect(await read('F16', new Uint16Array([0x7e00]), 1)).toEqual([NaN]);
  });

  test('BF16 is the upper half of a float32', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 20 }), async (values) => {
        const upper = Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16);
        const expected = new Float32Array(Uint32Array.from(upper, (bits) => bits << 16).buffer);
        expect(await read('BF16', upper, values.length)).toEqual([...expected]);
      }),
      { numRuns: 30 },
    );
  });

  test('F64 is rounded', async () => {
    expect(await read('F64', new Float64Array([0.1, 1e-50, -3]), 3)).toEqual([Math.fround(0.1), 0, -3]);
  });

  test('integers are no weights', async () => {
    await expect(read('I64', new BigInt64Array(1), 1)).rejects.toThrow(
      'm: tensor "t" is I64; weights are F32, F16, BF16, F64',
    );
  });

  test('chunks join to the whole, for any size and range', async () => {
    const file = await openFixture('oracle/ssrlm-B/weights.safetensors');
    const tensor = file.tensors.get('model.layers.0.mlp.up_proj.weight')!;
    const whole = await readFloat32(tensor);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 400, max: 50_000 }), fc.nat(whole.length - 1), async (maxBytes, start) => {
        const joined = new Float32Array(whole.length - start);
        for await (const { offset, data } of readFloat32Chunks(tensor, maxBytes, start)) {
          if (data.byteLength > maxBytes) throw new Error('chunk too large');
          joined.set(data, offset);
        }
        expect(digest(joined)).toBe(digest(whole.subarray(start)));
      }),
      { numRuns: 20 },
    );
  });
});

describe('damaged files are refused', () => {
  const one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  const four = new Uint8Array(4);
  test.each<[string, ByteSource, RegExp]>([
    ['an empty file', memorySource('m.safetensors', new Uint8Array(0)), /^m\.safetensors: 0 bytes are too few/],
    [
      'a page of HTML',
      memorySource('m.safetensors', new TextEncoder().encode('<!DOCTYPE html><html>')),
      /a web page and not the file itself/,
    ],
    ['a header over 100 MB', rawFile('{}', four, 100_000_001), /header claims 100000001 bytes/],
    ['a file cut inside its header', rawFile(`{"a":${one}}`, four, 5000), /cut off inside its header/],
    ['a header that is no JSON', rawFile('{"a":'), /header is not JSON/],
    ['a header that is a list', rawFile('[]'), /not a JSON object/],
    [
      'an unknown dtype',
      rawFile('{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,4]}}', four),
      /tensor "a": dtype F4 is not known; expected one of BOOL/,
    ],
    [
      'a shape that is not the size',
      rawFile('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', four),
      /tensor "a": \[2\] F32 takes 8 bytes, the header gives it 4/,
    ],
    [
      'a negative extent',
      rawFile('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', four),
      /tensor "a": shape\.0/,
    ],
    ['an unknown field', rawFile('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', four), /tensor "a"/],
    [
      'a cut-off file',
      rawFile(`{"a":${one}}`, new Uint8Array(3)),
      /tensor "a" ends at byte 4 of the data, but the file has only 3/,
    ],
    ['bytes after the end', rawFile(`{"a":${one}}`, new Uint8Array(6)), /2 bytes after the last tensor/],
    [
      'overlapping tensors',
      rawFile(
        `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
        new Uint8Array(8),
      ),
      /tensors "a" and "b" overlap/,
    ],
    ['a gap', rawFile(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}`, four), /3 bytes before tensor "a"/],
    ['two tensors of one name', rawFile(`{"a": ${one}, "a" : ${one}}`, four), /two tensors are named "a"/],
    ['two spellings of one name', rawFile(`{"a":${one},"\\u0061":${one}}`, four), /two tensors are named "a"/],
    ['metadata that is no text', rawFile('{"__metadata__":{"x":1}}'), /"__metadata__" must map/],
  ])('%s', async (_, source, message) => {
    await expect(openTensorFile(source)).rejects.toThrow(message);
  });

  test('any cut of a real file', async () => {
    const bytes = fixtureBytes('oracle/ssrlm-A/weights.safetensors');
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        await expect(openTensorFile(memorySource('cut', bytes.subarray(0, length)))).rejects.toThrow(/^cut: /);
      }),
      { numRuns: 40 },
    );
  });

  test('any damaged byte of a header is refused or harmless, never a crash', async () => {
    const bytes = fixtureBytes('oracle/ssrlm-A/weights.safetensors');
    await fc.assert(
      fc.asyncProperty(fc.nat(3279), fc.nat(255), async (position, value) => {
        const damaged = bytes.slice();
        damaged[position] = value;
        await openTensorFile(memorySource('damaged', damaged)).catch((error: unknown) =>
          expect((error as Error).message).toMatch(/^damaged: /),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('the writer refuses equal names and data of another size', async () => {
    await expect(safetensorsBytes([entry('a', [1], four), entry('a', [1], four)])).rejects.toThrow(
      'two tensors are named "a"',
    );
    await expect(safetensorsBytes([entry('a', [2], four)])).rejects.toThrow(
      'tensor "a" [2] F32 takes 8 bytes, 4 were given',
    );
    await expect(safetensorsBytes([entry('a', [0], four)])).rejects.toThrow('takes 0 bytes, 4 were given');
  });
});

describe('shards', () => {
  const value = (x: number): Float32Array => new Float32Array([x]);
  const shards = async (): Promise<Map<string, Uint8Array>> =>
    new Map([
      ['one.safetensors', await safetensorsBytes([entry('a', [1], value(1)), entry('b', [1], value(2))])],
      ['two.safetensors', await safetensorsBytes([entry('c', [1], value(3))])],
    ]);
  const open = async (weightMap: Record<string, string>): ReturnType<typeof openShards> => {
    const files = await shards();
    return openShards(JSON.stringify({ metadata: { total_size: 12 }, weight_map: weightMap }), 'index.json', (name) =>
      Promise.resolve(memorySource(name, files.get(name)!)),
    );
  };

  test('join to one file', async () => {
    const file = await open({ a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' });
    expect([...file.tensors.keys()].sort()).toEqual(['a', 'b', 'c']);
    expect(await readFloat32(file.tensors.get('c')!)).toEqual(value(3));
  });

  test('must agree with the index', async () => {
    await expect(open({ a: 'one.safetensors', c: 'one.safetensors' })).rejects.toThrow(
      'index.json: "b" is in one.safetensors, the index puts it in no file; "c" is not in one.safetensors',
    );
    await expect(open({ a: '../one.safetensors' })).rejects.toThrow('shard "../one.safetensors" is not the plain name');
    await expect(openShards('{"weight_map": 3}', 'index.json', () => Promise.reject(new Error()))).rejects.toThrow(
      'expected JSON with a "weight_map"',
    );
  });
});
