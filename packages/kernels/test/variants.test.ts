/** Variants as data: what the table and the kernels' spaces may say, and the names under which timings are kept. */
import { describe, expect, it, test } from 'vitest';
import { checks } from '../src/checks.ts';
import {
  defineKernel,
  isBounded,
  kernelVersion,
  kernelWgsl,
  matmul,
  octave,
  pipelineKey,
  RandomStream,
  rmsNorm,
  shapeClass,
  tableEntries,
  tableVariant,
  type AdapterTraits,
  type Kernel,
  type Variant,
} from '../src/index.ts';

const traits: AdapterTraits = {
  class: 'cpu',
  description: 'a test',
  subgroups: true,
  subgroupSize: 8,
  f16: true,
  workgroupStorage: 32768,
};
const adapters: AdapterTraits[] = [
  traits,
  { ...traits, mesa: 26.1 },
  { ...traits, subgroupSize: 4 },
  { ...traits, subgroups: false, subgroupSize: undefined },
  { ...traits, class: 'gpu', subgroupSize: 32 },
  { ...traits, class: 'gpu', subgroupSize: undefined },
  { ...traits, class: 'gpu', subgroupSize: 64, pinsSubgroups: true, leastSubgroup: 32, subgroupMatrix: '16x16x16' },
];
const kernels = checks.map(({ kernel }) => kernel as Kernel);

describe.each(adapters)('on a $class with subgroups of $subgroupSize, Mesa $mesa', (adapter) => {
  test('the table names fields of the kernels and values of their type', () => {
    for (const kernel of kernels) {
      for (const { variant, upTo = {} } of tableEntries(kernel.name, adapter)) {
        for (const [field, value] of Object.entries(variant))
          expect(typeof value, `${kernel.name}.${field}`).toBe(typeof kernel.variant[field]);
        expect(Object.keys(kernel.uniforms), kernel.name).toEqual(expect.arrayContaining(Object.keys(upTo)));
      }
      const bounded = tableEntries(kernel.name, adapter).map(isBounded);
      expect(bounded, `${kernel.name}: entries with a bound come last`).toEqual([...bounded].sort());
    }
  });

  test('a space is small, has each setting once, and names fields of the kernel', () => {
    for (const kernel of kernels) {
      const space = (kernel.tuning?.space(adapter) ?? []) as readonly Variant[];
      expect(space.length, kernel.name).toBeLessThanOrEqual(12);
      expect(new Set(space.map((setting) => pipelineKey(kernel, setting))).size, kernel.name).toBe(space.length);
      for (const setting of space) {
        expect(Object.keys(kernel.variant), kernel.name).toEqual(expect.arrayContaining(Object.keys(setting)));
        expect(kernelWgsl(kernel, { ...kernel.variant, ...setting }), kernel.name).toContain('fn main');
      }
      if (space.length > 0) expect(kernelVersion(kernel, adapter), kernel.name).toMatch(/^[0-9a-f]{8}$/);
    }
  });

  test('a space leaves alone what calls decide', () => {
    for (const { kernel, calls } of checks.map((check) => ({ ...check, kernel: check.kernel as Kernel }))) {
      const space = (kernel.tuning?.space(adapter) ?? []) as readonly Variant[];
      if (space.length === 0) continue;
      const options = new Set(calls(new RandomStream(1)).flatMap(({ variant = {} }) => Object.keys(variant)));
      for (const setting of space)
        expect(
          Object.keys(setting).filter((field) => options.has(field)),
          kernel.name,
        ).toEqual([]);
    }
  });
});

test('a table entry with a bound counts up to it, and not where the size is not known', () => {
  const vectors = (uniforms?: Record<string, number>): unknown => tableVariant('conv2d', traits, uniforms)['vectors'];
  expect([vectors({ cols: 32 }), vectors({ cols: 33 }), vectors()]).toEqual([1, 2, 2]);
});

test('lavapipe of Mesa 26 and newer has larger tiles than that of Mesa 25, and wider drivers have their lanes', () => {
  const rows = (adapter: AdapterTraits): unknown => tableVariant('matmul', adapter)['rows'];
  expect([25.3, 26, 26.1, 27].map((mesa) => rows({ ...traits, mesa }))).toEqual([16, 32, 32, 32]);
  expect(tableVariant('attention', { ...traits, mesa: 26.1, subgroupSize: 16 })).toMatchObject({ lanes: 16, rows: 32 });
  expect(tableVariant('matmul', { ...traits, class: 'gpu', mesa: 26.1 })).toEqual(
    tableVariant('matmul', { ...traits, class: 'gpu' }),
  );
});

test('octave rounds up to a power of two within its bounds', () => {
  expect([1, 63, 64, 65, 1706, 5000].map((size) => octave(size, 64, 4096))).toEqual([64, 64, 64, 128, 2048, 4096]);
});

test('calls of one class have sizes alike; the order and precision in which operands are stored are part of it', () => {
  const shape = (rows: number, cols: number, options = {}): string | undefined =>
    shapeClass(matmul, { rows, inner: 640, cols, depth: 640 }, options);
  expect(shape(1000, 1706)).toMatch(/^1024x1024x2048/);
  expect(shape(1024, 1707)).toBe(shape(1000, 1706));
  expect(shape(1025, 1706)).not.toBe(shape(1000, 1706));
  expect(shape(1000, 1706, { transposeA: true })).not.toBe(shape(1000, 1706));
  expect(shape(1000, 1706, { f16: 'a,b' })).toBe(`${shape(1000, 1706)} f16`);
  expect(
    shapeClass(
      kernels.find(({ tuning }) => tuning === undefined)!,
      {},
      {},
    ),
  ).toBeUndefined();
});

describe('kernelVersion', () => {
  it('is the same for the same text, and another for an edit, another space and another subgroup', () => {
    const version = kernelVersion(rmsNorm, traits);
    expect(version).toMatch(/^[0-9a-f]{8}$/);
    expect(kernelVersion(defineKernel({ ...rmsNorm }), traits)).toBe(version);
    expect(
      kernelVersion(defineKernel({ ...rmsNorm, body: (variant) => `${rmsNorm.body(variant)} // edited` }), traits),
    ).not.toBe(version);
    expect(kernelVersion(rmsNorm, { ...traits, class: 'gpu' })).not.toBe(version);
    expect(kernelVersion(matmul, { ...traits, subgroupSize: 16 })).not.toBe(kernelVersion(matmul, traits));
  });

  it('is another for an edit to what an option adds', () => {
    const edited = defineKernel({
      ...matmul,
      body: (variant) => `${matmul.body(variant)}${variant.transposeA ? ' // edited' : ''}`,
    });
    expect(kernelVersion(edited, traits)).not.toBe(kernelVersion(matmul, traits));
  });

  it('is refused to a kernel that has nothing to tune', () => {
    expect(() =>
      kernelVersion(
        kernels.find(({ tuning }) => tuning === undefined)!,
        traits,
      ),
    ).toThrow(/has no tuning/);
  });
});
