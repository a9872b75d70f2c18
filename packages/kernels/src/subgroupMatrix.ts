/**
 * A product's body on matrix units: Dawn's experimental subgroup matrices
 * (`chromium-experimental-subgroup-matrix`), halves in, sums in f32. It takes its
 * operands as gemm.ts's tiles do, `loadA(row, k) -> f32` and
 * `loadB(k, vector) -> vec4f`, rounds them to halves in workgroup memory, and
 * hands results to `store(row, col, value)`; so it is for operands that are
 * stored as halves, of which it loses nothing.
 *
 * No adapter that has the feature was at hand: Tint compiles this text, and it was
 * run with the matrix operations replaced by loops of the same meaning (the tests
 * do both), never on matrix units. A device therefore uses it only after a
 * product of its own came out right (tensor's subgroupMatrixProbe.ts).
 */
import type { GemmText } from './gemm.ts';
import type { Grid } from './kernel.ts';
import { lines, range } from './text.ts';

/** Sizes of one operation on matrix units. */
export interface MatrixUnit {
  readonly rows: number;
  readonly cols: number;
  readonly inner: number;
}

/** Rows and columns of a workgroup's tile, which 2 × 2 subgroups share, and inner indices that it loads at a time. */
export const MATRIX_TILE = 64;
const SUBGROUPS = 4;
const SIDE = MATRIX_TILE / 2;
const DEPTH = 32;
// Eight halves more than a row, 16 bytes, to which loads must be aligned: else rows would share memory banks.
const STRIDE_A = DEPTH + 8;
const STRIDE_B = MATRIX_TILE + 8;

/** Bytes of workgroup memory that the body takes. */
export const matrixStorage = ({ rows, cols }: MatrixUnit): number =>
  2 * (MATRIX_TILE * STRIDE_A + DEPTH * STRIDE_B) + 4 * SUBGROUPS * rows * cols;

/** Whether tiles are made of whole units. */
export const unitFits = ({ rows, cols, inner }: MatrixUnit): boolean =>
  SIDE % rows === 0 && SIDE % cols === 0 && DEPTH % inner === 0;

/** `16x8x16`: rows × columns × inner index. */
export const unitName = ({ rows, cols, inner }: MatrixUnit): string => `${rows}x${cols}x${inner}`;

function unitOf(name: string): MatrixUnit {
  const [rows = 0, cols = 0, inner = 0] = name.split('x').map(Number);
  if (!(rows > 0 && cols > 0 && inner > 0)) throw new RangeError(`'${name}' names no matrix unit; 16x16x16 would`);
  return { rows, cols, inner };
}

export const matrixWorkgroup = (lanes: number): Grid => [SUBGROUPS * lanes, 1, 1];

export function matrixDeclarations(name: string): string {
  const { rows, cols } = unitOf(name);
  return /* wgsl */ `
var<workgroup> tileA: array<f16, ${MATRIX_TILE * STRIDE_A}>;
var<workgroup> tileB: array<f16, ${DEPTH * STRIDE_B}>;
var<workgroup> results: array<f32, ${SUBGROUPS * rows * cols}>;`;
}

/** The body after `gemmHead` of a tile of `MATRIX_TILE` squared; `lanes` is the size of a subgroup. */
export function matrixBody(name: string, lanes: number, { contiguous = { a: 'inner', b: 'cols' } }: GemmText): string {
  const { rows: m, cols: n, inner: k } = unitOf(name);
  const [r, c] = [range(SIDE / m), range(SIDE / n)];
  const vectors = MATRIX_TILE / 4;
  const [kA, rowA] =
    contiguous.a === 'inner' ? [`at % ${DEPTH}u`, `at / ${DEPTH}u`] : [`at / ${MATRIX_TILE}u`, `at % ${MATRIX_TILE}u`];
  const [kB, vectorB] =
    contiguous.b === 'inner' ? [`at % ${DEPTH}u`, `at / ${DEPTH}u`] : [`at / ${vectors}u`, `at % ${vectors}u`];
  return /* wgsl */ `
  let row0 = rowTile * ${MATRIX_TILE}u;
  let vector0 = colTile * ${vectors}u;
  let ownRow = subgroup / 2u * ${SIDE}u;
  let ownCol = subgroup % 2u * ${SIDE}u;
  let ownResults = subgroup * ${m * n}u;
${lines(r.flatMap((i) => c.map((j) => `  var s${i}_${j} = subgroup_matrix_result<f32, ${n}, ${m}>();`)))}
  for (var k0 = first; k0 < end; k0 += ${DEPTH}u) {
    let last = end - 1u;
    for (var at = lane; at < ${MATRIX_TILE * DEPTH}u; at += ${SUBGROUPS * lanes}u) {
      let k = k0 + ${kA};
      let row = ${rowA};
      tileA[row * ${STRIDE_A}u + k - k0] = f16(select(0.0, loadA(min(row0 + row, rows - 1u), min(k, last)), k < end));
    }
    for (var at = lane; at < ${DEPTH * vectors}u; at += ${SUBGROUPS * lanes}u) {
      let k = k0 + ${kB};
      let v = ${vectorB};
      let values = select(vec4f(), loadB(min(k, last), min(vector0 + v, colVectors - 1u)), k < end);
      for (var e = 0u; e < 4u; e++) { tileB[(k - k0) * ${STRIDE_B}u + 4u * v + e] = f16(values[e]); }
    }
    workgroupBarrier();
    for (var k = 0u; k < ${DEPTH}u; k += ${k}u) {
${lines(r.map((i) => `      let a${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${k}, ${m}>, row_major>(&tileA, (ownRow + ${i * m}u) * ${STRIDE_A}u + k, ${STRIDE_A}u);`))}
${lines(c.map((j) => `      let b${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, ${n}, ${k}>, row_major>(&tileB, k * ${STRIDE_B}u + ownCol + ${j * n}u, ${STRIDE_B}u);`))}
${lines(r.flatMap((i) => c.map((j) => `      s${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, s${i}_${j});`)))}
    }
    workgroupBarrier();
  }
${lines(
  r.flatMap((i) =>
    c.map(
      (j) => /* wgsl */ `
  subgroupMatrixStore<row_major>(&results, ownResults, s${i}_${j}, ${n}u);
  workgroupBarrier();
  for (var at = sid; at < ${m * n}u; at += ${lanes}u) {
    let row = row0 + ownRow + ${i * m}u + at / ${n}u;
    let col = 4u * vector0 + ownCol + ${j * n}u + at % ${n}u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();`,
    ),
  ),
)}`;
}
