/**
 * A product's body on matrix units: Dawn's experimental subgroup matrices
 * (`chromium-experimental-subgroup-matrix`), halves in, sums in f32. It takes its
 * operands as gemmTiles.ts does, in vectors, rounds them to halves in workgroup
 * memory, and hands results to `store(row, col, value)`; so it is for operands
 * that are stored as halves, or as bytes, of which it loses nothing.
 *
 * No adapter that has the feature was at hand: Tint compiles this text, and it was
 * run with the matrix operations replaced by loops of the same meaning (the tests
 * do both), never on matrix units. A device therefore uses it only after a
 * product of its own came out right (tensor's subgroupMatrixProbe.ts).
 */
import { tileHead, type GemmText, type TileOperand } from './gemmText.ts';
import { tileLoad, type TileShape } from './gemmTiles.ts';
import type { Grid } from './kernel.ts';
import { lines, range } from './text.ts';

/** Sizes of one operation on matrix units. */
export interface MatrixUnit {
  readonly rows: number;
  readonly cols: number;
  readonly inner: number;
}

/** A workgroup's tile, which 2 × 2 subgroups share, and the inner indices that it loads at a time. */
export const MATRIX_TILE = { rows: 128, cols: 64 } as const;
export const MATRIX_DEPTH = 32;
const SUBGROUPS = 4;
const SIDE = { rows: MATRIX_TILE.rows / 2, cols: MATRIX_TILE.cols / 2 } as const;
// Both tiles lie along the inner index, as matrix units take their operands. Eight halves more than a row, 16 bytes, to
// which loads must be aligned: else rows would share memory banks.
const STRIDE = MATRIX_DEPTH + 8;

/** Bytes of workgroup memory that the body takes. */
export const matrixStorage = ({ rows, cols }: MatrixUnit): number =>
  2 * (MATRIX_TILE.rows + MATRIX_TILE.cols) * STRIDE + 4 * SUBGROUPS * rows * cols;

/** Whether tiles are made of whole units. */
export const unitFits = ({ rows, cols, inner }: MatrixUnit): boolean =>
  SIDE.rows % rows === 0 && SIDE.cols % cols === 0 && MATRIX_DEPTH % inner === 0;

/** `16x8x16`: rows × columns × inner index. */
export const unitName = ({ rows, cols, inner }: MatrixUnit): string => `${rows}x${cols}x${inner}`;

function unitOf(name: string): MatrixUnit {
  const [rows = 0, cols = 0, inner = 0] = name.split('x').map(Number);
  if (!(rows > 0 && cols > 0 && inner > 0)) throw new RangeError(`'${name}' names no matrix unit; 16x16x16 would`);
  return { rows, cols, inner };
}

export const matrixWorkgroup = (lanes: number): Grid => [SUBGROUPS * lanes, 1, 1];

export function matrixDeclarations(name: string, a: TileOperand, b: TileOperand): string {
  const { rows, cols, inner } = unitOf(name);
  return /* wgsl */ `
alias Left = subgroup_matrix_left<f16, ${inner}, ${rows}>;
alias Right = subgroup_matrix_right<f16, ${cols}, ${inner}>;
var<workgroup> tileA: array<f16, ${MATRIX_TILE.rows * STRIDE}>;
var<workgroup> tileB: array<f16, ${MATRIX_TILE.cols * STRIDE}>;
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

/** The body; `lanes` is the size of a subgroup. Neighbouring workgroups share a panel of B, as in gemmTiles.ts. */
export function matrixBody(name: string, lanes: number, text: GemmText): string {
  const { rows: m, cols: n, inner: k } = unitOf(name);
  const [r, c] = [range(SIDE.rows / m), range(SIDE.cols / n)];
  const common = { depth: MATRIX_DEPTH, threads: SUBGROUPS * lanes, type: 'vec4h' };
  const loads = [
    tileLoad('A', text.a, { ...common, width: MATRIX_TILE.rows, origin: 'row0', place: inTile('tileA') }),
    tileLoad('B', text.b, { ...common, width: MATRIX_TILE.cols, origin: 'col0', place: inTile('tileB') }),
  ];
  /** Loads the units of an operand's half of the tile: at constant places, which Dawn then need not bound at run time. */
  const half = (operand: string, type: string, order: string, units: readonly number[], at: string, offset: number) => {
    const load = (i: number, first: number): string =>
      `${operand.toLowerCase()}${i}_${at} = subgroupMatrixLoad<${type}, ${order}>(&tile${operand}, ${(first + i * (operand === 'A' ? m : n)) * STRIDE + offset}u, ${STRIDE}u);`;
    return /* wgsl */ `
    ${lines(units.map((i) => `var ${operand.toLowerCase()}${i}_${at}: ${type};`))}
    if (${operand === 'A' ? 'subgroup / 2u' : 'subgroup % 2u'} == 0u) {
      ${lines(units.map((i) => load(i, 0)))}
    } else {
      ${lines(units.map((i) => load(i, operand === 'A' ? SIDE.rows : SIDE.cols)))}
    }`;
  };
  /** Products of inner indices `first` on. */
  const products = (first: number): string => /* wgsl */ `
${half('A', 'Left', 'row_major', r, String(first), first)}
${half('B', 'Right', 'col_major', c, String(first), first)}
${lines(r.flatMap((i) => c.map((j) => `    s${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}_${first}, b${j}_${first}, s${i}_${j});`)))}`;
  return /* wgsl */ `${tileHead(text, MATRIX_TILE)}
  let row0 = rowTile * ${MATRIX_TILE.rows}u;
  let col0 = colTile * ${MATRIX_TILE.cols}u;
  let ownRow = subgroup / 2u * ${SIDE.rows}u;
  let ownCol = subgroup % 2u * ${SIDE.cols}u;
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
${lines(range(MATRIX_DEPTH / k).map((n) => products(n * k)))}
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
