/** Checks of the embedding. */
import { floats, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { embedding, embeddingBackward } from './embedding.ts';
import type { RandomStream } from './random.ts';

const VOCABULARY = 22;
const SIZES = [
  [1, 1],
  [7, 5],
  [100, 64],
] as const;

function inputs(random: RandomStream, rows: number, cols: number): Call['inputs'] {
  return {
    tokens: Uint32Array.from({ length: rows }, () => random.below(VOCABULARY)),
    factor: normals(random, rows),
    weight: normals(random, VOCABULARY * cols),
    dy: normals(random, rows * cols),
  };
}

const forwardCall = (random: RandomStream, rows: number, cols: number): Call => ({
  inputs: inputs(random, rows, cols),
  outputs: { y: rows * cols },
  uniforms: { count: rows * cols, cols },
});

export const embeddingCheck: KernelCheck = {
  kernel: embedding,
  calls: (random) => SIZES.map(([rows, cols]) => forwardCall(random, rows, cols)),
  benchmark: (random) => [forwardCall(random, 1024, 640)],
  reference: (call) => {
    const [cols, tokens, factor, weight] = [
      uniform(call, 'cols'),
      integers(call, 'tokens'),
      floats(call, 'factor'),
      floats(call, 'weight'),
    ];
    return {
      y: Float64Array.from({ length: tokens.length * cols }, (_, i) => {
        const t = Math.floor(i / cols);
        return factor[t]! * weight[tokens[t]! * cols + (i % cols)]!;
      }),
    };
  },
  work: (call) => ({ flops: call.outputs['y']!, bytes: 8 * call.outputs['y']! }),
  tolerance: 1e-6,
};

function backwardCall(random: RandomStream, rows: number, cols: number, chunkRows: number): Call {
  const chunks = Math.ceil(rows / chunkRows);
  return {
    inputs: inputs(random, rows, cols),
    outputs: { dweight: chunks * VOCABULARY * cols },
    uniforms: { rows, cols, chunkRows },
  };
}

export const embeddingBackwardCheck: KernelCheck = {
  kernel: embeddingBackward,
  calls: (random) => [backwardCall(random, 1, 1, 1), backwardCall(random, 7, 5, 3), backwardCall(random, 100, 64, 16)],
  benchmark: (random) => [backwardCall(random, 1024, 640, 64)],
  reference: (call) => {
    const [cols, chunkRows] = [uniform(call, 'cols'), uniform(call, 'chunkRows')];
    const [dy, tokens, factor] = [floats(call, 'dy'), integers(call, 'tokens'), floats(call, 'factor')];
    const dweight = new Float64Array(call.outputs['dweight']!);
    dy.forEach((g, i) => {
      const t = Math.floor(i / cols);
      dweight[(Math.floor(t / chunkRows) * VOCABULARY + tokens[t]!) * cols + (i % cols)]! += factor[t]! * g;
    });
    return { dweight };
  },
  work: (call) => ({ flops: 2 * call.inputs['dy']!.length, bytes: 4 * call.inputs['dy']!.length }),
  tolerance: 1e-5,
  gradientOf: embeddingCheck,
  gradientCalls: (random) => [backwardCall(random, 7, 3, 7)],
};
