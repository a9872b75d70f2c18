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
import {
  defineKernel,
  isNewerLavapipe,
  octave,
  pinnedSize,
  type AdapterTraits,
  type Grid,
  type Tuning,
} from './kernel.ts';
import { each, part, write, zeros, type AttentionForm } from './attentionForms.ts';
import { memoryForm, shuffleForm } from './attentionLanes.ts';
import { TILE_LANES, tileForm } from './attentionTiles.ts';
import { range } from './text.ts';
import { attentionTiles } from './variants.ts';

export type AttentionVariant = {
  headDim: number;
  dropout: boolean;
  /** How invocations hand each other rows and probabilities (attentionForms.ts). */
  exchange: 'subgroup' | 'workgroup' | 'tiles';
  /** Invocations per workgroup; the subgroup's size where lanes exchange by shuffle. `tiles` have 128. */
  lanes: number;
  /** Tokens that a workgroup keeps: a multiple of four, of 32 in `tiles`. */
  rows: number;
  /** `tiles` find the largest score by shuffles over 16 lanes, which subgroups have at least; else in memory. */
  shuffles: boolean;
  /** The subgroup's size that the text asks for, where the adapter has several; 0 where it does not. */
  pinned: number;
};

const defaults: AttentionVariant = {
  headDim: 16,
  dropout: false,
  exchange: 'workgroup',
  lanes: 32,
  rows: 8,
  shuffles: false,
  pinned: 0,
};

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
 * Shuffles where the subgroup's size is known; tiles on GPUs, and memory where neither is to be had. How long the
 * sequences of a call are is in no uniform: a model's packs are much alike.
 */
const tuning: Tuning<typeof sizes, AttentionVariant> = {
  space: (traits: AdapterTraits) => {
    const { class: adapter, subgroups, subgroupSize: lanes } = traits;
    const subgroupRows = isNewerLavapipe(traits) ? [8, 16, 32] : [4, 8, 16];
    return [
      ...(adapter === 'gpu' ? [64, 32].map((rows) => attentionTiles(traits, rows)) : []),
      ...(subgroups && lanes !== undefined
        ? subgroupRows.map((rows) => ({ exchange: 'subgroup' as const, lanes, rows, ...pinnedSize(traits) }))
        : []),
      ...(adapter === 'gpu' ? [32, 64] : [8, 32]).flatMap((workgroup) =>
        [8, 16].map((rows) => ({ exchange: 'workgroup' as const, lanes: workgroup, rows })),
      ),
    ];
  },
  shape: ({ tokens, headDim }) => `${octave(tokens, 64, 8192)}x${headDim}`,
};

const FORMS = { subgroup: shuffleForm, workgroup: memoryForm, tiles: tileForm };
const formOf = (variant: AttentionVariant): AttentionForm => FORMS[variant.exchange](variant);

/** What a kernel declares: workgroup memory for operands that rows keep and values that are handed out. */
const declarationsOf = (variant: AttentionVariant, kept: readonly string[], handed: readonly string[]): string =>
  [variant.dropout ? dropoutWgsl : '', formOf(variant).declarations(kept, handed)].join('\n');

const subgroups = ({ exchange, shuffles }: AttentionVariant): boolean =>
  exchange === 'subgroup' || (exchange === 'tiles' && shuffles);
const pinned = (variant: AttentionVariant): number => variant.pinned;
const workgroup = ({ exchange, lanes }: AttentionVariant): Grid => [exchange === 'tiles' ? TILE_LANES : lanes, 1, 1];
/** A workgroup for each tile of rows and each of `heads`. */
const tiles = (tokens: number, heads: number, { rows }: AttentionVariant): Grid => [Math.ceil(tokens / rows), heads, 1];

const KEY = 'vec2u(u.key0, u.key1)';

/** First lines of the kernels whose rows are queries: the heads that they attend to, and the queries kept. */
const queryHead = (f: AttentionForm): string => /* wgsl */ `${f.head}
  let head = wid.y;
  let keyHead = u.heads + head / (u.heads / u.kvHeads);
  let valueHead = keyHead + u.kvHeads;
  ${f.keep('q', 'packed', 'head')}`;

/**
 * y[t, h] = Σ_j softmax_j(q[t, h]·k[j, h′]) · v[j, h′] over the tokens j of t's sequence, with
 * h′ = ⌊h / (heads / kvHeads)⌋; lse[h, t] = log Σ_j exp(q·k). y [tokens, heads·headDim]. As plain loops, for each row t:
 *
 *     m = −∞, l = 0, o[d] = 0
 *     for each block of tokens of t's sequence
 *       s = q[t] · k[block]; now = max(m, largest s); shrink = exp(m − now); m = now
 *       p = exp(s − m)
 *       l = l · shrink + Σ p
 *       o[d] = o[d] · shrink + Σ p · v[block][d]
 *     y[t] = o / l; lse[t] = m + log l
 *
 * m is the largest of all that share the row, and l what an invocation has of the sum, which is added up at the end.
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
  pinned,
  grid: ({ tokens, heads }, variant) => tiles(tokens, heads, variant),
  declarations: (variant) => declarationsOf(variant, ['q'], ['p']),
  body: (variant) => {
    const f = formOf(variant);
    return /* wgsl */ `
  ${queryHead(f)}
  ${each(f.rows, (r) => `var m${r} = -3e38; var l${r} = 0.0;`)}
  ${zeros(f, 'o')}
  ${f.walk(/* wgsl */ `
    ${f.scores('s', 'q', 'packed', 'packed', 'keyHead')}
    ${each(
      f.rows,
      (r) => /* wgsl */ `
    s${r} = select(vec4f(-3e38), s${r}, valid${r});
    let top${r} = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));`,
    )}
    ${f.largest('top')}
    ${each(
      f.rows,
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
  ${each(
    f.rows,
    (r) => /* wgsl */ `
  if (4u * firstBlock + ${r}u < u.tokens) {
    ${each(
      f.slices,
      (i) => /* wgsl */ `
    if (${f.own} + ${i * f.spacing}u < ${f.dim}) { y[(row${r} * u.heads + head) * ${f.dim} + ${f.own} + ${i * f.spacing}u] = y_t(o${r}_${i} / lTotal${r}); }`,
    )}
  }`,
  )}
  if (${f.writesRows}) {
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
 * dq = Σ_j ds_j · k_j. gradient is dy, packed. As plain loops, for each row t (a query):
 *
 *     dq[d] = 0
 *     for each block of tokens of t's sequence
 *       s = q[t] · k[block]; dp = dy[t] · v[block]; ds = exp(s − lse[t]) · (dp − delta[t])
 *       dq[d] += Σ ds · k[block][d]
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
  pinned,
  grid: ({ tokens, heads }, variant) => tiles(tokens, heads, variant),
  declarations: (variant) => declarationsOf(variant, ['q', 'g'], ['ds']),
  body: (variant) => {
    const f = formOf(variant);
    return /* wgsl */ `
  ${queryHead(f)}
  ${f.keep('g', 'gradient', 'head')}
  ${each(f.rows / 4, (b) => `let lse${b} = lse[head * blocks + block${b}]; let delta${b} = delta[head * blocks + block${b}];`)}
  ${zeros(f, 'dq')}
  ${f.walk(/* wgsl */ `
    ${f.scores('s', 'q', 'packed', 'packed', 'keyHead')}
    ${f.scores('dp', 'g', 'gradient', 'packed', 'valueHead')}
    ${each(
      f.rows,
      (r) => /* wgsl */ `
    ${variant.dropout ? `dp${r} *= keepFour(${KEY}, tokens.x / 4u, row${r} * u.heads + head, u.threshold);` : ''}
    let ds${r} = select(vec4f(), exp(s${r} - ${part('lse', r)}) * (dp${r} - ${part('delta', r)}), valid${r});`,
    )}
    ${f.sums([{ sum: 'dq', value: 'ds', z: 'packed', head: 'keyHead' }])}`)}
  ${write(f, 'dpacked', 'dq', 'head')}`;
  },
});

/**
 * The keys' and values' part of dpacked, summed over the query heads of a group in order:
 * dv_j = Σ_i p_ij · dy_i, dk_j = Σ_i ds_ij · q_i. gradient is dy, packed. As plain loops, for each row j (a key):
 *
 *     dk[d] = 0, dv[d] = 0
 *     for each query head of the group, for each block of tokens of j's sequence
 *       s = k[j] · q[block]; dp = v[j] · dy[block]; p = exp(s − lse[block]); ds = p · (dp − delta[block])
 *       dv[d] += Σ p · dy[block][d]; dk[d] += Σ ds · q[block][d]
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
  pinned,
  grid: ({ tokens, kvHeads }, variant) => tiles(tokens, kvHeads, variant),
  declarations: (variant) => declarationsOf(variant, ['k', 'v'], ['p', 'ds']),
  body: (variant) => {
    const f = formOf(variant);
    // One draw decides on four keys for one query; here four queries lie along the vector and keys along the rows.
    const keep = /* wgsl */ `
    ${each(f.rows / 4, (b) =>
      range(4)
        .map((e) => `let drawn${b}_${e} = keepFour(${KEY}, block${b}, tokens[${e}] * u.heads + head, u.threshold);`)
        .join('\n'),
    )}
    ${each(
      f.rows,
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
  ${zeros(f, 'dk')}
  ${zeros(f, 'dv')}
  for (var head = kvHead * group; head < (kvHead + 1u) * group; head++) {
  ${f.walk(/* wgsl */ `
    ${f.scores('s', 'k', 'packed', 'packed', 'head')}
    ${f.scores('dp', 'v', 'packed', 'gradient', 'head')}
    let lseHere = lse[head * blocks + mine];
    let deltaHere = delta[head * blocks + mine];
    ${each(f.rows, (r) => `let all${r} = select(vec4f(), exp(s${r} - lseHere), valid${r}); var p${r} = all${r};`)}
    ${variant.dropout ? keep : ''}
    ${each(f.rows, (r) => `let ds${r} = all${r} * (dp${r} - deltaHere);`)}
    ${f.sums([
      { sum: 'dv', value: 'p', z: 'gradient', head: 'head' },
      { sum: 'dk', value: 'ds', z: 'packed', head: 'head' },
    ])}`)}
  }
  ${write(f, 'dpacked', 'dk', 'u.heads + kvHead')}
  ${write(f, 'dpacked', 'dv', 'u.heads + u.kvHeads + kvHead')}`;
  },
});
