/** Operations of the tertiary module's parts by the book (TERTIARY section 12), whatever kernels do them. */
import { ATOMS_OF_NUCLEOTIDE } from '@rna/kernels';
import { elementCount } from '../config.ts';
import type { TertiarySizes } from './config.ts';
import { tertiaryParameters } from './parameters.ts';

export interface TertiaryFlops {
  /** Embedding and recycling are not in it: a hundredth. */
  readonly trunk: number;
  readonly structure: number;
  /** Distograms and the secondary structure. */
  readonly heads: number;
  /** RefineNet with its edges' first layer over whole inputs; 0 where the sizes have none. */
  readonly refinement: number;
}

/** Weights that a sequence of one row has no use for, and those that no product with all rows or pairs is of. */
const NO_PRODUCT =
  /\.(bias|a_2|b_2)$|layer_norm|net_lddt\.0|_msa_att\.mha\.linear_[qk]|linear_out\.weight$|head_weights/;
/** Layers over pairs of nucleotides. */
const OVER_PAIRS = /\.tri_|pair_transition|linear_z|\.linear_b\.|^(dist|ss)_head/;

/**
 * Floating-point operations of one cycle of `length` nucleotides, a multiplication and an addition each, and of
 * RefineNet after the last one.
 */
export function tertiaryFlops(sizes: TertiarySizes, length: number): TertiaryFlops {
  const { blocks, iterations, outerDim, pairDim, triangleDim, triangleHeads, triangleHeadDim, rowHeads, rowHeadDim } =
    sizes;
  const { ipaHeads, ipaDim, queryPoints, valuePoints, singleDim, torsionDim } = sizes;
  const pairs = length ** 2;
  const sums = { e2eformer: 0, structure_module: 0, dist_head: 0, ss_head: 0 };
  for (const [name, shape] of tertiaryParameters({ ...sizes, refineNet: undefined })) {
    const part = name.split('.')[0]! as keyof typeof sums;
    if (sums[part] === undefined || NO_PRODUCT.test(name)) continue;
    // The bias of pairs is made once for all iterations.
    const times = part === 'structure_module' && !/linear_b|linear_in\.|linear_initial/.test(name) ? iterations : 1;
    sums[part] += 2 * elementCount(shape) * (OVER_PAIRS.test(name) ? pairs : length) * times;
  }
  const outer = 2 * outerDim * pairDim * (pairs + length * outerDim);
  const triangles = 2 * (2 * triangleDim + 4 * triangleHeads * triangleHeadDim) * length ** 3;
  const along = 4 * rowHeads * rowHeadDim * pairs;
  const points = ipaHeads * (2 * ipaDim + 3 * (queryPoints + valuePoints) + pairDim);
  // Outputs of the attention and of the torsion net, which are left out above.
  const outputs = singleDim * ipaHeads * (ipaDim + 4 * valuePoints + pairDim) + 12 * torsionDim;
  return {
    trunk: sums.e2eformer + blocks * (outer + triangles + along),
    structure: sums.structure_module + iterations * 2 * (pairs * points + length * outputs),
    heads: sums.dist_head + sums.ss_head,
    refinement: refinementFlops(sizes, length),
  };
}

/** Two stages within nucleotides and two across them; every layer's weights are those of edges but the nodes' net. */
function refinementFlops(sizes: TertiarySizes, length: number): number {
  if (sizes.refineNet === undefined) return 0;
  const slots = ATOMS_OF_NUCLEOTIDE;
  const edges = 2 * sizes.refineNet.layers * (length * slots ** 2 + slots * length ** 2);
  const nodes = 4 * sizes.refineNet.layers * length * slots;
  let [ofEdges, ofNodes] = [0, 0];
  for (const [name, shape] of tertiaryParameters(sizes)) {
    if (!name.includes('refine_layer0.layers.0.') || shape.length !== 2) continue;
    if (name.includes('node_mlp')) ofNodes += elementCount(shape);
    else ofEdges += elementCount(shape);
  }
  return 2 * (edges * ofEdges + nodes * ofNodes);
}
