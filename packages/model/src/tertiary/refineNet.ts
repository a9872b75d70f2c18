/**
 * RhoFold's refinement of atoms (TERTIARY section 8, RNAFM section 5): an equivariant graph network (Satorras et al.
 * 2021) over all 23 slots of every nucleotide, in stages that take the slots of a nucleotide and one slot of all
 * nucleotides in turn. Empty slots lie at the origin and take part. The norm of an edge's length is over one number and
 * so is its bias alone.
 */
import { ATOMS_OF_NUCLEOTIDE } from '@rna/kernels';
import {
  columns,
  edgeFeatures,
  embedding,
  joinColumns,
  joinRows,
  linear,
  moveNodes,
  neighbourSums,
  reshape,
  rows,
  silu,
  siluDot,
  squaredDistances,
  swapAxes,
  type EdgeBand,
  type Tensor,
} from '@rna/tensor';
import { FIRST_NUCLEOTIDE, type TertiarySizes } from './config.ts';
import { within, type Weights } from './parameters.ts';

/** Stages of which the even ones are within nucleotides, the odd ones across them. */
const STAGES = 4;

/** Nodes of all groups: features [all, dim] and positions [all, 3]. */
interface Nodes {
  readonly features: Tensor;
  readonly positions: Tensor;
}

/** Told of the nodes after a layer, [L, 23, dim] and [L, 23, 3], which are freed after the call. The last layer leaves
 * features as they are, since nothing reads them. */
export type RefineObserver = (stage: number, layer: number, features: Tensor, positions: Tensor) => void;

/** Floats of the widest tensor of a band's edges; it is as many edges as that allows. */
const BAND_FLOATS = 2 ** 24;

/**
 * The refined atoms, [L, 23, 3] in Å.
 * @param p the module's parameters
 * @param tokens ids of RhoFold's alphabet
 * @param coordinates [L, 23, 3] in Å, 0 in empty slots
 */
export function refineNet(
  p: Weights,
  { layers, dim }: NonNullable<TertiarySizes['refineNet']>,
  tokens: Uint32Array,
  coordinates: Tensor,
  onLayer?: RefineObserver,
): Tensor {
  const own = within(p, 'structure_module.refinenet');
  const { device } = coordinates;
  const length = tokens.length;
  const slots = ATOMS_OF_NUCLEOTIDE;
  return device.scope(() => {
    const nucleotides = Uint32Array.from({ length: length * slots }, (_, at) => tokens[Math.floor(at / slots)]!);
    const places = Uint32Array.from({ length: length * slots }, (_, at) => FIRST_NUCLEOTIDE + (at % slots));
    let nodes: Nodes = {
      features: nodeFeatures(own, nucleotides, places),
      positions: reshape(coordinates, [length * slots, 3]),
    };
    for (let stage = 0; stage < STAGES; stage++) {
      const across = stage % 2 === 1;
      const [groups, inGroup] = across ? [slots, length] : [length, slots];
      if (across) nodes = turned(nodes, length, slots, dim);
      for (let layer = 0; layer < layers; layer++) {
        const before = nodes;
        const isLast = stage === STAGES - 1 && layer === layers - 1;
        nodes = device.scope(() =>
          refineLayer(within(own, `refine_layer${stage}.layers.${layer}`), before, groups, inGroup, isLast),
        );
        if (onLayer !== undefined)
          device.scope(() => {
            const { features, positions } = across ? turned(nodes, slots, length, dim) : nodes;
            onLayer(stage, layer, reshape(features, [length, slots, dim]), reshape(positions, [length, slots, 3]));
          });
      }
      if (across) nodes = turned(nodes, slots, length, dim);
    }
    return reshape(nodes.positions, [length, slots, 3]);
  });
}

/** Embeddings of a slot's nucleotide and of the slot. */
function nodeFeatures(own: Weights, nucleotides: Uint32Array, places: Uint32Array): Tensor {
  const weight = own('embed_tokens.weight');
  const { device } = weight;
  const ones = device.full([places.length], 1);
  const tokens = embedding(device.tensor(nucleotides), ones, weight);
  const table = own('embed_positions.weight');
  // Slots read a few rows at its start: the gradient's sums are over these.
  const used = rows(table, 0, FIRST_NUCLEOTIDE + ATOMS_OF_NUCLEOTIDE);
  return linear(oneHot(places, used.shape[0]!), swapAxes(used), undefined, tokens);

  function oneHot(values: Uint32Array, classes: number): Tensor {
    const hot = new Float32Array(values.length * classes);
    values.forEach((value, at) => {
      hot[at * classes + value] = 1;
    });
    return device.tensor(hot, [values.length, classes]);
  }
}

/** The nodes of [a, b] in the order [b, a]. */
function turned({ features, positions }: Nodes, a: number, b: number, dim: number): Nodes {
  const turn = (x: Tensor, cols: number): Tensor => reshape(swapAxes(reshape(x, [a, b, cols])), [a * b, cols]);
  return { features: turn(features, dim), positions: turn(positions, 3) };
}

/** One layer; after the last one nothing reads the features, which stay as they are. */
function refineLayer(
  own: Weights,
  { features, positions }: Nodes,
  groups: number,
  inGroup: number,
  last: boolean,
): Nodes {
  const [all = 0, dim = 0] = features.shape;
  const { device } = features;
  const project = (x: Tensor, name: string): Tensor => linear(x, own(`${name}.weight`), own(`${name}.bias`));
  // Channels are two more than a multiple of four; with as many zeros all rows are whole vectors.
  const [first, bias, second] = [own('edge_mlp.0.weight'), own('edge_mlp.0.bias'), own('edge_mlp.2.weight')];
  const spare = -first.shape[0]! & 3;
  const channels = first.shape[0]! + spare;
  const widened = joinRows([first, device.zeros([spare, 2 * dim + 1])]);
  const wideBias = reshape(joinRows([reshape(bias, [bias.size, 1]), device.zeros([spare, 1])]), [channels]);
  const narrowing = joinColumns(second, device.zeros([second.shape[0]!, spare]));
  const left = linear(features, columns(widened, 0, dim));
  const right = linear(features, columns(widened, dim, dim));
  const ofDistance = reshape(columns(widened, 2 * dim, 1), [channels]);
  const bandRows = Math.max(1, Math.min(groups * inGroup, Math.floor(BAND_FLOATS / (inGroup * channels))));
  const moved: Tensor[] = [];
  const messages: Tensor[] = [];
  for (let start = 0; start < all; start += bandRows) {
    const band: EdgeBand = { nodes: inGroup, first: start, rows: Math.min(bandRows, all - start) };
    const done = device.scope(() => {
      const edges = edgeFeatures(
        rows(left, start, band.rows),
        right,
        squaredDistances(positions, band),
        ofDistance,
        wideBias,
        band,
      );
      const message = silu(linear(edges, narrowing, own('edge_mlp.2.bias')));
      const weights = siluDot(project(message, 'coors_mlp.0'), own('coors_mlp.2.weight'), own('coors_mlp.2.bias'));
      return {
        moved: moveNodes(positions, reshape(weights, [band.rows, inGroup]), own('coors_norm.fn.bias'), band),
        messages: last ? undefined : neighbourSums(message, inGroup),
      };
    });
    moved.push(done.moved);
    if (done.messages !== undefined) messages.push(done.messages);
  }
  if (last) return { positions: joinRows(moved), features };
  const inner = silu(project(joinColumns(features, joinRows(messages)), 'node_mlp.0'));
  return {
    positions: joinRows(moved),
    features: linear(inner, own('node_mlp.2.weight'), own('node_mlp.2.bias'), features),
  };
}
