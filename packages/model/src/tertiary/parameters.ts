/**
 * Parameters of the tertiary-structure module under the names of RhoFold's state_dict, their shapes, and how they
 * start (TERTIARY section 7): as AlphaFold 2's do, so that every residual branch begins as nothing.
 */
import { portable, RandomStream } from '@rna/kernels';
import type { Device, Tensor } from '@rna/tensor';
import type { ParameterShapes, Shape } from '../config.ts';
import type { ParameterMap } from '../parameters.ts';
import {
  DISTANCE_BINS,
  HEAD_FACTOR,
  LDDT_BINS,
  RECYCLED_BINS,
  TERTIARY_VOCABULARY,
  TORSIONS,
  type TertiarySizes,
} from './config.ts';

/** A part's parameters by their names within it, as `layer_norm.weight`. Throws where there is none of that name. */
export type Weights = (name: string) => Tensor;

/** The parameters below a prefix: `within(p, 'recycle_embnet')('linear.bias')`. */
export const within =
  (weights: Weights, prefix: string): Weights =>
  (name) =>
    weights(`${prefix}.${name}`);

/** A map's parameters. */
export const weightsOf =
  (parameters: ReadonlyMap<string, Tensor>): Weights =>
  (name) => {
    const tensor = parameters.get(name);
    if (tensor === undefined) throw new Error(`parameter '${name}' of the tertiary module is missing`);
    return tensor;
  };

/** Every parameter of the module with its shape, in RhoFold's order. Linear weights are [out, in]. */
export function tertiaryParameters(sizes: TertiarySizes): ParameterShapes {
  const shapes = new Map<string, Shape>();
  const linear = (name: string, cols: number, inner: number, bias = true): void => {
    shapes.set(`${name}.weight`, [cols, inner]);
    if (bias) shapes.set(`${name}.bias`, [cols]);
  };
  const norm = (name: string, dim: number): void => {
    shapes.set(`${name}.weight`, [dim]);
    shapes.set(`${name}.bias`, [dim]);
  };
  embedding(sizes, shapes, linear);
  for (let block = 0; block < sizes.blocks; block++) trunkBlock(sizes, `e2eformer.blocks.${block}`, linear, norm);
  linear('e2eformer.linear', sizes.singleDim, sizes.rowDim);
  structureModule(sizes, shapes, linear, norm);
  linear('recycle_embnet.linear', sizes.pairDim, RECYCLED_BINS);
  norm('recycle_embnet.layer_norm_m', sizes.rowDim);
  norm('recycle_embnet.layer_norm_z', sizes.pairDim);
  heads(sizes, shapes, linear, norm);
  return shapes;
}

/** Names of a trunk block's parameters within it. */
export function blockParameters(sizes: TertiarySizes): readonly string[] {
  const names: string[] = [];
  const both = (name: string): void => void names.push(`${name}.weight`, `${name}.bias`);
  trunkBlock(
    sizes,
    'block',
    (name, _, __, bias = true) => (bias ? both(name) : void names.push(`${name}.weight`)),
    both,
  );
  return names.map((name) => name.slice('block.'.length));
}

type Linear = (name: string, cols: number, inner: number, bias?: boolean) => void;
type Norm = (name: string, dim: number) => void;

function embedding(sizes: TertiarySizes, shapes: Map<string, Shape>, linear: Linear): void {
  const { lmDim, rowDim, pairDim, positions } = sizes;
  shapes.set('msa_embedder.msa_emb.embed_tokens.weight', [TERTIARY_VOCABULARY, rowDim]);
  shapes.set('msa_embedder.msa_emb.embed_positions.weight', [positions, rowDim]);
  shapes.set('msa_embedder.pair_emb.pair_emb.emb.weight', [TERTIARY_VOCABULARY, pairDim / 2]);
  linear('msa_embedder.pair_emb.pair_emb.projection', pairDim, pairDim);
  linear('msa_embedder.rna_fm_reduction', rowDim, lmDim + rowDim);
  // Ours: what a pair's probability adds to each channel.
  if (sizes.pairPrior) shapes.set('msa_embedder.pair_prior.weight', [pairDim, 1]);
}

function trunkBlock(sizes: TertiarySizes, block: string, linear: Linear, norm: Norm): void {
  const { rowDim: M, pairDim: Z, rowHeads, rowHeadDim, outerDim, triangleDim: T, transitionFactor: n } = sizes;
  const attention = (name: string, dim: number, heads: number, headDim: number): void => {
    for (const part of ['q', 'k', 'v']) linear(`${name}.linear_${part}`, heads * headDim, dim, false);
    linear(`${name}.linear_o`, dim, heads * headDim);
    linear(`${name}.linear_g`, heads * headDim, dim);
  };
  norm(`${block}.msa_att_row.layer_norm_m`, M);
  norm(`${block}.msa_att_row.layer_norm_z`, Z);
  linear(`${block}.msa_att_row.linear_z`, rowHeads, Z, false);
  attention(`${block}.msa_att_row.mha`, M, rowHeads, rowHeadDim);
  norm(`${block}.msa_att_col._msa_att.layer_norm_m`, M);
  attention(`${block}.msa_att_col._msa_att.mha`, M, rowHeads, rowHeadDim);
  const transition = (name: string, dim: number): void => {
    norm(`${name}.layer_norm`, dim);
    linear(`${name}.linear_1`, n * dim, dim);
    linear(`${name}.linear_2`, dim, n * dim);
  };
  const core = `${block}.core`;
  transition(`${core}.msa_transition`, M);
  const outer = `${core}.outer_product_mean`;
  norm(`${outer}.layer_norm`, M);
  linear(`${outer}.linear_1`, outerDim, M);
  linear(`${outer}.linear_2`, outerDim, M);
  linear(`${outer}.linear_out`, Z, outerDim * outerDim);
  for (const name of ['tri_mul_out', 'tri_mul_in']) {
    for (const part of ['a_p', 'a_g', 'b_p', 'b_g']) linear(`${core}.${name}.linear_${part}`, T, Z);
    linear(`${core}.${name}.linear_g`, Z, Z);
    linear(`${core}.${name}.linear_z`, Z, T);
    norm(`${core}.${name}.layer_norm_in`, Z);
    norm(`${core}.${name}.layer_norm_out`, T);
  }
  for (const name of ['tri_att_start', 'tri_att_end']) {
    norm(`${core}.${name}.layer_norm`, Z);
    linear(`${core}.${name}.linear`, sizes.triangleHeads, Z, false);
    attention(`${core}.${name}.mha`, Z, sizes.triangleHeads, sizes.triangleHeadDim);
  }
  transition(`${core}.pair_transition`, Z);
}

function structureModule(sizes: TertiarySizes, shapes: Map<string, Shape>, linear: Linear, norm: Norm): void {
  const { singleDim: S, pairDim: Z, ipaHeads: H, ipaDim: C, queryPoints, valuePoints, torsionDim } = sizes;
  const name = 'structure_module';
  norm(`${name}.layer_norm_s`, S);
  norm(`${name}.layer_norm_z`, Z);
  linear(`${name}.linear_in`, S, S);
  shapes.set(`${name}.ipa.head_weights`, [H]);
  linear(`${name}.ipa.linear_q`, H * C, S);
  linear(`${name}.ipa.linear_kv`, 2 * H * C, S);
  linear(`${name}.ipa.linear_q_points`, 3 * H * queryPoints, S);
  linear(`${name}.ipa.linear_kv_points`, 3 * H * (queryPoints + valuePoints), S);
  linear(`${name}.ipa.linear_b`, H, Z);
  linear(`${name}.ipa.linear_out`, S, H * (C + 4 * valuePoints + Z));
  norm(`${name}.layer_norm_ipa`, S);
  for (let i = 1; i <= 3; i++) linear(`${name}.transition.layers.0.linear_${i}`, S, S);
  norm(`${name}.transition.layer_norm`, S);
  linear(`${name}.bb_update.linear`, 6, S);
  linear(`${name}.angle_resnet.linear_in`, torsionDim, S);
  linear(`${name}.angle_resnet.linear_initial`, torsionDim, S);
  for (let i = 0; i < sizes.torsionBlocks; i++) {
    linear(`${name}.angle_resnet.layers.${i}.linear_1`, torsionDim, torsionDim);
    linear(`${name}.angle_resnet.layers.${i}.linear_2`, torsionDim, torsionDim);
  }
  linear(`${name}.angle_resnet.linear_out`, 2 * TORSIONS, torsionDim);
  if (sizes.refineNet !== undefined) refineNet(sizes, sizes.refineNet, shapes, linear);
}

// RefineNet's widths that its one size does not decide.
const REFINE_STAGES = 4;
const MESSAGE_DIM = 32;

function refineNet(
  { positions }: TertiarySizes,
  { dim, layers }: NonNullable<TertiarySizes['refineNet']>,
  shapes: Map<string, Shape>,
  linear: Linear,
): void {
  const name = 'structure_module.refinenet';
  shapes.set(`${name}.embed_tokens.weight`, [TERTIARY_VOCABULARY, dim]);
  shapes.set(`${name}.embed_positions.weight`, [positions, dim]);
  const edges = 2 * dim + 1;
  for (let stage = 0; stage < REFINE_STAGES; stage++) {
    for (let i = 0; i < layers; i++) {
      const layer = `${name}.refine_layer${stage}.layers.${i}`;
      linear(`${layer}.edge_mlp.0`, 2 * edges, edges);
      linear(`${layer}.edge_mlp.2`, MESSAGE_DIM, 2 * edges);
      shapes.set(`${layer}.coors_norm.fn.weight`, [1]);
      shapes.set(`${layer}.coors_norm.fn.bias`, [1]);
      linear(`${layer}.node_mlp.0`, 2 * dim, dim + MESSAGE_DIM);
      linear(`${layer}.node_mlp.2`, dim, 2 * dim);
      linear(`${layer}.coors_mlp.0`, 4 * MESSAGE_DIM, MESSAGE_DIM);
      linear(`${layer}.coors_mlp.2`, 1, 4 * MESSAGE_DIM);
    }
  }
}

function heads(sizes: TertiarySizes, shapes: Map<string, Shape>, linear: Linear, norm: Norm): void {
  const { pairDim: Z, singleDim: S } = sizes;
  const project = (name: string): void => {
    shapes.set(`${name}.norm.a_2`, [Z]);
    shapes.set(`${name}.norm.b_2`, [Z]);
    linear(`${name}.proj`, Z, Z);
  };
  const feedForward = (name: string, cols: number): void => {
    linear(`${name}.linear1`, HEAD_FACTOR * Z, Z);
    linear(`${name}.linear2`, cols, HEAD_FACTOR * Z);
  };
  project('dist_head');
  for (let i = 0; i < 3; i++) feedForward(`dist_head.resnet_dist_${i}`, DISTANCE_BINS);
  project('ss_head');
  feedForward('ss_head.ffn', 1);
  norm('plddt_head.net_lddt.0', S);
  linear('plddt_head.net_lddt.1', S, S);
  linear('plddt_head.net_lddt.3', S, S);
  linear('plddt_head.net_lddt.5', LDDT_BINS, S);
}

// What ends a residual branch, and what an angle, a frame or a logit is read from, begins at zero.
const LAST =
  /(\.mha\.linear_o|_transition\.linear_2|\.tri_mul_(out|in)\.linear_z|outer_product_mean\.linear_out|layers\.\d\.linear_3|ipa\.linear_out|bb_update\.linear|angle_resnet\.layers\.\d\.linear_2|angle_resnet\.linear_out|resnet_dist_\d\.linear2|ss_head\.ffn\.linear2|net_lddt\.5|pair_prior)\.(weight|bias)$/;
const GATE = /\.linear_(a_g|b_g|g)\.(weight|bias)$/;
const NORM_WEIGHT = /(layer_norm\w*\.weight|net_lddt\.0\.weight|norm\.a_2|coors_norm\.fn\.weight)$/;
const BEFORE_RELU = /(_transition\.linear_1|layers\.\d\.linear_[12]|linear1|net_lddt\.[13])\.weight$/;
const QUERIES_KEYS_VALUES = /\.mha\.linear_[qkv]\.weight$/;

// The inverse of softplus at 1, with which every point weight starts (Jumper et al. 2021).
const SOFTPLUS_INVERSE_1 = 0.541324854612918;

/** How a parameter's elements start: the same value for all, or a standard deviation. */
function startOf(name: string, [cols = 1, inner = 1]: Shape): { value: number } | { deviation: number } {
  if (GATE.test(name)) return { value: name.endsWith('.bias') ? 1 : 0 };
  if (LAST.test(name)) return { value: 0 };
  if (NORM_WEIGHT.test(name)) return { value: 1 };
  if (name.endsWith('ipa.head_weights')) return { value: SOFTPLUS_INVERSE_1 };
  if (name.endsWith('bias') || name.endsWith('b_2')) return { value: 0 };
  if (/(embed_tokens|embed_positions|emb)\.weight$/.test(name))
    return { deviation: name.includes('positions') ? 0.02 : 1 };
  if (QUERIES_KEYS_VALUES.test(name)) return { deviation: Math.sqrt(2 / (cols + inner)) };
  return { deviation: Math.sqrt((BEFORE_RELU.test(name) ? 2 : 1) / inner) };
}

/**
 * Fresh parameters, drawn from (seed, index of the parameter). Torsions start at the angles of `torsions`, cosine and
 * sine of each of the six slots, so that an untrained model's nucleotides have the shape of real ones.
 */
export function initializeTertiary(
  device: Device,
  sizes: TertiarySizes,
  seed: number,
  torsions: readonly number[] = TYPICAL_TORSIONS,
): ParameterMap {
  return new Map(
    [...tertiaryParameters(sizes)].map(([name, shape], index) => {
      const random = new RandomStream(seed, index);
      const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
      const start = startOf(name, shape);
      if (name.endsWith('angle_resnet.linear_out.bias')) values.set(torsions);
      else if ('value' in start) values.fill(start.value);
      else for (let i = 0; i < values.length; i++) values[i] = start.deviation * random.normal();
      return [name, device.tensor(values, shape).keep()];
    }),
  );
}

/** Circular means in degrees of the six slots in known structures (TERTIARY section 5); two slots turn nothing. */
const MEAN_ANGLES = [0, 0, 164, 22, -26, 171];
const TYPICAL_TORSIONS = MEAN_ANGLES.flatMap((degrees) => {
  const angle = (degrees * Math.PI) / 180;
  return [portable.cos(angle), portable.sin(angle)];
});
