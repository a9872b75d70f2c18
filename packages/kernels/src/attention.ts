/**
 * Fused attention over packed sequences: RoPE inside, grouped-query heads, an
 * online softmax (no score matrix in memory), the log-sum-exp kept for a fused
 * backward pass, dropout on the probabilities regenerated from a counter.
 *
 * Layouts: qkv [tokens, (heads + 2·kvHeads)·headDim] holds queries, keys and
 * values one after the other, head-major; segments [tokens, 2] holds each
 * token's first and end row of its sequence, and its position is its row minus
 * the first; rope [positions, headDim] holds cos in its first half, sin in its
 * second (from the host: kernels call no sin). Keys go by in aligned fours, so
 * that scores are vec4 and one block of random bits serves four probabilities.
 *
 * Two forms: `loads: 'storage'` reads keys (or, for their gradient, queries)
 * where they are; `loads: 'workgroup'` shares a tile of them in workgroup memory.
 * Both run the same arithmetic in the same order; variants.ts says which is
 * taken where.
 */
import { defineKernel, flatGrid, FLAT_SIZE, type Grid } from './kernel.ts';
import { dropoutWgsl } from './elementwise.ts';

export type AttentionVariant = {
  headDim: number;
  loads: 'storage' | 'workgroup';
  /** Loops over the head dimension have a length that the compiler knows. */
  unroll: boolean;
  /** Queries that a thread keeps. */
  queries: number;
  /** Invocations per workgroup; sharing tiles, they walk the keys of all their sequences. */
  threads: number;
  dropout: boolean;
};

export type AttentionKeyVariant = {
  headDim: number;
  loads: 'storage' | 'workgroup';
  /** Loops over the head dimension have a length that the compiler knows. */
  unroll: boolean;
  /** Invocations per workgroup; sharing tiles, they walk the queries of all their sequences. */
  threads: number;
  dropout: boolean;
};

const WORKGROUP_BYTES = 16384;

const sizes = { tokens: 'u32', heads: 'u32', kvHeads: 'u32', headDim: 'u32', scale: 'f32' } as const;
const dropoutSizes = { threshold: 'u32', key0: 'u32', key1: 'u32' } as const;
const defaults: AttentionVariant = { headDim: 16, loads: 'storage', unroll: false, queries: 2, threads: 32, dropout: false };
const keyDefaults: AttentionKeyVariant = { headDim: 16, loads: 'storage', unroll: false, threads: 32, dropout: false };

/** Rows of two headDim-wide tiles that fit in workgroup memory beside `extra` floats a row: a multiple of four. */
function tileRows(headDim: number, extra: number): number {
  return Math.max(4, Math.floor(WORKGROUP_BYTES / (4 * (2 * headDim + extra)) / 4) * 4);
}

// Software drivers unroll loops of known length, and then compile for minutes; GPUs need the known length to
// keep the arrays in registers.
const DIMENSIONS = 'let D = u.headDim; let HALF = D / 2u;';
const dimensions = (unroll: boolean): string => (unroll ? '' : DIMENSIONS);

const declarations = (headDim: number, unroll: boolean, dropout: boolean): string => /* wgsl */ `
${unroll ? `const D = ${headDim}u; const HALF = ${headDim / 2}u;` : ''}
fn width() -> u32 { return (u.heads + 2u * u.kvHeads) * u.headDim; }
// Components d and d + HALF of the query or key at column offset of row t, rotated to its position.
fn rotated(t: u32, offset: u32, d: u32) -> vec2f {
  ${dimensions(unroll)}
  let at = t * width() + offset + d;
  let angle = (t - segments[2u * t]) * D + d;
  let c = rope[angle];
  let s = rope[angle + HALF];
  return vec2f(qkv[at] * c - qkv[at + HALF] * s, qkv[at + HALF] * c + qkv[at] * s);
}
// Gradient with respect to the components before the rotation.
fn unrotated(t: u32, d: u32, g: vec2f) -> vec2f {
  ${dimensions(unroll)}
  let angle = (t - segments[2u * t]) * D + d;
  let c = rope[angle];
  let s = rope[angle + HALF];
  return vec2f(g.x * c + g.y * s, g.y * c - g.x * s);
}
${dropout ? dropoutWgsl : ''}`;

const four = (text: (e: number) => string): string => [0, 1, 2, 3].map(text).join(', ');
const each = (count: number, text: (r: number) => string): string => Array.from({ length: count }, (_, r) => text(r)).join('\n');

/** Tiles of rotated keys and of values, shared by the workgroup, and their loading for the rows from `k0` on. */
function keyTiles(headDim: number, threads: number): { declarations: string; rows: number; load: string } {
  const rows = tileRows(headDim, 0);
  return {
    rows,
    declarations: /* wgsl */ `
var<workgroup> keyTile: array<f32, ${rows * headDim}>;
var<workgroup> valueTile: array<f32, ${rows * headDim}>;`,
    load: /* wgsl */ `
    workgroupBarrier();
    for (var e = lane; e < ${rows}u * HALF; e += ${threads}u) {
      let j = min(k0 + e / HALF, u.tokens - 1u);
      let d = e % HALF;
      let pair = rotated(j, keyOffset, d);
      let at = e / HALF * D + d;
      keyTile[at] = pair.x;
      keyTile[at + HALF] = pair.y;
      valueTile[at] = qkv[j * width() + valueOffset + d];
      valueTile[at + HALF] = qkv[j * width() + valueOffset + d + HALF];
    }
    workgroupBarrier();`,
  };
}

/**
 * The walk of a thread's queries over the keys of their sequences. `step` is run for each aligned four of keys
 * `j0 … j0 + 3`, whose components `loadKeys` and `loadValues` read.
 */
function queryWalk({ headDim, loads, unroll, queries, threads }: AttentionVariant, setUp: string, step: string, finish: string): string {
  const shared = loads === 'workgroup';
  const tiles = keyTiles(headDim, threads);
  const inner = shared
    ? /* wgsl */ `
  for (var k0 = low / 4u * 4u; k0 < high; k0 += ${tiles.rows}u) {
    ${tiles.load}
    for (var j0 = k0; j0 < min(k0 + ${tiles.rows}u, high); j0 += 4u) {
      let tileAt = (j0 - k0) * D;
      ${step}
    }
  }`
    : /* wgsl */ `
  for (var j0 = low / 4u * 4u; j0 < high; j0 += 4u) {
    let j = min(vec4u(j0) + vec4u(0u, 1u, 2u, 3u), vec4u(u.tokens - 1u));
    ${step}
  }`;
  // A whole workgroup walks one range when it shares tiles: barriers must be met by all.
  const range = shared ? [`wid.x * ${threads * queries}u`, threads * queries] : ['first', queries];
  return /* wgsl */ `
  ${dimensions(unroll)}
  let head = wid.y;
  let kvHead = head / (u.heads / u.kvHeads);
  let keyOffset = (u.heads + kvHead) * D;
  let valueOffset = keyOffset + u.kvHeads * D;
  let first = (wid.x * ${threads}u + lane) * ${queries}u;
  ${shared ? '' : 'if (first >= u.tokens) { return; }'}
  let low = segments[2u * min(${range[0]}, u.tokens - 1u)];
  let high = segments[2u * (min(${range[0]} + ${range[1]}u, u.tokens) - 1u) + 1u];
  ${each(queries, (r) => /* wgsl */ `
  let t${r} = min(first + ${r}u, u.tokens - 1u);
  let start${r} = segments[2u * t${r}];
  let end${r} = segments[2u * t${r} + 1u];`)}
  var q: array<f32, ${queries * headDim}>;
  for (var d = 0u; d < HALF; d++) {
    ${each(queries, (r) => /* wgsl */ `
    let q${r} = rotated(t${r}, head * D, d) * u.scale;
    q[${r}u * D + d] = q${r}.x;
    q[${r}u * D + d + HALF] = q${r}.y;`)}
  }
  ${setUp}
  ${inner}
  ${finish}`;
}

/** The four keys' components d and d + HALF (`lo`, `hi`), or the four values' component d (`v`). */
function loadKeys(shared: boolean): string {
  return shared
    ? /* wgsl */ `
    let lo = vec4f(${four((e) => `keyTile[tileAt + ${e}u * D + d]`)});
    let hi = vec4f(${four((e) => `keyTile[tileAt + ${e}u * D + d + HALF]`)});`
    : /* wgsl */ `
    ${each(4, (e) => `let pair${e} = rotated(j[${e}], keyOffset, d);`)}
    let lo = vec4f(${four((e) => `pair${e}.x`)});
    let hi = vec4f(${four((e) => `pair${e}.y`)});`;
}

function loadValues(shared: boolean): string {
  return shared
    ? `let v = vec4f(${four((e) => `valueTile[tileAt + ${e}u * D + d]`)});`
    : `let v = vec4f(${four((e) => `qkv[j[${e}] * width() + valueOffset + d]`)});`;
}

function scores(shared: boolean, queries: number): string {
  return /* wgsl */ `
    ${each(queries, (r) => `var s${r} = vec4f();`)}
    for (var d = 0u; d < HALF; d++) {
      ${loadKeys(shared)}
      ${each(queries, (r) => `s${r} += q[${r}u * D + d] * lo + q[${r}u * D + d + HALF] * hi;`)}
    }
    let rows = vec4u(j0) + vec4u(0u, 1u, 2u, 3u);
    ${each(queries, (r) => `let valid${r} = (rows >= vec4u(start${r})) & (rows < vec4u(end${r}));`)}`;
}

const keepFour = (t: string): string => `keepFour(vec2u(u.key0, u.key1), j0 / 4u, ${t} * u.heads + head, u.threshold)`;

/** The frame of the kernels that keep queries and walk over keys. */
const overQueries = {
  workgroup: ({ threads }: AttentionVariant): Grid => [threads, 1, 1],
  grid: ({ tokens, heads }: { tokens: number; heads: number }, { queries, threads }: AttentionVariant): Grid =>
    [Math.ceil(tokens / (threads * queries)), heads, 1],
  declarations: ({ headDim, loads, unroll, dropout, threads }: AttentionVariant): string =>
    declarations(headDim, unroll, dropout) + (loads === 'workgroup' ? keyTiles(headDim, threads).declarations : ''),
};

/**
 * y[t, h] = Σ_j softmax_j(q[t, h]·k[j, h′] · scale) · v[j, h′] over the tokens j of t's sequence, with
 * h′ = ⌊h / (heads / kvHeads)⌋; lse[t, h] = log Σ_j exp(q·k · scale). y [tokens, heads·headDim].
 */
export const attention = defineKernel({
  name: 'attention',
  inputs: { qkv: 'f32', rope: 'f32', segments: 'u32' },
  outputs: { y: 'f32', lse: 'f32' },
  uniforms: { ...sizes, ...dropoutSizes },
  variant: defaults,
  ...overQueries,
  body: (variant) => {
    const { headDim, queries, dropout } = variant;
    const shared = variant.loads === 'workgroup';
    return queryWalk(variant, /* wgsl */ `
  var sum: array<f32, ${queries * headDim}>;
  ${each(queries, (r) => `var m${r} = -3e38; var l${r} = 0.0;`)}`, /* wgsl */ `
    ${scores(shared, queries)}
    ${each(queries, (r) => /* wgsl */ `
    let masked${r} = select(vec4f(-3e38), s${r}, valid${r});
    let top${r} = max(m${r}, max(max(masked${r}.x, masked${r}.y), max(masked${r}.z, masked${r}.w)));
    if (top${r} > m${r}) {
      let shrink = exp(m${r} - top${r});
      l${r} *= shrink;
      for (var d = 0u; d < D; d++) { sum[${r}u * D + d] *= shrink; }
      m${r} = top${r};
    }
    var p${r} = select(vec4f(), exp(masked${r} - m${r}), valid${r});
    l${r} += (p${r}.x + p${r}.y) + (p${r}.z + p${r}.w);
    ${dropout ? `p${r} *= ${keepFour(`t${r}`)};` : ''}`)}
    for (var d = 0u; d < D; d++) {
      ${loadValues(shared)}
      ${each(queries, (r) => `sum[${r}u * D + d] += dot(p${r}, v);`)}
    }`, each(queries, (r) => /* wgsl */ `
  if (first + ${r}u < u.tokens) {
    for (var d = 0u; d < D; d++) { y[(t${r} * u.heads + head) * D + d] = sum[${r}u * D + d] / l${r}; }
    lse[t${r} * u.heads + head] = m${r} + log(l${r});
  }`));
  },
});

/** delta[t, h] = dy[t, h] · y[t, h]: the correction of the softmax's gradient. */
export const attentionDelta = defineKernel({
  name: 'attentionDelta',
  inputs: { dy: 'f32', y: 'f32' },
  outputs: { delta: 'f32' },
  uniforms: { rows: 'u32', cols: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ rows }) => flatGrid(rows, FLAT_SIZE),
  body: () => /* wgsl */ `
  let row = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (row >= u.rows) { return; }
  var sum = 0.0;
  for (var i = row * u.cols; i < (row + 1u) * u.cols; i++) { sum += dy[i] * y[i]; }
  delta[row] = sum;`,
});

/**
 * The queries' part of dqkv. With p = exp(q·k·scale − lse), dp = dy·v and ds = p · (dp − delta):
 * dq = scale · Σ_j ds_j · k_j, rotated back.
 */
export const attentionBackwardQuery = defineKernel({
  name: 'attentionBackwardQuery',
  inputs: { dy: 'f32', qkv: 'f32', lse: 'f32', delta: 'f32', rope: 'f32', segments: 'u32' },
  updates: { dqkv: 'f32' },
  uniforms: { ...sizes, ...dropoutSizes },
  variant: { ...defaults, queries: 1 },
  ...overQueries,
  body: (variant) => {
    const { headDim, queries, dropout } = variant;
    const shared = variant.loads === 'workgroup';
    return queryWalk(variant, /* wgsl */ `
  var g: array<f32, ${queries * headDim}>;
  var dq: array<f32, ${queries * headDim}>;
  for (var d = 0u; d < D; d++) { ${each(queries, (r) => `g[${r}u * D + d] = dy[(t${r} * u.heads + head) * D + d];`)} }
  ${each(queries, (r) => `let lse${r} = lse[t${r} * u.heads + head]; let delta${r} = delta[t${r} * u.heads + head];`)}`, /* wgsl */ `
    ${scores(shared, queries)}
    ${each(queries, (r) => `var dp${r} = vec4f();`)}
    for (var d = 0u; d < D; d++) {
      ${loadValues(shared)}
      ${each(queries, (r) => `dp${r} += g[${r}u * D + d] * v;`)}
    }
    ${each(queries, (r) => /* wgsl */ `
    ${dropout ? `dp${r} *= ${keepFour(`t${r}`)};` : ''}
    let ds${r} = select(vec4f(), exp(s${r} - lse${r}) * (dp${r} - delta${r}), valid${r});`)}
    for (var d = 0u; d < HALF; d++) {
      ${loadKeys(shared)}
      ${each(queries, (r) => /* wgsl */ `
      dq[${r}u * D + d] += dot(ds${r}, lo);
      dq[${r}u * D + d + HALF] += dot(ds${r}, hi);`)}
    }`, each(queries, (r) => /* wgsl */ `
  if (first + ${r}u < u.tokens) {
    for (var d = 0u; d < HALF; d++) {
      let back = unrotated(t${r}, d, vec2f(dq[${r}u * D + d], dq[${r}u * D + d + HALF]) * u.scale);
      dqkv[t${r} * width() + head * D + d] = back.x;
      dqkv[t${r} * width() + head * D + d + HALF] = back.y;
    }
  }`));
  },
});

/**
 * The keys' and values' part of dqkv, summed over the query heads of a group in order:
 * dv_j = Σ_i p_ij · dy_i, dk_j = scale · Σ_i ds_ij · q_i, rotated back. A thread keeps four keys.
 */
export const attentionBackwardKey = defineKernel({
  name: 'attentionBackwardKey',
  inputs: { dy: 'f32', qkv: 'f32', lse: 'f32', delta: 'f32', rope: 'f32', segments: 'u32' },
  updates: { dqkv: 'f32' },
  uniforms: { ...sizes, ...dropoutSizes },
  variant: keyDefaults,
  workgroup: ({ threads }) => [threads, 1, 1],
  grid: ({ tokens, kvHeads }, { threads }) => [Math.ceil(tokens / (4 * threads)), kvHeads, 1],
  declarations: ({ headDim, loads, unroll, dropout }) => {
    const rows = tileRows(headDim, 2);
    return declarations(headDim, unroll, dropout) + (loads === 'storage' ? '' : /* wgsl */ `
var<workgroup> queryTile: array<f32, ${rows * headDim}>;
var<workgroup> gradientTile: array<f32, ${rows * headDim}>;
var<workgroup> lseTile: array<f32, ${rows}>;
var<workgroup> deltaTile: array<f32, ${rows}>;`);
  },
  body: ({ headDim, loads, unroll, threads, dropout }) => {
    const shared = loads === 'workgroup';
    const rows = tileRows(headDim, 2);
    const query = shared
      ? 'let q = vec2f(queryTile[tileAt + d], queryTile[tileAt + d + HALF]);'
      : 'let q = rotated(i, head * D, d) * u.scale;';
    const gradient = (d: string): string => (shared ? `gradientTile[tileAt + ${d}]` : `dy[(i * u.heads + head) * D + ${d}]`);
    const step = /* wgsl */ `
      var s = vec4f();
      var dp = vec4f();
      for (var d = 0u; d < HALF; d++) {
        ${query}
        s += q.x * k[d] + q.y * k[d + HALF];
        dp += ${gradient('d')} * v[d] + ${gradient('d + HALF')} * v[d + HALF];
      }
      let valid = (vec4u(i) >= starts) & (vec4u(i) < ends);
      let p = select(vec4f(), exp(s - ${shared ? 'lseTile[i - i0]' : 'lse[i * u.heads + head]'}), valid);
      ${dropout ? `let keep = ${keepFour('i')};` : 'let keep = vec4f(1.0);'}
      let kept = p * keep;
      let ds = p * (dp * keep - ${shared ? 'deltaTile[i - i0]' : 'delta[i * u.heads + head]'});
      for (var d = 0u; d < HALF; d++) {
        ${query}
        dk[d] += ds * q.x;
        dk[d + HALF] += ds * q.y;
        dv[d] += kept * ${gradient('d')};
        dv[d + HALF] += kept * ${gradient('d + HALF')};
      }`;
    const walk = shared
      ? /* wgsl */ `
    for (var i0 = low; i0 < high; i0 += ${rows}u) {
      workgroupBarrier();
      for (var e = lane; e < ${rows}u * HALF; e += ${threads}u) {
        let i = min(i0 + e / HALF, u.tokens - 1u);
        let d = e % HALF;
        let q = rotated(i, head * D, d) * u.scale;
        let at = e / HALF * D + d;
        queryTile[at] = q.x;
        queryTile[at + HALF] = q.y;
        gradientTile[at] = dy[(i * u.heads + head) * D + d];
        gradientTile[at + HALF] = dy[(i * u.heads + head) * D + d + HALF];
      }
      for (var e = lane; e < ${rows}u; e += ${threads}u) {
        let i = min(i0 + e, u.tokens - 1u);
        lseTile[e] = lse[i * u.heads + head];
        deltaTile[e] = delta[i * u.heads + head];
      }
      workgroupBarrier();
      for (var i = i0; i < min(i0 + ${rows}u, high); i++) {
        let tileAt = (i - i0) * D;
        ${step}
      }
    }`
      : /* wgsl */ `
    for (var i = low; i < high; i++) {
      ${step}
    }`;
    const range = shared ? [`wid.x * ${4 * threads}u`, 4 * threads] : ['j0', 4];
    return /* wgsl */ `
  ${dimensions(unroll)}
  let kvHead = wid.y;
  let group = u.heads / u.kvHeads;
  let keyOffset = (u.heads + kvHead) * D;
  let valueOffset = keyOffset + u.kvHeads * D;
  let j0 = (wid.x * ${threads}u + lane) * 4u;
  ${shared ? '' : 'if (j0 >= u.tokens) { return; }'}
  let low = segments[2u * min(${range[0]}, u.tokens - 1u)];
  let high = segments[2u * (min(${range[0]} + ${range[1]}u, u.tokens) - 1u) + 1u];
  let j = min(vec4u(j0) + vec4u(0u, 1u, 2u, 3u), vec4u(u.tokens - 1u));
  let starts = vec4u(${four((e) => `segments[2u * j[${e}]]`)});
  let ends = vec4u(${four((e) => `segments[2u * j[${e}] + 1u]`)});
  var k: array<vec4f, ${headDim}>;
  var v: array<vec4f, ${headDim}>;
  var dk: array<vec4f, ${headDim}>;
  var dv: array<vec4f, ${headDim}>;
  for (var d = 0u; d < HALF; d++) {
    ${each(4, (e) => `let pair${e} = rotated(j[${e}], keyOffset, d);`)}
    k[d] = vec4f(${four((e) => `pair${e}.x`)});
    k[d + HALF] = vec4f(${four((e) => `pair${e}.y`)});
  }
  for (var d = 0u; d < D; d++) { v[d] = vec4f(${four((e) => `qkv[j[${e}] * width() + valueOffset + d]`)}); }
  for (var head = kvHead * group; head < (kvHead + 1u) * group; head++) {
    ${walk}
  }
  for (var e = 0u; e < 4u && j0 + e < u.tokens; e++) {
    let t = j0 + e;
    for (var d = 0u; d < HALF; d++) {
      let back = unrotated(t, d, vec2f(dk[d][e], dk[d + HALF][e]));
      dqkv[t * width() + keyOffset + d] = back.x;
      dqkv[t * width() + keyOffset + d + HALF] = back.y;
      dqkv[t * width() + valueOffset + d] = dv[d][e];
      dqkv[t * width() + valueOffset + d + HALF] = dv[d + HALF][e];
    }
  }`;
  },
});

/** probabilities[h, i, j] of one sequence of `length` rows from `first` on: the attention map, for inspection. */
export const attentionMap = defineKernel({
  name: 'attentionMap',
  inputs: { qkv: 'f32', lse: 'f32', rope: 'f32', segments: 'u32' },
  outputs: { probabilities: 'f32' },
  uniforms: { count: 'u32', first: 'u32', length: 'u32', heads: 'u32', kvHeads: 'u32', headDim: 'u32', scale: 'f32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ count }) => flatGrid(count, FLAT_SIZE),
  declarations: () => declarations(0, false, false),
  body: () => /* wgsl */ `
  ${DIMENSIONS}
  let at = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (at >= u.count) { return; }
  let head = at / (u.length * u.length);
  let i = u.first + at / u.length % u.length;
  let j = u.first + at % u.length;
  let keyOffset = (u.heads + head / (u.heads / u.kvHeads)) * D;
  var s = 0.0;
  for (var d = 0u; d < HALF; d++) { s += dot(rotated(i, head * D, d), rotated(j, keyOffset, d)); }
  probabilities[at] = exp(s * u.scale - lse[i * u.heads + head]);`,
});
