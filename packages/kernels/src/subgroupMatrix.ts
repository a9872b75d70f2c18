/**
 * A product's body on matrix units: Dawn's experimental subgroup matrices
 * (`chromium-experimental-subgroup-matrix`), halves in, sums in f32. It takes its
 * operands as gemmTiles.ts does, in vectors, rounds them to halves in workgroup
 * memory, and hands results to `store(row, col, value)`; so it is for operands
 * that are stored as halves, of which it loses nothing.
 *
 * No adapter that has the feature was at hand: Tint compiles this text, and it was
 * run with the matrix operations replaced by loops of the same meaning (the tests
 * do both), never on matrix units. A device therefore uses it only after a
 * product of its own came out right (tensor's subgroupMatrixProbe.ts).
 */
import { tileLoad, type TileOperand, type TileShape } from './gemmTiles.ts';
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
export const MATRIX_DEPTH = 32;
const SUBGROUPS = 4;
const SIDE = MATRIX_TILE / 2;
// Both tiles lie along the inner index, as matrix units take their operands. Eight halves more than a row, 16 bytes, to
// which loads must be aligned: else rows would share memory banks.
const STRIDE = MATRIX_DEPTH + 8;

/** Bytes of workgroup memory that the body takes. */
export const matrixStorage = ({ rows, cols }: MatrixUnit): number =>
  2 * (2 * MATRIX_TILE * STRIDE) + 4 * SUBGROUPS * rows * cols;

/** Whether tiles are made of whole units. */
export const unitFits = ({ rows, cols, inner }: MatrixUnit): boolean =>
  SIDE % rows === 0 && SIDE % cols === 0 && MATRIX_DEPTH % inner === 0;

/** `16x8x16`: rows × columns × inner index. */
export const unitName = ({ rows, cols, inner }: MatrixUnit): string => `${rows}x${cols}x${inner}`;

function unitOf(name: string): MatrixUnit {
  const [rows = 0, cols = 0, inner = 0] = name.split('x').map(Number);
  if (!(rows > 0 && cols > 0 && inner > 0)) throw new RangeError(`'${name}' names no matrix unit; 16x16x16 would`);
  return { rows, cols, inner };
}

export const matrixWorkgroup = (lanes: number): Grid => [SUBGROUPS * lanes, 1, 1];

export function matrixDeclarations(name: string, a: TileOperand, b: TileOperand): string {
  const { rows, cols } = unitOf(name);
  return /* wgsl */ `
var<workgroup> tileA: array<f16, ${MATRIX_TILE * STRIDE}>;
var<workgroup> tileB: array<f16, ${MATRIX_TILE * STRIDE}>;
var<workgroup> results: array<f32, ${SUBGROUPS * rows * cols}>;
${a.text}
${b.text}`;
}

/** Where a vector goes in a tile that lies along the inner index. */
const inTile =
  (tile: string): TileShape['place'] =>
  ({ suffix, contiguous, k, own, value }) => {
    const [first, step] = contiguous === 'inner' ? [own, 1] : [`4u * ${own}`, STRIDE];
    return {
      once: `  let put${suffix} = ${first} * ${STRIDE}u + ${k};`,
      put: lines(range(4).map((e) => `    ${tile}[put${suffix} + ${e * step}u] = ${value}[${e}];`)),
    };
  };

/** The body after `gemmHead` of a tile of `MATRIX_TILE` squared; `lanes` is the size of a subgroup. */
export function matrixBody(name: string, lanes: number, a: TileOperand, b: TileOperand): string {
  const { rows: m, cols: n, inner: k } = unitOf(name);
  const [r, c] = [range(SIDE / m), range(SIDE / n)];
  const common = { width: MATRIX_TILE, depth: MATRIX_DEPTH, threads: SUBGROUPS * lanes, type: 'vec4h' };
  const loads = [
    tileLoad('A', a, { ...common, origin: 'row0', place: inTile('tileA') }),
    tileLoad('B', b, { ...common, origin: 'col0', place: inTile('tileB') }),
  ];
  return /* wgsl */ `
  let row0 = rowTile * ${MATRIX_TILE}u;
  let col0 = colTile * ${MATRIX_TILE}u;
  let ownRow = subgroup / 2u * ${SIDE}u;
  let ownCol = subgroup % 2u * ${SIDE}u;
  let ownResults = subgroup * ${m * n}u;
${lines(loads.map(({ places }) => places))}
${lines(r.flatMap((i) => c.map((j) => `  var s${i}_${j} = subgroup_matrix_result<f32, ${n}, ${m}>();`)))}
  var k0 = first;
${lines(loads.map(({ read }) => read))}
  while (k0 < end) {
${lines(loads.map(({ put }) => put))}
    workgroupBarrier();
    k0 += ${MATRIX_DEPTH}u;
${lines(loads.flatMap(({ advance, read }) => [advance, read]))}
    for (var k = 0u; k < ${MATRIX_DEPTH}u; k += ${k}u) {
${lines(r.map((i) => `      let a${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${k}, ${m}>, row_major>(&tileA, (ownRow + ${i * m}u) * ${STRIDE}u + k, ${STRIDE}u);`))}
${lines(c.map((j) => `      let b${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, ${n}, ${k}>, col_major>(&tileB, (ownCol + ${j * n}u) * ${STRIDE}u + k, ${STRIDE}u);`))}
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
    let col = col0 + ownCol + ${j * n}u + at % ${n}u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();`,
    ),
  ),
)}`;
}
