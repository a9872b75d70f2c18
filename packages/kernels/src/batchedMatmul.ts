/**
 * Many products of matrices of one size, y[n] = A[n]·B[n] (+ bias) (+ residual[n]): the channels of a triangle
 * multiplication, the rows of an outer product. Either operand may be stored transposed, or be the same for all. The
 * body is that of every product (gemm.ts), a matrix along z.
 */
import {
  gatherA4,
  gemmBody,
  gemmDeclarations,
  gemmDefaults,
  gemmGrid,
  gemmShape,
  gemmSpace,
  gemmWorkgroup,
  type GemmText,
  type GemmVariant,
} from './gemm.ts';
import { storedOperand } from './gemmTiles.ts';
import { defineKernel, type ElementType } from './kernel.ts';
import { four } from './text.ts';

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

/** Both operands are contiguous along the inner index. */
const alongInner = ({ transposeA, transposeB }: BatchedMatmulVariant): boolean => transposeB && !transposeA;

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

function loads(variant: BatchedMatmulVariant): string {
  const { transposeA, transposeB, aligned } = variant;
  const inner = alongInner(variant);
  const vectors = aligned && inner;
  const scalarA = vectors
    ? 'a[batchA / 4u + row * (u.inner / 4u) + k / 4u][k % 4u]'
    : transposeA
      ? 'a[batchA + k * u.rows + row]'
      : 'a[batchA + row * u.inner + k]';
  const col = (e: number): string => `min(4u * vector + ${e}u, u.cols - 1u)`;
  const vectorB = transposeB
    ? four((e) =>
        vectors
          ? `b[batchB / 4u + ${col(e)} * (u.inner / 4u) + k / 4u][k % 4u]`
          : `b[batchB + ${col(e)} * u.inner + k]`,
      )
    : aligned
      ? 'b[batchB / 4u + k * (u.cols / 4u) + vector]'
      : four((e) => `b[batchB + k * u.cols + ${col(e)}]`);
  const loadA = `fn loadA(row: u32, k: u32) -> f32 { return ${scalarA}; }`;
  const loadB = `fn loadB(k: u32, vector: u32) -> vec4f { return ${vectorB}; }`;
  // A is zero beyond the last inner index, so any element of B will do there.
  const vectorB4 = vectors
    ? 'b[batchB / 4u + col * (u.inner / 4u) + k4]'
    : four((e) => `b[batchB + col * u.inner + min(4u * k4 + ${e}u, u.inner - 1u)]`);
  return /* wgsl */ `
${vectors ? 'fn loadA4(row: u32, k4: u32) -> vec4f { return a[batchA / 4u + row * (u.inner / 4u) + k4]; }' : loadA + gatherA4('u.inner')}
${inner ? `fn loadB4(col: u32, k4: u32) -> vec4f { return ${vectorB4}; }` : loadB}`;
}

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
${variant.algorithm === 'tiled' ? '' : loads(variant)}
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
