/**
 * Matrix product, y = A·B + bias with A [rows, inner] (or stored transposed,
 * [inner, rows]), and the packing of B into vec4 columns that it reads.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';
import { gemmBody, gemmDeclarations, gemmDefaults, gemmGrid, gemmWorkgroup, type GemmText, type GemmVariant } from './gemm.ts';

export type MatmulVariant = GemmVariant & {
  /** A is stored [inner, rows]. */
  transposeA: boolean;
  /** Adds `bias` [cols]; otherwise that binding is not read and may be any buffer. */
  bias: boolean;
};

const defaults: MatmulVariant = { ...gemmDefaults, transposeA: false, bias: false };

const sizes = ({ bias }: MatmulVariant): GemmText =>
  ({ rows: 'u.rows', inner: 'u.inner', cols: 'u.cols', epilogue: bias ? 'value + bias[col]' : 'value' });

/** y[rows, cols] = A · B (+ bias); b is [inner, ⌈cols/4⌉] vectors. */
export const matmul = defineKernel({
  name: 'matmul',
  inputs: { a: 'f32', b: 'vec4f', bias: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { rows: 'u32', inner: 'u32', cols: 'u32' },
  variant: defaults,
  workgroup: gemmWorkgroup,
  grid: ({ rows, cols }, variant) => gemmGrid(rows, cols, variant),
  subgroups: ({ algorithm }) => algorithm === 'subgroup',
  declarations: (variant) => /* wgsl */ `
${gemmDeclarations(variant, sizes(variant))}
fn loadA(row: u32, k: u32) -> f32 {
  return a[${variant.transposeA ? 'k * u.rows + row' : 'row * u.inner + k'}];
}`,
  body: (variant) => gemmBody(variant, sizes(variant)),
});

const asStored: { transpose: boolean } = { transpose: false };

/** y[k, c] = b[k, c], or b[c, k] where b is stored [cols, inner]; columns are padded with zeros to a multiple of four. */
export const packColumns = defineKernel({
  name: 'packColumns',
  inputs: { b: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', inner: 'u32', cols: 'u32' },
  variant: asStored,
  ...elementwise,
  body: ({ transpose }) => /* wgsl */ `${flatIndex}
  let width = (u.cols + 3u) / 4u * 4u;
  let k = i / width;
  let c = i % width;
  y[i] = select(0.0, b[${transpose ? 'min(c, u.cols - 1u) * u.inner + k' : 'k * u.cols + min(c, u.cols - 1u)'}], c < u.cols);`,
});
