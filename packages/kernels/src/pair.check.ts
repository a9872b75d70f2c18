/** Checks of the kernels between a representation and a map over pairs. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { pairLogits, pairLogitsBackward, pairSum, pairSumBackward, rows, rowsBackward } from './pair.ts';
import type { RandomStream } from './random.ts';

const slice = (random: RandomStream, total: number, offset: number, count: number): Call =>
  ({ inputs: { x: normals(random, total) }, outputs: { y: count }, uniforms: { count, offset } });

export const rowsCheck: KernelCheck = {
  kernel: rows,
  calls: (random) => [slice(random, 1, 0, 1), slice(random, 100, 7, 90), slice(random, 500, 499, 1)],
  benchmark: (random) => [slice(random, 258 * 480, 480, 256 * 480)],
  // The backward call names the slice's length apart from its own count.
  reference: (call) => {
    const offset = uniform(call, 'offset');
    return { y: floats(call, 'x').slice(offset, offset + (call.uniforms['length'] ?? uniform(call, 'count'))) };
  },
  work: (call) => ({ flops: 0, bytes: 8 * uniform(call, 'count') }),
  tolerance: 0,
};

const scatter = (random: RandomStream, count: number, offset: number, length: number): Call => ({
  inputs: { x: normals(random, count), dy: normals(random, length) }, outputs: { dx: count }, uniforms: { count, offset, length },
});

export const rowsBackwardCheck: KernelCheck = {
  kernel: rowsBackward,
  gradientOf: rowsCheck,
  calls: (random) => [scatter(random, 1, 0, 1), scatter(random, 100, 7, 90), scatter(random, 500, 499, 1), scatter(random, 64, 0, 3)],
  benchmark: (random) => [scatter(random, 258 * 480, 480, 256 * 480)],
  reference: (call) => {
    const dx = new Float64Array(uniform(call, 'count'));
    dx.set(floats(call, 'dy'), uniform(call, 'offset'));
    return { dx };
  },
  work: (call) => ({ flops: 0, bytes: 4 * (uniform(call, 'count') + uniform(call, 'length')) }),
  tolerance: 0,
};

/** Calls f(i, j, c, index) for every element of a map. */
function overMap(call: Call, f: (i: number, j: number, c: number, at: number) => void): void {
  const [length, channels] = [uniform(call, 'length'), uniform(call, 'channels')];
  let at = 0;
  for (let i = 0; i < length; i++) for (let j = 0; j < length; j++) for (let c = 0; c < channels; c++) f(i, j, c, at++);
}

const SIZES = [[1, 1], [2, 3], [7, 20], [17, 64]] as const;
const BENCHMARK = [[128, 64], [256, 64]] as const;

const sum = (random: RandomStream, length: number, channels: number): Call => ({
  inputs: { pq: normals(random, length * channels * 2), bias: normals(random, channels) },
  outputs: { y: length * length * channels },
  uniforms: { count: length * length * channels, length, channels },
});

export const pairSumCheck: KernelCheck = {
  kernel: pairSum,
  calls: (random) => SIZES.map(([length, channels]) => sum(random, length, channels)),
  benchmark: (random) => BENCHMARK.map(([length, channels]) => sum(random, length, channels)),
  reference: (call) => {
    const [channels, pq, bias] = [uniform(call, 'channels'), floats(call, 'pq'), floats(call, 'bias')];
    const y = new Float64Array(uniform(call, 'length') ** 2 * channels);
    overMap(call, (i, j, c, at) => { y[at] = pq[(i * channels + c) * 2]! + pq[(j * channels + c) * 2 + 1]! + bias[c]!; });
    return { y };
  },
  work: (call) => ({ flops: 2 * uniform(call, 'count'), bytes: 4 * uniform(call, 'count') }),
  tolerance: 1e-6,
};

const sumBackward = (random: RandomStream, length: number, channels: number): Call => {
  const forward = sum(random, length, channels);
  const count = length * channels * 2;
  return { inputs: { ...forward.inputs, dy: normals(random, length * length * channels) }, outputs: { dpq: count }, uniforms: { count, length, channels } };
};

export const pairSumBackwardCheck: KernelCheck = {
  kernel: pairSumBackward,
  gradientOf: pairSumCheck,
  calls: (random) => SIZES.map(([length, channels]) => sumBackward(random, length, channels)),
  benchmark: (random) => BENCHMARK.map(([length, channels]) => sumBackward(random, length, channels)),
  reference: (call) => {
    const [channels, dy] = [uniform(call, 'channels'), floats(call, 'dy')];
    const dpq = new Float64Array(uniform(call, 'length') * channels * 2);
    overMap(call, (i, j, c, at) => {
      dpq[(i * channels + c) * 2]! += dy[at]!;
      dpq[(j * channels + c) * 2 + 1]! += dy[at]!;
    });
    return { dpq };
  },
  work: (call) => ({ flops: uniform(call, 'length') * uniform(call, 'count'), bytes: 2 * uniform(call, 'length') * uniform(call, 'count') }),
  tolerance: 1e-5,
};

const LENGTHS = [1, 2, 9, 40];
const matrix = (random: RandomStream, length: number): Call =>
  ({ inputs: { x: normals(random, length ** 2) }, outputs: { y: length ** 2 }, uniforms: { count: length ** 2, length } });

export const pairLogitsCheck: KernelCheck = {
  kernel: pairLogits,
  calls: (random) => LENGTHS.map((length) => matrix(random, length)),
  benchmark: (random) => [matrix(random, 128), matrix(random, 256)],
  reference: (call) => {
    const [length, x] = [uniform(call, 'length'), floats(call, 'x')];
    const y = new Float64Array(length ** 2);
    for (let i = 0; i < length; i++) {
      for (let j = i + 1; j < length; j++) y[i * length + j] = y[j * length + i] = x[i * length + j]!;
    }
    return { y };
  },
  work: (call) => ({ flops: 0, bytes: 6 * uniform(call, 'count') }),
  tolerance: 0,
};

const matrixBackward = (random: RandomStream, length: number): Call => {
  const { inputs, uniforms } = matrix(random, length);
  return { inputs: { ...inputs, dy: normals(random, length ** 2) }, outputs: { dx: length ** 2 }, uniforms };
};

export const pairLogitsBackwardCheck: KernelCheck = {
  kernel: pairLogitsBackward,
  gradientOf: pairLogitsCheck,
  calls: (random) => LENGTHS.map((length) => matrixBackward(random, length)),
  benchmark: (random) => [matrixBackward(random, 128), matrixBackward(random, 256)],
  reference: (call) => {
    const [length, dy] = [uniform(call, 'length'), floats(call, 'dy')];
    const dx = new Float64Array(length ** 2);
    for (let i = 0; i < length; i++) {
      for (let j = i + 1; j < length; j++) dx[i * length + j] = dy[i * length + j]! + dy[j * length + i]!;
    }
    return { dx };
  },
  work: (call) => ({ flops: uniform(call, 'count') / 2, bytes: 8 * uniform(call, 'count') }),
  tolerance: 1e-6,
};
