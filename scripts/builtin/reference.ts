/**
 * SSR-LM with a secondary-structure head in plain loops and doubles, straight from the formulas: what the built-in
 * model's expected outputs are made by. It shares nothing with the kernels and ops that are held against it but names of
 * parameters, tokens and the folding engines' pairs.
 */
import type { EncoderConfig, SecondaryStructureSizes } from '../../packages/model/src/index.ts';

/** Values of a parameter by its name. */
export type Weights = (name: string) => Float32Array;
type Rows = readonly Float64Array[];

const dot = (a: ArrayLike<number>, b: ArrayLike<number>, atB: number): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[atB + i]!;
  return sum;
};

/** x·Wᵀ for W [outputs, inputs]. */
const linear = (x: Rows, weight: Float32Array): Rows =>
  x.map((row) => Float64Array.from({ length: weight.length / row.length }, (_, c) => dot(row, weight, c * row.length)));

const rmsNorm = (x: Rows, weight: Float32Array, eps: number): Rows =>
  x.map((row) => {
    const rstd = 1 / Math.sqrt(dot(row, row, 0) / row.length + eps);
    return row.map((value, c) => value * rstd * weight[c]!);
  });

const add = (a: Rows, b: Rows): Rows => a.map((row, i) => row.map((value, c) => value + b[i]![c]!));

/** A head's part of a row, turned by the row's position: the pair (d, d + half) by the angle position · theta^(−d / half). */
function rotated(row: Float64Array, from: number, headDim: number, position: number, theta: number): Float64Array {
  const half = headDim / 2;
  const y = new Float64Array(headDim);
  for (let d = 0; d < half; d++) {
    const angle = position * theta ** (-d / half);
    const [a, b] = [row[from + d]!, row[from + d + half]!];
    y[d] = a * Math.cos(angle) - b * Math.sin(angle);
    y[d + half] = a * Math.sin(angle) + b * Math.cos(angle);
  }
  return y;
}

/** Softmax attention of one sequence; a row of `qkv` holds queries, keys and values of all heads. */
function attention(qkv: Rows, { dim, heads, kvHeads, ropeTheta }: EncoderConfig): Rows {
  const headDim = dim / heads;
  const out = qkv.map(() => new Float64Array(dim));
  for (let h = 0; h < heads; h++) {
    const kv = Math.floor((h * kvHeads) / heads);
    const part = (at: number): Rows => qkv.map((row, t) => rotated(row, at, headDim, t, ropeTheta!)); // as SSR-LM has it
    const [queries, keys] = [part(h * headDim), part(dim + kv * headDim)];
    const values = dim + (kvHeads + kv) * headDim;
    for (const [t, query] of queries.entries()) {
      const scores = keys.map((key) => dot(query, key, 0) / Math.sqrt(headDim));
      const most = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - most));
      const sum = powers.reduce((a, b) => a + b);
      for (const [s, power] of powers.entries())
        for (let d = 0; d < headDim; d++) out[t]![h * headDim + d]! += (power / sum) * qkv[s]![values + d]!;
    }
  }
  return out;
}

/** The representation of one sequence's tokens, a row each. */
export function representation(tokens: ArrayLike<number>, weight: Weights, config: EncoderConfig): Rows {
  const { dim, layers, ffnDim, normEps } = config;
  const table = weight('embedding.weight');
  let x: Rows = Array.from(tokens, (token) => Float64Array.from(table.subarray(token * dim, (token + 1) * dim)));
  for (let block = 0; block < layers; block++) {
    const name = (part: string): Float32Array => weight(`blocks.${block}.${part}.weight`);
    const qkv = linear(rmsNorm(x, name('attention.norm'), normEps), name('attention.qkv'));
    const middle = add(x, linear(attention(qkv, config), name('attention.out')));
    const gateUp = linear(rmsNorm(middle, name('feedForward.norm'), normEps), name('feedForward.gateUp'));
    const hidden = gateUp.map((row) =>
      Float64Array.from({ length: ffnDim }, (_, c) => (row[c]! / (1 + Math.exp(-row[c]!))) * row[ffnDim + c]!),
    );
    x = add(middle, linear(hidden, name('feedForward.down')));
  }
  return rmsNorm(x, weight('finalNorm.weight'), normEps);
}

/** [length · length · channels], channels last. */
type Map = Float64Array;

/** Same-sized convolution with filters [outputs, inputs, size, size], zeros around the map. */
function conv2d(x: Map, filters: Float32Array, length: number, inputs: number, size: number, dilation: number): Map {
  const outputs = filters.length / (inputs * size * size);
  const y = new Float64Array(length * length * outputs);
  const reach = (size - 1) / 2;
  for (let i = 0; i < length; i++)
    for (let j = 0; j < length; j++)
      for (let a = 0; a < size; a++)
        for (let b = 0; b < size; b++) {
          const [row, col] = [i + (a - reach) * dilation, j + (b - reach) * dilation];
          if (row < 0 || col < 0 || row >= length || col >= length) continue;
          const pixel = (row * length + col) * inputs;
          for (let o = 0; o < outputs; o++) {
            let sum = 0;
            for (let c = 0; c < inputs; c++) sum += x[pixel + c]! * filters[((o * inputs + c) * size + a) * size + b]!;
            y[(i * length + j) * outputs + o]! += sum;
          }
        }
  return y;
}

/** Each channel brought to mean 0 and variance 1 over the map, and cut below 0. */
function normRelu(x: Map, channels: number): Map {
  const y = new Float64Array(x.length);
  const pixels = x.length / channels;
  for (let c = 0; c < channels; c++) {
    const values = Float64Array.from({ length: pixels }, (_, p) => x[p * channels + c]!);
    const mean = values.reduce((a, b) => a + b) / pixels;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels;
    const rstd = 1 / Math.sqrt(variance + 1e-5);
    for (let p = 0; p < pixels; p++) y[p * channels + c] = Math.max(0, (values[p]! - mean) * rstd);
  }
  return y;
}

/**
 * Probabilities of the pairs i < j, row by row. `rows` are the nucleotides' of the representation, `logOdds`
 * [length, length, engines] what the engines say, of which `most` is the largest value that there may be.
 */
export function pairProbabilities(
  rows: Rows,
  logOdds: ArrayLike<number>,
  most: number,
  weight: Weights,
  sizes: SecondaryStructureSizes,
): Float64Array {
  const { convDim: channels, kernelSize, blocks, dilations = [1], distances = 0 } = sizes;
  if (sizes.block !== 'basic' || distances === 0)
    throw new RangeError('the reference knows blocks of two k × k convolutions and learned distances alone');
  const length = rows.length;
  const engines = logOdds.length / length ** 2;
  const named = (name: string): Float32Array => weight(`secondaryStructure.${name}`);
  const [project, bias, prior, distance] = ['project.weight', 'project.bias', 'prior.weight', 'distance.weight'].map(
    named,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  let x: Map = new Float64Array(length * length * channels);
  for (let i = 0; i < length; i++)
    for (let j = 0; j < length; j++) {
      const both = [...rows[i]!, ...rows[j]!];
      const apart = Math.min(Math.abs(i - j), distances - 1);
      for (let c = 0; c < channels; c++) {
        let sum = dot(both, project, c * both.length) + bias[c]! + distance[apart * channels + c]!;
        for (let e = 0; e < engines; e++)
          sum += prior[c * engines + e]! * (logOdds[(i * length + j) * engines + e]! / most + 1);
        x[(i * length + j) * channels + c] = sum;
      }
    }
  for (let b = 0; b < blocks; b++) {
    const step = (input: Map, conv: string): Map =>
      normRelu(
        conv2d(
          input,
          named(`blocks.${b}.${conv}.weight`),
          length,
          channels,
          kernelSize,
          dilations[b % dilations.length]!,
        ),
        channels,
      );
    const y = step(step(x, 'conv1'), 'conv2');
    x = x.map((value, p) => value + y[p]!);
  }
  const logits = conv2d(x, named('out.weight'), length, channels, kernelSize, 1);
  const [outBias, priorLogit] = [named('out.bias')[0]!, named('prior.logit')];
  const probabilities: number[] = [];
  for (let i = 0; i < length; i++)
    for (let j = i + 1; j < length; j++) {
      let logit = logits[i * length + j]! + outBias;
      for (let e = 0; e < engines; e++) logit += priorLogit[e]! * logOdds[(i * length + j) * engines + e]!;
      probabilities.push(1 / (1 + Math.exp(-logit)));
    }
  return Float64Array.from(probabilities);
}
