/** What the checks of LayerNorm and RMSNorm have in common: a norm with or without a mean taken off. */
import { floats, inHalves, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';

const SIZES = [
  [1, 1],
  [3, 5],
  [17, 64],
  [65, 130],
  [4, 853],
] as const;
const BENCHMARK = [[1024, 640]] as const;
const EPS = 1e-5;

/** Which norm a check is of. */
interface Kind {
  readonly centred: boolean;
  readonly forward: KernelCheck;
}

/** Normalised x, mean and rstd of each row, from the inputs x (and mean, rstd where the call has them). */
function statistics(
  call: Call,
  centred: boolean,
  eps: number,
): { xhat: Float64Array; mean: Float64Array; rstd: Float64Array } {
  const [rows, cols, x] = [uniform(call, 'rows'), uniform(call, 'cols'), floats(call, 'x')];
  const xhat = new Float64Array(rows * cols);
  const mean = new Float64Array(rows);
  const rstd = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * cols, (r + 1) * cols);
    const mu = centred ? row.reduce((sum, value) => sum + value, 0) / cols : 0;
    const variance = row.reduce((sum, value) => sum + (value - mu) ** 2, 0) / cols;
    mean[r] = mu;
    rstd[r] = 1 / Math.sqrt(variance + eps);
    row.forEach((value, c) => {
      xhat[r * cols + c] = (value - mu) * rstd[r]!;
    });
  }
  return { xhat, mean, rstd };
}

function forwardCall(random: RandomStream, rows: number, cols: number, centred: boolean): Call {
  return {
    inputs: {
      x: normals(random, rows * cols, 2),
      weight: normals(random, cols),
      ...(centred ? { bias: normals(random, cols) } : {}),
    },
    outputs: { y: rows * cols, rstd: rows, ...(centred ? { mean: rows } : {}) },
    uniforms: { rows, cols, eps: EPS },
  };
}

export function forwardCheck(kernel: KernelCheck['kernel'], centred: boolean): KernelCheck {
  return {
    kernel,
    calls: (random) => [
      ...SIZES.map(([rows, cols]) => forwardCall(random, rows, cols, centred)),
      inHalves(kernel, forwardCall(random, 9, 60, centred)),
    ],
    benchmark: (random) => BENCHMARK.map(([rows, cols]) => forwardCall(random, rows, cols, centred)),
    reference: (call) => {
      const { xhat, mean, rstd } = statistics(call, centred, EPS);
      const [cols, weight] = [uniform(call, 'cols'), floats(call, 'weight')];
      const bias = centred ? floats(call, 'bias') : new Float64Array(cols);
      const y = xhat.map((value, i) => value * weight[i % cols]! + bias[i % cols]!);
      return centred ? { y, mean, rstd } : { y, rstd };
    },
    work: (call) => ({
      flops: 8 * uniform(call, 'rows') * uniform(call, 'cols'),
      bytes: 8 * uniform(call, 'rows') * uniform(call, 'cols'),
    }),
    tolerance: 2e-5,
  };
}

function backwardCall(
  random: RandomStream,
  rows: number,
  cols: number,
  kind: Kind,
  outputs: Call['outputs'],
  chunkRows?: number,
): Call {
  const forward = forwardCall(random, rows, cols, kind.centred);
  const { rstd, mean } = kind.forward.reference(forward);
  return {
    inputs: { ...forward.inputs, ...(mean && { mean }), rstd: rstd!, dy: normals(random, rows * cols) },
    outputs,
    uniforms: { rows, cols, ...(chunkRows === undefined ? {} : { chunkRows }) },
  };
}

export function backwardCheck(kernel: KernelCheck['kernel'], kind: Kind): KernelCheck {
  const call = (random: RandomStream, rows: number, cols: number): Call =>
    backwardCall(random, rows, cols, kind, { dx: rows * cols });
  return {
    kernel,
    calls: (random) => [
      ...SIZES.map(([rows, cols]) => call(random, rows, cols)),
      inHalves(kernel, call(random, 9, 60)),
    ],
    benchmark: (random) => BENCHMARK.map(([rows, cols]) => call(random, rows, cols)),
    reference: (c) => {
      const { xhat, rstd } = statistics(c, kind.centred, EPS);
      const [rows, cols, dy, weight] = [uniform(c, 'rows'), uniform(c, 'cols'), floats(c, 'dy'), floats(c, 'weight')];
      const dx = new Float64Array(rows * cols);
      for (let r = 0; r < rows; r++) {
        let meanG = 0;
        let meanGx = 0;
        for (let i = r * cols; i < (r + 1) * cols; i++) {
          meanG += kind.centred ? (dy[i]! * weight[i % cols]!) / cols : 0;
          meanGx += (dy[i]! * weight[i % cols]! * xhat[i]!) / cols;
        }
        for (let i = r * cols; i < (r + 1) * cols; i++)
          dx[i] = rstd[r]! * (dy[i]! * weight[i % cols]! - meanG - xhat[i]! * meanGx);
      }
      return { dx };
    },
    work: (c) => ({
      flops: 12 * uniform(c, 'rows') * uniform(c, 'cols'),
      bytes: 12 * uniform(c, 'rows') * uniform(c, 'cols'),
    }),
    tolerance: 2e-5,
    gradientOf: kind.forward,
  };
}

export function weightCheck(kernel: KernelCheck['kernel'], kind: Kind): KernelCheck {
  const call = (random: RandomStream, rows: number, cols: number): Call => {
    // Small cases take one chunk, so that the output is the whole gradient.
    const chunkRows = rows > 16 ? 16 : rows;
    const count = Math.ceil(rows / chunkRows) * cols;
    return backwardCall(
      random,
      rows,
      cols,
      kind,
      { dweight: count, ...(kind.centred ? { dbias: count } : {}) },
      chunkRows,
    );
  };
  return {
    kernel,
    calls: (random) => [
      ...SIZES.map(([rows, cols]) => call(random, rows, cols)),
      inHalves(kernel, call(random, 9, 60)),
    ],
    benchmark: (random) => BENCHMARK.map(([rows, cols]) => call(random, rows, cols)),
    reference: (c) => {
      const { xhat } = statistics(c, kind.centred, EPS);
      const [rows, cols, chunkRows, dy] = [
        uniform(c, 'rows'),
        uniform(c, 'cols'),
        uniform(c, 'chunkRows'),
        floats(c, 'dy'),
      ];
      const dweight = new Float64Array(Math.ceil(rows / chunkRows) * cols);
      const dbias = new Float64Array(dweight.length);
      for (let i = 0; i < rows * cols; i++) {
        const at = Math.floor(Math.floor(i / cols) / chunkRows) * cols + (i % cols);
        dweight[at]! += dy[i]! * xhat[i]!;
        dbias[at]! += dy[i]!;
      }
      return kind.centred ? { dweight, dbias } : { dweight };
    },
    work: (c) => ({
      flops: 4 * uniform(c, 'rows') * uniform(c, 'cols'),
      bytes: 8 * uniform(c, 'rows') * uniform(c, 'cols'),
    }),
    tolerance: 2e-5,
    gradientOf: kind.forward,
    gradientCalls: (random) =>
      [
        [3, 5],
        [9, 16],
      ].map(([rows, cols]) => call(random, rows!, cols!)),
  };
}
