/** Checks of InstanceNorm along packed sequences. */
import { floats, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';
import { segmentNorm, segmentNormBackward, segmentNormBackwardSums, segmentStats } from './segmentNorm.ts';
import { BATCH_LENGTHS, LENGTHS, packTables, rowsOf, total } from './segments.check.ts';

const EPS = 1e-5;
const CHANNELS = [1, 3, 12];
const PACKS = LENGTHS.flatMap((lengths) => CHANNELS.map((channels) => [lengths, channels] as const));
const BENCHMARK = [[BATCH_LENGTHS, 32]] as const;

/** [sequences, 2, channels]: mean and 1 / √(variance + eps). */
function statistics(call: Call): Float64Array {
  const [x, channels] = [floats(call, 'x'), uniform(call, 'channels')];
  return Float64Array.from(
    rowsOf(call).flatMap((rows) => {
      const mean = Array.from(
        { length: channels },
        (_, c) => rows.reduce((sum, row) => sum + x[row * channels + c]!, 0) / rows.length,
      );
      const rstd = mean.map(
        (m, c) =>
          1 / Math.sqrt(rows.reduce((sum, row) => sum + (x[row * channels + c]! - m) ** 2, 0) / rows.length + EPS),
      );
      return [...mean, ...rstd];
    }),
  );
}

/** v, from stats as the call gives them. */
function normalised(call: Call): Float64Array {
  const [channels, stats, sequences] = [uniform(call, 'channels'), floats(call, 'stats'), integers(call, 'sequences')];
  return floats(call, 'x').map((value, i) => {
    const at = 2 * sequences[Math.floor(i / channels)]! * channels + (i % channels);
    return (value - stats[at]!) * stats[at + channels]!;
  });
}

const elu = (call: Call): boolean => call.variant?.['elu'] === true;

/** g: the gradient of v from that of the output. */
const gradient = (call: Call, v: Float64Array): Float64Array =>
  floats(call, 'dy').map((value, i) => (elu(call) && v[i]! < 0 ? value * Math.exp(v[i]!) : value));

/** [sequences, 2, channels]: Σ g and Σ g·v. */
function gradientSums(call: Call): Float64Array {
  const channels = uniform(call, 'channels');
  const v = normalised(call);
  const g = gradient(call, v);
  return Float64Array.from(
    rowsOf(call).flatMap((rows) => {
      const over = (value: (i: number) => number): number[] =>
        Array.from({ length: channels }, (_, c) => rows.reduce((sum, row) => sum + value(row * channels + c), 0));
      return [...over((i) => g[i]!), ...over((i) => g[i]! * v[i]!)];
    }),
  );
}

/** A pack whose channels lie far from zero, where a one-pass variance would cancel. */
function pack(random: RandomStream, lengths: readonly number[], channels: number): Call['inputs'] {
  const x = normals(random, total(lengths) * channels).map((value, i) => Math.fround(value + 30 * (i % channels)));
  return { x, ...packTables(lengths) };
}

function statsCall(random: RandomStream, lengths: readonly number[], channels: number): Call {
  const count = lengths.length * channels;
  return {
    inputs: pack(random, lengths, channels),
    outputs: { stats: 2 * count },
    uniforms: { count, channels, eps: EPS },
  };
}

export const segmentStatsCheck: KernelCheck = {
  kernel: segmentStats,
  calls: (random) => PACKS.map(([lengths, channels]) => statsCall(random, lengths, channels)),
  benchmark: (random) => BENCHMARK.map(([lengths, channels]) => statsCall(random, lengths, channels)),
  reference: (call) => ({ stats: statistics(call) }),
  work: (call) => ({ flops: 4 * call.inputs['x']!.length, bytes: 4 * call.inputs['x']!.length }),
  // Two equal rows would give 1 / √eps; none of the calls has them.
  tolerance: 1e-5,
};

function normCall(
  random: RandomStream,
  lengths: readonly number[],
  channels: number,
  variant: { elu: boolean; residual?: boolean },
): Call {
  const inputs = pack(random, lengths, channels);
  const count = inputs['x']!.length;
  const call: Call = { inputs, outputs: { y: count }, uniforms: { count, channels }, variant };
  return { ...call, inputs: { ...inputs, stats: statistics(call).map(Math.fround), residual: normals(random, count) } };
}

export const segmentNormCheck: KernelCheck = {
  kernel: segmentNorm,
  calls: (random) =>
    PACKS.map(([lengths, channels], i) =>
      normCall(random, lengths, channels, { elu: i % 2 === 1, residual: i % 4 > 1 }),
    ),
  benchmark: (random) =>
    BENCHMARK.map(([lengths, channels]) => normCall(random, lengths, channels, { elu: true, residual: true })),
  reference: (call) => {
    const residual = floats(call, 'residual');
    const y = normalised(call).map(
      (v, i) => (elu(call) && v < 0 ? Math.expm1(v) : v) + (call.variant?.['residual'] === true ? residual[i]! : 0),
    );
    return { y };
  },
  work: (call) => ({ flops: 5 * uniform(call, 'count'), bytes: 12 * uniform(call, 'count') }),
  tolerance: 2e-5,
};

function withGradient(random: RandomStream, lengths: readonly number[], channels: number, elu: boolean): Call {
  const forward = normCall(random, lengths, channels, { elu });
  return { ...forward, inputs: { ...forward.inputs, dy: normals(random, uniform(forward, 'count')) } };
}

function backwardCall(random: RandomStream, lengths: readonly number[], channels: number, elu: boolean): Call {
  const forward = withGradient(random, lengths, channels, elu);
  const call: Call = { ...forward, outputs: { dx: uniform(forward, 'count') } };
  return { ...call, inputs: { ...call.inputs, sums: gradientSums(call).map(Math.fround) } };
}

function sumsCall(random: RandomStream, lengths: readonly number[], channels: number, elu: boolean): Call {
  const count = lengths.length * channels;
  return {
    ...withGradient(random, lengths, channels, elu),
    outputs: { sums: 2 * count },
    uniforms: { count, channels },
  };
}

export const segmentNormBackwardSumsCheck: KernelCheck = {
  kernel: segmentNormBackwardSums,
  calls: (random) => PACKS.map(([lengths, channels], i) => sumsCall(random, lengths, channels, i % 2 === 1)),
  benchmark: (random) => BENCHMARK.map(([lengths, channels]) => sumsCall(random, lengths, channels, true)),
  reference: (call) => ({ sums: gradientSums(call) }),
  work: (call) => ({ flops: 6 * call.inputs['x']!.length, bytes: 8 * call.inputs['x']!.length }),
  tolerance: 2e-5,
};

/** The norm with its statistics, which the backward kernel is the gradient of. */
const whole: KernelCheck = {
  ...segmentNormCheck,
  reference: (call) => segmentNormCheck.reference({ ...call, inputs: { ...call.inputs, stats: statistics(call) } }),
};

export const segmentNormBackwardCheck: KernelCheck = {
  kernel: segmentNormBackward,
  gradientOf: whole,
  calls: (random) => PACKS.map(([lengths, channels], i) => backwardCall(random, lengths, channels, i % 2 === 1)),
  // Not two rows: their values are ±1, and the gradient is nothing but rounding.
  gradientCalls: (random) =>
    [
      [3, 5],
      [6, 17, 4],
    ].flatMap((lengths) =>
      [false, true].map((each) => {
        const call = backwardCall(random, lengths, 3, each);
        const exact = { ...call, inputs: { ...call.inputs, stats: statistics(call) } };
        return { ...exact, inputs: { ...exact.inputs, sums: gradientSums(exact) } };
      }),
    ),
  benchmark: (random) => BENCHMARK.map(([lengths, channels]) => backwardCall(random, lengths, channels, true)),
  reference: (call) => {
    const [channels, stats, sums] = [uniform(call, 'channels'), floats(call, 'stats'), floats(call, 'sums')];
    const [sequences, bounds] = [integers(call, 'sequences'), integers(call, 'bounds')];
    const v = normalised(call);
    const dx = gradient(call, v).map((g, i) => {
      const s = sequences[Math.floor(i / channels)]!;
      const at = 2 * s * channels + (i % channels);
      return (
        stats[at + channels]! * (g - (sums[at]! + v[i]! * sums[at + channels]!) / (bounds[2 * s + 1]! - bounds[2 * s]!))
      );
    });
    return { dx };
  },
  work: (call) => ({ flops: 9 * uniform(call, 'count'), bytes: 12 * uniform(call, 'count') }),
  tolerance: 2e-5,
};
