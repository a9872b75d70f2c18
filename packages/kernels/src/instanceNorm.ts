/**
 * InstanceNorm over a map's pixels, channel by channel, without affine
 * parameters and with the biased variance (Ulyanov et al., arXiv:1607.08022):
 * v = (x − mean) · rstd, with an optional ReLU and an optional residual add in
 * the same pass. Maps are [pixels, channels]. Sums go over chunks of pixels
 * first, in an order that depends on sizes alone.
 */
import { defineKernel, elementwise, flatGrid, FLAT_SIZE, flatIndex, type ElementType, type Grid } from './kernel.ts';

/** One invocation per chunk of pixels and channel, neighbours on neighbouring channels. */
const chunked = {
  uniforms: { pixels: 'u32', channels: 'u32', chunkPixels: 'u32' },
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: ({ pixels, channels, chunkPixels }: { pixels: number; channels: number; chunkPixels: number }): Grid =>
    flatGrid(Math.ceil(pixels / chunkPixels) * channels, FLAT_SIZE),
} as const;

const chunkIndex = /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let chunk = i / u.channels;
  let c = i % u.channels;
  let first = chunk * u.chunkPixels;
  if (first >= u.pixels) { return; }
  let end = min(u.pixels, first + u.chunkPixels);`;

/**
 * y[chunk, 0, c] = mean over a chunk's pixels, y[chunk, 1, c] = M2, the sum of squared deviations from it. One pass, by
 * Welford's recurrence (1962): reading a map takes longer than the sums do.
 */
export const instanceNormChunks = defineKernel({
  name: 'instanceNormChunks',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  variant: {},
  ...chunked,
  body: () => /* wgsl */ `${chunkIndex}
  var mean = 0.0;
  var m2 = 0.0;
  for (var p = first; p < end; p++) {
    let value = x[p * u.channels + c];
    let deviation = value - mean;
    mean += deviation / f32(p - first + 1u);
    m2 += deviation * (value - mean);
  }
  let at = 2u * chunk * u.channels + c;
  y[at] = mean;
  y[at + u.channels] = m2;`,
});

/**
 * stats[0, c] = mean and stats[1, c] = 1 / √(variance + eps) of all pixels, from the chunks' (mean, M2) by the
 * formula of Chan, Golub and LeVeque (1983), all chunks at once: M2 = Σ M2ₖ + Σ nₖ (meanₖ − mean)².
 */
export const instanceNormStats = defineKernel({
  name: 'instanceNormStats',
  inputs: { chunks: 'f32' },
  outputs: { stats: 'f32' },
  uniforms: { count: 'u32', pixels: 'u32', chunkPixels: 'u32', eps: 'f32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let channels = u.count;
  let last = (u.pixels - 1u) / u.chunkPixels;
  let total = f32(u.pixels);
  let size = f32(u.chunkPixels);
  let lastSize = f32(u.pixels - last * u.chunkPixels);
  var sum = 0.0;
  for (var k = 0u; k < last; k++) { sum += chunks[2u * k * channels + i]; }
  let mean = sum * (size / total) + chunks[2u * last * channels + i] * (lastSize / total);
  var m2 = 0.0;
  for (var k = 0u; k <= last; k++) {
    let deviation = chunks[2u * k * channels + i] - mean;
    m2 += chunks[(2u * k + 1u) * channels + i] + select(size, lastSize, k == last) * deviation * deviation;
  }
  stats[i] = mean;
  stats[channels + i] = inverseSqrt(m2 / total + u.eps);`,
});

export type InstanceNormVariant = {
  relu: boolean;
  /** Adds `residual`. */
  residual: boolean;
  /** `channels` is a multiple of four: maps are read and written in vectors, three times faster on software drivers. */
  aligned: boolean;
  /** Pixels of an invocation, for which the channel's statistics are read once. */
  pixels: number;
};
const normDefaults: InstanceNormVariant = { relu: false, residual: false, aligned: false, pixels: 1 };

/**
 * Calls `each` for the elements `i`, or vectors of four, of an invocation, all of a channel `c`; `next` is how far
 * apart the two rows of statistics are. Neighbouring invocations have neighbouring elements.
 */
const overPixels = (
  { aligned, pixels }: { aligned: boolean; pixels: number },
  before: string,
  each: string,
): string => /* wgsl */ `
  let next = u.channels${aligned ? ' / 4u' : ''};
  let elements = u.count${aligned ? ' / 4u' : ''};
  let apart = (elements / next + ${pixels - 1}u) / ${pixels}u * next;
  let own = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (own >= apart) { return; }
  let c = own % next;
${before}
  for (var i = own; i < elements; i += apart) {
${each}
  }`;
const vectorsOf =
  (...names: string[]) =>
  ({ aligned }: { aligned: boolean }): Record<string, ElementType> =>
    aligned ? Object.fromEntries(names.map((name) => [name, 'vec4f'])) : {};
const pixelGrid = {
  derived: ({ channels }: { readonly channels: number }): Pick<InstanceNormVariant, 'aligned'> => ({
    aligned: channels % 4 === 0,
  }),
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: (
    { count, channels }: { readonly count: number; readonly channels: number },
    { aligned, pixels }: { aligned: boolean; pixels: number },
  ): Grid => flatGrid(Math.ceil(count / channels / pixels) * (aligned ? channels / 4 : channels), FLAT_SIZE),
} as const;
const zeroOf = (aligned: boolean): string => (aligned ? 'vec4f()' : '0.0');

/** y = v, relu(v), or either plus residual. The ReLU lets NaN through, which max() would swallow. */
export const instanceNorm = defineKernel({
  name: 'instanceNorm',
  inputs: { x: 'f32', stats: 'f32', residual: 'f32' },
  optional: ['residual'],
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: normDefaults,
  elements: vectorsOf('x', 'stats', 'residual', 'y'),
  ...pixelGrid,
  body: (variant) => {
    const { relu, residual, aligned } = variant;
    return overPixels(
      variant,
      /* wgsl */ `
  let mean = stats[c];
  let rstd = stats[next + c];`,
      /* wgsl */ `
    let v = (x[i] - mean) * rstd;
    y[i] = ${relu ? `select(v, ${zeroOf(aligned)}, v <= ${zeroOf(aligned)})` : 'v'}${residual ? ' + residual[i]' : ''};`,
    );
  },
});

const withoutRelu: { relu: boolean } = { relu: false };
const backwardDefaults: Omit<InstanceNormVariant, 'residual'> = { relu: false, aligned: false, pixels: 1 };

const gradientWgsl = (relu: boolean, at: string, aligned = false): string =>
  relu ? `select(dy[${at}], ${zeroOf(aligned)}, v <= ${zeroOf(aligned)})` : `dy[${at}]`;

/** y[chunk, 0, c] = Σ g and y[chunk, 1, c] = Σ g·v over a chunk's pixels, where g = dy, or 0 where the ReLU was. */
export const instanceNormBackwardSums = defineKernel({
  name: 'instanceNormBackwardSums',
  inputs: { x: 'f32', stats: 'f32', dy: 'f32' },
  outputs: { y: 'f32' },
  variant: withoutRelu,
  ...chunked,
  body: ({ relu }) => /* wgsl */ `${chunkIndex}
  let mean = stats[c];
  let rstd = stats[u.channels + c];
  var sum = 0.0;
  var dot = 0.0;
  for (var p = first; p < end; p++) {
    let at = p * u.channels + c;
    let v = (x[at] - mean) * rstd;
    let g = ${gradientWgsl(relu, 'at')};
    sum += g;
    dot += g * v;
  }
  let at = 2u * chunk * u.channels + c;
  y[at] = sum;
  y[at + u.channels] = dot;`,
});

/** dx = rstd · (g − (Σ g + v · Σ g·v) / pixels); sums [2, channels] over all pixels, of which x may be a part. */
export const instanceNormBackward = defineKernel({
  name: 'instanceNormBackward',
  inputs: { x: 'f32', stats: 'f32', sums: 'f32', dy: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', channels: 'u32', pixels: 'u32' },
  variant: backwardDefaults,
  elements: vectorsOf('x', 'stats', 'sums', 'dy', 'dx'),
  ...pixelGrid,
  body: (variant) =>
    overPixels(
      variant,
      /* wgsl */ `
  let mean = stats[c];
  let rstd = stats[next + c];
  let sum = sums[c];
  let dot = sums[next + c];`,
      /* wgsl */ `
    let v = (x[i] - mean) * rstd;
    let g = ${gradientWgsl(variant.relu, 'i', variant.aligned)};
    dx[i] = rstd * (g - (sum + v * dot) / f32(u.pixels));`,
    ),
});
