/**
 * How threads read the operands of a product (gemmThreads.ts), one loader for each way in which a matrix is stored:
 *
 *     loadA4(row, k4)   A(row, 4·k4 … 4·k4 + 3), zero beyond the last inner index
 *     loadB(k, vector)  B(k, 4·vector … 4·vector + 3), of which those beyond the last column are not used
 *     loadB4(col, k4)   B(4·k4 … 4·k4 + 3, col), anything beyond the last inner index, where A is zero
 *
 * Sizes are uniforms, `u.rows`, `u.inner` and `u.cols`. Rows of an A are those of y, columns of a B its columns;
 * *in rows* means stored row by row, so that A lies along the inner index, and B along its columns.
 */
import { four } from './text.ts';

/** WGSL of the element, or of the vector of four, at an index of a buffer. */
export interface Memory {
  readonly element: (index: string) => string;
  readonly vector: (index: string) => string;
}

/** `loadA4` from four calls of `loadA`, where A has no vectors to read; `end` is one beyond the last inner index. */
export const gatherA4 = (end: string): string => /* wgsl */ `
fn loadA4(row: u32, k4: u32) -> vec4f {
  let last = ${end} - 1u;
  return select(vec4f(), ${four((e) => `loadA(row, min(4u * k4 + ${e}u, last))`)}, vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) <= vec4u(last));
}`;

/** The column of B that is component `e` of a vector, or the last one. */
const column = (e: number): string => `min(4u * vector + ${e}u, u.cols - 1u)`;

/** `loadA4`, by the way in which A is stored. */
export const leftLoaders = {
  rows: ({ element }: Memory): string =>
    `fn loadA(row: u32, k: u32) -> f32 { return ${element('row * u.inner + k')}; }${gatherA4('u.inner')}`,
  /** In rows of whole vectors. */
  rowVectors: ({ vector }: Memory): string =>
    `fn loadA4(row: u32, k4: u32) -> vec4f { return ${vector('row * (u.inner / 4u) + k4')}; }`,
  columns: ({ element }: Memory): string =>
    `fn loadA(row: u32, k: u32) -> f32 { return ${element('k * u.rows + row')}; }${gatherA4('u.inner')}`,
};

const loadB = (value: string): string => `fn loadB(k: u32, vector: u32) -> vec4f { return ${value}; }`;
const loadB4 = (value: string): string => `fn loadB4(col: u32, k4: u32) -> vec4f { return ${value}; }`;

/** `loadB`, by the way in which B is stored. */
export const rightLoaders = {
  rows: ({ element }: Memory): string => loadB(four((e) => element(`k * u.cols + ${column(e)}`))),
  /** In rows of whole vectors. */
  rowVectors: ({ vector }: Memory): string => loadB(vector('k * (u.cols / 4u) + vector')),
  columns: ({ element }: Memory): string => loadB(four((e) => element(`${column(e)} * u.inner + k`))),
};

/** `loadB4`, by the way in which B is stored. */
export const innerLoaders = {
  columns: ({ element }: Memory): string =>
    loadB4(four((e) => element(`col * u.inner + min(4u * k4 + ${e}u, u.inner - 1u)`))),
  /** In columns of whole vectors. */
  columnVectors: ({ vector }: Memory): string => loadB4(vector('col * (u.inner / 4u) + k4')),
};

/** A B that is stored column by column in some packed form, which gives four values at once. */
export interface PackedForm {
  /** Words of a column. */
  readonly words: string;
  /** Four values, from the word at which their column begins and their index among the column's fours. */
  readonly four: (column: string, k4: string) => string;
  /** What is stored, from the sum `value` of the column `col`. */
  readonly scaled: string;
  /** Functions that `four` calls. */
  readonly functions: string;
}

export const packedLoaders = {
  loadB: (form: PackedForm): string =>
    loadB(four((e) => `${form.four(`${column(e)} * ${form.words}`, 'k / 4u')}[k % 4u]`)),
  loadB4: (form: PackedForm): string => loadB4(form.four(`col * ${form.words}`, 'k4')),
};

/** How the operands of a product of matrices are stored. */
interface Storage {
  /** A is stored [inner, rows]. */
  readonly transposeA: boolean;
  /** B is stored [cols, inner]. */
  readonly transposeB: boolean;
  /** The dimension along which B is contiguous is a multiple of four. */
  readonly aligned: boolean;
}

/** Both operands are contiguous along the inner index. */
export const alongInner = ({ transposeA, transposeB }: Storage): boolean => transposeB && !transposeA;

/** The loaders of a product: `loadA4`, and `loadB4` where both lie along the inner index, else `loadB`. */
export function matrixLoaders(storage: Storage, a: Memory, b: Memory, packed?: PackedForm): string {
  const { transposeA, transposeB, aligned } = storage;
  const inner = alongInner(storage);
  const left = leftLoaders[transposeA ? 'columns' : aligned && inner ? 'rowVectors' : 'rows'](a);
  const right =
    packed !== undefined
      ? packedLoaders[inner ? 'loadB4' : 'loadB'](packed)
      : inner
        ? innerLoaders[aligned ? 'columnVectors' : 'columns'](b)
        : rightLoaders[transposeB ? 'columns' : aligned ? 'rowVectors' : 'rows'](b);
  return /* wgsl */ `${packed?.functions ?? ''}
${left}
${right}`;
}
