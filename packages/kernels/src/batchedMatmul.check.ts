/** Checks of `batchedMatmul`: each of both operands transposed or not, shared or not, sizes that are no vectors. */
import { batchedMatmul } from './batchedMatmul.ts';
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';

interface Options {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: boolean;
  readonly residual?: boolean;
  /** One A, or one B, for all. */
  readonly shared?: 'a' | 'b';
}

function batchedCall(
  random: RandomStream,
  [batches, rows, inner, cols]: readonly [batches: number, rows: number, inner: number, cols: number],
  { transposeA = false, transposeB = false, bias = false, residual = false, shared }: Options = {},
): Call {
  return {
    inputs: {
      a: normals(random, (shared === 'a' ? 1 : batches) * rows * inner),
      b: normals(random, (shared === 'b' ? 1 : batches) * inner * cols),
      bias: normals(random, cols),
      residual: normals(random, residual ? batches * rows * cols : 1),
    },
    outputs: { y: batches * rows * cols },
    uniforms: {
      batches,
      rows,
      inner,
      cols,
      strideA: shared === 'a' ? 0 : rows * inner,
      strideB: shared === 'b' ? 0 : inner * cols,
    },
    variant: { transposeA, transposeB, bias, residual },
  };
}

export const batchedMatmulCheck: KernelCheck = {
  kernel: batchedMatmul,
  calls: (random) => [
    batchedCall(random, [1, 1, 1, 1]),
    batchedCall(random, [3, 9, 12, 20], { transposeB: true }),
    batchedCall(random, [2, 33, 17, 35], { transposeB: true }),
    batchedCall(random, [3, 12, 20, 36], { transposeA: true }),
    batchedCall(random, [2, 17, 9, 13], { transposeA: true }),
    batchedCall(random, [3, 18, 24, 40]),
    batchedCall(random, [4, 13, 8, 16], { transposeB: true, shared: 'a', bias: true, residual: true }),
    batchedCall(random, [3, 7, 11, 5], { shared: 'b' }),
  ],
  benchmark: (random) => [
    batchedCall(random, [128, 64, 64, 64], { transposeB: true }),
    batchedCall(random, [128, 64, 64, 64], { transposeA: true }),
    batchedCall(random, [128, 64, 64, 64]),
    batchedCall(random, [64, 64, 32, 128], { transposeB: true, shared: 'a', bias: true, residual: true }),
  ],
  reference: (call) => {
    const [batches, rows, inner, cols] = [
      uniform(call, 'batches'),
      uniform(call, 'rows'),
      uniform(call, 'inner'),
      uniform(call, 'cols'),
    ];
    const [strideA, strideB] = [uniform(call, 'strideA'), uniform(call, 'strideB')];
    const options = call.variant as unknown as Options;
    const [a, b, bias, residual] = [
      floats(call, 'a'),
      floats(call, 'b'),
      floats(call, 'bias'),
      floats(call, 'residual'),
    ];
    const y = new Float64Array(batches * rows * cols);
    for (let n = 0, at = 0; n < batches; n++) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++, at++) {
          let sum = (options.bias === true ? bias[c]! : 0) + (options.residual === true ? residual[at]! : 0);
          for (let k = 0; k < inner; k++)
            sum +=
              a[n * strideA + (options.transposeA === true ? k * rows + r : r * inner + k)]! *
              b[n * strideB + (options.transposeB === true ? c * inner + k : k * cols + c)]!;
          y[at] = sum;
        }
      }
    }
    return { y };
  },
  work: (call) => {
    const [batches, rows, inner, cols] = [
      uniform(call, 'batches'),
      uniform(call, 'rows'),
      uniform(call, 'inner'),
      uniform(call, 'cols'),
    ];
    return {
      flops: 2 * batches * rows * inner * cols,
      bytes: 4 * (floats(call, 'a').length + floats(call, 'b').length + batches * rows * cols),
    };
  },
  tolerance: 1e-5,
};
