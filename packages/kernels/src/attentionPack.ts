/**
 * What surrounds the attention kernels: heads laid out for them with the rotary
 * embedding applied (RoPE, Su et al. 2021; angles come from the host, kernels
 * call no sin), the way back for gradients, the softmax's correction, and the
 * attention map for inspection.
 *
 * The packed layout is [heads, blocks, headDim] vectors over four consecutive
 * tokens, blocks = ⌈tokens / 4⌉; tokens beyond the last are zero.
 */
import { defineKernel, flatGrid, FLAT_SIZE, type Grid } from './kernel.ts';

const sizes = { tokens: 'u32', heads: 'u32', headDim: 'u32', rotated: 'u32', scaled: 'u32', scale: 'f32' } as const;

/** `rope`: the first `rotated` heads are turned to their tokens' positions. */
const withoutRope: { rope: boolean } = { rope: false };

/** An invocation takes components d and d + headDim / 2, which rotate together, of a block of one head. */
const pairs = {
  uniforms: sizes,
  variant: withoutRope,
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: ({ tokens, heads, headDim }: { tokens: number; heads: number; headDim: number }): Grid =>
    flatGrid((Math.ceil(tokens / 4) * heads * headDim) / 2, FLAT_SIZE),
} as const;

/** The four elements of a buffer at the indices of a vector, as f32. */
const gather = (buffer: string, index: string): string =>
  `vec4f(vec4(${['x', 'y', 'z', 'w'].map((e) => `${buffer}[${index}.${e}]`).join(', ')}))`;

const pairHead = ({ rope }: { rope: boolean }): string => /* wgsl */ `
  let half = u.headDim / 2u;
  let blocks = (u.tokens + 3u) / 4u;
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (i >= u.heads * blocks * half) { return; }
  let d = i % half;
  let block = i / half % blocks;
  let head = i / half / blocks;
  let at = (head * blocks + block) * u.headDim + d;
  let factor = select(1.0, u.scale, head < u.scaled);
  let tokens = vec4u(4u * block) + vec4u(0u, 1u, 2u, 3u);
  let rows = min(tokens, vec4u(u.tokens - 1u));
  let low = (rows * u.heads + vec4u(head)) * u.headDim + vec4u(d);
  let high = low + vec4u(half);
  var c = vec4f(1.0);
  var s = vec4f();${
    rope
      ? /* wgsl */ `
  if (head < u.rotated) {
    let starts = vec4u(${[0, 1, 2, 3].map((e) => `segments[2u * rows[${e}]]`).join(', ')});
    let cosine = (rows - starts) * u.headDim + vec4u(d);
    let sine = cosine + vec4u(half);
    c = ${gather('rope', 'cosine')};
    s = ${gather('rope', 'sine')};
  }`
      : ''
  }`;

/**
 * Packs x [tokens, heads·headDim]. The first `rotated` heads are turned to their tokens' positions by
 * rope [positions, headDim] (cos in its first half, sin in its second), the first `scaled` ones multiplied by `scale`.
 */
export const attentionPack = defineKernel({
  name: 'attentionPack',
  inputs: { x: 'f32', rope: 'f32', segments: 'u32' },
  optional: ['rope'],
  outputs: { packed: 'vec4f' },
  halves: ['x', 'packed'],
  ...pairs,
  body: (variant) => /* wgsl */ `${pairHead(variant)}
  let inside = tokens < vec4u(u.tokens);
  let a = select(vec4f(), ${gather('x', 'low')}, inside);
  let b = select(vec4f(), ${gather('x', 'high')}, inside);
  packed[at] = packed_t((a * c - b * s) * factor);
  packed[at + half] = packed_t((b * c + a * s) * factor);`,
});

/** The gradient of attentionPack: dx [tokens, heads·headDim] from dpacked. */
export const attentionUnpack = defineKernel({
  name: 'attentionUnpack',
  inputs: { dpacked: 'vec4f', rope: 'f32', segments: 'u32' },
  optional: ['rope'],
  outputs: { dx: 'f32' },
  halves: ['dpacked', 'dx'],
  ...pairs,
  body: (variant) => /* wgsl */ `${pairHead(variant)}
  let a = vec4f(dpacked[at]);
  let b = vec4f(dpacked[at + half]);
  let first = (a * c + b * s) * factor;
  let second = (b * c - a * s) * factor;
  for (var e = 0u; e < 4u; e++) {
    if (tokens[e] < u.tokens) {
      dx[low[e]] = dx_t(first[e]);
      dx[high[e]] = dx_t(second[e]);
    }
  }`,
});

/** delta[h, t] = dy[t, h] · y[t, h], the correction of the softmax's gradient; gradient is dy, packed. */
export const attentionDelta = defineKernel({
  name: 'attentionDelta',
  inputs: { gradient: 'vec4f', y: 'f32' },
  outputs: { delta: 'vec4f' },
  halves: ['gradient', 'y'],
  uniforms: { tokens: 'u32', heads: 'u32', headDim: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ tokens, heads }) => flatGrid(Math.ceil(tokens / 4) * heads, FLAT_SIZE),
  body: () => /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let blocks = (u.tokens + 3u) / 4u;
  if (i >= u.heads * blocks) { return; }
  let rows = min(vec4u(4u * (i % blocks)) + vec4u(0u, 1u, 2u, 3u), vec4u(u.tokens - 1u));
  let at = (rows * u.heads + vec4u(i / blocks)) * u.headDim;
  var sum = vec4f();
  for (var d = 0u; d < u.headDim; d++) {
    sum += vec4f(gradient[i * u.headDim + d]) * vec4f(vec4(y[at.x + d], y[at.y + d], y[at.z + d], y[at.w + d]));
  }
  delta[i] = sum;`,
});

/** probabilities[h, i, j] of one sequence of `length` rows from `first` on: the attention map, for inspection. */
export const attentionMap = defineKernel({
  name: 'attentionMap',
  inputs: { packed: 'f32', lse: 'f32' },
  outputs: { probabilities: 'f32' },
  halves: ['packed'],
  uniforms: { count: 'u32', tokens: 'u32', first: 'u32', length: 'u32', heads: 'u32', kvHeads: 'u32', headDim: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ count }) => flatGrid(count, FLAT_SIZE),
  body: () => /* wgsl */ `
  let at = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (at >= u.count) { return; }
  let blocks = (u.tokens + 3u) / 4u;
  let head = at / (u.length * u.length);
  let keyHead = u.heads + head / (u.heads / u.kvHeads);
  let i = u.first + at / u.length % u.length;
  let j = u.first + at % u.length;
  var s = 0.0;
  for (var d = 0u; d < u.headDim; d++) {
    s += f32(packed[((head * blocks + i / 4u) * u.headDim + d) * 4u + i % 4u]) * f32(packed[((keyHead * blocks + j / 4u) * u.headDim + d) * 4u + j % 4u]);
  }
  probabilities[at] = exp(s - lse[head * blocks * 4u + i]);`,
});
