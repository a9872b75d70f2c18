/**
 * A product without workgroup memory: `register` and `subgroup` among the algorithms of gemm.ts. As plain loops, for
 * each invocation, which sums for some rows and for some vectors of four columns:
 *
 *     for each k4 = first / 4, first / 4 + 1, … below end / 4
 *       a[row] = A(row, 4·k4 … 4·k4 + 3), for each row
 *       b[e][vector] = B(4·k4 + e, columns of the vector), for e in 0..4 and each vector
 *       for each row, vector and e: sum[row][vector] += a[row][e] · b[e][vector]
 *     for each row and column: store(row, column, sum[row][column])
 *
 * With `register` each invocation loads its own rows of A. With `subgroup` all lanes have the same rows; lane l loads
 * that of row l, and hands it to all. On software drivers loads are what limits, and this has the fewest.
 *
 * Where B is contiguous along the inner index (`along: 'inner'`) b has columns in place of vectors, as A has rows:
 * b[col] = B(4·k4 … 4·k4 + 3, col) and sum[row][col] += dot(a[row], b[col]).
 */
import { tileHead, type Along, type GemmText } from './gemmText.ts';
import type { Grid } from './kernel.ts';
import { lines, range } from './text.ts';

export interface ThreadVariant {
  /** `register` or `subgroup`. */
  readonly algorithm: string;
  /** Lanes of the subgroup (`subgroup`). */
  readonly lanes: number;
  /** Rows that a thread keeps. */
  readonly rows: number;
  /** vec4 columns that a thread keeps; along the inner index, pairs of columns. */
  readonly vectors: number;
}

/** Invocations of a `register` workgroup along columns, and along rows. */
const [ACROSS, DOWN] = [8, 4];

/** Vectors of columns, or columns, of an invocation. */
const ownColumns = ({ vectors }: ThreadVariant, along: Along): number => (along === 'inner' ? 2 * vectors : vectors);

/** A workgroup's tile of y. */
export function threadTile(variant: ThreadVariant, along: Along): { rows: number; cols: number } {
  const cols = (along === 'cols' ? 4 : 1) * ownColumns(variant, along);
  return variant.algorithm === 'subgroup'
    ? { rows: variant.rows, cols: cols * variant.lanes }
    : { rows: variant.rows * DOWN, cols: cols * ACROSS };
}

export const threadWorkgroup = ({ algorithm, lanes }: ThreadVariant): Grid =>
  algorithm === 'subgroup' ? [lanes, 1, 1] : [ACROSS, DOWN, 1];

// Names of one row, of one column or vector of columns, or of a sum.
const left = (row: number): string => `a${row}`;
const right = (col: number, e?: number): string => `b${col}${e === undefined ? '' : `_${e}`}`;
const sum = (row: number, col: number): string => `s${row}_${col}`;

/** Rows of A, from `row0` on: where they lie, and `a{row}` at the inner indices `k4`. */
interface Rows {
  readonly places: (row0: string, rows: string) => string;
  readonly load: (k4: string) => string;
}

/** Each invocation loads the row. */
const loadedRows = (count: number): Rows => ({
  places: (row0, rows) => lines(range(count).map((i) => `  let r${i} = min(${row0} + ${i}u, ${rows} - 1u);`)),
  load: (k4) => lines(range(count).map((i) => `    let ${left(i)} = loadA4(r${i}, ${k4});`)),
});

/** Each lane loads one of the rows, or one of each `lanes` rows, and hands it out. */
function handedRows(count: number, lanes: number): Rows {
  const loads = range(Math.ceil(count / lanes));
  return {
    places: (row0, rows) => lines(loads.map((j) => `  let r${j} = min(${row0} + ${j * lanes}u + sid, ${rows} - 1u);`)),
    load: (k4) =>
      lines([
        ...loads.map((j) => `    let m${j} = loadA4(r${j}, ${k4});`),
        ...range(count).map((i) => `    let ${left(i)} = subgroupBroadcast(m${Math.floor(i / lanes)}, ${i % lanes}u);`),
      ]),
  };
}

/** Columns of B, or vectors of them, `lanes` apart from `firstCol` on, and what is summed and stored of them. */
interface Columns {
  /** What a sum begins with. */
  readonly zero: string;
  /** How many there are, from names of the head. */
  readonly limit: string;
  readonly load: (k4: string, end: string) => string;
  readonly product: (row: number, col: number) => string;
  readonly store: (row0: string, rows: string, firstCol: string, cols: string) => string;
}

/** Single columns, along whose inner index B is contiguous. */
const singleColumns = (rowCount: number, count: number, lanes: number): Columns => ({
  zero: '0.0',
  limit: 'cols',
  load: (k4) => lines(range(count).map((j) => `    let ${right(j)} = loadB4(c${j}, ${k4});`)),
  product: (i, j) => `${sum(i, j)} += dot(${left(i)}, ${right(j)});`,
  store: (row0, rows, firstCol, cols) =>
    lines(
      range(count).map(
        (j) => /* wgsl */ `
  if (${firstCol} + ${j * lanes}u < ${cols}) {
${lines(range(rowCount).map((i) => `    if (${row0} + ${i}u < ${rows}) { store(${row0} + ${i}u, ${firstCol} + ${j * lanes}u, ${sum(i, j)}); }`))}
  }`,
      ),
    ),
});

/** Vectors of four columns. */
const vectorColumns = (rowCount: number, count: number, lanes: number): Columns => ({
  zero: 'vec4f()',
  limit: 'colVectors',
  load: (k4, end) =>
    lines(
      range(4).flatMap((e) => [
        `    let k${e} = min(4u * ${k4} + ${e}u, ${end} - 1u);`,
        ...range(count).map((j) => `    let ${right(j, e)} = loadB(k${e}, c${j});`),
      ]),
    ),
  // Four steps of the inner index at once: the sums, which no register file holds, are loaded and stored a quarter as
  // often.
  product: (i, j) =>
    `${sum(i, j)} = (((${sum(i, j)} + ${left(i)}.x * ${right(j, 0)}) + ${left(i)}.y * ${right(j, 1)}) + ${left(i)}.z * ${right(j, 2)}) + ${left(i)}.w * ${right(j, 3)};`,
  store: (row0, rows, firstCol, cols) => /* wgsl */ `
  for (var e = 0u; e < 4u; e++) {
${lines(
  range(count).map(
    (j) => /* wgsl */ `
    let col${j} = (${firstCol} + ${j * lanes}u) * 4u + e;
    if (col${j} < ${cols}) {
${lines(range(rowCount).map((i) => `      if (${row0} + ${i}u < ${rows}) { store(${row0} + ${i}u, col${j}, ${sum(i, j)}[e]); }`))}
    }`,
  ),
)}
  }`,
});

/**
 * The body. Neighbouring workgroups share a panel of B, which then stays in the cache.
 */
export function threadBody(variant: ThreadVariant, text: GemmText): string {
  const { along = 'cols' } = text;
  const size = threadTile(variant, along);
  const subgroup = variant.algorithm === 'subgroup';
  const lanes = subgroup ? variant.lanes : ACROSS;
  const count = ownColumns(variant, along);
  const rows = subgroup ? handedRows(variant.rows, lanes) : loadedRows(variant.rows);
  const columns = (along === 'inner' ? singleColumns : vectorColumns)(variant.rows, count, lanes);
  const sums = range(variant.rows).flatMap((i) => range(count).map((j) => [i, j] as const));
  return /* wgsl */ `${tileHead(text, size)}
  let row0 = ${subgroup ? `rowTile * ${variant.rows}u` : `(rowTile * ${DOWN}u + lane / ${lanes}u) * ${variant.rows}u`};
${rows.places('row0', 'rows')}
  let firstCol = colTile * ${count * lanes}u + ${subgroup ? 'sid' : `lane % ${lanes}u`};
${lines(range(count).map((j) => `  let c${j} = min(firstCol + ${j * lanes}u, ${columns.limit} - 1u);`))}
${lines(sums.map(([i, j]) => `  var ${sum(i, j)} = ${columns.zero};`))}
  for (var k4 = first / 4u; 4u * k4 < end; k4++) {
${columns.load('k4', 'end')}
${rows.load('k4')}
${lines(sums.map(([i, j]) => `    ${columns.product(i, j)}`))}
  }
${columns.store('row0', 'rows', 'firstCol', 'cols')}`;
}
