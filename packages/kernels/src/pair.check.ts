/** Checks of the kernels between a representation and a map over pairs. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { joinRows, pairLogits, pairLogitsBackward, pairSum, pairSumBackward, rows, rowsBackward } from './pair.ts';
import type { RandomStream } from './random.ts';

const slice = (random: RandomStream, total: number, offset: number, count: number): Call => ({
  inputs: { x: normals(random, total) },
  outputs: { y: count },
  uniforms: { count, offset },
});

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
  inputs: { x: normals(random, count), dy: normals(random, length) },
  outputs: { dx: count },
  uniforms: { count, offset, length },
});

export const rowsBackwardCheck: KernelCheck = {
  kernel: rowsBackward,
  gradientOf: rowsCheck,
  calls: (random) => [
    scatter(random, 1, 0, 1),
    scatter(random, 100, 7, 90),
    scatter(random, 500, 499, 1),
    scatter(random, 64, 0, 3),
  ],
  benchmark: (random) => [scatter(random, 258 * 480, 480, 256 * 480)],
  reference: (call) => {
    const dx = new Float64Array(uniform(call, 'count'));
    dx.set(floats(call, 'dy'), uniform(call, 'offset'));
    return { dx };
  },
  work: (call) => ({ flops: 0, bytes: 4 * (uniform(call, 'count') + uniform(call, 'length')) }),
  tolerance: 0,
};

const joining = (random: RandomStream, [a, before, middle, b]: readonly [number, number, number, number]): Call => ({
  inputs: { a: normals(random, a), x: normals(random, middle), b: normals(random, Math.max(1, b)) },
  outputs: { y: before + middle + b },
  uniforms: { count: before + middle + b, offset: a - before, before, middle },
});

export const joinRowsCheck: KernelCheck = {
  kernel: joinRows,
  calls: (random) =>
    (
      [
        [1, 0, 1, 0],
        [50, 7, 20, 3],
        [9, 9, 300, 0],
        [1, 0, 5, 200],
      ] as const
    ).map((sizes) => joining(random, sizes)),
  benchmark: (random) => [joining(random, [32 * 256 * 64, 256 * 64, 32 * 256 * 64, 256 * 64])],
  reference: (call) => {
    const [offset, behind] = [
      uniform(call, 'offset'),
      uniform(call, 'count') - uniform(call, 'before') - uniform(call, 'middle'),
    ];
    return {
      y: Float64Array.from([
        ...floats(call, 'a').slice(offset),
        ...floats(call, 'x'),
        ...floats(call, 'b').slice(0, behind),
      ]),
    };
  },
  work: (call) => ({ flops: 0, bytes: 8 * uniform(call, 'count') }),
  tolerance: 0,
};

/** A map [length, length, channels], or the `rows` rows of it from `first` on. */
interface Band {
  readonly length: number;
  readonly channels: number;
  readonly first: number;
  readonly rows: number;
}

const band = (length: number, channels: number, first = 0, rows = length): Band => ({ length, channels, first, rows });

/** Calls f(i, j, c, index) for every element of a band. */
function overBand(
  { length, channels, first, rows: count }: Band,
  f: (i: number, j: number, c: number, at: number) => void,
): void {
  let at = 0;
  for (let i = first; i < first + count; i++)
    for (let j = 0; j < length; j++) for (let c = 0; c < channels; c++) f(i, j, c, at++);
}

const BANDS = [
  band(1, 1),
  band(2, 3),
  band(7, 20),
  band(17, 64),
  band(17, 5, 0, 4),
  band(9, 4, 3, 5),
  band(9, 4, 8, 1),
];
const BENCHMARK = [band(128, 64), band(256, 64)];

const sum = (random: RandomStream, { length, channels, first, rows: count }: Band): Call => ({
  inputs: { pq: normals(random, length * channels * 2), bias: normals(random, channels) },
  outputs: { y: count * length * channels },
  uniforms: { count: count * length * channels, length, channels, first },
});

const bandOf = (call: Call, count: number): Band =>
  band(uniform(call, 'length'), uniform(call, 'channels'), uniform(call, 'first'), count);

export const pairSumCheck: KernelCheck = {
  kernel: pairSum,
  calls: (random) => BANDS.map((each) => sum(random, each)),
  benchmark: (random) => BENCHMARK.map((each) => sum(random, each)),
  reference: (call) => {
    const [length, channels, pq, bias] = [
      uniform(call, 'length'),
      uniform(call, 'channels'),
      floats(call, 'pq'),
      floats(call, 'bias'),
    ];
    // The backward call's count is that of its own output.
    const count = call.uniforms['rows'] ?? uniform(call, 'count') / length / channels;
    const y = new Float64Array(count * length * channels);
    overBand(bandOf(call, count), (i, j, c, at) => {
      y[at] = pq[(i * channels + c) * 2]! + pq[(j * channels + c) * 2 + 1]! + bias[c]!;
    });
    return { y };
  },
  work: (call) => ({ flops: 2 * uniform(call, 'count'), bytes: 4 * uniform(call, 'count') }),
  tolerance: 1e-6,
};

/** `begun`: the sums are gone on with. */
function sumBackward(random: RandomStream, each: Band, begun: boolean): Call {
  const { length, channels, first, rows: count } = each;
  const forward = sum(random, each);
  const size = length * channels * 2;
  return {
    inputs: {
      ...forward.inputs,
      dy: normals(random, count * length * channels),
      dpq: begun ? normals(random, size) : new Float64Array(size),
    },
    outputs: {},
    uniforms: { count: size, length, channels, first, rows: count },
  };
}

export const pairSumBackwardCheck: KernelCheck = {
  kernel: pairSumBackward,
  gradientOf: pairSumCheck,
  calls: (random) => BANDS.map((each) => sumBackward(random, each, true)),
  gradientCalls: (random) => BANDS.map((each) => sumBackward(random, each, false)),
  benchmark: (random) => BENCHMARK.map((each) => sumBackward(random, each, false)),
  reference: (call) => {
    const [channels, dy] = [uniform(call, 'channels'), floats(call, 'dy')];
    const dpq = floats(call, 'dpq').slice();
    overBand(bandOf(call, uniform(call, 'rows')), (i, j, c, at) => {
      dpq[(i * channels + c) * 2]! += dy[at]!;
      dpq[(j * channels + c) * 2 + 1]! += dy[at]!;
    });
    return { dpq };
  },
  work: (call) => ({
    flops: 2 * uniform(call, 'rows') * uniform(call, 'length') * uniform(call, 'channels'),
    bytes: 4 * uniform(call, 'rows') * uniform(call, 'length') * uniform(call, 'channels'),
  }),
  tolerance: 1e-5,
};

const LENGTHS = [1, 2, 9, 40];
const matrix = (random: RandomStream, length: number): Call => ({
  inputs: { x: normals(random, length ** 2) },
  outputs: { y: length ** 2 },
  uniforms: { count: length ** 2, length },
});

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
