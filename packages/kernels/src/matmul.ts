/**
 * Matrix product, y = A·B (+ bias) (+ residual), with A [rows, inner] and B
 * [inner, cols] or either of them stored transposed. The inner index may be taken
 * in parts (split-K), each of which gives a y of its own, to be summed in order.
 */
import { gemmBody, gemmDeclarations, gemmDefaults, gemmGrid, gemmShape, gemmSpace, gemmWorkgroup, type GemmText, type GemmVariant } from './gemm.ts';
import { defineKernel, type ElementType } from './kernel.ts';

export type MatmulVariant = GemmVariant & {
  /** A is stored [inner, rows]. */
  transposeA: boolean;
  /** B is stored [cols, inner]. */
  transposeB: boolean;
  /** The dimension along which B is contiguous is a multiple of four, and is read in vectors where that serves. */
  aligned: boolean;
  /** Adds `bias` [cols]; otherwise that binding is not read and may be any buffer. */
  bias: boolean;
  /** Adds `residual` [rows, cols]; otherwise that binding is not read and may be any buffer. */
  residual: boolean;
};

const defaults: MatmulVariant = { ...gemmDefaults, transposeA: false, transposeB: false, aligned: false, bias: false, residual: false };

/** Both operands are contiguous along the inner index. */
const alongInner = ({ transposeA, transposeB }: MatmulVariant): boolean => transposeB && !transposeA;

const text = (variant: MatmulVariant): GemmText => ({
  rows: 'u.rows', cols: 'u.cols', first: 'wid.z * u.depth', end: 'min(u.inner, first + u.depth)',
  along: alongInner(variant) ? 'inner' : 'cols',
  contiguous: { a: variant.transposeA ? 'rows' : 'inner', b: variant.transposeB ? 'inner' : 'cols' },
});

function loads({ transposeA, transposeB, aligned, algorithm }: MatmulVariant): string {
  const inVectors = aligned && transposeB && !transposeA;
  const four = (element: (e: number) => string): string => `vec4f(${[0, 1, 2, 3].map(element).join(', ')})`;
  const scalarA = inVectors ? 'a[row * (u.inner / 4u) + k / 4u][k % 4u]' : transposeA ? 'a[k * u.rows + row]' : 'a[row * u.inner + k]';
  const col = (e: number): string => `min(4u * vector + ${e}u, u.cols - 1u)`;
  const vectorB = transposeB
    ? four((e) => (inVectors ? `b[${col(e)} * (u.inner / 4u) + k / 4u][k % 4u]` : `b[${col(e)} * u.inner + k]`))
    : aligned ? 'b[k * (u.cols / 4u) + vector]' : four((e) => `b[k * u.cols + ${col(e)}]`);
  const k = (e: number): string => `min(4u * k4 + ${e}u, u.inner - 1u)`;
  const innerLoads = inVectors
    ? /* wgsl */ `
fn loadA4(row: u32, k4: u32) -> vec4f { return a[row * (u.inner / 4u) + k4]; }
fn loadB4(col: u32, k4: u32) -> vec4f { return b[col * (u.inner / 4u) + k4]; }`
    : /* wgsl */ `
fn loadA4(row: u32, k4: u32) -> vec4f {
  return select(vec4f(), ${four((e) => `a[row * u.inner + ${k(e)}]`)}, vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) < vec4u(u.inner));
}
fn loadB4(col: u32, k4: u32) -> vec4f { return ${four((e) => `b[col * u.inner + ${k(e)}]`)}; }`;
  return transposeB && !transposeA && algorithm !== 'tiled' ? innerLoads : /* wgsl */ `
fn loadA(row: u32, k: u32) -> f32 { return ${scalarA}; }
fn loadB(k: u32, vector: u32) -> vec4f { return ${vectorB}; }`;
}

/** y[part, rows, cols] = A · B over the part's `depth` of the inner index, a multiple of four (+ bias) (+ residual). */
export const matmul = defineKernel({
  name: 'matmul',
  inputs: { a: 'f32', b: 'f32', bias: 'f32', residual: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { rows: 'u32', inner: 'u32', cols: 'u32', depth: 'u32' },
  variant: defaults,
  elements: (variant): Record<string, ElementType> => (!variant.aligned ? {}
    : alongInner(variant) ? { a: 'vec4f', b: 'vec4f' }
      : variant.transposeB ? {} : { b: 'vec4f' }),
  workgroup: gemmWorkgroup,
  grid: ({ rows, inner, cols, depth }, variant) => gemmGrid(rows, cols, variant, Math.ceil(inner / depth), alongInner(variant) ? 'inner' : 'cols'),
  subgroups: ({ algorithm }) => algorithm === 'subgroup',
  tuning: {
    space: gemmSpace,
    // How an operand is stored decides how it is read, which another tile may suit.
    shape: ({ rows, inner, cols }, { transposeA, transposeB }) => `${gemmShape(rows, inner, cols)} ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`,
  },
  declarations: (variant) => /* wgsl */ `
${gemmDeclarations(variant)}
${loads(variant)}
var<private> part: u32;
fn store(row: u32, col: u32, value: f32) {
  y[(part * u.rows + row) * u.cols + col] = value${variant.bias ? ' + bias[col]' : ''}${variant.residual ? ' + residual[row * u.cols + col]' : ''};
}`,
  body: (variant) => /* wgsl */ `
  part = wid.z;
${gemmBody(variant, text(variant))}`,
});
