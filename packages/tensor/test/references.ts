/**
 * Layers and their gradients in plain loops and doubles, straight from their
 * formulas and independent of the kernels' own references, which know about
 * layouts. Each takes the gradient `dy` of its output and returns the output
 * and the gradient of every parameter.
 */
import { ropeTable } from '@rna/kernels';

export type Doubles = Float64Array;

/** y = x·Wᵀ + b for x [rows, inner], W [cols, inner], b [cols]. */
export function linearReference(
  x: Doubles,
  weight: Doubles,
  bias: Doubles,
  dy: Doubles,
  inner: number,
): Record<'y' | 'dx' | 'dweight' | 'dbias', Doubles> {
  const [rows, cols] = [x.length / inner, bias.length];
  const result = {
    y: new Float64Array(rows * cols),
    dx: new Float64Array(x.length),
    dweight: new Float64Array(weight.length),
    dbias: new Float64Array(cols),
  };
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      const g = dy[r * cols + c]!;
      let sum = bias[c]!;
      for (let k = 0; k < inner; k++) {
        sum += x[r * inner + k]! * weight[c * inner + k]!;
        result.dx[r * inner + k]! += g * weight[c * inner + k]!;
        result.dweight[c * inner + k]! += g * x[r * inner + k]!;
      }
      result.y[r * cols + c] = sum;
      result.dbias[c]! += g;
    }
  }
  return result;
}

/** Rows brought to variance 1 (and mean 0 where `centred`), times weight, plus bias where there is one. */
export function normReference(
  x: Doubles,
  weight: Doubles,
  bias: Doubles | undefined,
  dy: Doubles,
  eps: number,
): Record<'y' | 'dx' | 'dweight' | 'dbias', Doubles> {
  const cols = weight.length;
  const result = {
    y: new Float64Array(x.length),
    dx: new Float64Array(x.length),
    dweight: new Float64Array(cols),
    dbias: new Float64Array(cols),
  };
  const mean = (values: Doubles): number => values.reduce((sum, value) => sum + value, 0) / cols;
  for (let at = 0; at < x.length; at += cols) {
    const row = x.subarray(at, at + cols);
    const centre = bias === undefined ? 0 : mean(row);
    const rstd = 1 / Math.sqrt(mean(row.map((value) => (value - centre) ** 2)) + eps);
    const normal = row.map((value) => (value - centre) * rstd);
    const g = weight.map((value, c) => value * dy[at + c]!);
    const [meanG, meanGx] = [bias === undefined ? 0 : mean(g), mean(g.map((value, c) => value * normal[c]!))];
    for (let c = 0; c < cols; c++) {
      result.y[at + c] = normal[c]! * weight[c]! + (bias?.[c] ?? 0);
      result.dx[at + c] = rstd * (g[c]! - meanG - normal[c]! * meanGx);
      result.dweight[c]! += dy[at + c]! * normal[c]!;
      result.dbias[c]! += dy[at + c]!;
    }
  }
  return result;
}

export interface Packing {
  readonly lengths: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

const ROPE_THETA = 10000;

/** softmax(q·kᵀ / √headDim)·v within each sequence of a pack, with rotary positions from 0; qkv as the op takes it. */
export function attentionReference(
  qkv: Doubles,
  dy: Doubles,
  { lengths, heads, kvHeads, headDim }: Packing,
): Record<'y' | 'dqkv', Doubles> {
  const width = (heads + 2 * kvHeads) * headDim;
  const half = headDim / 2;
  const rope = ropeTable(headDim, Math.max(...lengths), ROPE_THETA);
  const result = { y: new Float64Array(dy.length), dqkv: new Float64Array(qkv.length) };
  /** The vector of a head at a token, turned by its position's angles; backwards for gradients. */
  const turned = (x: Doubles, position: number, direction: 1 | -1): Doubles =>
    x.map((value, d) => {
      const [c, s] = [
        rope[position * headDim + (d % half)]!,
        direction * rope[position * headDim + (d % half) + half]!,
      ];
      return d < half ? value * c - x[d + half]! * s : value * c + x[d - half]! * s;
    });
  const dot = (a: Doubles, b: Doubles): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  let first = 0;
  for (const length of lengths) {
    const rows = Array.from({ length }, (_, t) => t);
    const part = (head: number): Doubles[] =>
      rows.map((t) => qkv.slice((first + t) * width + head * headDim, (first + t) * width + (head + 1) * headDim));
    const add = (head: number, t: number, values: Doubles): void =>
      values.forEach((value, d) => {
        result.dqkv[(first + t) * width + head * headDim + d]! += value;
      });
    for (let head = 0; head < heads; head++) {
      const kvHead = heads + Math.floor(head / (heads / kvHeads));
      const q = part(head).map((x, t) => turned(x, t, 1));
      const k = part(kvHead).map((x, t) => turned(x, t, 1));
      const v = part(kvHead + kvHeads);
      for (const i of rows) {
        const out = ((first + i) * heads + head) * headDim;
        const g = dy.subarray(out, out + headDim);
        const weights = k.map((key) => Math.exp(dot(q[i]!, key) / Math.sqrt(headDim)));
        const total = weights.reduce((sum, value) => sum + value, 0);
        const p = weights.map((value) => value / total);
        const dp = v.map((value) => dot(g, value));
        const delta = p.reduce((sum, value, j) => sum + value * dp[j]!, 0);
        for (const j of rows) {
          const ds = (p[j]! * (dp[j]! - delta)) / Math.sqrt(headDim);
          for (let d = 0; d < headDim; d++) result.y[out + d]! += p[j]! * v[j]![d]!;
          add(
            head,
            i,
            turned(
              k[j]!.map((value) => ds * value),
              i,
              -1,
            ),
          );
          add(
            kvHead,
            j,
            turned(
              q[i]!.map((value) => ds * value),
              j,
              -1,
            ),
          );
          add(
            kvHead + kvHeads,
            j,
            g.map((value) => p[j]! * value),
          );
        }
      }
    }
    first += length;
  }
  return result;
}
