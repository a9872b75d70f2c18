/** Checks of the kernels of the convolution, against one plain loop over (pixel, tap, channel, output). */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { conv2d, conv2dBackwardWeight, packFilters, sumFilters, sumTaps } from './conv2d.ts';
import type { RandomStream } from './random.ts';

interface Size {
  readonly height: number;
  readonly width: number;
  readonly rows: number;
  readonly above: number;
  readonly channels: number;
  readonly size: number;
  readonly dilation: number;
  readonly cols: number;
}

/** A whole map, or a band of `rows` rows below `above` of its own. */
const shape = (
  height: number,
  width: number,
  channels: number,
  size: number,
  cols: number,
  rows = height,
  above = 0,
  dilation = 1,
): Size => ({ height, width, rows, above, channels, size, dilation, cols });
const sizeOf = (call: Call): Size =>
  shape(
    uniform(call, 'height'),
    uniform(call, 'width'),
    uniform(call, 'channels'),
    uniform(call, 'size'),
    uniform(call, 'cols'),
    uniform(call, 'rows'),
    uniform(call, 'above'),
    uniform(call, 'dilation'),
  );
const padded = (cols: number): number => Math.ceil(cols / 4) * 4;
const turned = (call: Call): boolean => call.variant?.['turn'] === true;

const SIZES = [
  shape(1, 1, 1, 1, 1),
  shape(1, 1, 3, 3, 2),
  shape(2, 3, 1, 5, 7),
  shape(7, 5, 6, 3, 9),
  shape(9, 9, 20, 5, 20),
  shape(12, 11, 64, 1, 64),
  shape(11, 10, 16, 3, 65),
  // The first band of a map, one from its middle, the last.
  shape(5, 7, 4, 3, 8, 4, 0),
  shape(8, 6, 3, 5, 5, 4, 2),
  shape(12, 11, 20, 3, 12, 11, 1),
  // Taps apart, farther than the map is wide in the last.
  shape(9, 8, 6, 3, 7, 9, 0, 2),
  shape(13, 6, 3, 5, 4, 5, 4, 2),
  shape(5, 4, 4, 3, 8, 5, 0, 7),
  // More outputs than an invocation has, and more patches than a workgroup.
  shape(25, 37, 29, 3, 30, 23, 2, 2),
  shape(8, 9, 37, 3, 4),
];
const BENCHMARK = [128, 256].flatMap((length) => [
  shape(length, length, 64, 1, 64),
  shape(length, length, 64, 3, 64),
  shape(length, length, 64, 3, 1),
]);

/** Calls f(output pixel, input pixel, tap) for every tap that falls inside the map. */
function overTaps(
  { height, width, rows, above, size, dilation }: Size,
  f: (pixel: number, under: number, tap: number) => void,
): void {
  const radius = (size - 1) / 2;
  for (let pixel = 0; pixel < rows * width; pixel++) {
    for (let tap = 0; tap < size * size; tap++) {
      const row = Math.floor(pixel / width) + above + dilation * (Math.floor(tap / size) - radius);
      const col = (pixel % width) + dilation * ((tap % size) - radius);
      if (row >= 0 && row < height && col >= 0 && col < width) f(pixel, row * width + col, tap);
    }
  }
}

const macs = ({ rows, width, channels, size, cols }: Size): number => rows * width * size ** 2 * channels * cols;

function convolution(random: RandomStream, size: Size, bias: boolean): Call {
  return {
    inputs: {
      x: normals(random, size.height * size.width * size.channels),
      b: normals(random, size.size ** 2 * size.channels * padded(size.cols)),
      bias: normals(random, size.cols),
    },
    outputs: { y: size.rows * size.width * size.cols },
    uniforms: { ...size },
    variant: { bias },
  };
}

export const conv2dCheck: KernelCheck = {
  kernel: conv2d,
  calls: (random) => SIZES.map((size, i) => convolution(random, size, i % 2 === 1)),
  benchmark: (random) => BENCHMARK.map((size) => convolution(random, size, false)),
  reference: (call) => {
    const size = sizeOf(call);
    const { channels, cols } = size;
    const [x, b, bias] = [floats(call, 'x'), floats(call, 'b'), floats(call, 'bias')];
    const y = Float64Array.from({ length: size.rows * size.width * cols }, (_, i) =>
      call.variant?.['bias'] === true ? bias[i % cols]! : 0,
    );
    overTaps(size, (pixel, under, tap) => {
      for (let c = 0; c < channels; c++) {
        for (let o = 0; o < cols; o++)
          y[pixel * cols + o]! += x[under * channels + c]! * b[(tap * channels + c) * padded(cols) + o]!;
      }
    });
    return { y };
  },
  work: (call) => {
    const { height, width, rows, channels, cols } = sizeOf(call);
    return { flops: 2 * macs(sizeOf(call)), bytes: 4 * width * (height * channels + rows * cols) };
  },
  tolerance: 1e-5,
};

function weightGradient(random: RandomStream, size: Size, chunkPixels: number): Call {
  const pixels = size.rows * size.width;
  return {
    inputs: { x: normals(random, size.height * size.width * size.channels), dy: normals(random, pixels * size.cols) },
    outputs: { y: Math.ceil(pixels / chunkPixels) * size.size ** 2 * size.channels * size.cols },
    uniforms: { ...size, chunkPixels },
  };
}

export const conv2dBackwardWeightCheck: KernelCheck = {
  kernel: conv2dBackwardWeight,
  calls: (random) => SIZES.flatMap((size) => [weightGradient(random, size, 1000), weightGradient(random, size, 20)]),
  benchmark: (random) =>
    BENCHMARK.map((size) => weightGradient(random, size, Math.max(1024, (size.height * size.width) / 64))),
  reference: (call) => {
    const size = sizeOf(call);
    const { channels, cols } = size;
    const [x, dy, chunkPixels] = [floats(call, 'x'), floats(call, 'dy'), uniform(call, 'chunkPixels')];
    const rows = size.size ** 2 * channels;
    const y = new Float64Array(Math.ceil((size.rows * size.width) / chunkPixels) * rows * cols);
    overTaps(size, (pixel, under, tap) => {
      for (let c = 0; c < channels; c++) {
        const at = (Math.floor(pixel / chunkPixels) * rows + tap * channels + c) * cols;
        for (let o = 0; o < cols; o++) y[at + o]! += x[under * channels + c]! * dy[pixel * cols + o]!;
      }
    });
    return { y };
  },
  work: conv2dCheck.work,
  tolerance: 1e-5,
};

const FILTERS = [
  [1, 1, 1],
  [3, 2, 9],
  [20, 20, 25],
  [64, 1, 9],
  [7, 6, 1],
] as const;

function packing(random: RandomStream, channels: number, outputs: number, taps: number, turn: boolean): Call {
  const count = turn ? taps * outputs * padded(channels) : taps * channels * padded(outputs);
  return {
    inputs: { filters: normals(random, outputs * channels * taps) },
    outputs: { y: count },
    uniforms: { count, channels, outputs, taps },
    variant: { turn },
  };
}

export const packFiltersCheck: KernelCheck = {
  kernel: packFilters,
  calls: (random) =>
    FILTERS.flatMap(([channels, outputs, taps]) => [
      packing(random, channels, outputs, taps, false),
      packing(random, channels, outputs, taps, true),
    ]),
  benchmark: (random) => [packing(random, 64, 64, 9, true)],
  reference: (call) => {
    const [channels, outputs, taps, filters] = [
      uniform(call, 'channels'),
      uniform(call, 'outputs'),
      uniform(call, 'taps'),
      floats(call, 'filters'),
    ];
    const y = new Float64Array(uniform(call, 'count'));
    filters.forEach((value, i) => {
      const [tap, c, o] = [i % taps, Math.floor(i / taps) % channels, Math.floor(i / taps / channels)];
      y[
        turned(call)
          ? ((taps - 1 - tap) * outputs + o) * padded(channels) + c
          : (tap * channels + c) * padded(outputs) + o
      ] = value;
    });
    return { y };
  },
  work: (call) => ({ flops: 0, bytes: 8 * uniform(call, 'count') }),
  tolerance: 0,
};

function summing(
  random: RandomStream,
  channels: number,
  outputs: number,
  taps: number,
  chunks: number,
  turn: boolean,
): Call {
  const count = channels * outputs * taps;
  return {
    inputs: { x: normals(random, chunks * count) },
    outputs: { dfilters: count },
    uniforms: { count, channels, outputs, taps, chunks },
    variant: { turn },
  };
}

export const sumFiltersCheck: KernelCheck = {
  kernel: sumFilters,
  calls: (random) =>
    FILTERS.flatMap(([channels, outputs, taps], i) => [
      summing(random, channels, outputs, taps, i + 1, false),
      summing(random, channels, outputs, taps, 3, true),
    ]),
  benchmark: (random) => [summing(random, 64, 64, 9, 64, false)],
  reference: (call) => {
    const [count, channels, outputs, taps] = [
      uniform(call, 'count'),
      uniform(call, 'channels'),
      uniform(call, 'outputs'),
      uniform(call, 'taps'),
    ];
    const dfilters = new Float64Array(count);
    floats(call, 'x').forEach((value, i) => {
      const at = i % count;
      const [col, row] = turned(call)
        ? [at % channels, Math.floor(at / channels)]
        : [at % outputs, Math.floor(at / outputs)];
      const [o, c, tap] = turned(call)
        ? [row % outputs, col, taps - 1 - Math.floor(row / outputs)]
        : [col, row % channels, Math.floor(row / channels)];
      dfilters[(o * channels + c) * taps + tap]! += value;
    });
    return { dfilters };
  },
  work: (call) => ({
    flops: uniform(call, 'count') * uniform(call, 'chunks'),
    bytes: 4 * uniform(call, 'count') * (uniform(call, 'chunks') + 1),
  }),
  tolerance: 1e-6,
};

const tapSums = (random: RandomStream, { height, width, rows, above, size, dilation }: Size, bias: boolean): Call => ({
  inputs: { x: normals(random, height * width * size ** 2), bias: normals(random, 1) },
  outputs: { y: rows * width },
  uniforms: { count: rows * width, height, width, above, size, dilation },
  variant: { bias },
});

export const sumTapsCheck: KernelCheck = {
  kernel: sumTaps,
  calls: (random) =>
    [
      shape(1, 1, 1, 1, 1),
      shape(2, 3, 1, 5, 1),
      shape(9, 7, 1, 3, 1),
      shape(20, 20, 1, 5, 1),
      shape(8, 5, 1, 3, 1, 6, 1),
      shape(7, 4, 1, 5, 1, 5, 0),
      shape(9, 8, 1, 3, 1, 5, 3, 3),
    ].map((size, i) => tapSums(random, size, i % 2 === 0)),
  benchmark: (random) => [
    tapSums(random, shape(128, 128, 1, 3, 1), true),
    tapSums(random, shape(256, 256, 1, 3, 1), true),
  ],
  reference: (call) => {
    const [count, height, width, above, size, dilation, x] = [
      uniform(call, 'count'),
      uniform(call, 'height'),
      uniform(call, 'width'),
      uniform(call, 'above'),
      uniform(call, 'size'),
      uniform(call, 'dilation'),
      floats(call, 'x'),
    ];
    const y = new Float64Array(count).fill(call.variant?.['bias'] === true ? floats(call, 'bias')[0]! : 0);
    overTaps(shape(height, width, 1, size, 1, count / width, above, dilation), (pixel, under, tap) => {
      y[pixel]! += x[under * size ** 2 + tap]!;
    });
    return { y };
  },
  work: (call) => ({
    flops: uniform(call, 'count') * uniform(call, 'size') ** 2,
    bytes: 4 * uniform(call, 'count') * (uniform(call, 'size') ** 2 + 1),
  }),
  tolerance: 1e-6,
};
