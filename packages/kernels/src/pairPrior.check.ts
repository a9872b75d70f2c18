/** Checks of the kernels that add what is known of a pair to a map over pairs. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { pairDistance, pairDistanceBackward, pairPrior, pairPriorBackward } from './pairPrior.ts';
import type { RandomStream } from './random.ts';

/** Rows `first … first + rows − 1` of a map. */
interface Band {
  readonly length: number;
  readonly channels: number;
  readonly first: number;
  readonly rows: number;
}

const band = (length: number, channels: number, first = 0, rows = length): Band => ({ length, channels, first, rows });
const BANDS = [band(1, 1), band(2, 3), band(7, 24), band(17, 5, 0, 4), band(9, 4, 3, 5), band(9, 1, 8, 1)];
const BENCHMARK = [band(128, 24), band(256, 24)];

/** Calls f(i, j, c, place) for every element of a band. */
function overBand(call: Call, f: (i: number, j: number, c: number, at: number) => void): void {
  const [length, channels, first] = [uniform(call, 'length'), uniform(call, 'channels'), uniform(call, 'first')];
  const count = floats(call, call.inputs['x'] === undefined ? 'dy' : 'x').length;
  for (let at = 0; at < count; at++) {
    const pixel = Math.floor(at / channels);
    f(first + Math.floor(pixel / length), pixel % length, at % channels, at);
  }
}

const work = (bytesOf: (call: Call) => number) => (call: Call) => ({
  flops: 2 * bytesOf(call),
  bytes: 4 * bytesOf(call),
});
const mapSize = (call: Call): number => floats(call, call.inputs['x'] === undefined ? 'dy' : 'x').length;

function priorCall(random: RandomStream, { length, channels, first, rows }: Band, engines: number): Call {
  const count = rows * length * channels;
  return {
    inputs: {
      x: normals(random, count),
      prior: normals(random, length * length * engines, 4),
      weight: normals(random, channels * engines),
    },
    outputs: { y: count },
    uniforms: { count, length, channels, engines, first, factor: 0.25, shift: 1 },
  };
}

const valueOf = (call: Call, i: number, j: number, e: number): number =>
  uniform(call, 'factor') * floats(call, 'prior')[(i * uniform(call, 'length') + j) * uniform(call, 'engines') + e]! +
  uniform(call, 'shift');

export const pairPriorCheck: KernelCheck = {
  kernel: pairPrior,
  calls: (random) => BANDS.flatMap((each) => [1, 2].map((engines) => priorCall(random, each, engines))),
  benchmark: (random) => BENCHMARK.map((each) => priorCall(random, each, 2)),
  reference: (call) => {
    const [engines, weight] = [uniform(call, 'engines'), floats(call, 'weight')];
    const y = floats(call, 'x').slice();
    overBand(call, (i, j, c, at) => {
      for (let e = 0; e < engines; e++) y[at]! += weight[c * engines + e]! * valueOf(call, i, j, e);
    });
    return { y };
  },
  work: work((call) => 2 * mapSize(call)),
  tolerance: 1e-6,
};

function priorBackwardCall(random: RandomStream, each: Band, engines: number): Call {
  const { inputs, uniforms } = priorCall(random, each, engines);
  const count = each.rows * each.channels * engines;
  return {
    inputs: { dy: normals(random, each.rows * each.length * each.channels), prior: inputs['prior']! },
    outputs: { y: count },
    uniforms: { ...uniforms, count },
  };
}

export const pairPriorBackwardCheck: KernelCheck = {
  kernel: pairPriorBackward,
  calls: (random) => BANDS.flatMap((each) => [1, 2].map((engines) => priorBackwardCall(random, each, engines))),
  benchmark: (random) => BENCHMARK.map((each) => priorBackwardCall(random, each, 2)),
  reference: (call) => {
    const [channels, engines, first] = [uniform(call, 'channels'), uniform(call, 'engines'), uniform(call, 'first')];
    const dy = floats(call, 'dy');
    const y = new Float64Array(uniform(call, 'count'));
    overBand(call, (i, j, c, at) => {
      for (let e = 0; e < engines; e++)
        y[((i - first) * channels + c) * engines + e]! += dy[at]! * valueOf(call, i, j, e);
    });
    return { y };
  },
  work: work(mapSize),
  tolerance: 1e-5,
};

const DISTANCES = [1, 2, 4, 64];

function distanceCall(random: RandomStream, { length, channels, first, rows }: Band, distances: number): Call {
  const count = rows * length * channels;
  return {
    inputs: { x: normals(random, count), table: normals(random, distances * channels) },
    outputs: { y: count },
    uniforms: { count, length, channels, distances, first },
  };
}

const distanceOf = (call: Call, i: number, j: number): number =>
  Math.min(Math.abs(i - j), uniform(call, 'distances') - 1);

export const pairDistanceCheck: KernelCheck = {
  kernel: pairDistance,
  calls: (random) => BANDS.flatMap((each) => DISTANCES.map((distances) => distanceCall(random, each, distances))),
  benchmark: (random) => BENCHMARK.map((each) => distanceCall(random, each, 64)),
  reference: (call) => {
    const [channels, table] = [uniform(call, 'channels'), floats(call, 'table')];
    const y = floats(call, 'x').slice();
    overBand(call, (i, j, c, at) => {
      y[at]! += table[distanceOf(call, i, j) * channels + c]!;
    });
    return { y };
  },
  work: work((call) => 2 * mapSize(call)),
  tolerance: 1e-6,
};

function distanceBackwardCall(random: RandomStream, each: Band, distances: number): Call {
  const { uniforms } = distanceCall(random, each, distances);
  const count = each.rows * distances * each.channels;
  return {
    inputs: { dy: normals(random, each.rows * each.length * each.channels) },
    outputs: { y: count },
    uniforms: { ...uniforms, count },
  };
}

export const pairDistanceBackwardCheck: KernelCheck = {
  kernel: pairDistanceBackward,
  calls: (random) =>
    BANDS.flatMap((each) => DISTANCES.map((distances) => distanceBackwardCall(random, each, distances))),
  benchmark: (random) => BENCHMARK.map((each) => distanceBackwardCall(random, each, 64)),
  reference: (call) => {
    const [channels, distances, first] = [
      uniform(call, 'channels'),
      uniform(call, 'distances'),
      uniform(call, 'first'),
    ];
    const dy = floats(call, 'dy');
    const y = new Float64Array(uniform(call, 'count'));
    overBand(call, (i, j, c, at) => {
      y[((i - first) * distances + distanceOf(call, i, j)) * channels + c]! += dy[at]!;
    });
    return { y };
  },
  work: work(mapSize),
  tolerance: 1e-5,
};
