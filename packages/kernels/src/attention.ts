/**
 * Fused attention over packed sequences: grouped-query heads, an online softmax
 * (no score matrix in memory), the log-sum-exp kept for a fused backward pass,
 * dropout on the probabilities regenerated from a counter.
 *
 * Heads arrive as `attentionPack` (attentionPack.ts) lays them: [heads, blocks,
 * headDim] vectors over four consecutive tokens, blocks = ⌈tokens / 4⌉, queries
 * scaled and, like keys, rotated. lse and delta are [heads, blocks] such vectors.
 * segments [tokens, 2] holds each token's first and end row of its sequence.
 *
 * A workgroup keeps `rows` tokens (queries; keys in their gradient) and walks the
 * other side, a block of four tokens a lane, so that every product is one of two:
 * scores, where lanes lie along tokens and the rows' components are handed out to
 * all, and sums, where lanes lie along the head dimension and probabilities are
 * handed out. Handing out is a shuffle (`exchange: 'subgroup'`, one subgroup a
 * workgroup) or goes through workgroup memory; the arithmetic is the same.
 */
import { dropoutWgsl } from './elementwise.ts';
import { defineKernel, isNewerLavapipe, octave, type AdapterTraits, type Grid, type Tuning } from './kernel.ts';
import { range } from './text.ts';

export type AttentionVariant = {
  headDim: number;
  dropout: boolean;
  exchange: 'subgroup' | 'workgroup';
  /** Invocations per workgroup; the subgroup's size where lanes exchange by shuffle. */
  lanes: number;
  /** Tokens that a workgroup keeps: a multiple of four. */
  rows: number;
};

const defaults: AttentionVariant = { headDim: 16, dropout: false, exchange: 'workgroup', lanes: 32, rows: 8 };

const sizes = {
  tokens: 'u32',
  heads: 'u32',
  kvHeads: 'u32',
  headDim: 'u32',
  threshold: 'u32',
  key0: 'u32',
  key1: 'u32',
} as const;

/**
 * Shuffles where there is one subgroup size; barriers too on GPUs. How long the sequences of a call are is in no
 * uniform: a model's packs are much alike.
 */
const tuning: Tuning<typeof sizes, AttentionVariant> = {
  space: (traits: AdapterTraits) => {
    const { class: adapter, subgroups, subgroupSize: lanes } = traits;
    const subgroupRows = isNewerLavapipe(traits) ? [8, 16, 32] : [4, 8, 16];
    return [
      ...(subgroups && lanes !== undefined
        ? subgroupRows.map((rows) => ({ exchange: 'subgroup' as const, lanes, rows }))
        : []),
      ...(adapter === 'gpu' ? [32, 64] : [8, 32]).flatMap((workgroup) =>
        [8, 16].map((rows) => ({ exchange: 'workgroup' as const, lanes: workgroup, rows })),
      ),
    ];
  },
  shape: ({ tokens, headDim }) => `${octave(tokens, 64, 8192)}x${headDim}`,
};

const each = (count: number, text: (i: number) => string): string => range(count).map(text).join('\n');
/** Row r as a component of its block's vector. */
const part = (name: string, r: number): string => `${name}${Math.floor(r / 4)}[${r % 4}]`;

/** Text of one kernel of the family: which operands its rows keep, and how lanes hand values to each other. */
function family({ headDim, dropout, exchange, lanes, rows }: AttentionVariant) {
  const shuffle = exchange === 'subgroup';
  const own = shuffle ? 'sid' : 'lane';
  const blocks = rows / 4;
  const slices = Math.ceil(headDim / lanes);
  return {
    rows,
    slices,
    own,
    each: (text: (r: number) => string): string => each(rows, text),

    /** Workgroup memory for the operands that rows keep, and for the values that are handed out. */
    declarations: (kept: readonly string[], handed: readonly string[]): string =>
      [
        dropout ? dropoutWgsl : '',
        ...(shuffle
          ? []
          : [
              ...kept.map((name) => `var<workgroup> ${name}Tile: array<vec4f, ${blocks * headDim}>;`),
              ...handed.map((name) => `var<workgroup> ${name}Tile: array<vec4f, ${rows * lanes}>;`),
              `var<workgroup> tops: array<f32, ${rows * lanes}>;`,
            ]),
      ].join('\n'),

    /** Sizes, this workgroup's blocks, and the range of tokens that share a sequence with its rows. */
    head: /* wgsl */ `
  let D = u.headDim;
  let blocks = (u.tokens + 3u) / 4u;
  let firstBlock = wid.x * ${blocks}u;
  let low = segments[2u * min(4u * firstBlock, u.tokens - 1u)];
  let high = segments[2u * (min(4u * firstBlock + ${rows}u, u.tokens) - 1u) + 1u];
  ${each(blocks, (b) => `let block${b} = min(firstBlock + ${b}u, blocks - 1u);`)}
  ${each(rows, (r) => `let row${r} = min(4u * firstBlock + ${r}u, u.tokens - 1u);`)}
  ${
    shuffle
      ? // A lane loads for a row: every load of a software driver is as many as it has lanes.
        each(
          Math.ceil(rows / lanes),
          (i) => /* wgsl */ `
  let kept${i} = min(4u * firstBlock + min(sid + ${i * lanes}u, ${rows - 1}u), u.tokens - 1u);
  let starts${i} = segments[2u * kept${i}];
  let ends${i} = select(0u, segments[2u * kept${i} + 1u], 4u * firstBlock + sid + ${i * lanes}u < u.tokens);
  ${range(Math.min(lanes, rows - i * lanes))
    .map(
      (l) =>
        `let start${i * lanes + l} = subgroupBroadcast(starts${i}, ${l}u); let end${i * lanes + l} = subgroupBroadcast(ends${i}, ${l}u);`,
    )
    .join('\n')}`,
        )
      : each(
          rows,
          (r) => /* wgsl */ `
  let start${r} = segments[2u * row${r}];
  let end${r} = select(0u, segments[2u * row${r} + 1u], 4u * firstBlock + ${r}u < u.tokens);`,
        )
  }`,

    /** Makes the rows' operand `name`, of head \`head\` in \`source\`, ready to be handed out. */
    keep: (name: string, source: string, head: string): string =>
      shuffle
        ? `let ${name}Head = (${head}) * blocks;`
        : /* wgsl */ `
  for (var i = lane; i < ${blocks}u * D; i += ${lanes}u) {
    ${name}Tile[i] = vec4f(${source}[((${head}) * blocks + min(firstBlock + i / D, blocks - 1u)) * D + i % D]);
  }
  workgroupBarrier();`,

    /** s = Σ_d x_row[d] · y[d] of each row with the four tokens of this lane's block \`mine\` in head \`head\`. */
    scores: (s: string, x: string, xSource: string, y: string, head: string): string =>
      shuffle
        ? /* wgsl */ `
    ${each(rows, (r) => `var ${s}${r} = vec4f();`)}
    for (var d0 = 0u; d0 < D; d0 += ${lanes}u) {
      let at = min(d0 + sid, D - 1u);
      ${each(blocks, (b) => `let x${b} = vec4f(${xSource}[(${x}Head + block${b}) * D + at]);`)}
      let count = min(${lanes}u, D - d0);
      // Two components at once, of which there is an even number: half the traffic of the sums.
      for (var d = 0u; d < count; d += 2u) {
        let y0 = vec4f(${y}[((${head}) * blocks + mine) * D + d0 + d]);
        let y1 = vec4f(${y}[((${head}) * blocks + mine) * D + d0 + d + 1u]);
        ${each(rows, (r) => `${s}${r} = (${s}${r} + subgroupShuffle(${part('x', r)}, d) * y0) + subgroupShuffle(${part('x', r)}, d + 1u) * y1;`)}
      }
    }`
        : /* wgsl */ `
    ${each(rows, (r) => `var ${s}${r} = vec4f();`)}
    for (var d = 0u; d < D; d++) {
      let y = vec4f(${y}[((${head}) * blocks + mine) * D + d]);
      ${each(blocks, (b) => `let x${b} = ${x}Tile[${b}u * D + d];`)}
      ${each(rows, (r) => `${s}${r} += ${part('x', r)} * y;`)}
    }`,

    /** Largest value of \`name\` over the lanes, for each row. */
    largest: (name: string): string =>
      shuffle
        ? each(rows, (r) => `let ${name}Largest${r} = subgroupMax(${name}${r});`)
        : /* wgsl */ `
    ${each(rows, (r) => `tops[${r * lanes}u + lane] = ${name}${r};`)}
    workgroupBarrier();
    ${each(rows, (r) => `var ${name}Largest${r} = ${name}${r};`)}
    for (var i = 0u; i < ${lanes}u; i++) { ${each(rows, (r) => `${name}Largest${r} = max(${name}Largest${r}, tops[${r * lanes}u + i]);`)} }`,

    /** Sum of \`name\` over the lanes, for each row, in the same order on every lane. */
    total: (name: string): string =>
      shuffle
        ? each(rows, (r) => `let ${name}Total${r} = subgroupAdd(${name}${r});`)
        : /* wgsl */ `
  workgroupBarrier();
  ${each(rows, (r) => `tops[${r * lanes}u + lane] = ${name}${r};`)}
  workgroupBarrier();
  ${each(rows, (r) => `var ${name}Total${r} = 0.0;`)}
  for (var i = 0u; i < ${lanes}u; i++) { ${each(rows, (r) => `${name}Total${r} += tops[${r * lanes}u + i];`)} }`,

    /** For each product: sum[row][slice] += Σ over the walked blocks of the handed-out value · z. */
    sums: (products: readonly { sum: string; value: string; z: string; head: string }[]): string => /* wgsl */ `
    ${
      shuffle
        ? ''
        : /* wgsl */ `
    ${products.map(({ value }) => each(rows, (r) => `${value}Tile[${r * lanes}u + lane] = ${value}${r};`)).join('\n')}
    workgroupBarrier();`
    }
    let walked = min(${lanes}u, (high - 4u * base + 3u) / 4u);
    for (var source = 0u; source < walked; source++) {
      ${products
        .map(
          ({ sum, value, z, head }) => /* wgsl */ `
      let ${sum}At = ((${head}) * blocks + base + source) * D;
      ${each(slices, (i) => `let ${sum}z${i} = vec4f(${z}[${sum}At + min(${own} + ${i * lanes}u, D - 1u)]);`)}
      ${each(
        rows,
        (r) => /* wgsl */ `
      let ${sum}p${r} = ${shuffle ? `subgroupShuffle(${value}${r}, source)` : `${value}Tile[${r * lanes}u + source]`};
      ${each(slices, (i) => `${sum}${r}_${i} += dot(${sum}p${r}, ${sum}z${i});`)}`,
      )}`,
        )
        .join('\n')}
    }
    ${shuffle ? '' : 'workgroupBarrier();'}`,

    zeros: (sum: string): string => each(rows, (r) => each(slices, (i) => `var ${sum}${r}_${i} = 0.0;`)),

    /** The walk over the blocks of the range, a lane each: \`mine\` is this lane's, \`tokens\` its four rows. */
    walk: (step: string): string => /* wgsl */ `
  for (var base = low / 4u; 4u * base < high; base += ${lanes}u) {
    let mine = min(base + ${own}, blocks - 1u);
    let tokens = vec4u(4u * (base + ${own})) + vec4u(0u, 1u, 2u, 3u);
    ${each(rows, (r) => `let valid${r} = (tokens >= vec4u(start${r})) & (tokens < vec4u(end${r}));`)}
    ${step}
  }`,

    /** Writes sums over four rows at a time to head \`head\` of a packed buffer. */
    write: (target: string, sum: string, head: string): string =>
      each(
        blocks,
        (b) => /* wgsl */ `
  if (firstBlock + ${b}u < blocks) {
    ${each(
      slices,
      (i) => /* wgsl */ `
    if (${own} + ${i * lanes}u < D) {
      ${target}[((${head}) * blocks + block${b}) * D + ${own} + ${i * lanes}u] = ${target}_t(vec4f(${[0, 1, 2, 3].map((e) => `${sum}${4 * b + e}_${i}`).join(', ')}));
    }`,
    )}
  }`,
      ),
  };
}

const subgroups = ({ exchange }: AttentionVariant): boolean => exchange === 'subgroup';
const workgroup = ({ lanes }: AttentionVariant): Grid => [lanes, 1, 1];
/** A workgroup for each tile of rows and each of `heads`. */
const tiles = (tokens: number, heads: number, { rows }: AttentionVariant): Grid => [Math.ceil(tokens / rows), heads, 1];

const KEY = 'vec2u(u.key0, u.key1)';

/** First lines of the kernels whose rows are queries: the heads that they attend to, and the queries kept. */
const queryHead = (f: ReturnType<typeof family>): string => /* wgsl */ `${f.head}
  let head = wid.y;
  let keyHead = u.heads + head / (u.heads / u.kvHeads);
  let valueHead = keyHead + u.kvHeads;
  ${f.keep('q', 'packed', 'head')}`;

/**
 * y[t, h] = Σ_j softmax_j(q[t, h]·k[j, h′]) · v[j, h′] over the tokens j of t's sequence, with
 * h′ = ⌊h / (heads / kvHeads)⌋; lse[h, t] = log Σ_j exp(q·k). y [tokens, heads·headDim].
 */
export const attention = defineKernel({
  name: 'attention',
  inputs: { packed: 'vec4f', segments: 'u32' },
  outputs: { y: 'f32', lse: 'vec4f' },
  halves: ['packed', 'y'],
  uniforms: sizes,
  variant: defaults,
  tuning,
  workgroup,
  subgroups,
  grid: ({ tokens, heads }, variant) => tiles(tokens, heads, variant),
  declarations: (variant) => family(variant).declarations(['q'], ['p']),
  body: (variant) => {
    const f = family(variant);
    return /* wgsl */ `
  ${queryHead(f)}
  ${f.each((r) => `var m${r} = -3e38; var l${r} = 0.0;`)}
  ${f.zeros('o')}
  ${f.walk(/* wgsl */ `
    ${f.scores('s', 'q', 'packed', 'packed', 'keyHead')}
    ${f.each(
      (r) => /* wgsl */ `
    s${r} = select(vec4f(-3e38), s${r}, valid${r});
    let top${r} = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));`,
    )}
    ${f.largest('top')}
    ${f.each(
      (r) => /* wgsl */ `
    let now${r} = max(m${r}, topLargest${r});
    let shrink${r} = exp(m${r} - now${r});
    m${r} = now${r};
    var p${r} = select(vec4f(), exp(s${r} - m${r}), valid${r});
    l${r} = l${r} * shrink${r} + ((p${r}.x + p${r}.y) + (p${r}.z + p${r}.w));
    ${variant.dropout ? `p${r} *= keepFour(${KEY}, tokens.x / 4u, row${r} * u.heads + head, u.threshold);` : ''}
    ${each(f.slices, (i) => `o${r}_${i} *= shrink${r};`)}`,
    )}
    ${f.sums([{ sum: 'o', value: 'p', z: 'packed', head: 'valueHead' }])}`)}
  ${f.total('l')}
  ${f.each(
    (r) => /* wgsl */ `
  if (4u * firstBlock + ${r}u < u.tokens) {
    ${each(
      f.slices,
      (i) => /* wgsl */ `
    if (${f.own} + ${i * variant.lanes}u < D) { y[(row${r} * u.heads + head) * D + ${f.own} + ${i * variant.lanes}u] = y_t(o${r}_${i} / lTotal${r}); }`,
    )}
  }`,
  )}
  if (lane == 0u) {
    ${each(
      f.rows / 4,
      (b) => /* wgsl */ `
    if (firstBlock + ${b}u < blocks) {
      lse[head * blocks + block${b}] = vec4f(${[0, 1, 2, 3].map((e) => `select(0.0, m${4 * b + e} + log(lTotal${4 * b + e}), end${4 * b + e} > 0u)`).join(', ')});
    }`,
    )}
  }`;
  },
});

/**
 * The queries' part of dpacked. With p = exp(q·k − lse), dp = dy·v and ds = p · (dp − delta):
 * dq = Σ_j ds_j · k_j. gradient is dy, packed.
 */
export const attentionBackwardQuery = defineKernel({
  name: 'attentionBackwardQuery',
  inputs: { packed: 'vec4f', gradient: 'vec4f', lse: 'vec4f', delta: 'vec4f', segments: 'u32' },
  updates: { dpacked: 'vec4f' },
  halves: ['packed', 'gradient', 'dpacked'],
  uniforms: sizes,
  variant: defaults,
  tuning,
  workgroup,
  subgroups,
  grid: ({ tokens, heads }, variant) => tiles(tokens, heads, variant),
  declarations: (variant) => family(variant).declarations(['q', 'g'], ['ds']),
  body: (variant) => {
    const f = family(variant);
    return /* wgsl */ `
  ${queryHead(f)}
  ${f.keep('g', 'gradient', 'head')}
  ${each(f.rows / 4, (b) => `let lse${b} = lse[head * blocks + block${b}]; let delta${b} = delta[head * blocks + block${b}];`)}
  ${f.zeros('dq')}
  ${f.walk(/* wgsl */ `
    ${f.scores('s', 'q', 'packed', 'packed', 'keyHead')}
    ${f.scores('dp', 'g', 'gradient', 'packed', 'valueHead')}
    ${f.each(
      (r) => /* wgsl */ `
    ${variant.dropout ? `dp${r} *= keepFour(${KEY}, tokens.x / 4u, row${r} * u.heads + head, u.threshold);` : ''}
    let ds${r} = select(vec4f(), exp(s${r} - ${part('lse', r)}) * (dp${r} - ${part('delta', r)}), valid${r});`,
    )}
    ${f.sums([{ sum: 'dq', value: 'ds', z: 'packed', head: 'keyHead' }])}`)}
  ${f.write('dpacked', 'dq', 'head')}`;
  },
});

/**
 * The keys' and values' part of dpacked, summed over the query heads of a group in order:
 * dv_j = Σ_i p_ij · dy_i, dk_j = Σ_i ds_ij · q_i. gradient is dy, packed.
 */
export const attentionBackwardKey = defineKernel({
  name: 'attentionBackwardKey',
  inputs: { packed: 'vec4f', gradient: 'vec4f', lse: 'vec4f', delta: 'vec4f', segments: 'u32' },
  updates: { dpacked: 'vec4f' },
  halves: ['packed', 'gradient', 'dpacked'],
  uniforms: sizes,
  variant: defaults,
  tuning,
  workgroup,
  subgroups,
  grid: ({ tokens, kvHeads }, variant) => tiles(tokens, kvHeads, variant),
  declarations: (variant) => family(variant).declarations(['k', 'v'], ['p', 'ds']),
  body: (variant) => {
    const f = family(variant);
    // One draw decides on four keys for one query; here four queries lie along the vector and keys along the rows.
    const keep = /* wgsl */ `
    ${each(f.rows / 4, (b) =>
      range(4)
        .map((e) => `let drawn${b}_${e} = keepFour(${KEY}, block${b}, tokens[${e}] * u.heads + head, u.threshold);`)
        .join('\n'),
    )}
    ${f.each(
      (r) =>
        `let keep${r} = vec4f(${range(4)
          .map((e) => `drawn${Math.floor(r / 4)}_${e}[${r % 4}]`)
          .join(', ')}); p${r} *= keep${r}; dp${r} *= keep${r};`,
    )}`;
    return /* wgsl */ `
  ${f.head}
  let kvHead = wid.y;
  let group = u.heads / u.kvHeads;
  ${f.keep('k', 'packed', 'u.heads + kvHead')}
  ${f.keep('v', 'packed', 'u.heads + u.kvHeads + kvHead')}
  ${f.zeros('dk')}
  ${f.zeros('dv')}
  for (var head = kvHead * group; head < (kvHead + 1u) * group; head++) {
  ${f.walk(/* wgsl */ `
    ${f.scores('s', 'k', 'packed', 'packed', 'head')}
    ${f.scores('dp', 'v', 'packed', 'gradient', 'head')}
    let lseHere = lse[head * blocks + mine];
    let deltaHere = delta[head * blocks + mine];
    ${f.each((r) => `let all${r} = select(vec4f(), exp(s${r} - lseHere), valid${r}); var p${r} = all${r};`)}
    ${variant.dropout ? keep : ''}
    ${f.each((r) => `let ds${r} = all${r} * (dp${r} - deltaHere);`)}
    ${f.sums([
      { sum: 'dv', value: 'p', z: 'gradient', head: 'head' },
      { sum: 'dk', value: 'ds', z: 'packed', head: 'head' },
    ])}`)}
  }
  ${f.write('dpacked', 'dk', 'u.heads + kvHead')}
  ${f.write('dpacked', 'dv', 'u.heads + u.kvHeads + kvHead')}`;
  },
});
