/**
 * Laws of every reader of files: whatever the bytes, it ends with a tensor file or a CheckpointError, never reads (and
 * so never allocates for) what the source does not have, and asks for no more than its limits. Seeds are fast-check's.
 */
import { zipSync } from 'fflate';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { encoderParameters, PRESETS } from '../src/config.ts';
import { configJson, parseConfig } from '../src/configJson.ts';
import { parsePeftConfig } from '../src/checkpoint/lora.ts';
import { LIMITS } from '../src/checkpoint/limits.ts';
import { openModel } from '../src/checkpoint/load.ts';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { parseShardIndex } from '../src/checkpoint/shards.ts';
import { memorySource, type ByteSource } from '../src/checkpoint/source.ts';
import { readFloat32Chunks } from '../src/checkpoint/tensorFile.ts';
import { CheckpointError } from '../src/errors.ts';
import { HEADS, taskHead } from '../src/heads/index.ts';
import { fixtureBytes } from './checkpoint.fixtures.ts';

/** A source that fails the test where it is asked for bytes that it does not have, as `new Uint8Array` of a file would. */
function strictSource(name: string, bytes: Uint8Array): ByteSource & { outside: string[] } {
  const source = memorySource(name, bytes);
  const outside: string[] = [];
  return {
    ...source,
    outside,
    read(offset, length) {
      if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) outside.push(`${offset}+${length}`);
      return source.read(offset, length);
    },
  };
}

/** Opens and reads all of a file; the message where it is refused, undefined where it is read. */
async function readAll(bytes: Uint8Array): Promise<string | undefined> {
  const source = strictSource('x', bytes);
  try {
    const file = await openTensorFile(source);
    let elements = 0;
    for (const tensor of file.tensors.values()) {
      if (!['F32', 'F16', 'BF16', 'F64'].includes(tensor.dtype)) continue;
      for await (const { data } of readFloat32Chunks(tensor)) elements += data.length;
    }
    // Views of one storage aside, a value takes two bytes at least; nothing is deflated in more than 1,032 times less.
    expect(elements).toBeLessThanOrEqual(bytes.length * LIMITS.inflation);
    await openModel(file);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message.length).toBeLessThan(20_000);
    return (error as Error).message;
  } finally {
    expect(source.outside).toEqual([]);
  }
}

const SMALL = ['state.pt', 'deflated.pt', 'nested.pt', 'lightning.ckpt', 'evil.pt'];

describe.each(SMALL)('%s', (name) => {
  const bytes = fixtureBytes(`pytorch/${name}`);

  test('cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        expect(await readAll(bytes.subarray(0, length))).toMatch(/^x: /);
      }),
      { numRuns: 60 },
    );
  });

  test('with bits turned', async () => {
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(7)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(flips, async (turned) => {
        const damaged = bytes.slice();
        for (const [at, bit] of turned) damaged[at]! ^= 1 << bit;
        await readAll(damaged);
      }),
      { numRuns: 150 },
    );
  });
});

describe('random pickles', () => {
  const OPCODES = [...'(.012FGIJKLMNPQRSTUVX]abcdeghijloprstu})BC'].map((letter) => letter.charCodeAt(0));
  const opcode = fc.oneof(fc.constantFrom(...OPCODES), fc.integer({ min: 0x80, max: 0x98 }));
  const argument = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc
      .constantFrom('torch\nFloatStorage\n', 'collections\nOrderedDict\n', 'os\nsystem\n')
      .map((text) => new TextEncoder().encode(text)),
  );

  test('are read or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(opcode, argument), { maxLength: 30 }), async (parts) => {
        const pickle = Uint8Array.from([0x80, 2, ...parts.flatMap(([code, bytes]) => [code, ...bytes]), 0x2e]);
        await readAll(zipSync({ 'archive/data.pkl': pickle, 'archive/version': Uint8Array.of(0x33) }));
      }),
      { numRuns: 400 },
    );
  });
});

test('a pickle whose frame is longer than the file is cut off, and nothing is written to the console', async () => {
  const said = vi.spyOn(console, 'warn');
  const archive = (frame: bigint): Uint8Array => {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, frame, true);
    const pickle = Uint8Array.from([0x80, 4, 0x95, ...length, 0x7d, 0x2e]);
    return zipSync({ 'archive/data.pkl': pickle, 'archive/version': Uint8Array.of(0x33) });
  };
  for (const frame of [3n, 2n ** 53n + 1n, 2n ** 64n - 1n])
    expect(await readAll(archive(frame))).toMatch(/it ends before its last opcode/);
  // An empty dict, which is no model.
  expect(await readAll(archive(2n))).not.toMatch(/last opcode/);
  expect(said).not.toHaveBeenCalled();
  said.mockRestore();
});

describe('random headers', () => {
  const size = fc.oneof(fc.nat(6), fc.maxSafeNat(), fc.constantFrom(-1, 0.5, 2 ** 53, 1e300));
  const tensor = fc.record({
    dtype: fc.constantFrom('F32', 'F16', 'BF16', 'F64', 'I64', 'F8', ''),
    shape: fc.array(size, { maxLength: 4 }),
    data_offsets: fc.tuple(size, size),
  });
  const json = fc.oneof(fc.dictionary(fc.string(), tensor, { maxKeys: 4 }), fc.jsonValue());

  test('of safetensors are read or refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        json,
        fc.option(fc.maxSafeNat()),
        fc.uint8Array({ maxLength: 40 }),
        async (value, claim, data) => {
          const header = new TextEncoder().encode(JSON.stringify(value));
          const bytes = new Uint8Array(8 + header.length + data.length);
          new DataView(bytes.buffer).setBigUint64(0, BigInt(claim ?? header.length), true);
          bytes.set(header, 8);
          bytes.set(data, 8 + header.length);
          await readAll(bytes);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('whole files of noise are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const message = await readAll(bytes);
        // Eight bytes of zero and nothing else would be a file of nothing.
        if (message !== undefined) expect(message).toMatch(/^x: /);
      }),
      { numRuns: 200 },
    );
  });
});

describe('random configs', () => {
  const refusal = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(CheckpointError);
    }
  };

  test('are read within the limits, or refused by name', () => {
    const plain = JSON.parse(configJson(PRESETS['ssr-lm-s'])) as Record<string, unknown>;
    const port = JSON.parse(configJson(PRESETS['rinalmo-nano'])) as Record<string, unknown>;
    const value = fc.oneof(fc.nat(3000), fc.maxSafeNat(), fc.double(), fc.jsonValue());
    const change = fc.tuple(
      fc.constantFrom(...Object.keys({ ...plain, ...port }), 'task_head', 'rope_parameters'),
      value,
    );
    fc.assert(
      fc.property(fc.constantFrom(plain, port), fc.array(change, { maxLength: 3 }), (fields, changes) => {
        refusal(() => {
          const config = parseConfig(JSON.stringify({ ...fields, ...Object.fromEntries(changes) }), 'config.json');
          expect(config.layers).toBeLessThanOrEqual(LIMITS.layers);
          for (const [, shape] of encoderParameters(config))
            for (const extent of shape) expect(extent > 0 && extent < 2 ** 20).toBe(true);
          expect(Number.isFinite(config.ropeTheta! ** -1)).toBe(true);
        });
      }),
      { numRuns: 400 },
    );
  });

  test('any text', () => {
    const text = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (json) => {
        refusal(() => parseConfig(json, 'config.json'));
        refusal(() => parsePeftConfig(json, 'adapter_config.json'));
        refusal(() => parseShardIndex(json, 'index.json'));
      }),
      { numRuns: 300 },
    );
  });
});

describe('small files that claim much', () => {
  test('a stored record of 4 GB in a file of 800 bytes', async () => {
    const bytes = fixtureBytes('pytorch/strided.pt').slice();
    // The pickle's sizes, in the local header and in the directory.
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 46 < bytes.length; at++) {
      const signature = view.getUint32(at, true);
      if (signature === 0x02014b50) {
        view.setUint32(at + 20, 0xfffffff0, true);
        view.setUint32(at + 24, 0xfffffff0, true);
        break;
      }
    }
    expect(await readAll(bytes)).toMatch(/its pickle claims 4294967280 bytes; \d+ at most are read/);
  });

  test('a deflated pickle of 50 million opcodes', async () => {
    const bytes = zipSync({ 'a/data.pkl': new Uint8Array(50_000_000).fill('}'.charCodeAt(0)) });
    expect(bytes.length).toBeLessThan(100_000);
    expect(await readAll(bytes)).toMatch(/its pickle claims 50000000 bytes/);
    const fewer = zipSync({ 'a/data.pkl': new Uint8Array(LIMITS.pickleOpcodes + 1).fill('}'.charCodeAt(0)) });
    expect(await readAll(fewer)).toMatch(/more than 1000000 opcodes are too many/);
  });

  test('a record that claims more than deflate can hold', async () => {
    const bytes = zipSync({ 'a/data.pkl': new Uint8Array(1000) });
    const view = new DataView(bytes.buffer);
    const at = bytes.findIndex((_, i) => i + 4 <= bytes.length && view.getUint32(i, true) === 0x02014b50);
    view.setUint32(at + 24, 30_000_000, true);
    expect(await readAll(bytes)).toMatch(
      /claims 30000000 bytes out of \d+ deflated ones, which is more than they can hold/,
    );
  });

  test('a name of 2 MB', async () => {
    const header = new TextEncoder().encode(`{"${'n'.repeat(2e6)}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`);
    const bytes = new Uint8Array(8 + header.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(header, 8);
    const message = await readAll(bytes);
    expect(message).toMatch(/^x: a tensor has a name of 2000000 letters \("n{60}…"\); 1024 at most are read$/);
  });

  test.each([
    ['num_hidden_layers', 1_000_000, /"num_hidden_layers": .*1000/],
    ['hidden_size', 2 ** 40, /"hidden_size"/],
    ['rope_theta', 1e-300, /"rope_theta": .*1/],
    ['rope_theta', 1e300, /"rope_theta"/],
    ['rms_norm_eps', 1e10, /"rms_norm_eps"/],
  ])('a config with %s of %d', (field, value, message) => {
    const fields = JSON.parse(configJson(PRESETS['ssr-lm-s'])) as object;
    expect(() => parseConfig(JSON.stringify({ ...fields, [field]: value }), 'config.json')).toThrow(message);
  });

  test('a config whose feed-forward layer has no width', () => {
    const fields = JSON.parse(configJson(PRESETS['rinalmo-nano'])) as object;
    expect(() => parseConfig(JSON.stringify({ ...fields, intermediate_size: 1 }), 'config.json')).toThrow(
      /^config\.json: its "intermediate_size" leaves the feed-forward layer no width/,
    );
  });

  test.each<[string, object, string, number, number]>([
    ['secondary-structure', { blocks: 1e9 }, 'blocks', 1e9, 1000],
    ['secondary-structure', { convDim: 1e9 }, 'convDim', 1e9, 65536],
    ['secondary-structure', { dilations: [1, 1e9] }, 'dilations', 1e9, 65536],
    ['secondary-structure', { dilations: new Array<number>(70_000).fill(1) }, 'dilations', 70_000, 65536],
    // With 65,536 blocks of 93 tensors each their names alone took 2.4 GB.
    ['tertiary-structure', { blocks: 65_536 }, 'blocks', 65_536, 1000],
    ['tertiary-structure', { iterations: 1001 }, 'iterations', 1001, 1000],
    ['tertiary-structure', { recycles: 1001 }, 'recycles', 1001, 1000],
    ['tertiary-structure', { refineNet: { dim: 8, layers: 1e9 } }, 'refineNet.layers', 1e9, 1000],
  ])('a head %s of sizes that no model has', (task, sizes, name, value, most) => {
    expect(() => taskHead({ task, sizes: { ...sizes } }, HEADS, 'config.json')).toThrow(
      `config.json: the size "${name}" of its ${task} head is ${value}; ${most} at most are read`,
    );
  });
});
