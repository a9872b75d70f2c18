/** Checks of the learned positions: of single tokens, of sequences of several lengths, and rows that none reads. */
import { floats, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { positionEmbedding, positionEmbeddingBackward } from './positionEmbedding.ts';
import type { RandomStream } from './random.ts';
import { segmentTable } from './segments.ts';

/** Lengths of the sequences, width, and the first row that a token reads. */
const SIZES = [
  [[1], 1, 0],
  [[3, 1, 4], 5, 2],
  [[30, 7, 30], 64, 2],
] as const;

function call(
  random: RandomStream,
  [lengths, cols, first]: readonly [lengths: readonly number[], cols: number, first: number],
  output: 'y' | 'dweight',
): Call {
  const cuSeqlens = Uint32Array.from([0, ...lengths]).map((_, i) => lengths.slice(0, i).reduce((a, b) => a + b, 0));
  const tokens = cuSeqlens.at(-1)!;
  const rows = first + Math.max(...lengths) + 1;
  const count = (output === 'y' ? tokens : rows) * cols;
  return {
    inputs: {
      x: normals(random, tokens * cols),
      weight: normals(random, rows * cols),
      dy: normals(random, tokens * cols),
      segments: segmentTable(cuSeqlens),
    },
    outputs: { [output]: count },
    uniforms: { count, cols, first, ...(output === 'dweight' && { tokens }) },
  };
}

const BENCHMARK = [Array.from({ length: 8 }, () => 128), 640, 2] as const;

/** The row of the table that an element of x is added to, as the index of that row's element. */
function rowElement(each: Call, i: number): number {
  const [cols, first, segments] = [uniform(each, 'cols'), uniform(each, 'first'), integers(each, 'segments')];
  const t = Math.floor(i / cols);
  return (first + t - segments[2 * t]!) * cols + (i % cols);
}

export const positionEmbeddingCheck: KernelCheck = {
  kernel: positionEmbedding,
  calls: (random) => SIZES.map((sizes) => call(random, sizes, 'y')),
  benchmark: (random) => [call(random, BENCHMARK, 'y')],
  reference: (each) => {
    const [x, weight] = [floats(each, 'x'), floats(each, 'weight')];
    return { y: x.map((value, i) => value + weight[rowElement(each, i)]!) };
  },
  work: (each) => ({ flops: each.outputs['y']!, bytes: 12 * each.outputs['y']! }),
  tolerance: 1e-6,
};

export const positionEmbeddingBackwardCheck: KernelCheck = {
  kernel: positionEmbeddingBackward,
  gradientOf: positionEmbeddingCheck,
  calls: (random) => SIZES.map((sizes) => call(random, sizes, 'dweight')),
  benchmark: (random) => [call(random, BENCHMARK, 'dweight')],
  reference: (each) => {
    const dweight = new Float64Array(each.outputs['dweight']!);
    floats(each, 'dy').forEach((g, i) => {
      dweight[rowElement(each, i)]! += g;
    });
    return { dweight };
  },
  work: (each) => ({
    flops: each.inputs['dy']!.length,
    bytes: 4 * (each.inputs['dy']!.length + each.outputs['dweight']!),
  }),
  tolerance: 1e-6,
};
