/** Checks of the kernels of InstanceNorm. */
import { floats, normals, uniform, type Call, type KernelCheck, type Values } from './check.ts';
import {
  instanceNorm,
  instanceNormBackward,
  instanceNormBackwardSums,
  instanceNormChunks,
  instanceNormStats,
} from './instanceNorm.ts';
import type { RandomStream } from './random.ts';

const EPS = 1e-5;
const SIZES = [
  [2, 1],
  [9, 3],
  [289, 20],
  [1600, 64],
] as const;
const BENCHMARK = [
  [128 * 128, 64],
  [256 * 256, 64],
] as const;
const CHUNK = 64;

/** A map whose channels lie far from zero, where a one-pass variance would cancel. */
function map(random: RandomStream, pixels: number, channels: number): Float64Array {
  return normals(random, pixels * channels).map((value, i) => Math.fround(value + 30 * (i % channels)));
}

/** [2, channels]: mean and 1 / √(variance + eps). */
function statistics(x: Float64Array, channels: number): Float64Array {
  const pixels = x.length / channels;
  const stats = new Float64Array(2 * channels);
  for (let i = 0; i < x.length; i++) stats[i % channels]! += x[i]! / pixels;
  for (let i = 0; i < x.length; i++) stats[channels + (i % channels)]! += (x[i]! - stats[i % channels]!) ** 2 / pixels;
  for (let c = 0; c < channels; c++) stats[channels + c] = 1 / Math.sqrt(stats[channels + c]! + EPS);
  return stats;
}

/** v, from stats as the call gives them. */
function normalised(call: Call): Float64Array {
  const [channels, stats] = [uniform(call, 'channels'), floats(call, 'stats')];
  return floats(call, 'x').map((value, i) => (value - stats[i % channels]!) * stats[channels + (i % channels)]!);
}

/** g: the gradient of v from that of the output. */
function gradient(call: Call, v: Float64Array): Float64Array {
  return floats(call, 'dy').map((value, i) => (call.variant?.['relu'] === true && v[i]! <= 0 ? 0 : value));
}

/** [chunks, 2, channels]: sums over chunks of pixels of g and g·v. */
function gradientSums(call: Call, chunkPixels: number): Float64Array {
  const channels = uniform(call, 'channels');
  const v = normalised(call);
  const sums = new Float64Array(2 * channels * Math.ceil(v.length / channels / chunkPixels));
  gradient(call, v).forEach((g, i) => {
    const at = 2 * channels * Math.floor(Math.floor(i / channels) / chunkPixels) + (i % channels);
    sums[at]! += g;
    sums[at + channels]! += g * v[i]!;
  });
  return sums;
}

const chunkedCall = (inputs: Values, pixels: number, channels: number, chunkPixels: number): Call => ({
  inputs,
  outputs: { y: 2 * channels * Math.ceil(pixels / chunkPixels) },
  uniforms: { pixels, channels, chunkPixels },
});

export const instanceNormChunksCheck: KernelCheck = {
  kernel: instanceNormChunks,
  calls: (random) =>
    SIZES.map(([pixels, channels]) => chunkedCall({ x: map(random, pixels, channels) }, pixels, channels, CHUNK)),
  benchmark: (random) =>
    BENCHMARK.map(([pixels, channels]) =>
      chunkedCall({ x: map(random, pixels, channels) }, pixels, channels, Math.sqrt(pixels)),
    ),
  reference: (call) => {
    const [pixels, channels, chunkPixels, x] = [
      uniform(call, 'pixels'),
      uniform(call, 'channels'),
      uniform(call, 'chunkPixels'),
      floats(call, 'x'),
    ];
    const y = new Float64Array(2 * channels * Math.ceil(pixels / chunkPixels));
    for (let first = 0, at = 0; first < pixels; first += chunkPixels, at += 2 * channels) {
      const count = Math.min(chunkPixels, pixels - first);
      for (let c = 0; c < channels; c++) {
        const values = Array.from({ length: count }, (_, p) => x[(first + p) * channels + c]!);
        const mean = values.reduce((sum, value) => sum + value, 0) / count;
        y[at + c] = mean;
        y[at + channels + c] = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      }
    }
    return { y };
  },
  work: (call) => ({
    flops: 4 * uniform(call, 'pixels') * uniform(call, 'channels'),
    bytes: 4 * uniform(call, 'pixels') * uniform(call, 'channels'),
  }),
  tolerance: 1e-5,
};

function statsCall(random: RandomStream, pixels: number, channels: number, chunkPixels: number): Call {
  const { inputs, uniforms } = chunkedCall({ x: map(random, pixels, channels) }, pixels, channels, chunkPixels);
  const { y } = instanceNormChunksCheck.reference({ inputs, outputs: {}, uniforms });
  return {
    inputs: { ...inputs, chunks: (y as Float64Array).map(Math.fround) },
    outputs: { stats: 2 * channels },
    uniforms: { count: channels, pixels, chunkPixels, eps: EPS },
  };
}

export const instanceNormStatsCheck: KernelCheck = {
  kernel: instanceNormStats,
  calls: (random) => SIZES.map(([pixels, channels]) => statsCall(random, pixels, channels, CHUNK)),
  benchmark: (random) => BENCHMARK.map(([pixels, channels]) => statsCall(random, pixels, channels, Math.sqrt(pixels))),
  // From the map itself, not from the chunks: this is what the two kernels together have to give.
  reference: (call) => ({ stats: statistics(floats(call, 'x'), uniform(call, 'count')) }),
  work: (call) => {
    const values = 2 * uniform(call, 'count') * Math.ceil(uniform(call, 'pixels') / uniform(call, 'chunkPixels'));
    return { flops: 3 * values, bytes: 4 * values };
  },
  tolerance: 1e-5,
};

function normCall(random: RandomStream, pixels: number, channels: number, relu: boolean, residual: boolean): Call {
  const x = map(random, pixels, channels);
  return {
    inputs: { x, stats: statistics(x, channels).map(Math.fround), residual: normals(random, x.length) },
    outputs: { y: x.length },
    uniforms: { count: x.length, channels },
    variant: { relu, residual },
  };
}

export const instanceNormCheck: KernelCheck = {
  kernel: instanceNorm,
  calls: (random) => SIZES.map(([pixels, channels], i) => normCall(random, pixels, channels, i % 2 === 1, i > 1)),
  benchmark: (random) => BENCHMARK.map(([pixels, channels]) => normCall(random, pixels, channels, true, true)),
  reference: (call) => {
    const residual = floats(call, 'residual');
    const y = normalised(call).map(
      (v, i) =>
        (call.variant?.['relu'] === true ? Math.max(v, 0) : v) +
        (call.variant?.['residual'] === true ? residual[i]! : 0),
    );
    return { y };
  },
  work: (call) => ({
    flops: 4 * uniform(call, 'count'),
    bytes: 4 * (call.variant?.['residual'] === true ? 3 : 2) * uniform(call, 'count'),
  }),
  tolerance: 2e-5,
};

function backwardCall(random: RandomStream, pixels: number, channels: number, relu: boolean): Call {
  const forward = normCall(random, pixels, channels, relu, false);
  const inputs = { ...forward.inputs, dy: normals(random, pixels * channels) };
  const call: Call = {
    inputs,
    outputs: { dx: pixels * channels },
    uniforms: { ...forward.uniforms, pixels },
    variant: { relu },
  };
  return { ...call, inputs: { ...inputs, sums: gradientSums(call, pixels) } };
}

export const instanceNormBackwardSumsCheck: KernelCheck = {
  kernel: instanceNormBackwardSums,
  calls: (random) =>
    SIZES.map(([pixels, channels], i) => {
      const relu = i % 2 === 1;
      const { inputs } = backwardCall(random, pixels, channels, relu);
      return { ...chunkedCall(inputs, pixels, channels, CHUNK), variant: { relu } };
    }),
  benchmark: (random) =>
    BENCHMARK.map(([pixels, channels]) => {
      const { inputs } = backwardCall(random, pixels, channels, true);
      return { ...chunkedCall(inputs, pixels, channels, Math.sqrt(pixels)), variant: { relu: true } };
    }),
  reference: (call) => ({ y: gradientSums(call, uniform(call, 'chunkPixels')) }),
  work: (call) => ({
    flops: 5 * uniform(call, 'pixels') * uniform(call, 'channels'),
    bytes: 8 * uniform(call, 'pixels') * uniform(call, 'channels'),
  }),
  tolerance: 2e-5,
};

/** The norm with its statistics, which the backward kernel is the gradient of. */
const whole: KernelCheck = {
  ...instanceNormCheck,
  reference: (call) =>
    instanceNormCheck.reference({
      ...call,
      inputs: { ...call.inputs, stats: statistics(floats(call, 'x'), uniform(call, 'channels')) },
    }),
};

export const instanceNormBackwardCheck: KernelCheck = {
  kernel: instanceNormBackward,
  gradientOf: whole,
  calls: (random) => SIZES.map(([pixels, channels], i) => backwardCall(random, pixels, channels, i % 2 === 1)),
  // Small maps: a step moves every pixel a little, and among many some cross the ReLU's kink. Not two pixels: their
  // values are ±1.
  gradientCalls: (random) =>
    (
      [
        [5, 1],
        [9, 3],
        [289, 20],
      ] as const
    ).flatMap(([pixels, channels]) => [false, true].map((relu) => backwardCall(random, pixels, channels, relu))),
  benchmark: (random) => BENCHMARK.map(([pixels, channels]) => backwardCall(random, pixels, channels, true)),
  reference: (call) => {
    const [pixels, channels, stats, sums] = [
      uniform(call, 'pixels'),
      uniform(call, 'channels'),
      floats(call, 'stats'),
      floats(call, 'sums'),
    ];
    const v = normalised(call);
    const dx = gradient(call, v).map((g, i) => {
      const c = i % channels;
      return stats[channels + c]! * (g - (sums[c]! + v[i]! * sums[channels + c]!) / pixels);
    });
    return { dx };
  },
  work: (call) => ({ flops: 8 * uniform(call, 'count'), bytes: 12 * uniform(call, 'count') }),
  tolerance: 2e-5,
};
