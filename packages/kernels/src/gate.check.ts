/** Checks of the gates. */
import { floats, normals, uniform, type Call, type KernelCheck, type Values } from './check.ts';
import { channelGate, channelGateBackward, gate, gateBackward } from './gate.ts';
import type { AnyKernel } from './kernel.ts';
import type { RandomStream } from './random.ts';

const COUNTS = [1, 63, 1000];
const BENCHMARK = [64 * 64 * 128];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** A check of a kernel over elements from the values of one. */
function flatCheck(
  kernel: AnyKernel,
  inputs: readonly string[],
  value: (at: (name: string) => number) => Readonly<Record<string, number>>,
  flops: number,
  gradientOf?: KernelCheck,
): KernelCheck {
  const outputs = Object.keys(kernel.outputs);
  const call = (random: RandomStream, count: number): Call => ({
    inputs: Object.fromEntries(inputs.map((name) => [name, normals(random, count)])),
    outputs: Object.fromEntries(outputs.map((name) => [name, count])),
    uniforms: { count },
  });
  return {
    kernel,
    calls: (random) => COUNTS.map((count) => call(random, count)),
    benchmark: (random) => BENCHMARK.map((count) => call(random, count)),
    reference: (each) => {
      const result: Values = Object.fromEntries(
        outputs.map((name) => [name, new Float64Array(uniform(each, 'count'))]),
      );
      for (let i = 0; i < uniform(each, 'count'); i++) {
        for (const [name, element] of Object.entries(value((input) => floats(each, input)[i]!)))
          result[name]![i] = element;
      }
      return result;
    },
    work: (each) => ({
      flops: flops * uniform(each, 'count'),
      bytes: 4 * (inputs.length + outputs.length) * uniform(each, 'count'),
    }),
    tolerance: 1e-6,
    ...(gradientOf && { gradientOf }),
  };
}

const plainGate = flatCheck(gate, ['x', 'g'], (at) => ({ y: at('x') * sigmoid(at('g')) }), 4);
const addedGate = flatCheck(
  gate,
  ['x', 'g', 'residual'],
  (at) => ({ y: at('residual') + at('x') * sigmoid(at('g')) }),
  5,
);

export const gateCheck: KernelCheck = {
  ...plainGate,
  calls: (random) => [
    ...plainGate.calls(random),
    ...addedGate.calls(random).map((call) => ({ ...call, variant: { residual: true } })),
  ],
  reference: (call) => (call.variant?.['residual'] === true ? addedGate : plainGate).reference(call),
};

export const gateBackwardCheck = flatCheck(
  gateBackward,
  ['dy', 'x', 'g'],
  (at) => {
    const s = sigmoid(at('g'));
    return { dx: at('dy') * s, dg: at('dy') * at('x') * s * (1 - s) };
  },
  8,
  gateCheck,
);

function channelCall(random: RandomStream, channels: number, pixels: number, outputs: readonly string[]): Call {
  const count = channels * pixels;
  return {
    inputs: {
      dy: normals(random, count),
      x: normals(random, count),
      g: normals(random, count),
      bias: normals(random, channels),
      gateBias: normals(random, channels),
    },
    outputs: Object.fromEntries(outputs.map((name) => [name, count])),
    uniforms: { count, pixels },
  };
}

const CHANNELS = [
  [1, 1],
  [3, 25],
  [12, 64],
] as const;

function channelCheck(
  kernel: AnyKernel,
  value: (dy: number, x: number, s: number) => Readonly<Record<string, number>>,
  flops: number,
  gradientOf?: KernelCheck,
): KernelCheck {
  const outputs = Object.keys(kernel.outputs);
  return {
    kernel,
    calls: (random) => CHANNELS.map(([channels, pixels]) => channelCall(random, channels, pixels, outputs)),
    benchmark: (random) => [channelCall(random, 128, 64 * 64, outputs)],
    reference: (call) => {
      const [count, pixels] = [uniform(call, 'count'), uniform(call, 'pixels')];
      const result: Values = Object.fromEntries(outputs.map((name) => [name, new Float64Array(count)]));
      for (let i = 0; i < count; i++) {
        const c = Math.floor(i / pixels);
        const s = sigmoid(floats(call, 'g')[i]! + floats(call, 'gateBias')[c]!);
        const x = floats(call, 'x')[i]! + floats(call, 'bias')[c]!;
        for (const [name, element] of Object.entries(value(floats(call, 'dy')[i]!, x, s))) result[name]![i] = element;
      }
      return result;
    },
    work: (call) => ({
      flops: flops * uniform(call, 'count'),
      bytes: 4 * (2 + outputs.length) * uniform(call, 'count'),
    }),
    tolerance: 1e-6,
    ...(gradientOf && { gradientOf }),
  };
}

export const channelGateCheck = channelCheck(channelGate, (_, x, s) => ({ y: x * s }), 6);

export const channelGateBackwardCheck = channelCheck(
  channelGateBackward,
  (dy, x, s) => ({ dx: dy * s, dg: dy * x * s * (1 - s) }),
  10,
  channelGateCheck,
);
