/** Checks of the softmax. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';
import { softmax, softmaxBackward } from './softmax.ts';

const SIZES = [
  [1, 1],
  [3, 5],
  [17, 64],
  [70, 130],
] as const;
const BENCHMARK = [[1024, 1024]] as const;

const rowOf = (values: Float64Array, r: number, cols: number): Float64Array =>
  values.subarray(r * cols, (r + 1) * cols);

function forwardCall(random: RandomStream, rows: number, cols: number): Call {
  return { inputs: { x: normals(random, rows * cols, 3) }, outputs: { y: rows * cols }, uniforms: { rows, cols } };
}

export const softmaxCheck: KernelCheck = {
  kernel: softmax,
  calls: (random) => SIZES.map(([rows, cols]) => forwardCall(random, rows, cols)),
  benchmark: (random) => BENCHMARK.map(([rows, cols]) => forwardCall(random, rows, cols)),
  reference: (call) => {
    const [rows, cols, x] = [uniform(call, 'rows'), uniform(call, 'cols'), floats(call, 'x')];
    const y = new Float64Array(rows * cols);
    for (let r = 0; r < rows; r++) {
      const row = rowOf(x, r, cols);
      const largest = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
      row.forEach((value, c) => {
        y[r * cols + c] = Math.exp(value - largest) / sum;
      });
    }
    return { y };
  },
  work: (call) => ({ flops: 5 * call.inputs['x']!.length, bytes: 8 * call.inputs['x']!.length }),
  tolerance: 1e-5,
};

function backwardCall(random: RandomStream, rows: number, cols: number): Call {
  const forward = forwardCall(random, rows, cols);
  return {
    ...forward,
    inputs: { ...forward.inputs, ...softmaxCheck.reference(forward), dy: normals(random, rows * cols) },
    outputs: { dx: rows * cols },
  };
}

export const softmaxBackwardCheck: KernelCheck = {
  kernel: softmaxBackward,
  calls: (random) => SIZES.map(([rows, cols]) => backwardCall(random, rows, cols)),
  benchmark: (random) => BENCHMARK.map(([rows, cols]) => backwardCall(random, rows, cols)),
  reference: (call) => {
    const [rows, cols, dy, y] = [uniform(call, 'rows'), uniform(call, 'cols'), floats(call, 'dy'), floats(call, 'y')];
    const dx = new Float64Array(rows * cols);
    for (let r = 0; r < rows; r++) {
      const dot = rowOf(y, r, cols).reduce((sum, value, c) => sum + value * dy[r * cols + c]!, 0);
      for (let i = r * cols; i < (r + 1) * cols; i++) dx[i] = y[i]! * (dy[i]! - dot);
    }
    return { dx };
  },
  work: (call) => ({ flops: 4 * call.inputs['x']!.length, bytes: 12 * call.inputs['x']!.length }),
  tolerance: 1e-5,
  gradientOf: softmaxCheck,
};
