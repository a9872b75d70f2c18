/** Checks of the kernels of edges: one node, bands that begin and end inside a group, coincident nodes. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import {
  edgeFeatures,
  edgeFeaturesBackward,
  edgeFeatureCount,
  groupSums,
  moveNodes,
  moveNodesBackward,
  moveNodesBackwardWeights,
  neighbourSums,
  neighbourSumsBackward,
  siluDot,
  squaredDistances,
  squaredDistancesBackward,
} from './edges.ts';
import type { RandomStream } from './random.ts';

interface Band {
  readonly groups: number;
  readonly nodes: number;
  readonly first: number;
  readonly rows: number;
}

const BANDS: readonly Band[] = [
  { groups: 1, nodes: 1, first: 0, rows: 1 },
  { groups: 3, nodes: 5, first: 3, rows: 9 },
  { groups: 2, nodes: 23, first: 0, rows: 46 },
];
const BENCHMARK: readonly Band[] = [{ groups: 64, nodes: 23, first: 0, rows: 64 * 23 }];
const CHANNELS = 40;

function positions(random: RandomStream, { groups, nodes }: Band): Float64Array {
  const x = normals(random, 3 * groups * nodes, 3);
  // The last two nodes of a large group are one point.
  if (nodes > 10) x.copyWithin(3 * (nodes - 1), 3 * (nodes - 2), 3 * (nodes - 1));
  return x;
}

const bandOf = (call: Call) => ({
  nodes: uniform(call, 'nodes'),
  first: uniform(call, 'first'),
  rows: uniform(call, 'rows'),
});

/** Calls f(row, j, node, other) for every edge of a band. */
function overEdges(
  { nodes, first, rows }: Pick<Band, 'nodes' | 'first' | 'rows'>,
  f: (row: number, j: number, node: number, other: number) => void,
): void {
  for (let row = 0; row < rows; row++)
    for (let j = 0; j < nodes; j++) f(row, j, first + row, Math.floor((first + row) / nodes) * nodes + j);
}

const between = (x: Float64Array, node: number, other: number): number[] =>
  [0, 1, 2].map((k) => x[3 * node + k]! - x[3 * other + k]!);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);

type Count = (band: Band) => number;
const edgesOf: Count = ({ nodes, rows }) => nodes * rows;
const nodesOf: Count = ({ nodes, groups }) => nodes * groups;
const rowsOf: Count = ({ rows }) => rows;

interface Spec {
  readonly kernel: KernelCheck['kernel'];
  readonly count: Count;
  readonly outputs: (band: Band) => Call['outputs'];
  /** Sizes of the inputs beside the positions. */
  readonly inputs: (band: Band) => Readonly<Record<string, number>>;
  readonly uniforms?: Readonly<Record<string, number>>;
  readonly reference: KernelCheck['reference'];
  readonly gradientOf?: KernelCheck;
}

function edgeCheck({ kernel, count, outputs, inputs, uniforms, reference, gradientOf }: Spec): KernelCheck {
  const call = (random: RandomStream, band: Band): Call => {
    const { nodes, first, rows } = band;
    const others = Object.entries(inputs(band)).map(([name, size]) => [name, normals(random, size)] as const);
    return {
      // What is summed over edges goes by the name of the positions.
      inputs: { x: positions(random, band), ...Object.fromEntries(others) },
      outputs: outputs(band),
      uniforms: { count: count(band), nodes, first, rows, ...uniforms },
    };
  };
  return {
    kernel,
    calls: (random) => BANDS.map((band) => call(random, band)),
    benchmark: (random) => BENCHMARK.map((band) => call(random, band)),
    // A direction between coincident nodes has no slope that differences could find.
    gradientCalls: (random) => BANDS.filter(({ nodes }) => nodes <= 10).map((band) => call(random, band)),
    reference,
    work: (each) => {
      const elements = [...Object.keys(kernel.inputs), ...Object.keys(each.outputs)].reduce(
        (sum, name) => sum + (each.outputs[name] ?? each.inputs[name]!.length),
        0,
      );
      return { flops: 8 * elements, bytes: 4 * elements };
    },
    tolerance: 5e-6,
    ...(gradientOf !== undefined && { gradientOf }),
  };
}

export const squaredDistancesCheck = edgeCheck({
  kernel: squaredDistances,
  count: edgesOf,
  outputs: (band) => ({ y: edgesOf(band) }),
  inputs: () => ({}),
  reference: (call) => {
    const x = floats(call, 'x');
    const y = new Float64Array(uniform(call, 'nodes') * uniform(call, 'rows'));
    overEdges(bandOf(call), (row, j, node, other) => {
      const d = between(x, node, other);
      y[row * uniform(call, 'nodes') + j] = dot(d, d);
    });
    return { y };
  },
});

export const squaredDistancesBackwardCheck = edgeCheck({
  kernel: squaredDistancesBackward,
  count: nodesOf,
  outputs: (band) => ({ dx: 3 * nodesOf(band) }),
  inputs: (band) => ({ dy: edgesOf(band) }),
  gradientOf: squaredDistancesCheck,
  reference: (call) => {
    const [x, dy] = [floats(call, 'x'), floats(call, 'dy')];
    const dx = new Float64Array(x.length);
    overEdges(bandOf(call), (row, j, node, other) => {
      between(x, node, other).forEach((value, k) => {
        const g = 2 * dy[row * uniform(call, 'nodes') + j]! * value;
        dx[3 * node + k]! += g;
        dx[3 * other + k]! -= g;
      });
    });
    return { dx };
  },
});

const featureInputs = (band: Band) => ({
  left: band.rows * CHANNELS,
  right: nodesOf(band) * CHANNELS,
  distances: edgesOf(band),
  weight: CHANNELS,
  bias: CHANNELS,
});

const featuresOf: Count = (band) => edgesOf(band) * CHANNELS;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Calls f(place, value, row, other, c) for what the SiLU is of. */
function overFeatures(
  call: Call,
  f: (at: number, value: number, row: number, other: number, edge: number, c: number) => void,
): void {
  const { nodes } = bandOf(call);
  const channels = floats(call, 'weight').length;
  overEdges(bandOf(call), (row, j, _, other) => {
    for (let c = 0; c < channels; c++) {
      const edge = row * nodes + j;
      const value =
        floats(call, 'left')[row * channels + c]! +
        floats(call, 'right')[other * channels + c]! +
        floats(call, 'weight')[c]! * floats(call, 'distances')[edge]! +
        floats(call, 'bias')[c]!;
      f(edge * channels + c, value, row, other, edge, c);
    }
  });
}

export const edgeFeaturesCheck = edgeCheck({
  kernel: edgeFeatures,
  count: (band) => edgeFeatureCount(edgesOf(band), CHANNELS),
  outputs: (band) => ({ y: featuresOf(band) }),
  inputs: featureInputs,
  uniforms: { channels: CHANNELS },
  reference: (call) => {
    const y = new Float64Array(floats(call, 'distances').length * floats(call, 'weight').length);
    overFeatures(call, (at, value) => {
      y[at] = value * sigmoid(value);
    });
    return { y };
  },
});

const featureSlope = (dy: number, value: number): number => dy * sigmoid(value) * (1 + value * (1 - sigmoid(value)));

export const edgeFeaturesBackwardCheck = edgeCheck({
  kernel: edgeFeaturesBackward,
  count: (band) => edgeFeatureCount(edgesOf(band), CHANNELS),
  outputs: (band) => ({ y: featuresOf(band) }),
  inputs: (band) => ({ dy: featuresOf(band), ...featureInputs(band) }),
  uniforms: { channels: CHANNELS },
  reference: (call) => {
    const dy = floats(call, 'dy');
    const y = new Float64Array(dy.length);
    overFeatures(call, (at, value) => {
      y[at] = featureSlope(dy[at]!, value);
    });
    return { y };
  },
});

/** The gradients of an edge's features, which are sums of what the kernel gives. */
export const edgeFeaturesGradient = {
  gradientOf: edgeFeaturesCheck,
  gradientCalls: edgeFeaturesBackwardCheck.gradientCalls!,
  reference: (call: Call) => {
    const dy = floats(call, 'dy');
    const names = ['left', 'right', 'distances', 'weight', 'bias'] as const;
    const [dleft, dright, ddistances, dweight, dbias] = names.map(
      (name) => new Float64Array(floats(call, name).length),
    ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
    overFeatures(call, (at, value, row, other, edge, c) => {
      const g = featureSlope(dy[at]!, value);
      const channels = dweight.length;
      dleft[row * channels + c]! += g;
      dright[other * channels + c]! += g;
      ddistances[edge]! += g * floats(call, 'weight')[c]!;
      dweight[c]! += g * floats(call, 'distances')[edge]!;
      dbias[c]! += g;
    });
    return { dleft, dright, ddistances, dweight, dbias };
  },
};

export const neighbourSumsCheck = edgeCheck({
  kernel: neighbourSums,
  inputs: (band) => ({ x: featuresOf(band) }),
  count: (band) => band.rows * CHANNELS,
  outputs: (band) => ({ y: band.rows * CHANNELS }),
  uniforms: { channels: CHANNELS },
  reference: (call) => {
    const [x, nodes] = [floats(call, 'x'), uniform(call, 'nodes')];
    const y = new Float64Array(uniform(call, 'rows') * CHANNELS);
    x.forEach((value, at) => (y[Math.floor(at / (nodes * CHANNELS)) * CHANNELS + (at % CHANNELS)]! += value));
    return { y };
  },
});

export const neighbourSumsBackwardCheck = edgeCheck({
  kernel: neighbourSumsBackward,
  count: featuresOf,
  outputs: (band) => ({ dx: featuresOf(band) }),
  inputs: (band) => ({ x: featuresOf(band), dy: band.rows * CHANNELS }),
  uniforms: { channels: CHANNELS },
  gradientOf: neighbourSumsCheck,
  reference: (call) => {
    const [dy, nodes] = [floats(call, 'dy'), uniform(call, 'nodes')];
    return {
      dx: floats(call, 'x').map((_, at) => dy[Math.floor(at / (nodes * CHANNELS)) * CHANNELS + (at % CHANNELS)]!),
    };
  },
});

export const groupSumsCheck = edgeCheck({
  kernel: groupSums,
  inputs: (band) => ({ x: featuresOf(band) }),
  count: (band) => nodesOf(band) * CHANNELS,
  outputs: (band) => ({ y: nodesOf(band) * CHANNELS }),
  uniforms: { channels: CHANNELS },
  reference: (call) => {
    const x = floats(call, 'x');
    const y = new Float64Array(uniform(call, 'count'));
    overEdges(bandOf(call), (row, j, _, other) => {
      for (let c = 0; c < CHANNELS; c++)
        y[other * CHANNELS + c]! += x[(row * uniform(call, 'nodes') + j) * CHANNELS + c]!;
    });
    return { y };
  },
});

const direction = (d: readonly number[]): number[] => {
  const size = Math.max(Math.hypot(...d), 1e-8);
  return d.map((value) => value / size);
};

const moveInputs = (band: Band) => ({ weights: edgesOf(band), scale: 1, dy: 3 * band.rows });

export const moveNodesCheck = edgeCheck({
  kernel: moveNodes,
  count: rowsOf,
  outputs: (band) => ({ y: 3 * band.rows }),
  inputs: moveInputs,
  reference: (call) => {
    const [x, weights, scale] = [floats(call, 'x'), floats(call, 'weights'), floats(call, 'scale')[0]!];
    const { nodes, first, rows } = bandOf(call);
    const y = x.slice(3 * first, 3 * (first + rows));
    overEdges(bandOf(call), (row, j, node, other) => {
      direction(between(x, node, other)).forEach((value, k) => {
        y[3 * row + k]! += (scale / 50) * weights[row * nodes + j]! * value;
      });
    });
    return { y };
  },
});

/** dx, dweights and dscale of `moveNodes`. */
function moveGradients(call: Call) {
  const [x, weights, scale] = [floats(call, 'x'), floats(call, 'weights'), floats(call, 'scale')[0]!];
  const [dy, { nodes, first }] = [floats(call, 'dy'), bandOf(call)];
  const dx = new Float64Array(x.length);
  dy.forEach((value, at) => (dx[3 * first + at] = value));
  const dweights = new Float64Array(weights.length);
  const dscale = new Float64Array(1);
  overEdges(bandOf(call), (row, j, node, other) => {
    const d = between(x, node, other);
    const [unit, size] = [direction(d), Math.hypot(...d)];
    const g = [...dy.subarray(3 * row, 3 * row + 3)];
    const along = dot(g, unit);
    const weight = weights[row * nodes + j]!;
    dweights[row * nodes + j] = (scale / 50) * along;
    dscale[0]! += (weight / 50) * along;
    if (size <= 1e-8) return;
    g.forEach((value, k) => {
      const slope = ((scale / 50) * weight * (value - along * unit[k]!)) / size;
      dx[3 * node + k]! += slope;
      dx[3 * other + k]! -= slope;
    });
  });
  return { dx, dweights, dscale };
}

export const moveNodesBackwardCheck = edgeCheck({
  kernel: moveNodesBackward,
  count: nodesOf,
  outputs: (band) => ({ dx: 3 * nodesOf(band) }),
  inputs: moveInputs,
  gradientOf: moveNodesCheck,
  reference: (call) => ({ dx: moveGradients(call).dx }),
});

export const moveNodesBackwardWeightsCheck = edgeCheck({
  kernel: moveNodesBackwardWeights,
  count: edgesOf,
  outputs: (band) => ({ dweights: edgesOf(band) }),
  inputs: moveInputs,
  gradientOf: moveNodesCheck,
  reference: (call) => ({ dweights: moveGradients(call).dweights }),
});

export const siluDotCheck = edgeCheck({
  kernel: siluDot,
  count: edgesOf,
  outputs: (band) => ({ y: edgesOf(band) }),
  inputs: (band) => ({ x: featuresOf(band), weight: CHANNELS, bias: 1 }),
  uniforms: { channels: CHANNELS },
  reference: (call) => {
    const [x, weight, bias] = [floats(call, 'x'), floats(call, 'weight'), floats(call, 'bias')[0]!];
    const y = new Float64Array(uniform(call, 'count')).fill(bias);
    x.forEach((value, at) => (y[Math.floor(at / CHANNELS)]! += value * sigmoid(value) * weight[at % CHANNELS]!));
    return { y };
  },
});
