/** Checks of `matmul`. */
import { floats, halves, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { halfStorage } from './kernel.ts';
import { matmul } from './matmul.ts';
import { dequantizedMatrix, quantizedMatrix } from './quantize.check.ts';
import { groupedMatrix, ungroupedMatrix } from './quantizeGroups.check.ts';
import type { RandomStream } from './random.ts';

interface Options {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: boolean;
  readonly residual?: boolean;
  /** B is quantised by rows; it is stored transposed. */
  readonly quantized?: boolean;
  /** The same in 4 bits, by groups. */
  readonly grouped?: boolean;
  /** Buffers that are stored in half precision. */
  readonly f16?: readonly string[];
  /** How much of the inner index one part takes. */
  readonly depth?: number;
}

/** A product's call, as the ops make it. */
export function matmulCall(
  random: RandomStream,
  rows: number,
  inner: number,
  cols: number,
  options: Options = {},
): Call {
  const {
    transposeA = false,
    quantized = false,
    grouped = false,
    transposeB = quantized || grouped,
    bias = false,
    residual = false,
    depth = inner,
    f16 = [],
  } = options;
  const numbers = (name: string, count: number): Float64Array => (f16.includes(name) ? halves : normals)(random, count);
  const b = numbers('b', inner * cols);
  return {
    inputs: {
      a: numbers('a', rows * inner),
      b: grouped ? groupedMatrix(b, cols, inner) : quantized ? quantizedMatrix(b, cols, inner) : b,
      bias: numbers('bias', cols),
      residual: numbers('residual', residual ? rows * cols : 1),
    },
    outputs: { y: Math.ceil(inner / depth) * rows * cols },
    uniforms: { rows, inner, cols, depth },
    variant: { transposeA, transposeB, quantized, grouped, bias, residual, ...halfStorage(f16) },
  };
}

export const matmulCheck: KernelCheck = {
  kernel: matmul,
  calls: (random) => [
    matmulCall(random, 1, 1, 1),
    matmulCall(random, 1, 7, 3, { bias: true }),
    matmulCall(random, 5, 17, 22, { transposeA: true }),
    matmulCall(random, 33, 40, 67, { transposeB: true, bias: true }),
    matmulCall(random, 19, 37, 41, { transposeB: true, residual: true }),
    matmulCall(random, 70, 65, 64, { depth: 24 }),
    matmulCall(random, 64, 128, 130, { transposeA: true, bias: true, residual: true }),
    matmulCall(random, 9, 12, 10, { transposeA: true, transposeB: true }),
    matmulCall(random, 40, 90, 12, { transposeB: true, depth: 64 }),
    matmulCall(random, 3, 5, 4, { quantized: true }),
    matmulCall(random, 33, 64, 35, { quantized: true, bias: true, residual: true }),
    matmulCall(random, 21, 90, 12, { quantized: true, depth: 64 }),
    matmulCall(random, 3, 5, 4, { grouped: true }),
    matmulCall(random, 33, 64, 35, { grouped: true, bias: true, residual: true }),
    matmulCall(random, 21, 90, 12, { grouped: true, depth: 64 }),
    // As the layers are forward, with f32 and f16 activations, and as their gradients are.
    matmulCall(random, 17, 40, 35, { transposeB: true, bias: true, residual: true, f16: ['b'] }),
    matmulCall(random, 17, 40, 35, { transposeB: true, bias: true, f16: ['a', 'b', 'residual', 'y'] }),
    matmulCall(random, 19, 37, 41, { f16: ['a', 'b', 'bias', 'residual', 'y'] }),
    matmulCall(random, 20, 36, 44, { transposeA: true, f16: ['a', 'b', 'bias', 'residual'] }),
    matmulCall(random, 9, 40, 21, { quantized: true, f16: ['a', 'bias', 'residual', 'y'] }),
    matmulCall(random, 9, 40, 21, { grouped: true, f16: ['a', 'bias', 'residual', 'y'] }),
  ],
  benchmark: (random) => [
    matmulCall(random, 512, 512, 512),
    matmulCall(random, 1024, 1024, 1024),
    matmulCall(random, 512, 512, 512, { transposeB: true }),
    matmulCall(random, 256, 640, 1706, { transposeB: true, bias: true }),
    matmulCall(random, 256, 640, 1706, { quantized: true, bias: true }),
    matmulCall(random, 256, 640, 1706, { grouped: true, bias: true }),
    matmulCall(random, 256, 640, 1707, { transposeB: true, bias: true }),
    matmulCall(random, 256, 1707, 640, { transposeB: true }),
    matmulCall(random, 256, 1706, 640),
    matmulCall(random, 1706, 256, 640, { transposeA: true }),
  ],
  reference: (call) => {
    const [rows, inner, cols, depth] = [
      uniform(call, 'rows'),
      uniform(call, 'inner'),
      uniform(call, 'cols'),
      uniform(call, 'depth'),
    ];
    const {
      transposeA,
      transposeB,
      quantized,
      grouped,
      bias: addsBias,
      residual: addsResidual,
    } = call.variant as unknown as Required<Options>;
    const [a, bias, residual] = [floats(call, 'a'), floats(call, 'bias'), floats(call, 'residual')];
    const b = grouped
      ? ungroupedMatrix(integers(call, 'b'), cols, inner)
      : quantized
        ? dequantizedMatrix(integers(call, 'b'), cols, inner)
        : floats(call, 'b');
    const y = new Float64Array(call.outputs['y']!);
    for (let first = 0, at = 0; first < inner; first += depth) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++, at++) {
          let sum = (addsBias ? bias[c]! : 0) + (addsResidual ? residual[r * cols + c]! : 0);
          for (let k = first; k < Math.min(inner, first + depth); k++)
            sum += a[transposeA ? k * rows + r : r * inner + k]! * b[transposeB ? c * inner + k : k * cols + c]!;
          y[at] = sum;
        }
      }
    }
    return { y };
  },
  work: (call) => {
    const [rows, inner, cols] = [uniform(call, 'rows'), uniform(call, 'inner'), uniform(call, 'cols')];
    return { flops: 2 * rows * inner * cols, bytes: 4 * (rows * inner + call.inputs['b']!.length + rows * cols) };
  },
  tolerance: 1e-5,
};
