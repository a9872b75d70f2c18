/** Fused attention with an additive bias that all rows share. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

export interface PairAttentionShape {
  /** Sequences of items that attend to each other: the rows of a map, or one. */
  readonly rows: number;
  /** Items of each. */
  readonly length: number;
  readonly heads: number;
  /**
   * Whether the items of a row are those of a column of the map [length, length], whose bias is turned over too. By
   * default a row is a row.
   */
  readonly columns?: boolean;
}

// A GPU wants this many workgroups; the bias's gradient is summed in parts where it has fewer.
const WORKGROUPS = 512;
/** Cells of the bias that a workgroup of 32 sums. */
const CELLS = 8 * 32;

/** Rows of the bias's gradient that are summed in one go: all of them but where a GPU would idle. */
function partRows({ q, rows, length, heads }: { q: Tensor } & PairAttentionShape): number {
  if (q.device.traits.class !== 'gpu') return rows;
  const tiles = heads * Math.ceil(length ** 2 / CELLS);
  const parts = Math.max(1, Math.min(Math.floor(WORKGROUPS / tiles), Math.floor(rows / 8)));
  return Math.ceil(rows / parts);
}

/**
 * softmax_j(q_i·k_j / √headDim + bias[h, i, j])·v_j over the items of each row; with `columns` of each column, and
 * bias[h, j, i].
 * @param q [rows · length, heads · headDim] in the map's order, head-major, as k and v
 * @param bias [heads, length, length]
 * @returns of q's shape
 */
export function pairAttention(q: Tensor, key: Tensor, v: Tensor, bias: Tensor, shape: PairAttentionShape): Tensor {
  const { device } = q;
  const { rows, length, heads, columns = false } = shape;
  const headDim = q.size / (rows * length * heads);
  requireShape(
    Number.isInteger(headDim) &&
      key.size === q.size &&
      v.size === q.size &&
      bias.size === heads * length * length &&
      (!columns || rows === length),
    'pairAttention',
    q.shape,
    key.shape,
    v.shape,
    bias.shape,
    [rows, length, heads],
  );
  const sizes = {
    rows,
    length,
    heads,
    strideRow: columns ? 1 : length,
    strideItem: columns ? length : 1,
    strideQuery: columns ? 1 : length,
    strideKey: columns ? length : 1,
    scale: 1 / Math.sqrt(headDim),
  };
  const variant = { headDim };
  const { y, lse } = device.run(
    k.pairAttention,
    { q, k: key, v, bias },
    { y: q.shape, lse: [rows, heads, length] },
    sizes,
    variant,
  );
  return record(
    y,
    [q, key, v, bias],
    (dy, [needsQ, needsK, needsV, needsBias]) =>
      device.scope(() => {
        const { stats } = device.run(
          k.pairAttentionStats,
          { dy, y, lse },
          { stats: [rows, heads, length, 2] },
          sizes,
          variant,
        );
        const inputs = { q, k: key, v, bias, dy, stats };
        const { dk, dv } =
          needsK === true || needsV === true
            ? device.run(k.pairAttentionBackwardKey, inputs, { dk: key.shape, dv: v.shape }, sizes, variant)
            : {};
        return [
          needsQ === true
            ? device.run(k.pairAttentionBackwardQuery, inputs, { dq: q.shape }, sizes, variant).dq
            : undefined,
          needsK === true ? dk : undefined,
          needsV === true ? dv : undefined,
          needsBias === true ? biasGradient() : undefined,
        ];

        function biasGradient(): Tensor {
          const each = partRows({ q, ...shape });
          const parts = Math.ceil(rows / each);
          const { dbias } = device.run(
            k.pairAttentionBackwardBias,
            inputs,
            { dbias: [parts, bias.size] },
            { ...sizes, partRows: each },
            variant,
          );
          return (parts === 1 ? dbias : columnSum(dbias, parts, bias.size)).alias(bias.shape);
        }
      }),
    [lse],
  );
}
