/** Checks of SwiGLU, GELU, ReLU and SiLU. */
import {
  gelu,
  geluBackward,
  relu,
  reluBackward,
  silu,
  siluBackward,
  swiglu,
  swigluBackward,
  swigluBackwardBeta,
} from './activations.ts';
import { floats, inHalves, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';

const SIZES = [
  [1, 1],
  [3, 7],
  [20, 853],
  [5, 12],
] as const;
const BENCHMARK = [[1024, 1706]] as const;

/** a, b, σ(beta·a) and the index of a for element i of the product. */
function parts(call: Call, i: number): { a: number; b: number; s: number; beta: number; at: number } {
  const [cols, x] = [uniform(call, 'cols'), floats(call, 'x')];
  const beta = call.variant?.['beta'] === false ? 1 : floats(call, 'beta')[0]!;
  const at = Math.floor(i / cols) * 2 * cols + (i % cols);
  const a = x[at]!;
  return { a, b: x[at + cols]!, s: 1 / (1 + Math.exp(-beta * a)), beta, at };
}

type Shape = (rows: number, cols: number) => { readonly outputs: Call['outputs']; readonly uniforms: Call['uniforms'] };

function swigluCalls(
  random: RandomStream,
  sizes: readonly (readonly [number, number])[],
  shape: Shape,
  variants: readonly (boolean | undefined)[],
): Call[] {
  return sizes.flatMap(([rows, cols]) =>
    variants.map((beta) => ({
      inputs: { x: normals(random, 2 * rows * cols, 2), beta: normals(random, 1), dy: normals(random, rows * cols) },
      ...shape(rows, cols),
      ...(beta === undefined ? {} : { variant: { beta } }),
    })),
  );
}

function swigluCheck(
  kernel: KernelCheck['kernel'],
  shape: Shape,
  variants: readonly (boolean | undefined)[],
  reference: KernelCheck['reference'],
  gradientOf?: KernelCheck,
): KernelCheck {
  const elements = (call: Call): number => call.inputs['dy']!.length;
  return {
    kernel,
    calls: (random) => [
      ...swigluCalls(random, SIZES, shape, variants),
      ...swigluCalls(
        random,
        [
          [3, 7],
          [5, 12],
        ],
        shape,
        variants.slice(0, 1),
      ).map((call) => inHalves(kernel, call)),
    ],
    benchmark: (random) => swigluCalls(random, BENCHMARK, shape, [true]),
    reference,
    work: (call) => ({ flops: 8 * elements(call), bytes: 4 * elements(call) * (gradientOf === undefined ? 3 : 5) }),
    tolerance: 2e-5,
    ...(gradientOf === undefined ? {} : { gradientOf }),
  };
}

export const swigluCheckForward = swigluCheck(
  swiglu,
  (rows, cols) => ({ outputs: { y: rows * cols }, uniforms: { count: rows * cols, cols } }),
  [true, false],
  (call) => ({
    y: Float64Array.from({ length: call.inputs['dy']!.length }, (_, i) => {
      const { a, b, s } = parts(call, i);
      return a * s * b;
    }),
  }),
);

export const swigluBackwardCheck = swigluCheck(
  swigluBackward,
  (rows, cols) => ({ outputs: { dx: 2 * rows * cols }, uniforms: { count: rows * cols, cols } }),
  [true, false],
  (call) => {
    const [dy, cols] = [floats(call, 'dy'), uniform(call, 'cols')];
    const dx = new Float64Array(2 * dy.length);
    dy.forEach((g, i) => {
      const { a, b, s, beta, at } = parts(call, i);
      dx[at] = g * b * (s + beta * a * s * (1 - s));
      dx[at + cols] = g * a * s;
    });
    return { dx };
  },
  swigluCheckForward,
);

const betaRows: Shape = (rows, cols) => ({ outputs: { dbeta: rows }, uniforms: { rows, cols } });
export const swigluBackwardBetaCheck: KernelCheck = {
  ...swigluCheck(
    swigluBackwardBeta,
    betaRows,
    [undefined],
    (call) => {
      const [dy, rows, cols] = [floats(call, 'dy'), uniform(call, 'rows'), uniform(call, 'cols')];
      const dbeta = new Float64Array(rows);
      dy.forEach((g, i) => {
        const { a, b, s } = parts(call, i);
        dbeta[Math.floor(i / cols)]! += g * b * a * a * s * (1 - s);
      });
      return { dbeta };
    },
    swigluCheckForward,
  ),
  gradientCalls: (random) =>
    swigluCalls(
      random,
      [
        [1, 1],
        [1, 9],
      ],
      betaRows,
      [undefined],
    ),
};

/** erf by its power series, which converges fast enough for the |x| < 6 of the checks. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const normalCdf = (x: number): number => 0.5 * (1 + erf(x * Math.SQRT1_2));
const normalPdf = (x: number): number => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);

function geluCalls(random: RandomStream, counts: readonly number[], output: string): Call[] {
  return counts.map((count) => ({
    inputs: { x: normals(random, count, 1.5), dy: normals(random, count) },
    outputs: { [output]: count },
    uniforms: { count },
  }));
}

const geluWork = (call: Call): { flops: number; bytes: number } => ({
  flops: 16 * uniform(call, 'count'),
  bytes: 8 * uniform(call, 'count'),
});

export const geluCheck: KernelCheck = {
  kernel: gelu,
  calls: (random) => [
    ...geluCalls(random, [1, 999], 'y'),
    ...geluCalls(random, [999], 'y').map((call) => inHalves(gelu, call)),
  ],
  benchmark: (random) => geluCalls(random, [1024 * 640], 'y'),
  reference: (call) => ({ y: floats(call, 'x').map((x) => x * normalCdf(x)) }),
  work: geluWork,
  tolerance: 1e-5,
};

export const geluBackwardCheck: KernelCheck = {
  kernel: geluBackward,
  calls: (random) => [
    ...geluCalls(random, [1, 999], 'dx'),
    ...geluCalls(random, [999], 'dx').map((call) => inHalves(geluBackward, call)),
  ],
  benchmark: (random) => geluCalls(random, [1024 * 640], 'dx'),
  reference: (call) => ({
    dx: floats(call, 'x').map((x, i) => floats(call, 'dy')[i]! * (normalCdf(x) + x * normalPdf(x))),
  }),
  work: geluWork,
  tolerance: 1e-5,
  gradientOf: geluCheck,
};

/** The checks of a function of one number and of its gradient. */
function pointwiseChecks(
  kernel: KernelCheck['kernel'],
  backward: KernelCheck['kernel'],
  value: (x: number) => number,
  slope: (x: number) => number,
): readonly [KernelCheck, KernelCheck] {
  const forwardCheck: KernelCheck = {
    kernel,
    calls: (random) => geluCalls(random, [1, 999], 'y'),
    benchmark: (random) => geluCalls(random, [1024 * 640], 'y'),
    reference: (call) => ({ y: floats(call, 'x').map(value) }),
    work: (call) => ({ flops: 4 * uniform(call, 'count'), bytes: 8 * uniform(call, 'count') }),
    tolerance: 1e-6,
  };
  return [
    forwardCheck,
    {
      kernel: backward,
      gradientOf: forwardCheck,
      calls: (random) => geluCalls(random, [1, 999], 'dx'),
      benchmark: (random) => geluCalls(random, [1024 * 640], 'dx'),
      reference: (call) => ({ dx: floats(call, 'x').map((x, i) => floats(call, 'dy')[i]! * slope(x)) }),
      work: (call) => ({ flops: 6 * uniform(call, 'count'), bytes: 12 * uniform(call, 'count') }),
      tolerance: 1e-6,
    },
  ];
}

export const [reluCheck, reluBackwardCheck] = pointwiseChecks(
  relu,
  reluBackward,
  (x) => Math.max(x, 0),
  (x) => (x > 0 ? 1 : 0),
);

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export const [siluCheck, siluBackwardCheck] = pointwiseChecks(
  silu,
  siluBackward,
  (x) => x * sigmoid(x),
  (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
);
