/** Checks of `matmul` and `packColumns`. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { matmul, packColumns } from './matmul.ts';
import type { RandomStream } from './random.ts';

const padded = (cols: number): number => Math.ceil(cols / 4) * 4;

function product(random: RandomStream, rows: number, inner: number, cols: number, transposeA = false, bias = false): Call {
  return {
    inputs: { a: normals(random, rows * inner), b: normals(random, inner * padded(cols)), bias: normals(random, cols) },
    outputs: { y: rows * cols },
    uniforms: { rows, inner, cols },
    variant: { transposeA, bias },
  };
}

export const matmulCheck: KernelCheck = {
  kernel: matmul,
  calls: (random) => [
    product(random, 1, 1, 1), product(random, 1, 7, 3, false, true), product(random, 5, 17, 22, true),
    product(random, 33, 40, 67, false, true), product(random, 70, 65, 64), product(random, 64, 128, 130, true, true),
  ],
  benchmark: (random) => [
    product(random, 512, 512, 512), product(random, 1024, 1024, 1024), product(random, 256, 640, 1706, false, true),
    product(random, 256, 640, 1707, false, true), product(random, 1706, 256, 640, true),
  ],
  reference: (call) => {
    const [rows, inner, cols] = [uniform(call, 'rows'), uniform(call, 'inner'), uniform(call, 'cols')];
    const [a, b, bias] = [floats(call, 'a'), floats(call, 'b'), floats(call, 'bias')];
    const y = new Float64Array(rows * cols);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        let sum = call.variant?.['bias'] === true ? bias[c]! : 0;
        for (let k = 0; k < inner; k++) sum += a[call.variant?.['transposeA'] === true ? k * rows + r : r * inner + k]! * b[k * padded(cols) + c]!;
        y[r * cols + c] = sum;
      }
    }
    return { y };
  },
  work: (call) => {
    const [rows, inner, cols] = [uniform(call, 'rows'), uniform(call, 'inner'), uniform(call, 'cols')];
    return { flops: 2 * rows * inner * cols, bytes: 4 * (rows * inner + inner * cols + rows * cols) };
  },
  tolerance: 1e-5,
};

function packing(random: RandomStream, inner: number, cols: number, transpose: boolean): Call {
  const count = inner * padded(cols);
  return { inputs: { b: normals(random, inner * cols) }, outputs: { y: count }, uniforms: { count, inner, cols }, variant: { transpose } };
}

export const packColumnsCheck: KernelCheck = {
  kernel: packColumns,
  calls: (random) => [packing(random, 1, 1, false), packing(random, 5, 7, true), packing(random, 9, 22, false), packing(random, 31, 33, true)],
  benchmark: (random) => [packing(random, 640, 1706, true)],
  reference: (call) => {
    const [inner, cols, b] = [uniform(call, 'inner'), uniform(call, 'cols'), floats(call, 'b')];
    const y = new Float64Array(inner * padded(cols));
    for (let k = 0; k < inner; k++) {
      for (let c = 0; c < cols; c++) y[k * padded(cols) + c] = b[call.variant?.['transpose'] === true ? c * inner + k : k * cols + c]!;
    }
    return { y };
  },
  work: (call) => ({ flops: 0, bytes: 4 * (uniform(call, 'inner') * uniform(call, 'cols') + uniform(call, 'count')) }),
  tolerance: 0,
};
