/**
 * InstanceNorm along packed sequences [rows, channels]: every channel of every
 * sequence is brought to mean 0 and variance 1 over the sequence's rows, with
 * the biased variance and no affine parameters; then an ELU (Clevert et al.,
 * arXiv:1511.07289, α = 1) and a residual add in the same pass. The form over
 * one map of pixels, in chunks, is instanceNorm.ts; sequences are short.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

const tables = { sequences: 'u32', bounds: 'u32' } as const;

/** An invocation per (sequence, channel): `s`, `c`, and the rows `first` … `end` − 1. */
const sequenceIndex = /* wgsl */ `${flatIndex}
  let s = i / u.channels;
  let c = i % u.channels;
  let first = bounds[2u * s];
  let end = bounds[2u * s + 1u];`;

/**
 * stats[s, 0, c] = mean and stats[s, 1, c] = 1 / √(variance + eps) over the rows of sequence s; count = sequences ·
 * channels.
 */
export const segmentStats = defineKernel({
  name: 'segmentStats',
  inputs: { x: 'f32', bounds: 'u32' },
  outputs: { stats: 'f32' },
  uniforms: { count: 'u32', channels: 'u32', eps: 'f32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${sequenceIndex}
  let rows = f32(end - first);
  var sum = 0.0;
  for (var row = first; row < end; row++) { sum += x[row * u.channels + c]; }
  let mean = sum / rows;
  var m2 = 0.0;
  for (var row = first; row < end; row++) {
    let deviation = x[row * u.channels + c] - mean;
    m2 += deviation * deviation;
  }
  let at = 2u * s * u.channels + c;
  stats[at] = mean;
  stats[at + u.channels] = inverseSqrt(m2 / rows + u.eps);`,
});

export type SegmentNormVariant = {
  elu: boolean;
  /** Adds `residual`. */
  residual: boolean;
};
const defaults: SegmentNormVariant = { elu: false, residual: false };

/** `at` of the statistics of row and channel of element i, and its normalised value `v`. */
const normalised = /* wgsl */ `
  let c = i % u.channels;
  let s = sequences[i / u.channels];
  let at = 2u * s * u.channels + c;
  let rstd = stats[at + u.channels];
  let v = (x[i] - stats[at]) * rstd;`;

/** y = v or elu(v), plus residual, where v = (x − mean) · rstd. */
export const segmentNorm = defineKernel({
  name: 'segmentNorm',
  inputs: { x: 'f32', stats: 'f32', residual: 'f32', sequences: 'u32' },
  optional: ['residual'],
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: defaults,
  ...elementwise,
  body: ({ elu, residual }) => /* wgsl */ `${flatIndex}${normalised}
  y[i] = ${elu ? 'select(v, exp(v) - 1.0, v < 0.0)' : 'v'}${residual ? ' + residual[i]' : ''};`,
});

export type SegmentNormBackwardVariant = Pick<SegmentNormVariant, 'elu'>;
const withoutElu: SegmentNormBackwardVariant = { elu: false };

/** g, the gradient of v, from that of y. */
const gradient = ({ elu }: SegmentNormBackwardVariant, index: string): string =>
  elu ? `dy[${index}] * select(1.0, exp(v), v < 0.0)` : `dy[${index}]`;

/** sums[s, 0, c] = Σ g and sums[s, 1, c] = Σ g·v over the rows of sequence s. */
export const segmentNormBackwardSums = defineKernel({
  name: 'segmentNormBackwardSums',
  inputs: { x: 'f32', stats: 'f32', dy: 'f32', bounds: 'u32' },
  outputs: { sums: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: withoutElu,
  ...elementwise,
  body: (variant) => /* wgsl */ `${sequenceIndex}
  let at = 2u * s * u.channels + c;
  let mean = stats[at];
  let rstd = stats[at + u.channels];
  var sum = 0.0;
  var dot = 0.0;
  for (var row = first; row < end; row++) {
    let k = row * u.channels + c;
    let v = (x[k] - mean) * rstd;
    let g = ${gradient(variant, 'k')};
    sum += g;
    dot += g * v;
  }
  sums[at] = sum;
  sums[at + u.channels] = dot;`,
});

/** dx = rstd · (g − (Σ g + v · Σ g·v) / rows of the sequence). */
export const segmentNormBackward = defineKernel({
  name: 'segmentNormBackward',
  inputs: { x: 'f32', stats: 'f32', sums: 'f32', dy: 'f32', ...tables },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: withoutElu,
  ...elementwise,
  body: (variant) => /* wgsl */ `${flatIndex}${normalised}
  let g = ${gradient(variant, 'i')};
  let rows = f32(bounds[2u * s + 1u] - bounds[2u * s]);
  dx[i] = rstd * (g - (sums[at] + v * sums[at + u.channels]) / rows);`,
});
