import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { writePyTorch } from '../src/checkpoint/pytorchWriter.ts';
import { memorySink, memorySource } from '../src/checkpoint/source.ts';
import { readFloat32, readFloat32Chunks } from '../src/checkpoint/tensorFile.ts';
import { digest, entry, fixtureBytes, openFixture } from './checkpoint.fixtures.ts';

describe.each(['state', 'deflated'])('%s.pt, saved by PyTorch', (name) => {
  test('tensors of every dtype, views of one storage, parameters, numbers', async () => {
    const file = await openFixture(`pytorch/${name}.pt`);
    const read = async (tensor: string): Promise<number[]> => [...(await readFloat32(file.tensors.get(tensor)!))];
    expect(await read('matrix')).toEqual([1, -2, 3.5, 4, 0, Math.fround(1e-3)]);
    expect(file.tensors.get('matrix')).toMatchObject({ dtype: 'F32', shape: [3, 2], byteLength: 24 });
    expect(await read('half')).toEqual([1, -0.5, 65504]);
    expect(await read('bfloat')).toEqual([1, -0.5, (1 + 98 / 128) * 2 ** 127]);
    expect(await read('double')).toEqual([Math.fround(0.1)]);
    expect(file.tensors.get('steps')).toMatchObject({ dtype: 'I64', shape: [2] });
    expect(await read('first')).toEqual([0, 1, 2, 3]);
    expect(await read('second')).toEqual([4, 5, 6, 7, 8, 9]);
    expect(await read('parameter')).toEqual([5]);
    expect(file.tensors.get('zero_dim')!.shape).toEqual([]);
    expect(await read('zero_dim')).toEqual([6]);
    expect(await read('empty')).toEqual([]);
    expect(await read('column')).toEqual([0, 0, 0, 0]);
    expect(file.scalars).toEqual(
      new Map([
        ['threshold', 0.13],
        ['epoch', 3],
      ]),
    );
  });

  test('by range', async () => {
    const file = await openFixture(`pytorch/${name}.pt`);
    const chunks: number[][] = [];
    for await (const { data } of readFloat32Chunks(file.tensors.get('second')!, 8)) chunks.push([...data]);
    expect(chunks).toEqual([
      [4, 5],
      [6, 7],
      [8, 9],
    ]);
  });
});

describe('training checkpoints', () => {
  test.each(['model', 'state_dict'])('weights under %s, beside what is no tensor', async (key) => {
    const { tensors } = await openFixture(key === 'model' ? 'pytorch/nested.pt' : 'pytorch/lightning.ckpt');
    expect(tensors.size).toBeGreaterThan(1);
  });

  // checkpoint.pt is burn's (tracel-ai/burn, MIT or Apache-2.0), in the form of PyTorch's guide: an epoch beside it.
  test('weights under model_state_dict, with which an epoch, a loss and an optimiser are saved', async () => {
    const { tensors, scalars } = await openFixture('pytorch/checkpoint.pt');
    expect([...tensors.values()].map(({ name, shape }) => [name, shape])).toEqual([
      ['fc1.weight', [10, 5]],
      ['fc1.bias', [10]],
      ['fc2.weight', [3, 10]],
      ['fc2.bias', [3]],
    ]);
    expect(scalars.size).toBe(0);
  });

  test("fairseq's, with foreign classes and the optimiser's tensors, of which nothing is read", async () => {
    const file = await openFixture('oracle/rnafm/tiny.pth');
    expect([...file.tensors.keys()].every((name) => name.startsWith('encoder.encoder.'))).toBe(true);
    expect(file.tensors.size).toBe(46);
    expect(file.scalars.size).toBe(0);
  });

  test('weights under another key are not guessed', async () => {
    const text = new TextDecoder('latin1').decode(fixtureBytes('pytorch/nested.pt')).replace('model', 'other');
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    await expect(openTensorFile(memorySource('nested.pt', bytes))).rejects.toThrow(
      /"other" is a dict with the keys weight, bias; expected a tensor or a number\. If these are the weights, save them alone: torch\.save\(torch\.load\("file\.pt", map_location="cpu"\)\["other"\]/,
    );
  });
});

describe('files from before PyTorch 1.6', () => {
  test('have the tensors of the archive that was saved with them', async () => {
    const [old, archive] = [
      await openFixture('oracle/rnafm/tiny_legacy.pth'),
      await openFixture('oracle/rnafm/tiny.pth'),
    ];
    expect([...old.tensors.keys()]).toEqual([...archive.tensors.keys()]);
    for (const [name, tensor] of old.tensors) {
      expect(tensor.shape).toEqual(archive.tensors.get(name)!.shape);
      expect(digest(await readFloat32(tensor))).toBe(digest(await readFloat32(archive.tensors.get(name)!)));
    }
  });

  test('a plain state dict, whose last storage is the last bytes', async () => {
    const bytes = fixtureBytes('pytorch/legacy.pt');
    const file = await openTensorFile(memorySource('legacy.pt', bytes));
    expect([...file.tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['weight', [3, 2]],
      ['bias', [3]],
    ]);
    const stored = [...file.tensors.values()].map(async (tensor) => digest(await readFloat32(tensor)));
    const last = [bytes.slice(-12), bytes.slice(-24)].map(digest);
    expect((await Promise.all(stored)).some((each) => last.includes(each))).toBe(true);
  });

  test('cut off at any byte', async () => {
    const bytes = fixtureBytes('pytorch/legacy.pt');
    for (let length = 16; length < bytes.length; length += 7) {
      await expect(openTensorFile(memorySource('cut.pt', bytes.subarray(0, length)))).rejects.toThrow(
        /^cut\.pt: .*(cut off|damaged)/,
      );
    }
  });

  test('damaged bytes never crash', async () => {
    const bytes = fixtureBytes('pytorch/legacy.pt');
    for (let position = 0; position < bytes.length; position++) {
      const damaged = bytes.slice();
      damaged[position]! ^= 1 << (position % 8);
      try {
        const file = await openTensorFile(memorySource('damaged.pt', damaged));
        for (const tensor of file.tensors.values()) await tensor.read(0, tensor.byteLength);
      } catch (error) {
        expect((error as Error).message).toMatch(/^damaged\.pt: /);
      }
    }
  });
});

describe('what is refused', () => {
  test.each([
    [
      'evil',
      /^pytorch\/evil\.pt: the pickle asks for (posix|nt|os)\.system, which a state dict does not need; refused/,
    ],
    ['module', /the pickle asks for torch\.nn\.modules\.linear\.Linear/],
    ['list', /holds a list; expected a state dict/],
    [
      'strided',
      /tensor "transposed": stored with strides \[1, 3\] for shape \[3, 2\]; save tensor\.contiguous\(\) instead/,
    ],
  ])('%s.pt', async (name, message) => {
    await expect(openFixture(`pytorch/${name}.pt`)).rejects.toThrow(message);
  });

  test('a cut-off archive', async () => {
    const bytes = fixtureBytes('pytorch/state.pt');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: bytes.length - 1 }), async (length) => {
        await expect(openTensorFile(memorySource('cut.pt', bytes.subarray(0, length)))).rejects.toThrow(
          /^cut\.pt: .*fetch it again/,
        );
      }),
      { numRuns: 30 },
    );
  });

  test('a storage that is shorter than its tensor, or missing', async () => {
    const text = new TextDecoder('latin1').decode(fixtureBytes('pytorch/state.pt'));
    const damaged = (from: string, to: string): Promise<unknown> =>
      openTensorFile(
        memorySource(
          'damaged.pt',
          Uint8Array.from(text.replaceAll(from, to), (letter) => letter.charCodeAt(0)),
        ),
      );
    await expect(damaged('state/data/0', 'state/data/x')).rejects.toThrow(
      'damaged.pt: tensor "matrix": its storage "data/0" is not in the archive',
    );
    // The pickle's element count of the first storage (6, after the device's name) becomes 9.
    await expect(damaged('cpuq\x06K\x06', 'cpuq\x06K\x09')).rejects.toThrow(
      /tensor "matrix": its storage "data\/0" has 24 bytes instead of 36/,
    );
  });

  test('damaged bytes never crash', async () => {
    const bytes = fixtureBytes('pytorch/deflated.pt');
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (position, value) => {
        const damaged = bytes.slice();
        damaged[position] = value;
        try {
          const file = await openTensorFile(memorySource('damaged.pt', damaged));
          for (const tensor of file.tensors.values()) await tensor.read(0, tensor.byteLength);
        } catch (error) {
          expect((error as Error).message).toMatch(/^damaged\.pt: /);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('writing', () => {
  test('reads back what it writes', async () => {
    const tensors = fc.array(
      fc.tuple(fc.string({ unit: 'grapheme' }), fc.array(fc.nat({ max: 4 }), { maxLength: 3 }), fc.float()),
      { maxLength: 5 },
    );
    const numbers = fc.dictionary(fc.string(), fc.double({ noNaN: true }), { maxKeys: 2 });
    await fc.assert(
      fc.asyncProperty(tensors, numbers, async (list, scalars) => {
        const written = new Map(
          list.map(([name, shape, x]) => [
            `w.${name}`,
            { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(x) },
          ]),
        );
        const sink = memorySink();
        await writePyTorch(
          sink,
          [...written].map(([name, { shape, data }]) => entry(name, shape, data)),
          new Map(Object.entries(scalars)),
        );
        const file = await openTensorFile(memorySource('written.pt', sink.bytes()));
        expect([...file.tensors.keys()]).toEqual([...written.keys()]);
        expect(file.scalars).toEqual(new Map(Object.entries(scalars)));
        for (const [name, { shape, data }] of written) {
          expect(file.tensors.get(name)!.shape).toEqual(shape);
          expect(digest(await readFloat32(file.tensors.get(name)!))).toBe(digest(data));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('only F32 up to 4 GB, and of the size announced', async () => {
    const write = (...tensors: ReturnType<typeof entry>[]): Promise<void> => writePyTorch(memorySink(), tensors);
    await expect(write(entry('a', [1], new Uint8Array(2), 'F16'))).rejects.toThrow(
      'tensor "a" is F16; only F32 is written to .pt',
    );
    await expect(write(entry('a', [2 ** 30], new Uint8Array(2)))).rejects.toThrow('write safetensors instead');
    await expect(write(entry('a', [3], new Float32Array(2)))).rejects.toThrow(
      'tensor "a" [3] F32 takes 12 bytes, 8 were given',
    );
  });
});
