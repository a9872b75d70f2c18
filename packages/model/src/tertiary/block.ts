/**
 * One block of RhoFold's trunk with a single row (TERTIARY section 3): the row attends along the sequence with a bias
 * from the pairs, its outer product goes into the pairs, and pairs exchange along triangles. What is as wide as the
 * transition inside is made in bands of rows where an adapter binds no more; the outer product never exists.
 */
import {
  batchedProduct,
  channelGate,
  feedForward,
  gate,
  layerNorm,
  linear,
  linearChannels,
  pairAttention,
  reshape,
  scale,
  swapAxes,
  type Tensor,
} from '@rna/tensor';
import type { TertiarySizes } from './config.ts';
import type { Representations } from './embedding.ts';
import { within, type Weights } from './parameters.ts';

/** What each of a block's layers adds, under RhoFold's names of the layers; for looking on. */
export type BlockObserver = (layer: string, before: Tensor, after: Tensor) => void;

/** Layers of a block in their order: which representation each updates, and how. */
const ROW_LAYERS = {
  msa_att_row: rowAttention,
  msa_att_col: columnAttention,
  msa_transition: (p, _, { row }) => transition(within(p, 'core.msa_transition'), row),
} as const satisfies Record<string, Layer>;
const PAIR_LAYERS = {
  outer_product_mean: outerProduct,
  tri_mul_out: (p, _, { pair }) => triangleMultiplication(within(p, 'core.tri_mul_out'), pair, 'outgoing'),
  tri_mul_in: (p, _, { pair }) => triangleMultiplication(within(p, 'core.tri_mul_in'), pair, 'incoming'),
  tri_att_start: (p, sizes, { pair }) => triangleAttention(within(p, 'core.tri_att_start'), sizes, pair, 'starting'),
  tri_att_end: (p, sizes, { pair }) => triangleAttention(within(p, 'core.tri_att_end'), sizes, pair, 'ending'),
  pair_transition: (p, _, { pair }) => transition(within(p, 'core.pair_transition'), pair),
} as const satisfies Record<string, Layer>;

/** The row, or the pairs, after a layer. */
type Layer = (p: Weights, sizes: TertiarySizes, before: Representations) => Tensor;

/**
 * Row and pair representation after a block, of whose parameters `p` are. Leaves those before it alone; without a tape
 * it frees all that it makes on the way.
 */
export function trunkBlock(
  p: Weights,
  sizes: TertiarySizes,
  { row, pair }: Representations,
  observe?: BlockObserver,
): Representations {
  const { device } = row;
  return device.scope(() => {
    let [m, z] = [row, pair];
    for (const [name, layer] of Object.entries<Layer>(ROW_LAYERS)) {
      const before = m;
      m = device.scope(() => layer(p, sizes, { row: before, pair }));
      observe?.(name, before, m);
      if (before !== row) before.release();
    }
    for (const [name, layer] of Object.entries<Layer>(PAIR_LAYERS)) {
      const before = z;
      z = device.scope(() => layer(p, sizes, { row: m, pair: before }));
      observe?.(name, before, z);
      if (before !== pair) before.release();
    }
    return { row: m, pair: z };
  });
}

const norm = (x: Tensor, p: Weights, name: string): Tensor => layerNorm(x, p(`${name}.weight`), p(`${name}.bias`));
const project = (x: Tensor, p: Weights, name: string, residual?: Tensor): Tensor =>
  linear(x, p(`${name}.weight`), p(`${name}.bias`), residual);

/** What both attentions along the row read: its norm, but RhoFold as published reads the row itself. */
const attended = (p: Weights, { form }: TertiarySizes, row: Tensor): Tensor =>
  form === 'af2' ? norm(row, p, 'layer_norm_m') : row;

function rowAttention(p: Weights, sizes: TertiarySizes, { row, pair }: Representations): Tensor {
  const own = within(p, 'msa_att_row');
  const mha = within(own, 'mha');
  const length = row.shape[0]!;
  const heads = sizes.rowHeads;
  const x = attended(own, sizes, row);
  const bias = row.device.scope(() =>
    reshape(linearChannels(norm(pair, own, 'layer_norm_z'), own('linear_z.weight')), [heads, length, length]),
  );
  const [q, k, v] = (['q', 'k', 'v'] as const).map((name) => linear(x, mha(`linear_${name}.weight`)));
  const y = pairAttention(q!, k!, v!, bias, { rows: 1, length, heads });
  return project(gate(y, project(x, mha, 'linear_g')), mha, 'linear_o', row);
}

/** With one row the softmax over rows is 1, and what is left is a gated map of each nucleotide's row. */
function columnAttention(p: Weights, sizes: TertiarySizes, { row }: Representations): Tensor {
  const own = within(p, 'msa_att_col._msa_att');
  const mha = within(own, 'mha');
  const x = attended(own, sizes, row);
  return project(gate(linear(x, mha('linear_v.weight')), project(x, mha, 'linear_g')), mha, 'linear_o', row);
}

function transition(p: Weights, x: Tensor): Tensor {
  const layer = (name: string) => ({ weight: p(`${name}.weight`), bias: p(`${name}.bias`) });
  return feedForward(norm(x, p, 'layer_norm'), layer('linear_1'), layer('linear_2'), x);
}

// RhoFold divides by the number of rows and this.
const OUTER_EPS = 1e-3;

/**
 * z_ij += (W·vec(a_i ⊗ b_j) + bias) / (1 + 1e-3). W's product with a_i comes first, which is 32 times less work than
 * the outer product and needs no tensor of its size.
 */
function outerProduct(p: Weights, { outerDim, pairDim }: TertiarySizes, { row, pair }: Representations): Tensor {
  const own = within(p, 'core.outer_product_mean');
  const length = row.shape[0]!;
  const x = norm(row, own, 'layer_norm');
  const a = scale(project(x, own, 'linear_1'), 1 / (1 + OUTER_EPS));
  const b = project(x, own, 'linear_2');
  // [c_a, pairDim · c_b] of the weight [pairDim, c_a · c_b]
  const weight = reshape(swapAxes(reshape(own('linear_out.weight'), [pairDim, outerDim, outerDim])), [
    outerDim,
    pairDim * outerDim,
  ]);
  const halves = reshape(batchedProduct(a, weight), [length, pairDim, outerDim]);
  return batchedProduct(b, halves, {
    transposed: { b: true },
    bias: scale(own('linear_out.bias'), 1 / (1 + OUTER_EPS)),
    residual: pair,
  });
}

/** x_ijc = Σ_k a_ikc b_jkc of what leaves a node, or Σ_k a_kic b_kjc of what comes in, normalised and gated. */
function triangleMultiplication(p: Weights, pair: Tensor, edges: 'outgoing' | 'incoming'): Tensor {
  const { device } = pair;
  const [length = 0] = pair.shape;
  const y = norm(pair, p, 'layer_norm_in');
  const arm = (name: string): Tensor =>
    device.scope(() => {
      const side = channelGate(
        linearChannels(y, p(`linear_${name}_p.weight`)),
        linearChannels(y, p(`linear_${name}_g.weight`)),
        p(`linear_${name}_p.bias`),
        p(`linear_${name}_g.bias`),
      );
      return reshape(side, [side.shape[0]!, length, length]);
    });
  const x = device.scope(() => {
    const product = batchedProduct(arm('a'), arm('b'), {
      transposed: edges === 'outgoing' ? { b: true } : { a: true },
    });
    const channels = product.shape[0]!;
    return reshape(swapAxes(reshape(product, [channels, length * length])), [length, length, channels]);
  });
  const update = device.scope(() => project(norm(x, p, 'layer_norm_out'), p, 'linear_z'));
  x.release();
  return gate(update, project(y, p, 'linear_g'), pair);
}

/** Attention of each pair to those of its row, or of its column, with a bias from the pairs of the third side. */
function triangleAttention(
  p: Weights,
  { triangleHeads: heads }: TertiarySizes,
  pair: Tensor,
  node: 'starting' | 'ending',
): Tensor {
  const { device } = pair;
  const [length = 0] = pair.shape;
  const mha = within(p, 'mha');
  const x = norm(pair, p, 'layer_norm');
  const y = device.scope(() => {
    const bias = reshape(linearChannels(x, p('linear.weight')), [heads, length, length]);
    const [q, k, v] = (['q', 'k', 'v'] as const).map((name) => linear(x, mha(`linear_${name}.weight`)));
    return pairAttention(q!, k!, v!, bias, { rows: length, length, heads, columns: node === 'ending' });
  });
  return project(gate(y, project(x, mha, 'linear_g')), mha, 'linear_o', pair);
}
