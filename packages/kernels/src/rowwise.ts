/**
 * The frame of kernels that reduce along rows, in two forms: one invocation a
 * row (`lanes` 1, for software drivers, where barriers are dear), or one
 * workgroup a row with a tree sum in workgroup memory.
 */
import { flatGrid, FLAT_SIZE, octave, type AdapterTraits, type ElementType, type Grid } from './kernel.ts';

export type RowVariant = {
  /** Invocations that share a row: 1, or a power of two. */
  lanes: number;
  /** `cols` is a multiple of four: rows are read in vectors. */
  aligned: boolean;
};

/** The element types of buffers that are [rows, cols] or [cols]. */
export const inRows =
  (...names: readonly string[]) =>
  ({ aligned }: RowVariant): Readonly<Record<string, ElementType>> =>
    aligned ? Object.fromEntries(names.map((name) => [name, 'vec4f'])) : {};

export const rowwise = {
  derived: ({ cols }: { readonly cols: number }): Pick<RowVariant, 'aligned'> => ({ aligned: cols % 4 === 0 }),
  workgroup: ({ lanes }: RowVariant): Grid => [lanes === 1 ? FLAT_SIZE : lanes, 1, 1],
  grid: ({ rows }: { readonly rows: number }, { lanes }: RowVariant): Grid =>
    flatGrid(rows, lanes === 1 ? FLAT_SIZE : 1),
  tuning: {
    space: (traits: AdapterTraits): Pick<RowVariant, 'lanes'>[] =>
      (traits.class === 'cpu' ? [1, 8, 32] : [1, 32, 64, 128, 256]).map((lanes) => ({ lanes })),
    shape: ({ rows, cols }: { readonly rows: number; readonly cols: number }): string =>
      `${octave(rows, 64, 16384)}x${octave(cols, 16, 4096)}`,
  },
};

/**
 * `Part`: what a row is read in, a vector or an element; `rowSum(value)`: the sum over a row of which each lane
 * has a part, the same in each of them.
 */
export function rowDeclarations({ lanes, aligned }: RowVariant): string {
  const part = aligned
    ? 'alias Part = vec4f; fn total(value: Part) -> f32 { return (value.x + value.y) + (value.z + value.w); }'
    : 'alias Part = f32; fn total(value: Part) -> f32 { return value; }';
  if (lanes === 1)
    return /* wgsl */ `${part}
fn rowSum(value: Part, lane: u32) -> f32 { return total(value); }`;
  return /* wgsl */ `${part}
var<workgroup> partial: array<f32, ${lanes}>;
fn rowSum(value: Part, lane: u32) -> f32 {
  workgroupBarrier();
  partial[lane] = total(value);
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  workgroupBarrier();
  return partial[0];
}`;
}

/** `rowMax(value)`: the largest element of a row of which each lane has a part; follows `rowDeclarations`. */
export function rowMaxDeclarations({ lanes, aligned }: RowVariant): string {
  const own = aligned ? 'max(max(value.x, value.y), max(value.z, value.w))' : 'value';
  if (lanes === 1) return `fn rowMax(value: Part, lane: u32) -> f32 { return ${own}; }`;
  return /* wgsl */ `
fn rowMax(value: Part, lane: u32) -> f32 {
  workgroupBarrier();
  partial[lane] = ${own};
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
  }
  workgroupBarrier();
  return partial[0];
}`;
}

/** First lines of the body: `row`, its parts' number `parts`, its offset `base`. Returns beyond the last row. */
export function rowHead({ lanes, aligned }: RowVariant): string {
  const row = lanes === 1 ? `(wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane` : 'wid.y * groups.x + wid.x';
  return /* wgsl */ `
  let row = ${row};
  if (row >= u.rows) { return; }
  let parts = u.cols${aligned ? ' / 4u' : ''};
  let base = row * parts;`;
}

/** A loop over this lane's parts of the row: `columns(variant, 'sum += x[base + c];')`. */
export function columns({ lanes }: RowVariant, statement: string): string {
  const [first, step] = lanes === 1 ? ['0u', '1u'] : ['lane', `${lanes}u`];
  return `for (var c = ${first}; c < parts; c += ${step}) { ${statement} }`;
}
