/**
 * InstanceNorm over a map's pixels, channel by channel, without affine
 * parameters and with the biased variance (Ulyanov et al., arXiv:1607.08022):
 * v = (x − mean) · rstd, with an optional ReLU and an optional residual add in
 * the same pass. Maps are [pixels, channels]. Sums go over chunks of pixels
 * first, in an order that depends on sizes alone.
 */
import {
  defineKernel,
  elementwise,
  flatGrid,
  FLAT_SIZE,
  flatIndex,
  flatVector,
  type ElementType,
  type Grid,
} from './kernel.ts';

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

/** y[chunk, 0, c] = mean over a chunk's pixels, y[chunk, 1, c] = M2, the sum of squared deviations from it. */
export const instanceNormChunks = defineKernel({
  name: 'instanceNormChunks',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  variant: {},
  ...chunked,
  body: () => /* wgsl */ `${chunkIndex}
  var sum = 0.0;
  for (var p = first; p < end; p++) { sum += x[p * u.channels + c]; }
  let mean = sum / f32(end - first);
  var m2 = 0.0;
  for (var p = first; p < end; p++) {
    let deviation = x[p * u.channels + c] - mean;
    m2 += deviation * deviation;
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
  /** Adds `residual`; otherwise that binding is not read and may be any buffer. */
  residual: boolean;
  /** `channels` is a multiple of four: maps are read and written in vectors, three times faster on software drivers. */
  aligned: boolean;
};
const normDefaults: InstanceNormVariant = { relu: false, residual: false, aligned: false };

/** `i`, an element or a vector of four; `c`, its channel; `next`, how far apart the two rows of statistics are. */
const alignedIndex = (aligned: boolean): string =>
  aligned
    ? /* wgsl */ `${flatVector}
  let next = u.channels / 4u;
  let c = i % next;`
    : /* wgsl */ `${flatIndex}
  let next = u.channels;
  let c = i % next;`;
const vectorsOf =
  (...names: string[]) =>
  ({ aligned }: { aligned: boolean }): Record<string, ElementType> =>
    aligned ? Object.fromEntries(names.map((name) => [name, 'vec4f'])) : {};
const alignedGrid = {
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: ({ count }: { readonly count: number }, { aligned }: { aligned: boolean }): Grid =>
    flatGrid(aligned ? Math.ceil(count / 4) : count, FLAT_SIZE),
} as const;
const zeroOf = (aligned: boolean): string => (aligned ? 'vec4f()' : '0.0');

/** y = v, relu(v), or either plus residual. The ReLU lets NaN through, which max() would swallow. */
export const instanceNorm = defineKernel({
  name: 'instanceNorm',
  inputs: { x: 'f32', stats: 'f32', residual: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: normDefaults,
  elements: vectorsOf('x', 'stats', 'residual', 'y'),
  ...alignedGrid,
  body: ({ relu, residual, aligned }) => /* wgsl */ `${alignedIndex(aligned)}
  let v = (x[i] - stats[c]) * stats[next + c];
  y[i] = ${relu ? `select(v, ${zeroOf(aligned)}, v <= ${zeroOf(aligned)})` : 'v'}${residual ? ' + residual[i]' : ''};`,
});

const withoutRelu: { relu: boolean } = { relu: false };
const backwardDefaults: Omit<InstanceNormVariant, 'residual'> = { relu: false, aligned: false };

const gradientWgsl = (relu: boolean, aligned = false): string =>
  relu ? `select(dy[at], ${zeroOf(aligned)}, v <= ${zeroOf(aligned)})` : 'dy[at]';

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
    let g = ${gradientWgsl(relu)};
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
  ...alignedGrid,
  body: ({ relu, aligned }) => /* wgsl */ `${alignedIndex(aligned)}
  let at = i;
  let rstd = stats[next + c];
  let v = (x[i] - stats[c]) * rstd;
  let g = ${gradientWgsl(relu, aligned)};
  dx[i] = rstd * (g - (sums[c] + v * sums[next + c]) / f32(u.pixels));`,
});
