/** Checks of the elementwise kernels. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { accumulate, add, dropout, dropoutAdd, fill, scale } from './elementwise.ts';
import type { AnyKernel } from './kernel.ts';
import { threefry2x32, type RandomStream } from './random.ts';

const COUNTS = [1, 63, 1000, 5003];
const BENCHMARK = [640 * 1024];

/** A check of an elementwise kernel from a function of one element. */
function elementwiseCheck(
  kernel: AnyKernel,
  inputs: readonly string[],
  output: string,
  uniforms: Readonly<Record<string, number>>,
  value: (call: Call, i: number) => number,
  flops: number,
): KernelCheck {
  const update = Object.keys(kernel.updates).length > 0;
  const call = (random: RandomStream, count: number): Call => ({
    inputs: Object.fromEntries(inputs.map((name) => [name, normals(random, count)])),
    outputs: update ? {} : { [output]: count },
    uniforms: { count, ...uniforms },
  });
  return {
    kernel,
    calls: (random) => COUNTS.map((count) => call(random, count)),
    benchmark: (random) => BENCHMARK.map((count) => call(random, count)),
    reference: (c) => ({ [output]: Float64Array.from({ length: uniform(c, 'count') }, (_, i) => value(c, i)) }),
    work: (c) => ({ flops: flops * uniform(c, 'count'), bytes: 4 * (inputs.length + 1) * uniform(c, 'count') }),
    tolerance: 1e-6,
  };
}

/** The host's twin of `keepFour`: the factor of element i. */
export function keepFactor(call: Call, block: number, row: number, element: number): number {
  const threshold = uniform(call, 'threshold');
  const words = threefry2x32(uniform(call, 'key0'), uniform(call, 'key1'), block, row);
  const draw = (words[element >> 1]! >>> (16 * (element & 1))) & 0xffff;
  return draw >= threshold ? 65536 / (65536 - threshold) : 0;
}

const dropped = { threshold: 6554, key0: 0x9e3779b9, key1: 0x12345678 };
const keepAt = (call: Call, i: number): number => keepFactor(call, Math.floor(i / 4), 0, i % 4);

export const fillCheck = elementwiseCheck(fill, [], 'y', { value: -2.5 }, (c) => uniform(c, 'value'), 0);
export const addCheck = elementwiseCheck(
  add,
  ['a', 'b'],
  'y',
  {},
  (c, i) => floats(c, 'a')[i]! + floats(c, 'b')[i]!,
  1,
);
export const accumulateCheck = elementwiseCheck(
  accumulate,
  ['x', 'y'],
  'y',
  {},
  (c, i) => floats(c, 'x')[i]! + floats(c, 'y')[i]!,
  1,
);
export const scaleCheck = elementwiseCheck(scale, ['x'], 'y', { factor: 0.25 }, (c, i) => 0.25 * floats(c, 'x')[i]!, 1);
export const dropoutCheck = elementwiseCheck(
  dropout,
  ['x'],
  'y',
  dropped,
  (c, i) => keepAt(c, i) * floats(c, 'x')[i]!,
  1,
);
export const dropoutAddCheck = elementwiseCheck(
  dropoutAdd,
  ['x', 'branch'],
  'y',
  dropped,
  (c, i) => floats(c, 'x')[i]! + keepAt(c, i) * floats(c, 'branch')[i]!,
  2,
);
