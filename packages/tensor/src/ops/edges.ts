/**
 * The edges of a graph whose nodes lie in groups, each joined to all of its group and itself. Edges are taken in bands:
 * those of `rows` nodes from `first` on.
 */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum, product } from './matmul.ts';

export interface EdgeBand {
  /** Nodes of a group. */
  readonly nodes: number;
  readonly first: number;
  readonly rows: number;
}

/** The squared lengths of a band's edges, [rows, nodes], from the positions of all nodes [all, 3]. */
export function squaredDistances(x: Tensor, { nodes, first, rows }: EdgeBand): Tensor {
  const { device } = x;
  const uniforms = { count: rows * nodes, nodes, first, rows };
  const { y } = device.run(k.squaredDistances, { x }, { y: [rows, nodes] }, uniforms);
  return record(y, [x], (dy) => [
    device.run(k.squaredDistancesBackward, { dy, x }, { dx: x.shape }, { ...uniforms, count: x.size / 3 }).dx,
  ]);
}

/**
 * SiLU(left_i + right_j + weight · distance + bias) of each edge, [rows·nodes, channels]; channels are a multiple of
 * four.
 * @param left [rows, channels], of the band's nodes
 * @param right [all, channels]
 * @param distances [rows, nodes]
 * @param weight [channels], as bias
 */
export function edgeFeatures(
  left: Tensor,
  right: Tensor,
  distances: Tensor,
  weight: Tensor,
  bias: Tensor,
  { nodes, first, rows }: EdgeBand,
): Tensor {
  const channels = weight.size;
  const edges = rows * nodes;
  requireShape(
    channels % 4 === 0 &&
      left.size === rows * channels &&
      right.size % channels === 0 &&
      distances.size === edges &&
      bias.size === channels &&
      first + rows <= right.size / channels,
    'edgeFeatures',
    left.shape,
    right.shape,
    distances.shape,
    weight.shape,
  );
  const { device } = left;
  const inputs = { left, right, distances, weight, bias };
  const uniforms = { count: k.edgeFeatureCount(edges, channels), nodes, first, channels };
  const { y } = device.run(k.edgeFeatures, inputs, { y: [edges, channels] }, uniforms);
  return record(y, Object.values(inputs), (dy) =>
    device.scope(() => {
      const { y: g } = device.run(k.edgeFeaturesBackward, { dy, ...inputs }, { y: [edges, channels] }, uniforms);
      const sums = { nodes, channels };
      return [
        device.run(k.neighbourSums, { x: g }, { y: left.shape }, { ...sums, count: left.size }).y,
        device.run(k.groupSums, { x: g }, { y: right.shape }, { ...sums, first, rows, count: right.size }).y,
        product(g, weight, edges, channels, 1, { shape: distances.shape }),
        product(distances, g, 1, edges, channels, { shape: weight.shape }),
        columnSum(g, edges, channels),
      ];
    }),
  );
}

/** What a node's edges have, summed: x [rows·nodes, channels] to [rows, channels]. */
export function neighbourSums(x: Tensor, nodes: number): Tensor {
  const [edges = 0, channels = 0] = x.shape;
  requireShape(x.shape.length === 2 && edges % nodes === 0, 'neighbourSums', x.shape, [nodes]);
  const { device } = x;
  const rows = edges / nodes;
  const sizes = { nodes, channels };
  const { y } = device.run(k.neighbourSums, { x }, { y: [rows, channels] }, { ...sizes, count: rows * channels });
  return record(y, [x], (dy) => [
    device.run(k.neighbourSumsBackward, { dy }, { dx: x.shape }, { ...sizes, count: x.size }).dx,
  ]);
}

/**
 * The band's nodes, each moved along its edges by scale / 50 times their weights: [rows, 3]. No edge leads from a node
 * to itself or to one in the same place.
 * @param x [all, 3]
 * @param weights [rows, nodes]
 * @param scale [1]
 */
export function moveNodes(x: Tensor, weights: Tensor, scale: Tensor, { nodes, first, rows }: EdgeBand): Tensor {
  requireShape(weights.size === rows * nodes && scale.size === 1, 'moveNodes', x.shape, weights.shape, scale.shape);
  const { device } = x;
  const uniforms = { nodes, first, rows };
  const { y } = device.run(k.moveNodes, { x, weights, scale }, { y: [rows, 3] }, { ...uniforms, count: rows });
  return record(y, [x, weights, scale], (dy) =>
    device.scope(() => {
      const { dweights } = device.run(
        k.moveNodesBackwardWeights,
        { dy, x, scale },
        { dweights: weights.shape },
        { ...uniforms, count: rows * nodes },
      );
      // Along an edge of weight 1 the scale has the gradient that a weight has with a scale of 1.
      const { dweights: ofScale } = device.run(
        k.moveNodesBackwardWeights,
        { dy, x, scale: device.full([1], 1) },
        { dweights: weights.shape },
        { ...uniforms, count: rows * nodes },
      );
      return [
        device.run(k.moveNodesBackward, { dy, x, weights, scale }, { dx: x.shape }, { ...uniforms, count: x.size / 3 })
          .dx,
        dweights,
        product(ofScale, weights, 1, rows * nodes, 1, { shape: [1] }),
      ];
    }),
  );
}

/**
 * A linear layer of one column over SiLU(x), [rows].
 * @param x [rows, channels], a multiple of four
 * @param weight [1, channels]
 * @param bias [1]
 */
export function siluDot(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [count = 0, channels = 0] = x.shape;
  requireShape(
    x.shape.length === 2 && channels % 4 === 0 && weight.size === channels && bias.size === 1,
    'siluDot',
    x.shape,
    weight.shape,
    bias.shape,
  );
  const { device } = x;
  const { y } = device.run(k.siluDot, { x, weight, bias }, { y: [count] }, { count, channels });
  return record(y, [x, weight, bias], (dy) =>
    device.scope(() => {
      const { y: active } = device.run(k.silu, { x }, { y: x.shape }, { count: x.size });
      const dactive = product(dy, weight, count, 1, channels);
      return [
        device.run(k.siluBackward, { dy: dactive, x }, { dx: x.shape }, { count: x.size }).dx,
        product(dy, active, 1, count, channels, { shape: weight.shape }),
        columnSum(dy, count, 1),
      ];
    }),
  );
}

/** Rows of several matrices one after the other: [all rows, cols]. */
export function joinRows(parts: readonly Tensor[]): Tensor {
  const [first, ...others] = parts;
  if (first === undefined) throw new RangeError('joinRows: nothing to join');
  if (others.length === 0) return first;
  const { device } = first;
  const cols = first.shape[1] ?? 1;
  const y = device.scope(() =>
    others.reduce((a, x) => {
      const count = a.size + x.size;
      return device.run(
        k.joinRows,
        { a, x, b: x },
        { y: [count / cols, cols] },
        { count, offset: 0, before: a.size, middle: x.size },
      ).y;
    }, first),
  );
  return record(y, parts, (dy) => {
    let offset = 0;
    return parts.map((part) => {
      const count = part.size;
      const { y: own } = device.run(k.rows, { x: dy }, { y: part.shape }, { count, offset });
      offset += count;
      return own;
    });
  });
}
