/**
 * The frame of kernels that reduce along rows, in two forms: one invocation a
 * row (`lanes` 1, for software drivers, where barriers are dear), or one
 * workgroup a row with a tree sum in workgroup memory.
 */
import { flatGrid, FLAT_SIZE, octave, type AdapterTraits, type Grid } from './kernel.ts';

export type RowVariant = {
  /** Invocations that share a row: 1, or a power of two. */
  lanes: number;
};

export const rowwise = {
  workgroup: ({ lanes }: RowVariant): Grid => [lanes === 1 ? FLAT_SIZE : lanes, 1, 1],
  grid: ({ rows }: { readonly rows: number }, { lanes }: RowVariant): Grid => flatGrid(rows, lanes === 1 ? FLAT_SIZE : 1),
  tuning: {
    space: (traits: AdapterTraits): RowVariant[] => (traits.class === 'cpu' ? [1, 8, 32] : [1, 32, 64, 128, 256]).map((lanes) => ({ lanes })),
    shape: ({ rows, cols }: { readonly rows: number; readonly cols: number }): string => `${octave(rows, 64, 16384)}x${octave(cols, 16, 4096)}`,
  },
};

/** `rowSum(value)`: the sum over the lanes of a row, the same in each of them. */
export function rowDeclarations({ lanes }: RowVariant): string {
  if (lanes === 1) return /* wgsl */ `fn rowSum(value: f32, lane: u32) -> f32 { return value; }`;
  return /* wgsl */ `
var<workgroup> partial: array<f32, ${lanes}>;
fn rowSum(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  partial[lane] = value;
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  workgroupBarrier();
  return partial[0];
}`;
}

/** First lines of the body: `row`, its offset `base`, and the loop bounds of `columns`. Returns beyond the last row. */
export function rowHead({ lanes }: RowVariant): string {
  const row = lanes === 1 ? `(wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane` : 'wid.y * groups.x + wid.x';
  return /* wgsl */ `
  let row = ${row};
  if (row >= u.rows) { return; }
  let base = row * u.cols;`;
}

/** A loop over this lane's columns of the row: `columns(variant, 'sum += x[base + c];')`. */
export function columns({ lanes }: RowVariant, statement: string): string {
  const [first, step] = lanes === 1 ? ['0u', '1u'] : ['lane', `${lanes}u`];
  return `for (var c = ${first}; c < u.cols; c += ${step}) { ${statement} }`;
}
