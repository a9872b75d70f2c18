/** Checks of `matmul`. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { matmul } from './matmul.ts';
import type { RandomStream } from './random.ts';

interface Options {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: boolean;
  readonly residual?: boolean;
  /** Of the inner index in one part. */
  readonly depth?: number;
}

/** A product's call, as the ops make it. */
export function matmulCall(random: RandomStream, rows: number, inner: number, cols: number, options: Options = {}): Call {
  const { transposeA = false, transposeB = false, bias = false, residual = false, depth = inner } = options;
  return {
    inputs: { a: normals(random, rows * inner), b: normals(random, inner * cols), bias: normals(random, cols), residual: normals(random, residual ? rows * cols : 1) },
    outputs: { y: Math.ceil(inner / depth) * rows * cols },
    uniforms: { rows, inner, cols, depth },
    variant: { transposeA, transposeB, aligned: (transposeB ? inner : cols) % 4 === 0, bias, residual },
  };
}

export const matmulCheck: KernelCheck = {
  kernel: matmul,
  calls: (random) => [
    matmulCall(random, 1, 1, 1), matmulCall(random, 1, 7, 3, { bias: true }), matmulCall(random, 5, 17, 22, { transposeA: true }),
    matmulCall(random, 33, 40, 67, { transposeB: true, bias: true }), matmulCall(random, 19, 37, 41, { transposeB: true, residual: true }),
    matmulCall(random, 70, 65, 64, { depth: 24 }), matmulCall(random, 64, 128, 130, { transposeA: true, bias: true, residual: true }),
    matmulCall(random, 9, 12, 10, { transposeA: true, transposeB: true }), matmulCall(random, 40, 90, 12, { transposeB: true, depth: 64 }),
  ],
  benchmark: (random) => [
    matmulCall(random, 512, 512, 512), matmulCall(random, 1024, 1024, 1024), matmulCall(random, 512, 512, 512, { transposeB: true }),
    matmulCall(random, 256, 640, 1706, { transposeB: true, bias: true }), matmulCall(random, 256, 640, 1707, { transposeB: true, bias: true }),
    matmulCall(random, 256, 1707, 640, { transposeB: true }), matmulCall(random, 256, 1706, 640), matmulCall(random, 1706, 256, 640, { transposeA: true }),
  ],
  reference: (call) => {
    const [rows, inner, cols, depth] = [uniform(call, 'rows'), uniform(call, 'inner'), uniform(call, 'cols'), uniform(call, 'depth')];
    const [a, b, bias, residual] = [floats(call, 'a'), floats(call, 'b'), floats(call, 'bias'), floats(call, 'residual')];
    const { transposeA, transposeB, bias: addsBias, residual: addsResidual } = call.variant as unknown as Required<Options>;
    const y = new Float64Array(call.outputs['y']!);
    for (let first = 0, at = 0; first < inner; first += depth) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++, at++) {
          let sum = (addsBias ? bias[c]! : 0) + (addsResidual ? residual[r * cols + c]! : 0);
          for (let k = first; k < Math.min(inner, first + depth); k++) sum += a[transposeA ? k * rows + r : r * inner + k]! * b[transposeB ? c * inner + k : k * cols + c]!;
          y[at] = sum;
        }
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
