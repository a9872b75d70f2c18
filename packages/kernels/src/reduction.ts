/**
 * Sums over rows, in a fixed order and in parallel chunks (bias gradients,
 * parameter gradients of norms), and the frame that such kernels share: an
 * invocation takes a column, or four, of a chunk of rows.
 */
import { defineKernel, flatGrid, FLAT_SIZE, type ElementType, type Grid } from './kernel.ts';

export type ColumnVariant = {
  /** `cols` is a multiple of four: an invocation takes four columns. */
  aligned: boolean;
};

/** The element types of buffers that are [rows, cols] or [chunks, cols]. */
export const inColumns =
  (...names: readonly string[]) =>
  ({ aligned }: ColumnVariant): Readonly<Record<string, ElementType>> =>
    aligned ? Object.fromEntries(names.map((name) => [name, 'vec4f'])) : {};

const width = (cols: number, aligned: boolean): number => (aligned ? cols / 4 : cols);

/** Workgroups, and `Part`: what an invocation takes of a row. */
export const chunkedColumns = {
  derived: ({ cols }: { readonly cols: number }): ColumnVariant => ({ aligned: cols % 4 === 0 }),
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: (
    { rows, cols, chunkRows }: { readonly rows: number; readonly cols: number; readonly chunkRows: number },
    { aligned }: ColumnVariant,
  ): Grid => flatGrid(Math.ceil(rows / chunkRows) * width(cols, aligned), FLAT_SIZE),
  declarations: ({ aligned }: ColumnVariant): string => `alias Part = ${aligned ? 'vec4f' : 'f32'};`,
};

/** First lines of the body: `parts` of a row, this invocation's `chunk` and part `c`, the chunk's `end` row. */
export const columnHead = ({ aligned }: ColumnVariant): string => /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  let parts = u.cols${aligned ? ' / 4u' : ''};
  let chunk = i / parts;
  let c = i % parts;
  if (chunk * u.chunkRows >= u.rows) { return; }
  let end = min(u.rows, (chunk + 1u) * u.chunkRows);`;

const wholeColumns: ColumnVariant = { aligned: false };

/**
 * y[chunk, c] = Σ x[r, c] over the rows of a chunk. Two calls, the second with one chunk over the first's
 * output, sum a tall matrix in parallel.
 */
export const columnSum = defineKernel({
  name: 'columnSum',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { rows: 'u32', cols: 'u32', chunkRows: 'u32' },
  variant: wholeColumns,
  halves: ['x', 'y'],
  elements: inColumns('x', 'y'),
  ...chunkedColumns,
  body: (v) => /* wgsl */ `${columnHead(v)}
  var sum = Part();
  for (var row = chunk * u.chunkRows; row < end; row++) { sum += Part(x[row * parts + c]); }
  y[i] = y_t(sum);`,
});
