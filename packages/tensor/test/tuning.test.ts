/** Who decides on a variant, and what is kept of timings: keys, merging, text, the file. No adapter is needed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defineKernel,
  elementwise,
  flatIndex,
  kernelVersion,
  octave,
  tableVariant,
  type AdapterTraits,
  type Variant,
} from '@rna/kernels';
import { afterEach, describe, expect, it, onTestFinished, test, vi } from 'vitest';
import {
  adapterKey,
  addAnswers,
  NO_ANSWERS,
  parseTuningRecord,
  TuningError,
  type AdapterAnswers,
} from '../src/index.ts';
import { keptTuning, tuningFile } from '../src/node/index.ts';
import { variantChoice } from '../src/tuning.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const traits: AdapterTraits = {
  class: 'cpu',
  description: 'a test',
  subgroups: true,
  subgroupSize: 8,
  f16: true,
  workgroupStorage: 32768,
};
// Under the name of a kernel that the table knows.
const variant = { algorithm: 'none', lanes: 1, rows: 1, vectors: 1, bias: false };
const kernel = defineKernel({
  name: 'matmul',
  inputs: {},
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', rows: 'u32', cols: 'u32' },
  variant,
  ...elementwise,
  tuning: { space: () => [{ vectors: 4, lanes: 4 }], shape: ({ rows, cols }) => `${octave(rows, 16, 4096)}x${cols}` },
  body: ({ vectors, lanes }) => `${flatIndex}\n  y[i] = ${vectors}.0 * ${lanes}.0;`,
});
const uniforms = { count: 1, rows: 1000, cols: 50 };
const shape = '1024x50';
const table = tableVariant('matmul', traits, uniforms);
const answer = (tuned: Variant) => ({ variant: tuned, tableMs: 2, ms: 1 });
const tunedMatmul = (tuned: Variant, version = kernelVersion(kernel, traits)): AdapterAnswers => ({
  matmul: { version, shapes: { [shape]: answer(tuned) } },
});

describe('the choice of a variant', () => {
  // Each source sets fields of those after it, so that the winner of every field tells the order.
  const sources = {
    traits,
    tuned: tunedMatmul({ vectors: 4, lanes: 4 }),
    pinned: { matmul: { lanes: 2, bias: false } },
  };

  it("goes by default, table, autotuner, pin, and the call's options, the last of which wins", () => {
    expect(table['algorithm']).not.toBe(variant.algorithm);
    expect(variantChoice(sources)(kernel, { bias: true }, uniforms)).toEqual({
      ...variant,
      ...table,
      vectors: 4,
      lanes: 2,
      bias: true,
    });
    expect(variantChoice({ ...sources, pinned: {} })(kernel, {}, uniforms)).toEqual({
      ...variant,
      ...table,
      vectors: 4,
      lanes: 4,
    });
    expect(variantChoice({ traits, tuned: {}, pinned: {} })(kernel, {}, uniforms)).toEqual({ ...variant, ...table });
  });

  it('lets a pin win over what the table says of some sizes alone', () => {
    expect(
      variantChoice({ traits, tuned: {}, pinned: { matmul: { vectors: 7 } } })(kernel, {}, { ...uniforms, cols: 1 })[
        'vectors'
      ],
    ).toBe(7);
  });

  it('takes an answer for its class of sizes alone', () => {
    const choose = variantChoice({ ...sources, pinned: {} });
    expect(choose(kernel, {}, { ...uniforms, rows: 1024 })['lanes']).toBe(4);
    expect(choose(kernel, {}, { ...uniforms, rows: 1025 })['lanes']).toBe(table['lanes']);
    expect(choose(kernel, {})['lanes']).toBe(table['lanes']);
  });

  it('leaves out the answers for a kernel that was edited since', () => {
    expect(
      variantChoice({ traits, tuned: tunedMatmul({ vectors: 4 }, '00000000'), pinned: {} })(kernel, {}, uniforms),
    ).toEqual({ ...variant, ...table });
    const edited = defineKernel({ ...kernel, body: (chosen) => `${kernel.body(chosen)}\n` });
    expect(variantChoice({ ...sources, pinned: {} })(edited, {}, uniforms)).toEqual({ ...variant, ...table });
  });

  it('serves kernels without tuning', () => {
    const plain = defineKernel({
      name: 'plain',
      inputs: {},
      outputs: { y: 'f32' },
      uniforms: { count: 'u32' },
      variant: { twice: false },
      ...elementwise,
      body: () => flatIndex,
    });
    expect(
      variantChoice({ ...sources, tuned: { plain: { version: '0', shapes: {} } } })(
        plain,
        { twice: true },
        { count: 1 },
      ),
    ).toEqual({ twice: true });
  });

  it('refuses a pinned field that the kernel does not have', () => {
    expect(() => variantChoice({ traits, tuned: {}, pinned: { matmul: { vector: 1 } } })(kernel, {}, uniforms)).toThrow(
      "pinned.matmul: 'vector' is no field of its variant; it has algorithm, lanes, rows, vectors, bias",
    );
  });
});

describe('the record', () => {
  it("takes new answers beside those of other adapters, kernels and classes; another version replaces a kernel's", () => {
    const first = addAnswers(
      addAnswers(NO_ANSWERS, 'A', tunedMatmul({ rows: 1 }, 'v1')),
      'B',
      tunedMatmul({ rows: 2 }, 'v1'),
    );
    const more = {
      matmul: { version: 'v1', shapes: { other: answer({ rows: 3 }) } },
      rmsNorm: { version: 'w', shapes: {} },
    };
    const second = addAnswers(first, 'A', more);
    expect(second.adapters['B']).toBe(first.adapters['B']);
    expect(second.adapters['A']).toEqual({
      matmul: { version: 'v1', shapes: { [shape]: answer({ rows: 1 }), other: answer({ rows: 3 }) } },
      rmsNorm: { version: 'w', shapes: {} },
    });
    expect(addAnswers(second, 'A', tunedMatmul({ rows: 5 }, 'v2')).adapters['A']!['matmul']).toEqual({
      version: 'v2',
      shapes: { [shape]: answer({ rows: 5 }) },
    });
    expect(first.adapters['A']!['matmul']!.shapes).toEqual({ [shape]: answer({ rows: 1 }) });
  });

  test("an adapter's key tells drivers, devices and subgroup sizes apart", () => {
    const info = {
      vendor: 'mesa',
      architecture: 'software',
      device: 'llvmpipe',
      description: 'Mesa 25',
      subgroupMinSize: 8,
      subgroupMaxSize: 8,
    };
    const key = (change: Partial<typeof info>): string =>
      adapterKey({ info: { ...info, ...change } } as unknown as GPUAdapter);
    const keys = [
      {},
      { description: 'Mesa 26' },
      { device: 'other' },
      { vendor: 'x' },
      { architecture: 'y' },
      { subgroupMinSize: 4 },
      { subgroupMaxSize: 16 },
    ].map(key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(key({})).toBe(keys[0]);
  });

  it.each([
    ['{"format": 1, "adap', 'JSON'],
    ['[]', 'the whole is no object'],
    ['{"format": 2, "adapters": {}}', 'format is not 1'],
    ['{"format": 1}', 'adapters is no object'],
    ['{"format": 1, "adapters": {"A": 3}}', 'A is no object'],
    ['{"format": 1, "adapters": {"A": {"matmul": {"version": 1, "shapes": {}}}}}', 'matmul.version is no text'],
    ['{"format": 1, "adapters": {"A": {"matmul": {"version": "v"}}}}', 'matmul.shapes is no object'],
    [
      '{"format": 1, "adapters": {"A": {"matmul": {"version": "v", "shapes": {"8x8": {"variant": {}, "tableMs": 1}}}}}}',
      'matmul 8x8: ms is no number',
    ],
    [
      '{"format": 1, "adapters": {"A": {"matmul": {"version": "v", "shapes": {"8x8": {"variant": {"rows": null}, "tableMs": 1, "ms": 1}}}}}}',
      'matmul 8x8: rows is neither',
    ],
  ])('refuses %s', (text, problem) => {
    expect(() => parseTuningRecord(text, 'kept.json')).toThrow(TuningError);
    expect(() => parseTuningRecord(text, 'kept.json')).toThrow(/^kept\.json holds no kernel timings/);
    expect(() => parseTuningRecord(text, 'kept.json')).toThrow(expect.objectContaining({ source: 'kept.json' }));
    expect(() => parseTuningRecord(text, 'kept.json')).toThrow(problem);
  });
});

describe('the file', () => {
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'rna-tuning-'));
    onTestFinished(() => {
      rmSync(path, { recursive: true });
    });
    return path;
  };

  it('gives back what was saved and leaves nothing else behind', async () => {
    const path = join(folder(), 'deeper', 'tuning.json');
    const file = tuningFile(path);
    expect(await file.load()).toBeUndefined();
    const record = addAnswers(NO_ANSWERS, 'A', tunedMatmul({ algorithm: 'tiled', rows: 4 }));
    await file.save(NO_ANSWERS);
    await file.save(record);
    expect(await tuningFile(path).load()).toEqual(record);
    expect(readdirSync(join(path, '..'))).toEqual(['tuning.json']);
    await file.clear();
    await file.clear();
    expect(await file.load()).toBeUndefined();
  });

  it('is named where it is damaged, and left as it is', async () => {
    const path = join(folder(), 'tuning.json');
    writeFileSync(path, '{"format": 1');
    await expect(tuningFile(path).load()).rejects.toThrow(TuningError);
    await expect(tuningFile(path).load()).rejects.toThrow(path);
    expect(readFileSync(path, 'utf8')).toBe('{"format": 1');
  });

  it("is the user's unless RNA_TUNING says otherwise", () => {
    vi.stubEnv('XDG_CACHE_HOME', '/cache');
    vi.stubEnv('RNA_TUNING', '');
    expect(keptTuning()?.path).toBe(join('/cache', 'rna', 'tuning.json'));
    vi.stubEnv('RNA_TUNING', 'mine.json');
    expect(keptTuning()?.path).toBe('mine.json');
    vi.stubEnv('RNA_TUNING', 'off');
    expect(keptTuning()).toBeUndefined();
  });
});
