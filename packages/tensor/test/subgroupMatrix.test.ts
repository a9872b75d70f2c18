/**
 * Products on subgroup matrices, which no adapter here has: Tint compiles their text on Dawn's null backend, and they
 * run with the matrix operations replaced by loops of the same meaning. What a device does where the probe fails.
 */
import {
  halfStorage,
  kernelWgsl,
  matmul,
  RandomStream,
  type AdapterTraits,
  type Kernel,
  type MatmulVariant,
  type Variant,
} from '@rna/kernels';
import { checks } from '@rna/kernels/checks';
import { create, globals } from 'webgpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapterTraits, Device } from '../src/index.ts';
import { verifyCall } from '../src/checks.ts';
import { openDevice, requestAdapter, sleepingWait } from '../src/node/index.ts';
import { productsAreRight } from '../src/subgroupMatrixProbe.ts';
import { variantChoice } from '../src/tuning.ts';

const FEATURE = 'chromium-experimental-subgroup-matrix';
const SIZES = 'subgroup-size-control';
const UNITS = ['16x16x16', '8x16x16', '16x8x8', '8x8x8'];
const OPERANDS = [{}, { transposeA: true }, { transposeB: true, aligned: true, bias: true, residual: true }];
const check = checks.find(({ kernel }) => kernel.name === 'matmul')!;
const halves = halfStorage(['a', 'b']);

const textOf = (options: object): string => kernelWgsl(matmul, { ...matmul.variant, ...options });

/**
 * The product on loops: an operand is where it lies in its tile, which stays as it is until all have used it, and of
 * a sum each lane has every `lanes`-th element.
 */
function emulated(unit: string, lanes: number): Kernel {
  const k = matmul as unknown as Kernel;
  const [m, n, inner] = unit.split('x').map(Number) as [number, number, number];
  const own = (m * n) / lanes;
  // Bounds that the compiler does not know: lavapipe unrolls the other loops.
  const operations = /* wgsl */ `
var<private> ownLane: u32;
fn bound(count: u32) -> u32 { return count + u.rows / 4000000000u; }
fn operand(at: u32, stride: u32) -> vec2u { return vec2u(at, stride); }
fn multiply(a: vec2u, b: vec2u, sum: array<f32, ${own}>) -> array<f32, ${own}> {
  var values = sum;
  for (var e = 0u; e < bound(${own}u); e++) {
    let i = e * ${lanes}u + ownLane;
    var value = values[e];
    for (var k = 0u; k < bound(${inner}u); k++) { value += f32(tileA[a.x + i / ${n}u * a.y + k]) * f32(tileB[b.x + i % ${n}u * b.y + k]); }
    values[e] = value;
  }
  return values;
}
fn storeResults(at: u32, sum: array<f32, ${own}>, stride: u32) {
  var values = sum;
  for (var e = 0u; e < bound(${own}u); e++) {
    let i = e * ${lanes}u + ownLane;
    results[at + i / ${n}u * stride + i % ${n}u] = values[e];
  }
}`;
  const rewritten = (text: string): string =>
    text
      .replaceAll(`subgroup_matrix_result<f32, ${n}, ${m}>()`, `array<f32, ${own}>()`)
      .replaceAll('subgroupMatrixLoad<Left, row_major>(&tileA, ', 'operand(')
      .replaceAll('subgroupMatrixLoad<Right, col_major>(&tileB, ', 'operand(')
      .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiply(')
      .replaceAll('subgroupMatrixStore<row_major>(&results, ', 'storeResults(');
  return {
    ...k,
    name: `matmulOnLoops${unit}`,
    subgroupMatrices: () => false,
    declarations: (variant) =>
      `${k.declarations!(variant).replaceAll(/subgroup_matrix_(left|right)<[^>]*>/g, 'vec2u')}\n${operations}`,
    body: (variant) => `  ownLane = sid;\n  let subgroup = lane / ${lanes}u;\n${rewritten(k.body(variant))}`,
  };
}

describe('the text', () => {
  let gpu: GPU;
  let nothing: GPUDevice;
  beforeAll(async () => {
    Object.assign(globalThis, globals);
    gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = await sleepingWait(gpu.requestAdapter());
    nothing = await sleepingWait(
      adapter!.requestDevice({ requiredFeatures: ['shader-f16', 'subgroups', FEATURE, SIZES] as GPUFeatureName[] }),
    );
  });
  afterAll(() => {
    nothing.destroy();
  });

  const compile = async (text: string): Promise<string | undefined> => {
    // This adapter has 16 KiB of workgroup memory, and nothing runs: results get room for one unit.
    const code = text.replace(/results: array<f32, \d+>/, 'results: array<f32, 256>');
    nothing.pushErrorScope('validation');
    nothing.createComputePipeline({
      layout: 'auto',
      compute: { module: nothing.createShaderModule({ code }), entryPoint: 'main' },
    });
    return (await sleepingWait(nothing.popErrorScope()))?.message;
  };

  it('compiles where it asks for a size of subgroups', async () => {
    const text = textOf({ algorithm: 'matrix', unit: '16x16x16', lanes: 32, pinned: 32, ...halves });
    expect(text).toContain('@subgroup_size(32)');
    expect(await compile(text)).toBeUndefined();
  });

  it.each(UNITS)('compiles with units of %s, and Tint looks at their sizes and at uniformity', async (unit) => {
    for (const operands of OPERANDS)
      expect(await compile(textOf({ algorithm: 'matrix', unit, lanes: 32, ...operands, ...halves }))).toBeUndefined();
    const text = textOf({ algorithm: 'matrix', unit, lanes: 32, ...halves });
    expect(await compile(text.replace('subgroup_matrix_result<f32, ', 'subgroup_matrix_result<f32, 3'))).toMatch(
      /no matching call/,
    );
    expect(await compile(text.replace('if (subgroup / 2u', 'if (lane / 2u'))).toMatch(/uniform/);
  });
});

describe('on this adapter', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ poison: true });
  });
  afterAll(() => {
    device.destroy();
  });

  it.each(['32x16x8', '16x32x16', '16x16x16'])('sums as the reference does, in units of %s', async (unit) => {
    if (!device.traits.f16 || !device.traits.subgroups) return;
    const lanes = device.traits.subgroupSize!;
    const calls = check
      .calls(new RandomStream(1, 2))
      .filter(({ variant = {} }) => /^a,b(,|$)/.test(String(variant['f16'])));
    expect(calls.length).toBeGreaterThan(2);
    const loops = { ...check, kernel: emulated(unit, lanes) };
    for (const call of unit === '32x16x8' ? calls : calls.slice(0, 1))
      expect(await verifyCall(device, loops, call, { algorithm: 'matrix', unit, lanes })).toEqual([]);
  });

  it('sums the products of halves with bytes, and scales them', async () => {
    if (!device.traits.f16 || !device.traits.subgroups) return;
    const lanes = device.traits.subgroupSize!;
    const call = check
      .calls(new RandomStream(1, 2))
      .find(({ variant = {} }) => variant['quantized'] === true && String(variant['f16']).startsWith('a,'))!;
    const loops = { ...check, kernel: emulated('16x16x16', lanes) };
    expect(await verifyCall(device, loops, call, { algorithm: 'matrix', unit: '16x16x16', lanes })).toEqual([]);
  });

  it('looks at products of its own', async () => {
    if (!device.traits.f16) return;
    expect(await productsAreRight(device, { algorithm: 'register' })).toBe(true);
    // The device has no such feature, so the kernel does not compile.
    expect(await productsAreRight(device, { algorithm: 'matrix', unit: '16x16x16', lanes: 32 })).toBe(false);
    expect(await productsAreRight(device, { algorithm: 'tiled', rows: 4, vectors: 1 })).toBe(true);
  });

  it('leaves subgroup matrices alone where their product is wrong', async () => {
    const adapter = pretending(await requestAdapter(), { matrices: true });
    if (adapterTraits(adapter).subgroupMatrix === undefined) return;
    const opened = await Device.open(adapter, { memoryBudget: 2 ** 28, wait: sleepingWait });
    expect(opened.traits.subgroupMatrix).toBeUndefined();
    expect(opened.variant(matmul, halves)['algorithm']).toBe('tiled');
    expect(await productsAreRight(opened, {})).toBe(true);
    opened.destroy();
  });
});

interface Config {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}
const config = (M: number, N: number, K: number, componentType = 'f16', resultComponentType = 'f32'): Config => ({
  componentType,
  resultComponentType,
  M,
  N,
  K,
});

interface Pretence {
  readonly matrices?: boolean;
  readonly configs?: readonly Config[];
  readonly subgroups?: readonly [number, number];
  readonly storage?: number;
  /** Kernels may ask for a subgroup's size. */
  readonly sizes?: boolean;
}

/** The adapter as a card that may have subgroup matrices; what it opens is the adapter's own device, without them. */
function pretending(
  adapter: GPUAdapter,
  { matrices = false, configs = [config(16, 16, 16)], subgroups = [8, 8], storage, sizes = false }: Pretence,
): GPUAdapter {
  const info = {
    vendor: 'a test',
    architecture: '',
    device: '',
    description: '',
    subgroupMinSize: subgroups[0],
    subgroupMaxSize: subgroups[1],
    subgroupMatrixConfigs: configs,
  };
  const { limits } = adapter;
  return {
    info,
    features: new Set([
      ...[...adapter.features].filter((name) => name !== SIZES),
      ...(matrices ? [FEATURE] : []),
      ...(sizes ? [SIZES] : []),
    ]),
    limits: new Proxy(limits, {
      get: (_, name) =>
        name === 'maxComputeWorkgroupStorageSize'
          ? (storage ?? limits[name])
          : limits[name as keyof GPUSupportedLimits],
    }),
    requestDevice: (descriptor: GPUDeviceDescriptor) =>
      adapter.requestDevice({
        ...descriptor,
        requiredFeatures: [...(descriptor.requiredFeatures ?? [])].filter((name) => (name as string) !== FEATURE),
      }),
  } as unknown as GPUAdapter;
}

describe('the choice', () => {
  let adapter: GPUAdapter;
  beforeAll(async () => {
    adapter = await requestAdapter();
  });
  const unitWith = (pretence: Pretence): string | undefined =>
    adapterTraits(pretending(adapter, pretence)).subgroupMatrix;

  it('takes the largest unit of halves summed in f32 that fits, where all that it needs is there', () => {
    if (!adapter.features.has('shader-f16')) return;
    const configs = [
      config(8, 8, 8, 'f32', 'f32'),
      config(32, 32, 32, 'f16', 'f16'),
      config(8, 8, 8),
      config(16, 16, 16),
      config(16, 16, 64),
      config(12, 12, 16),
    ];
    expect(unitWith({ matrices: true, configs })).toBe('16x16x16');
    expect(unitWith({ matrices: true, configs: configs.slice(0, 3) })).toBe('8x8x8');
    expect(unitWith({ matrices: true, configs: configs.slice(0, 2) })).toBeUndefined();
    expect(unitWith({ matrices: true, configs: [] })).toBeUndefined();
    expect(unitWith({ matrices: false, configs })).toBeUndefined();
    expect(unitWith({ matrices: true, configs, subgroups: [8, 32] })).toBeUndefined();
    expect(unitWith({ matrices: true, configs, subgroups: [8, 32], sizes: true })).toBe('16x16x16');
    expect(unitWith({ matrices: true, configs, storage: 8192 })).toBeUndefined();
  });

  it('is a size of subgroups that kernels ask for, where the adapter has several and lets them', () => {
    if (!adapter.features.has('subgroups')) return;
    const traits = (pretence: Pretence): Partial<AdapterTraits> => {
      const { subgroupSize, pinsSubgroups, leastSubgroup } = adapterTraits(pretending(adapter, pretence));
      return { subgroupSize, pinsSubgroups, leastSubgroup } as Partial<AdapterTraits>;
    };
    expect(traits({ subgroups: [32, 32], sizes: true })).toEqual({ subgroupSize: 32 });
    expect(traits({ subgroups: [32, 64] })).toEqual({ leastSubgroup: 32 });
    const pinned = { pinsSubgroups: true } as const;
    expect(traits({ subgroups: [32, 64], sizes: true })).toEqual({ ...pinned, subgroupSize: 64, leastSubgroup: 32 });
    expect(traits({ subgroups: [8, 32], sizes: true })).toEqual({ ...pinned, subgroupSize: 32, leastSubgroup: 8 });
    expect(traits({ subgroups: [16, 128], sizes: true })).toEqual({ ...pinned, subgroupSize: 64, leastSubgroup: 16 });
  });

  const card: AdapterTraits = {
    class: 'gpu',
    description: 'a test',
    subgroups: true,
    subgroupSize: 32,
    f16: true,
    workgroupStorage: 49152,
  };
  const sizes = { rows: 2048, inner: 640, cols: 640, depth: 640 };
  const chosen = (traits: AdapterTraits, options: Variant): MatmulVariant =>
    variantChoice({ traits, tuned: {}, pinned: {} })(matmul, options, sizes) as MatmulVariant;

  it('is the matrices where the adapter has them and operands are halves or bytes, and tiles to the letter elsewhere', () => {
    const withMatrices = { ...card, subgroupMatrix: '16x16x16' };
    const onMatrices = (traits: AdapterTraits, options: Variant): boolean =>
      textOf(chosen(traits, options)).includes('subgroupMatrixMultiplyAccumulate');
    for (const options of [{ f16: 'a,b' }, { f16: 'a,b,bias,y' }, { f16: 'a', quantized: true, transposeB: true }]) {
      expect(chosen(withMatrices, options)).toMatchObject({ algorithm: 'matrix', unit: '16x16x16', lanes: 32 });
      expect(onMatrices(withMatrices, options)).toBe(true);
      expect(onMatrices(card, options)).toBe(false);
    }
    for (const options of [
      {},
      { f16: 'b' },
      { f16: 'a,y' },
      { quantized: true, transposeB: true },
      { f16: 'a', grouped: true, transposeB: true },
    ]) {
      expect(textOf(chosen(withMatrices, options))).toBe(textOf(chosen(card, options)));
      expect(matmul.workgroup(chosen(withMatrices, options))).toEqual(matmul.workgroup(chosen(card, options)));
      expect(matmul.grid(sizes, chosen(withMatrices, options))).toEqual(matmul.grid(sizes, chosen(card, options)));
    }
    expect(matmul.tuning!.space(withMatrices)).toContainEqual({ algorithm: 'matrix', unit: '16x16x16', lanes: 32 });
    // An adapter of several sizes has them in a text that asks for one.
    const several = { ...withMatrices, subgroupSize: 64, pinsSubgroups: true, leastSubgroup: 32 };
    expect(textOf(chosen(several, { f16: 'a,b' }))).toMatch(/^enable subgroup_size_control;$[^]*@subgroup_size\(64\)/m);
    expect(textOf(chosen(several, {}))).toBe(textOf(chosen(card, {})));
    expect(matmul.tuning!.space(card).some(({ algorithm }) => algorithm === 'matrix')).toBe(false);
  });
});
