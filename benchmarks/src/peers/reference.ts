/**
 * The results of every case in doubles and plain loops, against which all
 * libraries (ours too) are checked before they are timed. The gradients of the
 * block are written out by hand; a test compares them with finite differences.
 */
import { NORM_EPS, type Arrays, type BlockSizes, type PeerCase } from './cases.ts';

export type Doubles = Record<string, Float64Array>;
type Values = Float32Array | Float64Array;

export function reference(peerCase: PeerCase, inputs: Arrays): Doubles {
  const input = (name: string): Float32Array => {
    const values = inputs[name];
    if (values === undefined) throw new TypeError(`${peerCase.name}: input '${name}' is missing`);
    return values;
  };
  switch (peerCase.op) {
    case 'matmul':
      return { y: product(input('a'), input('b'), peerCase.rows, peerCase.inner, peerCase.cols) };
    case 'linear': {
      const { rows, inner, cols } = peerCase;
      const bias = input('bias');
      return {
        y: productTransposed(input('x'), input('weight'), rows, inner, cols).map((value, i) => value + bias[i % cols]!),
      };
    }
    case 'softmax':
      return { y: softmaxRows(Float64Array.from(input('x')), peerCase.cols) };
    case 'layerNorm':
      return { y: layerNorm(input('x'), input('weight'), input('bias')) };
    case 'attention': {
      const { heads, tokens, headDim } = peerCase;
      const [q, k, v] = [input('q'), input('k'), input('v')];
      const y = new Float64Array(q.length);
      for (let h = 0; h < heads; h++) {
        const part = (x: Float32Array): Float32Array => x.subarray(h * tokens * headDim, (h + 1) * tokens * headDim);
        y.set(
          product(probabilities(part(q), part(k), tokens, headDim), part(v), tokens, tokens, headDim),
          h * tokens * headDim,
        );
      }
      return { y };
    }
    case 'block':
      return peerCase.gradients ? blockGradients(peerCase, inputs) : { y: blockForward(peerCase, inputs).y };
  }
}

/**
 * Largest difference of each result from its reference, relative to the largest reference value, and the worst
 * of them. Infinity where a result is missing, has another size, or holds what is no number.
 */
export function largestError(results: Arrays, expected: Doubles): { readonly name: string; readonly error: number } {
  let worst = { name: '', error: 0 };
  for (const [name, reference] of Object.entries(expected)) {
    const actual = results[name];
    let error = actual?.length === reference.length ? 0 : Infinity;
    const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let i = 0; i < reference.length && error < Infinity; i++) {
      const difference = Math.abs(actual![i]! - reference[i]!) / largest;
      error = Number.isNaN(difference) ? Infinity : Math.max(error, difference);
    }
    if (error >= worst.error) worst = { name, error };
  }
  return worst;
}

// ---- pieces, all row-major ----

/** a [rows, inner] · b [inner, cols]. */
function product(a: Values, b: Values, rows: number, inner: number, cols: number): Float64Array {
  const y = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < inner; k++) {
      const factor = a[r * inner + k]!;
      for (let c = 0; c < cols; c++) y[r * cols + c]! += factor * b[k * cols + c]!;
    }
  }
  return y;
}

/** a [rows, inner] · bᵀ with b [cols, inner]. */
function productTransposed(a: Values, b: Values, rows: number, inner: number, cols: number): Float64Array {
  return product(a, transpose(b, cols, inner), rows, inner, cols);
}

function transpose(x: Values, rows: number, cols: number): Float64Array {
  const y = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) y[c * rows + r] = x[r * cols + c]!;
  return y;
}

/** In place. */
function softmaxRows(x: Float64Array, cols: number): Float64Array {
  for (let first = 0; first < x.length; first += cols) {
    const row = x.subarray(first, first + cols);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const total = row.reduce((sum, value) => sum + Math.exp(value - largest), 0);
    row.forEach((value, i) => {
      row[i] = Math.exp(value - largest) / total;
    });
  }
  return x;
}

function layerNorm(x: Values, weight: Values, bias: Values): Float64Array {
  const cols = weight.length;
  const y = Float64Array.from(x);
  for (let first = 0; first < y.length; first += cols) {
    const row = y.subarray(first, first + cols);
    const mean = row.reduce((sum, value) => sum + value, 0) / cols;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cols;
    row.forEach((value, i) => {
      row[i] = ((value - mean) / Math.sqrt(variance + NORM_EPS)) * weight[i]! + bias[i]!;
    });
  }
  return y;
}

/** softmax(q·kᵀ / √headDim) of one head, [tokens, tokens]. */
function probabilities(q: Values, k: Values, tokens: number, headDim: number): Float64Array {
  const scores = productTransposed(q, k, tokens, headDim, tokens);
  return softmaxRows(
    scores.map((score) => score / Math.sqrt(headDim)),
    tokens,
  );
}

/** Rows of x divided by their root mean square; the factors 1 / rms too. */
function rmsNormalise(x: Values, cols: number): { xhat: Float64Array; rstd: Float64Array } {
  const values = Float64Array.from(x);
  const rstd = Float64Array.from(
    { length: x.length / cols },
    (_, r) =>
      1 /
      Math.sqrt(
        values.subarray(r * cols, (r + 1) * cols).reduce((sum, value) => sum + value * value, 0) / cols + NORM_EPS,
      ),
  );
  return { xhat: values.map((value, i) => value * rstd[Math.floor(i / cols)]!), rstd };
}

/** erf by Abramowitz and Stegun's series 7.1.5 near zero and the continued fraction 7.1.14 beyond, to 1e-13. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

const gelu = (x: number): number => 0.5 * x * (1 + erf(x * Math.SQRT1_2));
const geluSlope = (x: number): number =>
  0.5 * (1 + erf(x * Math.SQRT1_2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);

// ---- the block ----

interface LayerTrace {
  readonly x: Float64Array;
  readonly n: Float64Array;
  readonly qkv: Float64Array;
  readonly attended: Float64Array;
  readonly middle: Float64Array;
  readonly m: Float64Array;
  readonly up: Float64Array;
}

type Weights = Readonly<Record<string, Values>>;

/** Component range of part 0 (q), 1 (k) or 2 (v) of a head, from rows of qkv [tokens, 3·dim]: [tokens, headDim]. */
function headOf(qkv: Values, part: number, head: number, { tokens, dim, heads }: BlockSizes): Float64Array {
  const headDim = dim / heads;
  return Float64Array.from(
    { length: tokens * headDim },
    (_, i) => qkv[Math.floor(i / headDim) * 3 * dim + part * dim + head * headDim + (i % headDim)]!,
  );
}

/** Exported for the test of the gradients, which needs it at doubles. */
export function blockForward(sizes: BlockSizes, inputs: Weights): { y: Float64Array; layers: LayerTrace[] } {
  const { tokens, dim, heads, layers } = sizes;
  const headDim = dim / heads;
  const linear = (x: Values, name: string, inner: number, cols: number): Float64Array =>
    productTransposed(x, inputs[name]!, tokens, inner, cols);
  const norm = (x: Values, name: string): Float64Array =>
    rmsNormalise(x, dim).xhat.map((value, i) => value * inputs[name]![i % dim]!);
  const traces: LayerTrace[] = [];
  let x = Float64Array.from(inputs['x']!);
  for (let layer = 0; layer < layers; layer++) {
    const n = norm(x, `norm1.${layer}`);
    const qkv = linear(n, `qkv.${layer}`, dim, 3 * dim);
    const attended = new Float64Array(tokens * dim);
    for (let h = 0; h < heads; h++) {
      const p = probabilities(headOf(qkv, 0, h, sizes), headOf(qkv, 1, h, sizes), tokens, headDim);
      product(p, headOf(qkv, 2, h, sizes), tokens, tokens, headDim).forEach((value, i) => {
        attended[Math.floor(i / headDim) * dim + h * headDim + (i % headDim)] = value;
      });
    }
    const middle = linear(attended, `out.${layer}`, dim, dim).map((value, i) => value + x[i]!);
    const m = norm(middle, `norm2.${layer}`);
    const up = linear(m, `up.${layer}`, dim, 4 * dim);
    traces.push({ x, n, qkv, attended, middle, m, up });
    x = linear(up.map(gelu), `down.${layer}`, 4 * dim, dim).map((value, i) => value + middle[i]!);
  }
  return { y: x, layers: traces };
}

/** d mean(y²) / d weight of every weight, named with a `d` before it. */
export function blockGradients(sizes: BlockSizes, inputs: Weights): Doubles {
  const { tokens, dim, heads, layers } = sizes;
  const headDim = dim / heads;
  const { y, layers: traces } = blockForward(sizes, inputs);
  const gradients: Doubles = {};
  /** Stores the weight's gradient of y = x·Wᵀ and returns that of x. */
  const linear = (dy: Values, x: Values, name: string, inner: number, cols: number): Float64Array => {
    gradients[`d${name}`] = product(transpose(dy, tokens, cols), x, cols, tokens, inner);
    return product(dy, inputs[name]!, tokens, cols, inner);
  };
  const norm = (dy: Values, x: Values, name: string): Float64Array => {
    const { xhat, rstd } = rmsNormalise(x, dim);
    const weight = inputs[name]!;
    const dweight = new Float64Array(dim);
    dy.forEach((value, i) => {
      dweight[i % dim]! += value * xhat[i]!;
    });
    gradients[`d${name}`] = dweight;
    const mean = new Float64Array(tokens);
    dy.forEach((value, i) => {
      mean[Math.floor(i / dim)]! += (value * weight[i % dim]! * xhat[i]!) / dim;
    });
    return Float64Array.from(
      dy,
      (value, i) => rstd[Math.floor(i / dim)]! * (value * weight[i % dim]! - xhat[i]! * mean[Math.floor(i / dim)]!),
    );
  };
  let dx = y.map((value) => (2 * value) / y.length);
  for (let layer = layers - 1; layer >= 0; layer--) {
    const { x, n, qkv, attended, middle, m, up } = traces[layer]!;
    const dactivation = linear(dx, up.map(gelu), `down.${layer}`, 4 * dim, dim);
    const dm = linear(
      dactivation.map((value, i) => value * geluSlope(up[i]!)),
      m,
      `up.${layer}`,
      dim,
      4 * dim,
    );
    const dmiddle = norm(dm, middle, `norm2.${layer}`).map((value, i) => value + dx[i]!);
    const dattended = linear(dmiddle, attended, `out.${layer}`, dim, dim);
    const dqkv = new Float64Array(tokens * 3 * dim);
    for (let h = 0; h < heads; h++) {
      const [q, k, v] = [0, 1, 2].map((part) => headOf(qkv, part, h, sizes)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const p = probabilities(q, k, tokens, headDim);
      const dy = Float64Array.from(
        { length: tokens * headDim },
        (_, i) => dattended[Math.floor(i / headDim) * dim + h * headDim + (i % headDim)]!,
      );
      const dp = productTransposed(dy, v, tokens, headDim, tokens);
      const rowDot = new Float64Array(tokens);
      dp.forEach((value, i) => {
        rowDot[Math.floor(i / tokens)]! += value * p[i]!;
      });
      const ds = dp.map((value, i) => (p[i]! * (value - rowDot[Math.floor(i / tokens)]!)) / Math.sqrt(headDim));
      [
        product(ds, k, tokens, tokens, headDim),
        product(transpose(ds, tokens, tokens), q, tokens, tokens, headDim),
        product(transpose(p, tokens, tokens), dy, tokens, tokens, headDim),
      ].forEach((part, which) => {
        part.forEach((value, i) => {
          dqkv[Math.floor(i / headDim) * 3 * dim + which * dim + h * headDim + (i % headDim)] = value;
        });
      });
    }
    dx = norm(linear(dqkv, n, `qkv.${layer}`, dim, 3 * dim), x, `norm1.${layer}`).map(
      (value, i) => value + dmiddle[i]!,
    );
  }
  return gradients;
}
