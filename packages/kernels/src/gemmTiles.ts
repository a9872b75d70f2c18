/**
 * A product in tiles, `tiled` among the algorithms of gemm.ts: for GPUs, whose lanes share what is in workgroup
 * memory. As plain loops, for each workgroup's tile of y:
 *
 *     next = the first vectors of A and B
 *     for each k0 = first, first + DEPTH, … below end
 *       tileA[0..DEPTH][tile's rows], tileB[0..DEPTH][tile's columns] = next
 *       next = the vectors from k0 + DEPTH on, which arrive while the loop below runs
 *       for each k in 0..DEPTH
 *         for each row and column of the invocation: sum[row][col] += tileA[k][row] · tileB[k][col]
 *     for each row and column of the invocation: store(row, col, sum[row][col])
 *
 * Operands are read four neighbours at a time, whichever way they lie in memory, and neighbouring invocations read
 * neighbouring vectors. What a row's address takes to compute is computed once, before the loop, and the inner index
 * is a cursor that goes on from tile to tile, so that the patches of a convolution need no division in the loop.
 */
import { tileHead, type Contiguous, type GemmText, type TileOperand } from './gemmText.ts';
import type { Grid } from './kernel.ts';
import { four, lines, range } from './text.ts';

/** Inner indices of a tile. */
export const DEPTH = 16;

/**
 * Inner indices of a turn of the innermost loop, whose count and addresses they share. In a tile their rows lie one
 * behind the other, and behind them are two vectors of nothing: eight neighbouring rows of four neighbouring vectors
 * along the inner index, which 32 invocations put there at once, are then in 32 memory banks.
 */
const TURN = 4;
const turnVectors = (width: number): number => TURN * (width / 4) + 2;
const tileVectors = (width: number): number => (DEPTH / TURN) * turnVectors(width);

export interface TileVariant {
  /** Invocations of a workgroup along rows, and as many along columns. */
  readonly side: number;
  /** Rows that an invocation sums, a multiple of four. */
  readonly rows: number;
  /** vec4 columns that it sums. */
  readonly vectors: number;
}

export const tileSize = ({ side, rows, vectors }: TileVariant): { rows: number; cols: number } => ({
  rows: side * rows,
  cols: 4 * side * vectors,
});

export const tileWorkgroup = ({ side }: TileVariant): Grid => [side * side, 1, 1];

export function tileDeclarations(variant: TileVariant, a: TileOperand, b: TileOperand): string {
  const { rows, cols } = tileSize(variant);
  return /* wgsl */ `
var<workgroup> tileA: array<vec4f, ${tileVectors(rows)}>;
var<workgroup> tileB: array<vec4f, ${tileVectors(cols)}>;
${a.text}
${b.text}`;
}

/** Text of the parts in which an operand comes into its tile. */
export interface TileLoad {
  /** Before the loop: where this invocation's vectors lie. */
  readonly places: string;
  /** Reads the vectors at the cursor. */
  readonly read: string;
  /** Puts them into the tile. */
  readonly put: string;
  /** Moves the cursor to the next tile. */
  readonly advance: string;
}

/** A tile of an operand in workgroup memory, and who reads it. */
export interface TileShape {
  /** Rows or columns, from `origin` on. */
  readonly width: number;
  readonly origin: string;
  /** Inner indices. */
  readonly depth: number;
  /** Invocations that read it. */
  readonly threads: number;
  /** `vec4f`, or `vec4h`, to which values are rounded. */
  readonly type: string;
  /** Where a vector goes in the tile: text that is computed once, and text that puts `value` there. */
  readonly place: (vector: TileVector) => { readonly once: string; readonly put: string };
}

/** A vector on its way into a tile, in names of WGSL. */
interface TileVector {
  /** A suffix for names that belong to it. */
  readonly suffix: string;
  readonly contiguous: Contiguous;
  /** Its inner index in the tile, the first of four along the inner index. */
  readonly k: string;
  /** Its row or column in the tile, or the vector of them. */
  readonly own: string;
  readonly value: string;
}

/**
 * How invocations read an operand's tile. Vector i of an invocation is read into `readX{i}`, from the row or column
 * `placeX{i}` at the cursor `atX`. Only A is made zero beyond the last inner index: products with it are zero then.
 */
export function tileLoad(
  name: 'A' | 'B',
  { contiguous, whole }: TileOperand,
  { width, origin, depth, threads, type, place }: TileShape,
): TileLoad {
  const alongInner = contiguous === 'inner';
  const vectors = range((width * depth) / 4 / threads);
  // Neighbouring invocations have neighbouring vectors: so many of them lie next to each other.
  const across = alongInner ? depth / 4 : width / 4;
  // Along the inner index all vectors of an invocation have the same cursor, since `threads` is a multiple of `across`.
  const cursor = (i: number): number => (alongInner ? 0 : i);
  const cursors = alongInner ? [0] : vectors;
  const index = (i: number): string => (i === 0 ? 'lane' : `(lane + ${i * threads}u)`);
  const placed = vectors.map((i) =>
    place({
      suffix: `${name}${i}`,
      contiguous,
      k: `k${name}${cursor(i)}`,
      own: `own${name}${i}`,
      value: `read${name}${i}`,
    }),
  );
  const value = (i: number): string => {
    const read = `vector${name}(place${name}${i}, at${name}${cursor(i)})`;
    const typed = type === 'vec4f' ? read : `${type}(${read})`;
    if (name === 'B') return typed;
    const k = `k0 + k${name}${cursor(i)}`;
    const inside = alongInner && !whole ? `vec4u(${k}) + vec4u(0u, 1u, 2u, 3u) < vec4u(end)` : `${k} < end`;
    return `select(${type}(), ${typed}, ${inside})`;
  };
  return {
    places: lines([
      ...cursors.map((i) => `  let k${name}${i} = ${index(i)} ${alongInner ? `% ${across}u * 4u` : `/ ${across}u`};`),
      ...cursors.map((i) => `  var at${name}${i} = inner${name}(first + k${name}${i});`),
      ...vectors.flatMap((i) => [
        `  let own${name}${i} = ${index(i)} ${alongInner ? '/' : '%'} ${across}u;`,
        `  let place${name}${i} = outer${name}(${origin}${alongInner ? '' : ' / 4u'} + own${name}${i});`,
        placed[i]!.once,
        `  var read${name}${i} = ${type}();`,
      ]),
    ]),
    read: lines(vectors.map((i) => `    read${name}${i} = ${value(i)};`)),
    put: lines(placed.map(({ put }) => put)),
    advance: lines(cursors.map((i) => `    at${name}${i} = next${name}(at${name}${i});`)),
  };
}

/** Where a vector goes in a tile of vectors along rows or columns: four numbers apart where it is along the inner index. */
const inTile =
  (tile: string, width: number): TileShape['place'] =>
  ({ suffix, contiguous, k, own, value }) =>
    contiguous === 'inner'
      ? {
          once: /* wgsl */ `
  let put${suffix} = ${k} / ${TURN}u * ${turnVectors(width)}u + ${own} / 4u;
  let part${suffix} = ${own} % 4u;`,
          put: lines(
            range(4).map((e) => `    ${tile}[put${suffix} + ${(e * width) / 4}u][part${suffix}] = ${value}[${e}];`),
          ),
        }
      : {
          once: `  let put${suffix} = ${k} / ${TURN}u * ${turnVectors(width)}u + ${k} % ${TURN}u * ${width / 4}u + ${own};`,
          put: `    ${tile}[put${suffix}] = ${value};`,
        };

/** A matrix in memory, as WGSL expressions. */
interface StoredMatrix {
  readonly buffer: string;
  readonly contiguous: Contiguous;
  /** Sizes along the inner index and along the other one. */
  readonly inner: string;
  readonly outer: string;
  /** Where the matrix begins in its buffer, in numbers; by default at its beginning. */
  readonly offset?: string;
  /** The buffer is one of vectors: the dimension along which it is contiguous is a multiple of four. */
  readonly aligned: boolean;
  /** Inner indices of a tile. */
  readonly depth?: number;
}

/** A matrix that is stored row by row or column by column, as an operand. */
export function storedOperand(
  name: 'A' | 'B',
  { buffer, offset, contiguous, inner, outer, aligned, depth = DEPTH }: StoredMatrix,
): TileOperand {
  const from = offset === undefined ? '' : `${offset}${aligned ? ' / 4u' : ''} + `;
  const places = /* wgsl */ `
alias Outer${name} = u32;
alias Inner${name} = u32;`;
  if (contiguous === 'inner') {
    const pitch = aligned ? `(${inner} / 4u)` : inner;
    const value = aligned
      ? `vec4f(${buffer}[${from}outer + min(k, ${inner} - 1u) / 4u])`
      : four((e) => `f32(${buffer}[${from}outer + min(k + ${e}u, ${inner} - 1u)])`);
    const text = /* wgsl */ `${places}
fn outer${name}(index: u32) -> u32 { return min(index, ${outer} - 1u) * ${pitch}; }
fn inner${name}(k: u32) -> u32 { return k; }
fn next${name}(k: u32) -> u32 { return k + ${depth}u; }
fn vector${name}(outer: u32, k: u32) -> vec4f { return ${value}; }`;
    return { contiguous, whole: aligned, text };
  }
  // The inner index as the place in the buffer where its row begins.
  const pitch = aligned ? `(${outer} / 4u)` : outer;
  const begin = `min(begin, (${inner} - 1u) * ${pitch})`;
  const text = /* wgsl */ `${places}
fn outer${name}(vector: u32) -> u32 { return ${aligned ? `min(vector, ${pitch} - 1u)` : '4u * vector'}; }
fn inner${name}(k: u32) -> u32 { return k * ${pitch}; }
fn next${name}(begin: u32) -> u32 { return begin + ${depth}u * ${pitch}; }
fn vector${name}(outer: u32, begin: u32) -> vec4f {
  let start = ${begin};
  return ${aligned ? `vec4f(${buffer}[${from}start + outer])` : four((e) => `f32(${buffer}[${from}start + min(outer + ${e}u, ${outer} - 1u)])`)};
}`;
  return { contiguous, whole: true, text };
}

/** WGSL of `storeFour`, which stores what of a vector of columns lies in y; sizes as expressions. */
export const storeFour = (rows: string, cols: string): string => /* wgsl */ `
fn storeFour(row: u32, vector: u32, value: vec4f) {
  let col = 4u * vector;
  if (row >= ${rows}) { return; }
  if (col + 3u < ${cols}) {
    store(row, col, value.x);
    store(row, col + 1u, value.y);
    store(row, col + 2u, value.z);
    store(row, col + 3u, value.w);
    return;
  }
  for (var e = 0u; col + e < ${cols}; e++) { store(row, col + e, value[e]); }
}`;

/** The body. Neighbouring workgroups share a panel of B, which then stays in the cache. */
export function tileBody(variant: TileVariant, text: GemmText): string {
  const { side, rows, vectors } = variant;
  const size = tileSize(variant);
  const common = { threads: side * side, depth: DEPTH, type: 'vec4f' };
  const loads = [
    tileLoad('A', text.a, { ...common, width: size.rows, origin: 'row0', place: inTile('tileA', size.rows) }),
    tileLoad('B', text.b, { ...common, width: size.cols, origin: '4u * vector0', place: inTile('tileB', size.cols) }),
  ];
  const [r, c] = [range(rows / 4), range(vectors)];
  const sums = r.flatMap((i) => range(4).flatMap((e) => c.map((j) => ({ i, e, j, name: `sum${4 * i + e}_${j}` }))));
  /** One inner index. */
  const products = (n: number): string => /* wgsl */ `
${lines(r.map((i) => `      let a${i}_${n} = tileA[turn * ${turnVectors(size.rows)}u + ty + ${(n * size.rows) / 4 + i * side}u];`))}
${lines(c.map((j) => `      let b${j}_${n} = tileB[turn * ${turnVectors(size.cols)}u + tx + ${(n * size.cols) / 4 + j * side}u];`))}
${lines(sums.map(({ i, e, j, name }) => `      ${name} = fma(vec4f(a${i}_${n}[${e}]), b${j}_${n}, ${name});`))}`;
  return /* wgsl */ `${tileHead(text, size)}
  let tx = lane % ${side}u;
  let ty = lane / ${side}u;
  let row0 = rowTile * ${size.rows}u;
  let vector0 = colTile * ${size.cols / 4}u;
${lines(loads.map(({ places }) => places))}
${lines(sums.map(({ name }) => `  var ${name} = vec4f();`))}
  var k0 = first;
${lines(loads.map(({ read }) => read))}
  while (k0 < end) {
${lines(loads.map(({ put }) => put))}
    workgroupBarrier();
    k0 += ${DEPTH}u;
${lines(loads.flatMap(({ advance, read }) => [advance, read]))}
    // Counted by ones: Dawn then sees that no index is beyond its tile, and needs not make sure of it.
    for (var turn = 0u; turn < ${DEPTH / TURN}u; turn++) {
${lines(range(TURN).map(products))}
    }
    workgroupBarrier();
  }
${lines(
  sums.map(
    ({ i, e, j, name }) =>
      `  storeFour(row0 + 4u * (ty + ${i * side}u) + ${e}u, vector0 + tx + ${j * side}u, ${name});`,
  ),
)}`;
}
