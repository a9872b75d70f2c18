/**
 * Many products of matrices of one size, y[n] = A[n]·B[n] (+ bias) (+ residual[n]): the channels of a triangle
 * multiplication, the rows of an outer product. Either operand may be stored transposed, or be the same for all. The
 * body is that of every product (gemm.ts), a matrix along z.
 */
import {
  gemmBody,
  gemmDeclarations,
  gemmDefaults,
  gemmGrid,
  gemmShape,
  gemmSpace,
  gemmWorkgroup,
  type GemmVariant,
} from './gemm.ts';
import type { GemmText } from './gemmText.ts';
import { storedOperand } from './gemmTiles.ts';
import { defineKernel, type ElementType } from './kernel.ts';
import { alongInner, matrixLoaders, type Memory } from './matrixLoaders.ts';

export type BatchedMatmulVariant = GemmVariant & {
  /** A is stored [inner, rows]. */
  transposeA: boolean;
  /** B is stored [cols, inner]. */
  transposeB: boolean;
  /** The dimension along which B is contiguous is a multiple of four, and is read in vectors where that serves. */
  aligned: boolean;
  /** The same of A. */
  alignedA: boolean;
  /** Adds `bias` [cols]. */
  bias: boolean;
  /** Adds `residual` [batches, rows, cols]. */
  residual: boolean;
};

const defaults: BatchedMatmulVariant = {
  ...gemmDefaults,
  transposeA: false,
  transposeB: false,
  aligned: false,
  alignedA: false,
  bias: false,
  residual: false,
};

const text = (variant: BatchedMatmulVariant): GemmText => ({
  rows: 'u.rows',
  cols: 'u.cols',
  first: '0u',
  end: 'u.inner',
  along: alongInner(variant) ? 'inner' : 'cols',
  a: storedOperand('A', {
    buffer: 'a',
    offset: 'batchA',
    contiguous: variant.transposeA ? 'outer' : 'inner',
    inner: 'u.inner',
    outer: 'u.rows',
    aligned: variant.alignedA,
  }),
  b: storedOperand('B', {
    buffer: 'b',
    offset: 'batchB',
    contiguous: variant.transposeB ? 'inner' : 'outer',
    inner: 'u.inner',
    outer: 'u.cols',
    aligned: variant.aligned,
  }),
});

/** The matrix of a buffer that begins at element `base`. */
const from = (buffer: string, base: string): Memory => ({
  element: (index) => `${buffer}[${base} + ${index}]`,
  vector: (index) => `${buffer}[${base} / 4u + ${index}]`,
});

/**
 * y[n, rows, cols] = A[n] · B[n] (+ bias) (+ residual[n]); strideA and strideB are the elements from one matrix to the
 * next, 0 where all have the same.
 */
export const batchedMatmul = defineKernel({
  name: 'batchedMatmul',
  inputs: { a: 'f32', b: 'f32', bias: 'f32', residual: 'f32' },
  optional: ['bias', 'residual'],
  outputs: { y: 'f32' },
  uniforms: { batches: 'u32', rows: 'u32', inner: 'u32', cols: 'u32', strideA: 'u32', strideB: 'u32' },
  variant: defaults,
  derived: ({ rows, inner, cols }, { transposeA, transposeB }) => ({
    aligned: (transposeB ? inner : cols) % 4 === 0,
    alignedA: (transposeA ? rows : inner) % 4 === 0,
  }),
  elements: (variant): Record<string, ElementType> => {
    const [tiles, inner] = [variant.algorithm === 'tiled', alongInner(variant)];
    return {
      ...((tiles ? variant.alignedA : variant.aligned && inner) ? { a: 'vec4f' } : {}),
      ...(variant.aligned && (tiles || inner || !variant.transposeB) ? { b: 'vec4f' } : {}),
    };
  },
  workgroup: gemmWorkgroup,
  grid: ({ batches, rows, cols }, variant) =>
    gemmGrid(rows, cols, variant, batches, alongInner(variant) ? 'inner' : 'cols'),
  subgroups: ({ algorithm }) => algorithm === 'subgroup',
  tuning: {
    space: gemmSpace,
    shape: ({ rows, inner, cols }, { transposeA, transposeB }) =>
      `${gemmShape(rows, inner, cols)} ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`,
  },
  declarations: (variant) => /* wgsl */ `
${gemmDeclarations(variant, text(variant))}
var<private> batchA: u32;
var<private> batchB: u32;
var<private> batchY: u32;
${variant.algorithm === 'tiled' ? '' : matrixLoaders(variant, from('a', 'batchA'), from('b', 'batchB'))}
fn store(row: u32, col: u32, value: f32) {
  let at = batchY + row * u.cols + col;
  y[at] = value${variant.bias ? ' + bias[col]' : ''}${variant.residual ? ' + residual[at]' : ''};
}`,
  body: (variant) => /* wgsl */ `
  batchA = wid.z * u.strideA;
  batchB = wid.z * u.strideB;
  batchY = wid.z * u.rows * u.cols;
${gemmBody(variant, text(variant))}`,
});
