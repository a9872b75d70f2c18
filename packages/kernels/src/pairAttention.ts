/**
 * Fused attention with an additive bias that all rows share: AlphaFold's triangle attention along the rows of a map
 * over pairs, or along its columns, and with one row its attention along a sequence with pair bias. No map of
 * probabilities is in memory; the log-sum-exp of each query is kept, and three kernels give the gradients: of queries,
 * of keys and values, and of the bias, which sums over the rows in their order.
 *
 * q, k, v and y are [positions, heads, headDim], and position `row · strideRow + i · strideItem` is item i of a row, so
 * that a map is attended to along either side without being turned over. The bias of a query and a key lies at
 * `head · length² + query · strideQuery + key · strideKey`. An invocation keeps `items` queries, or keys, and walks the
 * other side, of which all invocations of a workgroup read the same.
 */
import { defineKernel, octave, type AdapterTraits, type ElementType, type Grid } from './kernel.ts';
import { lines, range } from './text.ts';

export type PairAttentionVariant = {
  headDim: number;
  /** Invocations of a workgroup. */
  lanes: number;
  /** Queries, or keys, of an invocation. */
  items: number;
};

const defaults: PairAttentionVariant = { headDim: 8, lanes: 32, items: 1 };

const sizes = {
  rows: 'u32',
  length: 'u32',
  heads: 'u32',
  strideRow: 'u32',
  strideItem: 'u32',
  strideQuery: 'u32',
  strideKey: 'u32',
  scale: 'f32',
} as const;

/** Keys of which the softmax is taken at once. */
const BLOCK = 4;

const inVectors =
  (...names: readonly string[]) =>
  ({ headDim }: PairAttentionVariant): Record<string, ElementType> =>
    headDim % 4 === 0 ? Object.fromEntries(names.map((name) => [name, 'vec4f'])) : {};

/** A head's columns are read in vectors where they are whole ones. */
const partsOf = ({ headDim }: PairAttentionVariant): number => (headDim % 4 === 0 ? headDim / 4 : headDim);

const declarations = (variant: PairAttentionVariant): string => {
  const vectors = variant.headDim % 4 === 0;
  return /* wgsl */ `
alias Part = ${vectors ? 'vec4f' : 'f32'};
fn times(a: Part, b: Part) -> f32 { return ${vectors ? 'dot(a, b)' : 'a * b'}; }
/** Where item i of a row begins. */
fn partOf(row: u32, item: u32, head: u32) -> u32 {
  return ((row * u.strideRow + item * u.strideItem) * u.heads + head) * ${partsOf(variant)}u;
}`;
};

const family = {
  uniforms: sizes,
  variant: defaults,
  workgroup: ({ lanes }: PairAttentionVariant): Grid => [lanes, 1, 1],
  grid: (
    { rows, length, heads }: { readonly rows: number; readonly length: number; readonly heads: number },
    { lanes, items }: PairAttentionVariant,
  ): Grid => [Math.ceil(length / (lanes * items)), heads, rows],
  declarations,
};

const common = {
  ...family,
  tuning: {
    space: ({ class: adapter }: AdapterTraits): Partial<PairAttentionVariant>[] =>
      (adapter === 'cpu' ? [8, 32] : [32, 64, 128]).flatMap((lanes) => [1, 2].map((items) => ({ lanes, items }))),
    shape: ({ length }: { readonly length: number }, { headDim }: PairAttentionVariant): string =>
      `${octave(length, 16, 1024)}x${headDim}`,
  },
};

/** First lines: the head, the row, and the items of this invocation; those beyond the last are the last again. */
const head = ({ lanes, items }: PairAttentionVariant): string => /* wgsl */ `
  let head = wid.y;
  let row = wid.z;
  let first = wid.x * ${lanes * items}u + lane;
  let biasHead = head * u.length * u.length;
  ${lines(range(items).map((n) => `let item${n} = min(first + ${n * lanes}u, u.length - 1u);`))}`;

/** Parts of each item's vector in \`source\`, as \`name\` with the item's and the part's number. */
const keep = (variant: PairAttentionVariant, name: string, source: string, factor = ''): string =>
  lines(
    range(variant.items).flatMap((n) => [
      `let ${name}At${n} = partOf(row, item${n}, head);`,
      ...range(partsOf(variant)).map((d) => `let ${name}${n}_${d} = ${source}[${name}At${n} + ${d}u]${factor};`),
    ]),
  );

const zeros = (variant: PairAttentionVariant, name: string): string =>
  lines(range(variant.items).flatMap((n) => range(partsOf(variant)).map((d) => `var ${name}${n}_${d} = Part();`)));

/** The product of two vectors whose parts have these names. */
const product = (variant: PairAttentionVariant, a: (d: number) => string, b: (d: number) => string): string =>
  range(partsOf(variant))
    .map((d) => `times(${a(d)}, ${b(d)})`)
    .join(' + ');

const store = (variant: PairAttentionVariant, target: string, value: (n: number, d: number) => string): string =>
  lines(
    range(variant.items).map(
      (n) => /* wgsl */ `
  if (first + ${n * variant.lanes}u < u.length) {
    let at = partOf(row, item${n}, head);
    ${lines(range(partsOf(variant)).map((d) => `${target}[at + ${d}u] = ${value(n, d)};`))}
  }`,
    ),
  );

/**
 * y[row, i, h] = Σ_j softmax_j(scale · q_i·k_j + bias[h, i, j]) · v_j over the items j of the row, and
 * lse[row, h, i] = log Σ_j exp(scale · q_i·k_j + bias[h, i, j]).
 */
export const pairAttention = defineKernel({
  name: 'pairAttention',
  inputs: { q: 'f32', k: 'f32', v: 'f32', bias: 'f32' },
  outputs: { y: 'f32', lse: 'f32' },
  elements: inVectors('q', 'k', 'v', 'y'),
  ...common,
  body: (variant) => {
    const [parts, items, block] = [range(partsOf(variant)), range(variant.items), range(BLOCK)];
    return /* wgsl */ `${head(variant)}
  ${keep(variant, 'q', 'q', ' * u.scale')}
  ${zeros(variant, 'o')}
  ${lines(items.map((n) => `var m${n} = -3e38; var l${n} = 0.0; let bias${n} = biasHead + item${n} * u.strideQuery;`))}
  for (var key = 0u; key < u.length; key += ${BLOCK}u) {
    ${lines(
      block.map(
        (e) => /* wgsl */ `
    let key${e} = min(key + ${e}u, u.length - 1u);
    let at${e} = partOf(row, key${e}, head);
    ${lines(parts.map((d) => `let k${e}_${d} = k[at${e} + ${d}u];`))}
    ${lines(
      items.map(
        (n) =>
          `let s${n}_${e} = select(-3e38, bias[bias${n} + key${e} * u.strideKey] + (${product(
            variant,
            (d) => `q${n}_${d}`,
            (d) => `k${e}_${d}`,
          )}), key + ${e}u < u.length);`,
      ),
    )}`,
      ),
    )}
    ${lines(
      items.map(
        (n) => /* wgsl */ `
    let top${n} = max(m${n}, max(max(s${n}_0, s${n}_1), max(s${n}_2, s${n}_3)));
    let shrink${n} = exp(m${n} - top${n});
    m${n} = top${n};
    ${lines(block.map((e) => `let p${n}_${e} = exp(s${n}_${e} - top${n});`))}
    l${n} = l${n} * shrink${n} + ((p${n}_0 + p${n}_1) + (p${n}_2 + p${n}_3));`,
      ),
    )}
    ${lines(
      parts.map(
        (d) => /* wgsl */ `
    ${lines(block.map((e) => `let v${e}_${d} = v[at${e} + ${d}u];`))}
    ${lines(items.map((n) => `o${n}_${d} = o${n}_${d} * shrink${n} + ((p${n}_0 * v0_${d} + p${n}_1 * v1_${d}) + (p${n}_2 * v2_${d} + p${n}_3 * v3_${d}));`))}`,
      ),
    )}
  }
  ${store(variant, 'y', (n, d) => `o${n}_${d} / l${n}`)}
  ${lines(items.map((n) => `if (first + ${n * variant.lanes}u < u.length) { lse[(row * u.heads + head) * u.length + item${n}] = m${n} + log(l${n}); }`))}`;
  },
});

/** stats[row, h, i] = lse[row, h, i] and Σ_d dy · y of the query, one beside the other. */
export const pairAttentionStats = defineKernel({
  name: 'pairAttentionStats',
  inputs: { dy: 'f32', y: 'f32', lse: 'f32' },
  outputs: { stats: 'f32' },
  elements: inVectors('dy', 'y'),
  ...family,
  body: (variant) => /* wgsl */ `${head(variant)}
  ${lines(
    range(variant.items).map(
      (n) => /* wgsl */ `
  if (first + ${n * variant.lanes}u < u.length) {
    let at = partOf(row, item${n}, head);
    let query = (row * u.heads + head) * u.length + item${n};
    stats[2u * query] = lse[query];
    stats[2u * query + 1u] = ${product(
      variant,
      (d) => `dy[at + ${d}u]`,
      (d) => `y[at + ${d}u]`,
    )};
  }`,
    ),
  )}`,
});

const backwardInputs = { q: 'f32', k: 'f32', v: 'f32', bias: 'f32', dy: 'f32', stats: 'f32' } as const;

/** With p = exp(s − lse), dp = dy·v and ds = p · (dp − Σ_d dy · y): dq_i = scale · Σ_j ds_ij · k_j. */
export const pairAttentionBackwardQuery = defineKernel({
  name: 'pairAttentionBackwardQuery',
  inputs: backwardInputs,
  outputs: { dq: 'f32' },
  elements: inVectors('q', 'k', 'v', 'dy', 'dq'),
  ...common,
  body: (variant) => {
    const [parts, items] = [range(partsOf(variant)), range(variant.items)];
    return /* wgsl */ `${head(variant)}
  ${keep(variant, 'q', 'q', ' * u.scale')}
  ${keep(variant, 'g', 'dy')}
  ${zeros(variant, 'dq')}
  ${lines(
    items.map(
      (n) => /* wgsl */ `
  let query${n} = 2u * ((row * u.heads + head) * u.length + item${n});
  let lse${n} = stats[query${n}];
  let delta${n} = stats[query${n} + 1u];
  let bias${n} = biasHead + item${n} * u.strideQuery;`,
    ),
  )}
  for (var key = 0u; key < u.length; key++) {
    let at = partOf(row, key, head);
    ${lines(parts.map((d) => `let k_${d} = k[at + ${d}u]; let v_${d} = v[at + ${d}u];`))}
    ${lines(
      items.map(
        (n) => /* wgsl */ `
    let s${n} = bias[bias${n} + key * u.strideKey] + (${product(
      variant,
      (d) => `q${n}_${d}`,
      (d) => `k_${d}`,
    )});
    let ds${n} = exp(s${n} - lse${n}) * ((${product(
      variant,
      (d) => `g${n}_${d}`,
      (d) => `v_${d}`,
    )}) - delta${n});
    ${lines(parts.map((d) => `dq${n}_${d} += ds${n} * k_${d};`))}`,
      ),
    )}
  }
  ${store(variant, 'dq', (n, d) => `dq${n}_${d} * u.scale`)}`;
  },
});

/** dk_j = scale · Σ_i ds_ij · q_i and dv_j = Σ_i p_ij · dy_i. */
export const pairAttentionBackwardKey = defineKernel({
  name: 'pairAttentionBackwardKey',
  inputs: backwardInputs,
  outputs: { dk: 'f32', dv: 'f32' },
  elements: inVectors('q', 'k', 'v', 'dy', 'dk', 'dv'),
  ...common,
  body: (variant) => {
    const [parts, items] = [range(partsOf(variant)), range(variant.items)];
    return /* wgsl */ `${head(variant)}
  ${keep(variant, 'k', 'k', ' * u.scale')}
  ${keep(variant, 'v', 'v')}
  ${zeros(variant, 'dk')}
  ${zeros(variant, 'dv')}
  ${lines(items.map((n) => `let bias${n} = biasHead + item${n} * u.strideKey;`))}
  for (var query = 0u; query < u.length; query++) {
    let at = partOf(row, query, head);
    let lse = stats[2u * ((row * u.heads + head) * u.length + query)];
    let delta = stats[2u * ((row * u.heads + head) * u.length + query) + 1u];
    ${lines(parts.map((d) => `let q_${d} = q[at + ${d}u]; let g_${d} = dy[at + ${d}u];`))}
    ${lines(
      items.map(
        (n) => /* wgsl */ `
    let p${n} = exp(bias[bias${n} + query * u.strideQuery] + (${product(
      variant,
      (d) => `k${n}_${d}`,
      (d) => `q_${d}`,
    )}) - lse);
    let ds${n} = p${n} * ((${product(
      variant,
      (d) => `v${n}_${d}`,
      (d) => `g_${d}`,
    )}) - delta);
    ${lines(parts.map((d) => `dk${n}_${d} += ds${n} * q_${d}; dv${n}_${d} += p${n} * g_${d};`))}`,
      ),
    )}
  }
  ${store(variant, 'dk', (n, d) => `dk${n}_${d} * u.scale`)}
  ${store(variant, 'dv', (n, d) => `dv${n}_${d}`)}`;
  },
});

/** Queries of which an invocation sums the bias's gradient, with one key. */
const TILE = 8;

/**
 * dbias[part, h, i, j] = Σ of ds_ij over the rows of a part, one after the other; a part is `partRows` rows. Laid out as
 * the bias is.
 */
export const pairAttentionBackwardBias = defineKernel({
  name: 'pairAttentionBackwardBias',
  inputs: backwardInputs,
  outputs: { dbias: 'f32' },
  elements: inVectors('q', 'k', 'v', 'dy'),
  ...family,
  uniforms: { ...sizes, partRows: 'u32' },
  grid: ({ rows, length, heads, partRows }, { lanes }): Grid => [
    Math.ceil(length / lanes) * Math.ceil(length / TILE),
    heads,
    Math.ceil(rows / partRows),
  ],
  body: (variant) => {
    const [parts, tile] = [range(partsOf(variant)), range(TILE)];
    return /* wgsl */ `
  let head = wid.y;
  let keyTiles = (u.length + ${variant.lanes - 1}u) / ${variant.lanes}u;
  let firstQuery = wid.x / keyTiles * ${TILE}u;
  let ownKey = wid.x % keyTiles * ${variant.lanes}u + lane;
  let key = min(ownKey, u.length - 1u);
  let biasHead = head * u.length * u.length + key * u.strideKey;
  ${lines(
    tile.map(
      (i) => /* wgsl */ `
  let query${i} = min(firstQuery + ${i}u, u.length - 1u);
  let b${i} = bias[biasHead + query${i} * u.strideQuery];
  var sum${i} = 0.0;`,
    ),
  )}
  for (var row = wid.z * u.partRows; row < min((wid.z + 1u) * u.partRows, u.rows); row++) {
    let keyAt = partOf(row, key, head);
    ${lines(parts.map((d) => `let k_${d} = k[keyAt + ${d}u] * u.scale; let v_${d} = v[keyAt + ${d}u];`))}
    ${lines(
      tile.map(
        (i) => /* wgsl */ `
    let at${i} = partOf(row, query${i}, head);
    let stat${i} = 2u * ((row * u.heads + head) * u.length + query${i});
    let s${i} = ${product(
      variant,
      (d) => `q[at${i} + ${d}u]`,
      (d) => `k_${d}`,
    )};
    let dp${i} = ${product(
      variant,
      (d) => `dy[at${i} + ${d}u]`,
      (d) => `v_${d}`,
    )};
    sum${i} += exp(s${i} + b${i} - stats[stat${i}]) * (dp${i} - stats[stat${i} + 1u]);`,
      ),
    )}
  }
  ${lines(
    tile.map(
      (i) =>
        `if (firstQuery + ${i}u < u.length && ownKey < u.length) { dbias[wid.z * u.heads * u.length * u.length + biasHead + query${i} * u.strideQuery] = sum${i}; }`,
    ),
  )}`;
  },
});
