/**
 * The body that every product shares: y(r, c) = Σ_k A(r, k) · B(k, c), in three
 * algorithms. Operands come through WGSL functions that the kernel declares, so
 * that a transposed matrix and the patches of a convolution are the same product.
 * The inner index goes in fours: `loadA4(row, k4) -> vec4f` is zero beyond its end,
 * `loadB(k, vector) -> vec4f` gives columns 4·vector and on of B, of which those
 * beyond the last are not used, and `store(row, col, value)` takes a result.
 *
 * - `register`: a thread keeps `rows` × 4·`vectors` sums; no workgroup memory.
 * - `subgroup`: one subgroup a workgroup; lane l loads A of row l, and hands it to
 *   all. On software drivers loads are what limits, and this has the fewest.
 * - `tiled`: tiles of A and B through workgroup memory, for GPUs (gemmTiles.ts), which
 *   takes its operands in functions of its own, and results by `storeFour`.
 *
 * Where B is stored column by column, `register` and `subgroup` take it in vectors
 * along the inner index (`along: 'inner'`): `loadB4(col, k4) -> vec4f`.
 */
import { storeFour, tileBody, tileDeclarations, tileSize, tileWorkgroup, type TileOperand } from './gemmTiles.ts';
import { flatGrid, isNewerLavapipe, octave, type AdapterTraits, type Grid } from './kernel.ts';
import { four, lines, range } from './text.ts';

export type GemmVariant = {
  algorithm: 'register' | 'subgroup' | 'tiled';
  /** Lanes of the subgroup (`subgroup`). */
  lanes: number;
  /** Rows that a thread keeps; a multiple of four where it is `tiled`. */
  rows: number;
  /** vec4 columns that a thread keeps; along the inner index, pairs of columns. */
  vectors: number;
  /** Invocations of a workgroup along rows, and as many along columns (`tiled`). */
  side: number;
};

export const gemmDefaults: GemmVariant = { algorithm: 'register', lanes: 8, rows: 8, vectors: 2, side: 16 };

type Setting = readonly [rows: number, vectors: number];

const registerSpace = [4, 8].flatMap((rows) =>
  [1, 2].map((vectors) => ({ algorithm: 'register' as const, rows, vectors })),
);

/** What is worth timing: tiles are for GPUs, since software drivers have dear barriers; subgroups are for those. */
export function gemmSpace(traits: AdapterTraits): Partial<GemmVariant>[] {
  const { class: adapter, subgroups, subgroupSize: lanes } = traits;
  if (adapter === 'gpu') {
    const tiles: readonly (readonly [side: number, ...Setting])[] = [
      [16, 4, 1],
      [16, 8, 1],
      [16, 8, 2],
      [8, 4, 1],
      [8, 8, 1],
      [8, 8, 2],
    ];
    return [
      ...tiles.map(([side, rows, vectors]) => ({ algorithm: 'tiled' as const, side, rows, vectors })),
      ...registerSpace,
    ];
  }
  const subgroup: readonly Setting[] = isNewerLavapipe(traits)
    ? [
        [16, 1],
        [32, 1],
        [16, 2],
        [24, 2],
        [32, 2],
      ]
    : [
        [8, 1],
        [16, 1],
        [16, 2],
        [32, 2],
      ];
  return [
    ...(subgroups && lanes !== undefined
      ? subgroup.map(([rows, vectors]) => ({ algorithm: 'subgroup' as const, lanes, rows, vectors }))
      : []),
    ...registerSpace,
  ];
}

/** Class of a product's sizes. */
export function gemmShape(rows: number, inner: number, cols: number): string {
  return `${octave(rows, 16, 4096)}x${octave(inner, 16, 4096)}x${octave(cols, 16, 4096)}`;
}

const REGISTER_LANES = 8;
const REGISTER_GROUPS = 4;

type Along = 'cols' | 'inner';

function tile(variant: GemmVariant, along: Along): { rows: number; cols: number } {
  const { algorithm, rows, vectors, lanes } = variant;
  const cols = along === 'cols' ? 4 * vectors : 2 * vectors;
  switch (algorithm) {
    case 'register':
      return { rows: rows * REGISTER_GROUPS, cols: cols * REGISTER_LANES };
    case 'subgroup':
      return { rows, cols: cols * lanes };
    case 'tiled':
      return tileSize(variant);
  }
}

export function gemmWorkgroup(variant: GemmVariant): Grid {
  switch (variant.algorithm) {
    case 'register':
      return [REGISTER_LANES, REGISTER_GROUPS, 1];
    case 'subgroup':
      return [variant.lanes, 1, 1];
    case 'tiled':
      return tileWorkgroup(variant);
  }
}

/** Workgroups of a product whose inner index is taken in `parts`, one along z for each. */
export function gemmGrid(rows: number, cols: number, variant: GemmVariant, parts = 1, along: Along = 'cols'): Grid {
  return tileGrid(rows, cols, tile(variant, along), parts);
}

/** The same for tiles of a given size. */
export function tileGrid(
  rows: number,
  cols: number,
  size: { readonly rows: number; readonly cols: number },
  parts: number,
): Grid {
  const [x, y] = flatGrid(Math.ceil(rows / size.rows) * Math.ceil(cols / size.cols), 1);
  return [x, y, parts];
}

/** What `tiled` declares; the others declare nothing. */
export function gemmDeclarations(variant: GemmVariant, { rows, cols, a, b }: GemmText): string {
  return variant.algorithm === 'tiled' ? tileDeclarations(variant, a, b) + storeFour(rows, cols) : '';
}

/** `loadA4` from four calls of `loadA`, where A has no vectors to read; `end` is one beyond the last inner index. */
export const gatherA4 = (end: string): string => /* wgsl */ `
fn loadA4(row: u32, k4: u32) -> vec4f {
  let last = ${end} - 1u;
  return select(vec4f(), ${four((e) => `loadA(row, min(4u * k4 + ${e}u, last))`)}, vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) <= vec4u(last));
}`;

/** WGSL expressions of the sizes of y and of the range of the inner index, which starts at a multiple of four. */
export interface GemmText {
  readonly rows: string;
  readonly cols: string;
  readonly first: string;
  readonly end: string;
  /** The dimension in which `register` and `subgroup` take B's vectors. */
  readonly along?: Along;
  /** The operands as `tiled` reads them. */
  readonly a: TileOperand;
  readonly b: TileOperand;
}

/**
 * First lines of a body: a workgroup's tile of y. Neighbouring workgroups share a panel of B, which then stays in the
 * cache.
 */
export const gemmHead = (size: { readonly rows: number; readonly cols: number }, text: GemmText): string => /* wgsl */ `
  let rows = ${text.rows};
  let cols = ${text.cols};
  let first = ${text.first};
  let end = ${text.end};
  let colVectors = (cols + 3u) / 4u;
  let rowTiles = (rows + ${size.rows - 1}u) / ${size.rows}u;
  let tileIndex = wid.y * groups.x + wid.x;
  let rowTile = tileIndex % rowTiles;
  let colTile = tileIndex / rowTiles;
  if (colTile * ${size.cols}u >= cols) { return; }`;

export function gemmBody(variant: GemmVariant, text: GemmText): string {
  const { along = 'cols' } = text;
  return (
    gemmHead(tile(variant, along), text) +
    (variant.algorithm === 'tiled' ? tileBody(variant, text.a, text.b) : threadBody(variant, along))
  );
}

function threadBody({ algorithm, rows, vectors, lanes: subgroupLanes }: GemmVariant, along: Along): string {
  const subgroup = algorithm === 'subgroup';
  const lanes = subgroup ? subgroupLanes : REGISTER_LANES;
  const own = subgroup ? 'sid' : `lane % ${lanes}u`;
  const inner = along === 'inner';
  const [r, c] = [range(rows), range(inner ? 2 * vectors : vectors)];
  const row0 = subgroup ? `rowTile * ${rows}u` : `(rowTile * ${REGISTER_GROUPS}u + lane / ${lanes}u) * ${rows}u`;
  const loaded = range(Math.ceil(rows / lanes));
  const rowOf = subgroup
    ? loaded.map((j) => `  let r${j} = min(row0 + ${j * lanes}u + sid, rows - 1u);`)
    : r.map((i) => `  let r${i} = min(row0 + ${i}u, rows - 1u);`);
  const loadA = subgroup
    ? [
        ...loaded.map((j) => `    let m${j} = loadA4(r${j}, k4);`),
        ...r.map((i) => `    let a${i} = subgroupBroadcast(m${Math.floor(i / lanes)}, ${i % lanes}u);`),
      ]
    : r.map((i) => `    let a${i} = loadA4(r${i}, k4);`);
  const loadB = inner
    ? c.map((j) => `    let b${j} = loadB4(c${j}, k4);`)
    : range(4).flatMap((e) => [
        `    let k${e} = min(4u * k4 + ${e}u, end - 1u);`,
        ...c.map((j) => `    let b${j}_${e} = loadB(k${e}, c${j});`),
      ]);
  // Four steps of the inner index at once: the sums, which no register file holds, are loaded and stored a quarter as
  // often.
  const product = (i: number, j: number): string =>
    inner
      ? `s${i}_${j} += dot(a${i}, b${j});`
      : `s${i}_${j} = (((s${i}_${j} + a${i}.x * b${j}_0) + a${i}.y * b${j}_1) + a${i}.z * b${j}_2) + a${i}.w * b${j}_3;`;
  const stores = inner
    ? c.map(
        (j) => /* wgsl */ `
  if (firstCol + ${j * lanes}u < cols) {
${lines(r.map((i) => `    if (row0 + ${i}u < rows) { store(row0 + ${i}u, firstCol + ${j * lanes}u, s${i}_${j}); }`))}
  }`,
      )
    : [
        /* wgsl */ `
  for (var e = 0u; e < 4u; e++) {
${lines(
  c.map(
    (j) => /* wgsl */ `
    let col${j} = (firstCol + ${j * lanes}u) * 4u + e;
    if (col${j} < cols) {
${lines(r.map((i) => `      if (row0 + ${i}u < rows) { store(row0 + ${i}u, col${j}, s${i}_${j}[e]); }`))}
    }`,
  ),
)}
  }`,
      ];
  return /* wgsl */ `
  let row0 = ${row0};
${lines(rowOf)}
  let firstCol = colTile * ${c.length * lanes}u + ${own};
${lines(c.map((j) => `  let c${j} = min(firstCol + ${j * lanes}u, ${inner ? 'cols' : 'colVectors'} - 1u);`))}
${lines(r.flatMap((i) => c.map((j) => `  var s${i}_${j} = ${inner ? '0.0' : 'vec4f()'};`)))}
  for (var k4 = first / 4u; 4u * k4 < end; k4++) {
${lines(loadB)}
${lines(loadA)}
${lines(r.flatMap((i) => c.map((j) => `    ${product(i, j)}`)))}
  }
${lines(stores)}`;
}
