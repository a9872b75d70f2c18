/** Checks of attention with a bias that all rows share: along rows, along columns, of one row, of odd widths. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { AnyKernel } from './kernel.ts';
import {
  pairAttention,
  pairAttentionBackwardBias,
  pairAttentionBackwardKey,
  pairAttentionBackwardQuery,
  pairAttentionStats,
} from './pairAttention.ts';
import type { RandomStream } from './random.ts';

interface Size {
  readonly rows: number;
  readonly length: number;
  readonly heads: number;
  readonly headDim: number;
  /** Along the columns of a square map. */
  readonly along?: 'columns';
  /** Rows whose sums are apart. */
  readonly partRows?: number;
}

const SIZES: readonly Size[] = [
  { rows: 1, length: 1, heads: 1, headDim: 4 },
  { rows: 1, length: 11, heads: 2, headDim: 6 },
  { rows: 7, length: 7, heads: 2, headDim: 8 },
  { rows: 9, length: 9, heads: 2, headDim: 8, along: 'columns', partRows: 4 },
  { rows: 3, length: 37, heads: 1, headDim: 16, partRows: 2 },
];

const BENCHMARK: readonly Size[] = [
  { rows: 64, length: 64, heads: 4, headDim: 32 },
  { rows: 64, length: 64, heads: 4, headDim: 32, along: 'columns' },
];

function call(random: RandomStream, size: Size, outputs: readonly string[]): Call {
  const { rows, length, heads, headDim, along, partRows = rows } = size;
  const vectors = rows * length * heads * headDim;
  const queries = rows * heads * length;
  const numbers = (): Float64Array => normals(random, vectors);
  const columns = along === 'columns';
  const forward: Call = {
    inputs: { q: numbers(), k: numbers(), v: numbers(), bias: normals(random, heads * length * length), dy: numbers() },
    outputs: {},
    uniforms: {
      rows,
      length,
      heads,
      strideRow: columns ? 1 : length,
      strideItem: columns ? length : 1,
      strideQuery: columns ? 1 : length,
      strideKey: columns ? length : 1,
      scale: Math.fround(1 / Math.sqrt(headDim)),
      ...(outputs.includes('dbias') && { partRows }),
    },
    variant: { headDim },
  };
  const { y, lse } = attend(forward);
  const elements: Readonly<Record<string, number>> = {
    lse: queries,
    stats: 2 * queries,
    dbias: Math.ceil(rows / partRows) * heads * length * length,
  };
  return {
    ...forward,
    inputs: Object.fromEntries(
      Object.entries({ ...forward.inputs, y, lse, stats: statistics(forward, y, lse) }).filter(
        ([name]) => !outputs.includes(name),
      ),
    ),
    outputs: Object.fromEntries(outputs.map((name) => [name, elements[name] ?? vectors])),
  };
}

interface Walk {
  readonly length: number;
  readonly headDim: number;
  /** Index of the first element of item i of a row in head h. */
  readonly at: (row: number, item: number, head: number) => number;
  readonly bias: (head: number, query: number, key: number) => number;
  /** Calls for each row, head and query. */
  readonly each: (body: (row: number, head: number, query: number) => void) => void;
  readonly queryIndex: (row: number, head: number, query: number) => number;
}

function walkOf(of: Call): Walk {
  const [rows, length, heads] = [uniform(of, 'rows'), uniform(of, 'length'), uniform(of, 'heads')];
  const headDim = of.variant!['headDim'] as number;
  return {
    length,
    headDim,
    at: (row, item, head) =>
      ((row * uniform(of, 'strideRow') + item * uniform(of, 'strideItem')) * heads + head) * headDim,
    bias: (head, query, key) =>
      head * length * length + query * uniform(of, 'strideQuery') + key * uniform(of, 'strideKey'),
    each: (body) => {
      for (let row = 0; row < rows; row++)
        for (let head = 0; head < heads; head++) for (let query = 0; query < length; query++) body(row, head, query);
    },
    queryIndex: (row, head, query) => (row * heads + head) * length + query,
  };
}

const dot = (a: Float64Array, i: number, b: Float64Array, j: number, count: number): number => {
  let sum = 0;
  for (let d = 0; d < count; d++) sum += a[i + d]! * b[j + d]!;
  return sum;
};

/** Probabilities of a query over the keys of its row, and the log of their sum before they were made one. */
function probabilities(of: Call, walk: Walk, row: number, head: number, query: number): { p: number[]; lse: number } {
  const { length, headDim, at, bias } = walk;
  const [q, k] = [floats(of, 'q'), floats(of, 'k')];
  const scores = Array.from(
    { length },
    (_, key) =>
      uniform(of, 'scale') * dot(q, at(row, query, head), k, at(row, key, head), headDim) +
      floats(of, 'bias')[bias(head, query, key)]!,
  );
  const top = Math.max(...scores);
  const lse = top + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0));
  return { p: scores.map((s) => Math.exp(s - lse)), lse };
}

function attend(of: Call): { y: Float64Array; lse: Float64Array } {
  const walk = walkOf(of);
  const v = floats(of, 'v');
  const y = new Float64Array(v.length);
  const lse = new Float64Array(v.length / walk.headDim);
  walk.each((row, head, query) => {
    const found = probabilities(of, walk, row, head, query);
    lse[walk.queryIndex(row, head, query)] = found.lse;
    found.p.forEach((p, key) => {
      for (let d = 0; d < walk.headDim; d++) y[walk.at(row, query, head) + d]! += p * v[walk.at(row, key, head) + d]!;
    });
  });
  return { y, lse };
}

function statistics(of: Call, y: Float64Array, lse: Float64Array): Float64Array {
  const walk = walkOf(of);
  const stats = new Float64Array(2 * lse.length);
  walk.each((row, head, query) => {
    const [index, at] = [walk.queryIndex(row, head, query), walk.at(row, query, head)];
    stats[2 * index] = lse[index]!;
    stats[2 * index + 1] = dot(floats(of, 'dy'), at, y, at, walk.headDim);
  });
  return stats;
}

type Gradients = Readonly<Record<'dq' | 'dk' | 'dv' | 'dbias', Float64Array>>;

function gradients(of: Call): Gradients {
  const walk = walkOf(of);
  const { headDim, at } = walk;
  const [q, k, v, dy] = [floats(of, 'q'), floats(of, 'k'), floats(of, 'v'), floats(of, 'dy')];
  const scale = uniform(of, 'scale');
  const cells = floats(of, 'bias').length;
  const partRows = of.uniforms['partRows'] ?? uniform(of, 'rows');
  const result: Gradients = {
    dq: new Float64Array(q.length),
    dk: new Float64Array(q.length),
    dv: new Float64Array(q.length),
    dbias: new Float64Array(Math.ceil(uniform(of, 'rows') / partRows) * cells),
  };
  walk.each((row, head, query) => {
    const i = at(row, query, head);
    const { p } = probabilities(of, walk, row, head, query);
    const dp = p.map((_, key) => dot(dy, i, v, at(row, key, head), headDim));
    const delta = p.reduce((sum, probability, key) => sum + probability * dp[key]!, 0);
    p.forEach((probability, key) => {
      const j = at(row, key, head);
      const ds = probability * (dp[key]! - delta);
      result.dbias[Math.floor(row / partRows) * cells + walk.bias(head, query, key)]! += ds;
      for (let d = 0; d < headDim; d++) {
        result.dq[i + d]! += scale * ds * k[j + d]!;
        result.dk[j + d]! += scale * ds * q[i + d]!;
        result.dv[j + d]! += probability * dy[i + d]!;
      }
    });
  });
  return result;
}

/** Multiply-adds of a score or a sum over the walked side, counted twice. */
const productFlops = (of: Call): number => 2 * floats(of, 'q').length * uniform(of, 'length');
const bytesOf = (of: Call, vectors: number): number =>
  4 * (vectors * floats(of, 'q').length + floats(of, 'bias').length);

export const pairAttentionCheck: KernelCheck = {
  kernel: pairAttention,
  calls: (random) => SIZES.map((size) => call(random, size, ['y', 'lse'])),
  benchmark: (random) => BENCHMARK.map((size) => call(random, size, ['y', 'lse'])),
  reference: attend,
  work: (of) => ({ flops: 2 * productFlops(of), bytes: bytesOf(of, 4) }),
  tolerance: 1e-5,
};

export const pairAttentionStatsCheck: KernelCheck = {
  kernel: pairAttentionStats,
  calls: (random) => SIZES.map((size) => call(random, size, ['stats'])),
  benchmark: (random) => BENCHMARK.map((size) => call(random, size, ['stats'])),
  reference: (of) => ({ stats: statistics(of, floats(of, 'y'), floats(of, 'lse')) }),
  work: (of) => ({ flops: 2 * floats(of, 'q').length, bytes: 8 * floats(of, 'q').length }),
  tolerance: 1e-5,
};

function backwardCheck(
  kernel: AnyKernel,
  outputs: readonly (keyof Gradients)[],
  products: number,
  vectors: number,
): KernelCheck {
  return {
    kernel,
    gradientOf: pairAttentionCheck,
    calls: (random) => SIZES.map((size) => call(random, size, outputs)),
    gradientCalls: (random) =>
      SIZES.filter(({ length }) => length < 20).map(({ partRows: _, ...size }) => call(random, size, outputs)),
    benchmark: (random) => BENCHMARK.map((size) => call(random, size, outputs)),
    reference: (of) => {
      const all = gradients(of);
      return Object.fromEntries(outputs.map((name) => [name, all[name]]));
    },
    work: (of) => ({ flops: products * productFlops(of), bytes: bytesOf(of, vectors) }),
    tolerance: 2e-5,
  };
}

export const pairAttentionBackwardQueryCheck = backwardCheck(pairAttentionBackwardQuery, ['dq'], 3, 5);
export const pairAttentionBackwardKeyCheck = backwardCheck(pairAttentionBackwardKey, ['dk', 'dv'], 4, 6);
export const pairAttentionBackwardBiasCheck = backwardCheck(pairAttentionBackwardBias, ['dbias'], 2, 4);
