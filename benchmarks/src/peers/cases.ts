/**
 * The work that all libraries are asked to do: sizes, inputs (the same numbers
 * in every process, from the case's name), the least work, and under which
 * names and shapes results come back. Layouts are those of PyTorch; a library
 * that likes another lays its resident copies out so, once.
 */
import { RandomStream } from '@rna/kernels';
import type { Work } from '../rows.ts';

export interface BlockSizes {
  readonly tokens: number;
  readonly dim: number;
  readonly heads: number;
  readonly layers: number;
}

export type PeerCase = { readonly name: string } &
  /** y = a·b. */
  (
    | { readonly op: 'matmul'; readonly rows: number; readonly inner: number; readonly cols: number }
    /** y = x·weightᵀ + bias. */
    | { readonly op: 'linear'; readonly rows: number; readonly inner: number; readonly cols: number }
    /** Over the last dimension. */
    | { readonly op: 'softmax' | 'layerNorm'; readonly rows: number; readonly cols: number }
    /** softmax(q·kᵀ / √headDim)·v of each head, in both directions, without positions. */
    | { readonly op: 'attention'; readonly heads: number; readonly tokens: number; readonly headDim: number }
    /**
     * Blocks of x + out(attention(qkv(rmsNorm(x)))), then x + down(gelu(up(rmsNorm(x)))), MLP of 4·dim, no biases.
     * With `gradients`, also d mean(y²) / d weight of every weight.
     */
    | ({ readonly op: 'block'; readonly gradients: boolean } & BlockSizes)
  );

/** Values by name; shapes are in `shapesOf` and `outputShapes`. */
export type Arrays = Readonly<Record<string, Float32Array>>;
export type Shapes = Readonly<Record<string, readonly number[]>>;

export const NORM_EPS = 1e-5;

const block: BlockSizes = { tokens: 256, dim: 256, heads: 4, layers: 2 };

export const PEER_CASES: readonly PeerCase[] = [
  { name: 'matmul 512', op: 'matmul', rows: 512, inner: 512, cols: 512 },
  { name: 'matmul 1024', op: 'matmul', rows: 1024, inner: 1024, cols: 1024 },
  { name: 'linear 256x640x1706', op: 'linear', rows: 256, inner: 640, cols: 1706 },
  { name: 'linear 256x640x1707', op: 'linear', rows: 256, inner: 640, cols: 1707 },
  { name: 'softmax 1024x1024', op: 'softmax', rows: 1024, cols: 1024 },
  { name: 'layerNorm 1024x1024', op: 'layerNorm', rows: 1024, cols: 1024 },
  { name: 'attention 8x512x64', op: 'attention', heads: 8, tokens: 512, headDim: 64 },
  { name: 'block forward', op: 'block', gradients: false, ...block },
  { name: 'block forward+backward', op: 'block', gradients: true, ...block },
];

/** Weights of a block's layers, in the order of the forward pass; linear ones are [out, in]. */
export function blockWeights({ dim, layers }: BlockSizes): Shapes {
  return Object.fromEntries(
    Array.from({ length: layers }, (_, layer) =>
      Object.entries({
        norm1: [dim],
        qkv: [3 * dim, dim],
        out: [dim, dim],
        norm2: [dim],
        up: [4 * dim, dim],
        down: [dim, 4 * dim],
      }).map(([name, shape]): [string, readonly number[]] => [`${name}.${layer}`, shape]),
    ).flat(),
  );
}

export function shapesOf(peerCase: PeerCase): Shapes {
  switch (peerCase.op) {
    case 'matmul':
      return { a: [peerCase.rows, peerCase.inner], b: [peerCase.inner, peerCase.cols] };
    case 'linear':
      return { x: [peerCase.rows, peerCase.inner], weight: [peerCase.cols, peerCase.inner], bias: [peerCase.cols] };
    case 'softmax':
      return { x: [peerCase.rows, peerCase.cols] };
    case 'layerNorm':
      return { x: [peerCase.rows, peerCase.cols], weight: [peerCase.cols], bias: [peerCase.cols] };
    case 'attention': {
      const shape = [peerCase.heads, peerCase.tokens, peerCase.headDim];
      return { q: shape, k: shape, v: shape };
    }
    case 'block':
      return { x: [peerCase.tokens, peerCase.dim], ...blockWeights(peerCase) };
  }
}

/** Shapes of the results: `y`, and `d` before the name of every weight where gradients are asked for. */
export function outputShapes(peerCase: PeerCase): Shapes {
  switch (peerCase.op) {
    case 'matmul':
    case 'linear':
      return { y: [peerCase.rows, peerCase.cols] };
    case 'softmax':
    case 'layerNorm':
      return { y: [peerCase.rows, peerCase.cols] };
    case 'attention':
      return { y: [peerCase.heads, peerCase.tokens, peerCase.headDim] };
    case 'block': {
      if (!peerCase.gradients) return { y: [peerCase.tokens, peerCase.dim] };
      return Object.fromEntries(Object.entries(blockWeights(peerCase)).map(([name, shape]) => [`d${name}`, shape]));
    }
  }
}

/** The inputs of a case: standard normal numbers, weights scaled so that values keep their size. */
export function inputsOf(peerCase: PeerCase): Arrays {
  return Object.fromEntries(
    Object.entries(shapesOf(peerCase)).map(([name, shape], i) => {
      const random = new RandomStream(31, i);
      const isNorm = name.startsWith('norm');
      const scale = shape.length === 2 && name !== 'x' && peerCase.op !== 'matmul' ? 1 / Math.sqrt(shape[1]!) : 1;
      const values = Float32Array.from({ length: shape.reduce((product, extent) => product * extent, 1) }, () =>
        isNorm ? 1 + 0.1 * random.normal() : scale * random.normal(),
      );
      return [name, values];
    }),
  );
}

/** Floating-point operations that the results need; for blocks and attention those of the products. */
export function workOfPeerCase(peerCase: PeerCase): Work {
  switch (peerCase.op) {
    case 'matmul':
    case 'linear':
      return { flops: 2 * peerCase.rows * peerCase.inner * peerCase.cols };
    case 'softmax':
      return { flops: 4 * peerCase.rows * peerCase.cols, bytes: 8 * peerCase.rows * peerCase.cols };
    case 'layerNorm':
      return { flops: 8 * peerCase.rows * peerCase.cols, bytes: 8 * peerCase.rows * peerCase.cols };
    case 'attention':
      return { flops: 4 * peerCase.heads * peerCase.tokens ** 2 * peerCase.headDim };
    case 'block': {
      const { tokens, dim, layers, gradients } = peerCase;
      return { flops: (gradients ? 3 : 1) * layers * (2 * tokens * 12 * dim ** 2 + 4 * tokens ** 2 * dim) };
    }
  }
}

/** `matrix` [rows, cols] stored the other way round: for libraries that multiply by [in, out]. */
export function transposed(matrix: Float32Array, rows: number, cols: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) result[c * rows + r] = matrix[r * cols + c]!;
  return result;
}
