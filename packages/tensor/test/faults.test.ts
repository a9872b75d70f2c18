/**
 * The kernels' tests can fail: kernels with one fault each, and what `verifyCall` and `accessesBeyond` say about them.
 */
import { defineKernel, elementwise, flatIndex, type Variant } from '@rna/kernels';
import type { Call, KernelCheck } from '@rna/kernels/checks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyCall } from '../src/checks.ts';
import type { Device } from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';
import { accessesBeyond } from './boundsChecked.ts';
import { coveringCalls, coveringVariants } from './covering.ts';

let device: Device;
// One for each test: pipelines are kept by the kernel's name.
beforeEach(async () => {
  device = await openDevice({ poison: true });
});
afterEach(() => {
  device.destroy();
});

const COUNT = 70;
const call: Call = {
  inputs: { x: Float64Array.from({ length: COUNT }, (_, i) => i + 1), total: Float64Array.of(3) },
  outputs: { y: COUNT },
  uniforms: { count: COUNT },
};

/** A check of y = 2·x and an update of one element, computed by `body`, which finds its element in `i`. */
function twice(body: string): KernelCheck {
  return {
    kernel: defineKernel({
      name: 'twice',
      inputs: { x: 'f32' },
      updates: { total: 'f32' },
      outputs: { y: 'f32' },
      uniforms: { count: 'u32' },
      variant: {},
      ...elementwise,
      body: () => `${flatIndex}\n  ${body}`,
    }),
    calls: () => [call],
    reference: ({ inputs }) => ({ y: (inputs['x'] as Float64Array).map((x) => 2 * x) }),
    work: () => ({ flops: COUNT, bytes: 8 * COUNT }),
    tolerance: 1e-6,
  };
}

describe('a kernel that', () => {
  it.each([
    ['is right', 'y[i] = 2.0 * x[i];', []],
    ['is wrong', 'y[i] = 2.1 * x[i];', [/twice at \{"count":70\}: y is off by 0\.0[45]\d*, allowed are 0\.000001/]],
    ['leaves an element out', 'if (i != 5u) { y[i] = 2.0 * x[i]; }', [/y is off by NaN/]],
    [
      'writes behind an output',
      'y[i] = 2.0 * x[i]; y[i + 1u] = 2.0 * x[min(i + 1u, u.count - 1u)];',
      [/'y' ends at 70, and element 70 was written/],
    ],
    ['writes behind an update', 'y[i] = 2.0 * x[i]; total[1] = 0.0;', [/'total' ends at 1, and element 1 was written/]],
    [
      'reads behind an input',
      'y[i] = x[i] + select(x[i], x[i + 1u] - 1.0, i == 69u);',
      [/y\[69\] depends on what stands behind the inputs/, /y is off by NaN/],
    ],
    [
      'reads far behind a maximum',
      'y[i] = max(2.0 * x[i], x[i + 1000u]);',
      [/y\[0\] depends on what stands behind the inputs/],
    ],
  ])('%s', async (_, body, expected) => {
    const found = await verifyCall(device, twice(body), call);
    expect(found).toEqual(expected.map((pattern) => expect.stringMatching(pattern) as string));
  });

  it('changes from run to run', async () => {
    // No kernel does so at every run; inputs that change between the runs stand for it.
    let runs = 0;
    const changing: Call = {
      ...call,
      get inputs() {
        return { ...call.inputs, total: Float64Array.of(runs++) };
      },
    };
    expect(await verifyCall(device, twice('y[i] = 2.0 * x[i] + 1e-6 * total[0];'), changing)).toEqual(
      ['y', 'total'].map((name) => `twice at {"count":70}: ${name}[0] differs from run to run`),
    );
  });
});

describe('an access', () => {
  it.each([
    ['within', 'y[i] = 2.0 * x[u32(x[i]) - 1u];', []],
    [
      'beyond whose value is thrown away',
      'y[i] = select(0.0, x[i + 1u], i + 1u < u.count);',
      [/twice \{\} at .*: x\[70\] is accessed, and there are 70 elements/],
    ],
    ['that wraps below zero', 'y[i] = select(0.0, x[i - 1u], i > 0u);', [/x\[4294967295\] is accessed/]],
    // Seven elements do so, and which of them is told is the driver's choice.
    [
      'before an early return',
      'y[i] = x[i + 7u]; if (i > 3u) { return; } total[0] = x[0];',
      [/x\[7[0-6]\] is accessed/],
    ],
  ])('%s', async (_, body, expected) => {
    expect(await accessesBeyond(device, twice(body), call)).toEqual(
      expected.map((pattern) => expect.stringMatching(pattern) as string),
    );
  });
});

describe('the covering subset', () => {
  it('of variants shows each value once at least, in few variants, sizes once', () => {
    const all: Variant[] = [16, 8].flatMap((tile) =>
      [true, false].flatMap((bias) => ['a', 'b', 'c'].map((form) => ({ tile, bias, form }))),
    );
    expect(coveringVariants(all)).toEqual([
      { tile: 16, bias: true, form: 'a' },
      { tile: 16, bias: false, form: 'b' },
      { tile: 16, bias: true, form: 'c' },
    ]);
    expect(coveringVariants([])).toEqual([]);
  });

  it('of calls is all calls of a few pipelines, ordinary work before extreme', () => {
    const pipelines: [number, Variant][] = [
      [1, { bias: true, size: 1 }],
      [50, { bias: true, size: 50 }],
      [7, { bias: false, size: 9 }],
      [9, { bias: false, size: 9 }],
      [3, { bias: true, size: 3 }],
    ];
    const calls = pipelines.map(([count, variant]): Call => ({ ...call, uniforms: { count }, variant }));
    const check: KernelCheck = { ...twice(''), work: ({ uniforms }) => ({ flops: uniforms['count']!, bytes: 0 }) };
    expect(coveringCalls(check, calls).map(({ uniforms }) => uniforms['count'])).toEqual([7, 9, 3]);
  });
});
