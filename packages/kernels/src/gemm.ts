/**
 * The body that every product shares: y(r, c) = Σ_k A(r, k) · B(k, c) (+ bias(c)),
 * in three forms. A comes through a WGSL function `loadA(row, k)`, so that a
 * transposed matrix and the patches of a convolution are the same product; B is
 * vec4 columns, `inner` rows of ⌈cols / 4⌉ vectors (see `packColumns`), so that
 * any `cols` has aligned loads and no tail.
 *
 * - `register`: a thread keeps `rows` × 4·`vectors` sums; no workgroup memory.
 * - `subgroup`: one subgroup a workgroup; lane l loads A(r, k + l) once and hands
 *   it out by shuffle. On software drivers loads are what limits, and this has
 *   the fewest.
 * - `tiled`: 64 × 64 tiles through workgroup memory, for GPUs.
 */
import { flatGrid, type Grid } from './kernel.ts';

export type GemmVariant = {
  algorithm: 'register' | 'subgroup' | 'tiled';
  /** Lanes of the subgroup (`subgroup`). */
  lanes: number;
  /** Rows that a thread keeps (`register`, `subgroup`). */
  rows: number;
  /** vec4 columns that a thread keeps (`register`, `subgroup`). */
  vectors: number;
};

export const gemmDefaults: GemmVariant = { algorithm: 'register', lanes: 8, rows: 8, vectors: 2 };

/** Tuning for few columns: tiles of half the width, of which less is wasted. Lays over what the adapter's class says. */
export function narrowTile(cols: number): Partial<GemmVariant> {
  return cols <= 32 ? { vectors: 1 } : {};
}

const REGISTER_LANES = 8;
const REGISTER_GROUPS = 4;
const TILE = 64;
const DEPTH = 16;

function tile(variant: GemmVariant): { rows: number; cols: number } {
  switch (variant.algorithm) {
    case 'register': return { rows: variant.rows * REGISTER_GROUPS, cols: 4 * variant.vectors * REGISTER_LANES };
    case 'subgroup': return { rows: variant.rows, cols: 4 * variant.vectors * variant.lanes };
    case 'tiled': return { rows: TILE, cols: TILE };
  }
}

export function gemmWorkgroup(variant: GemmVariant): Grid {
  switch (variant.algorithm) {
    case 'register': return [REGISTER_LANES, REGISTER_GROUPS, 1];
    case 'subgroup': return [variant.lanes, 1, 1];
    case 'tiled': return [256, 1, 1];
  }
}

export function gemmGrid(rows: number, cols: number, variant: GemmVariant): Grid {
  const size = tile(variant);
  return flatGrid(Math.ceil(rows / size.rows) * Math.ceil(cols / size.cols), 1);
}

export function gemmDeclarations(variant: GemmVariant, text: GemmText): string {
  const tiles = /* wgsl */ `
var<workgroup> tileA: array<f32, ${TILE * DEPTH}>;
var<workgroup> tileB: array<vec4f, ${(TILE * DEPTH) / 4}>;`;
  return /* wgsl */ `${variant.algorithm === 'tiled' ? tiles : ''}
fn store(row: u32, vector: u32, sum: vec4f) {
  if (row >= ${text.rows}) { return; }
  for (var e = 0u; e < 4u; e++) {
    let col = vector * 4u + e;
    if (col < ${text.cols}) {
      let value = sum[e];
      y[row * ${text.cols} + col] = ${text.epilogue};
    }
  }
}`;
}

export interface GemmText {
  /** WGSL expressions of the three sizes. */
  readonly rows: string;
  readonly inner: string;
  readonly cols: string;
  /** WGSL expression of the value to store, of `value`, `row` and `col`. */
  readonly epilogue: string;
}

export function gemmBody(variant: GemmVariant, text: GemmText): string {
  const size = tile(variant);
  // Neighbouring workgroups share a panel of B, which then stays in the cache.
  const head = /* wgsl */ `
  let rows = ${text.rows};
  let inner = ${text.inner};
  let cols = ${text.cols};
  let colVectors = (cols + 3u) / 4u;
  let rowTiles = (rows + ${size.rows - 1}u) / ${size.rows}u;
  let tileIndex = wid.y * groups.x + wid.x;
  let rowTile = tileIndex % rowTiles;
  let colTile = tileIndex / rowTiles;
  if (colTile * ${size.cols}u >= cols) { return; }`;
  return head + (variant.algorithm === 'tiled' ? tiledBody() : threadBody(variant));
}

function threadBody(variant: GemmVariant): string {
  const { rows, vectors } = variant;
  const subgroup = variant.algorithm === 'subgroup';
  const lanes = subgroup ? variant.lanes : REGISTER_LANES;
  const r = Array.from({ length: rows }, (_, i) => i);
  const c = Array.from({ length: vectors }, (_, i) => i);
  const lines = (items: readonly string[]): string => items.join('\n');
  const row0 = subgroup ? `rowTile * ${rows}u` : `(rowTile * ${REGISTER_GROUPS}u + lane / ${lanes}u) * ${rows}u`;
  const sums = lines(r.flatMap((i) => c.map((j) => `  var s${i}_${j} = vec4f();`)));
  const columns = lines(c.map((j) => `  let v${j} = min(vector0 + ${j * lanes}u, colVectors - 1u);`));
  const clamped = lines(r.map((i) => `  let r${i} = min(row0 + ${i}u, rows - 1u);`));
  const loadB = lines(c.map((j) => `    let b${j} = b[(k) * colVectors + v${j}];`));
  const products = (a: (i: number) => string): string =>
    lines(r.flatMap((i) => [`    let a${i} = ${a(i)};`, ...c.map((j) => `    s${i}_${j} += a${i} * b${j};`)]));
  const loop = subgroup
    ? /* wgsl */ `
  for (var k0 = 0u; k0 < inner; k0 += ${lanes}u) {
    let mine = min(k0 + sid, inner - 1u);
${lines(r.map((i) => `    let m${i} = loadA(r${i}, mine);`))}
    let count = min(${lanes}u, inner - k0);
    for (var kk = 0u; kk < count; kk++) {
    let k = k0 + kk;
${loadB}
${products((i) => `subgroupShuffle(m${i}, kk)`)}
    }
  }`
    : /* wgsl */ `
  for (var k = 0u; k < inner; k++) {
${loadB}
${products((i) => `loadA(r${i}, k)`)}
  }`;
  return /* wgsl */ `
  let row0 = ${row0};
  let vector0 = colTile * ${vectors * lanes}u + ${subgroup ? 'sid' : `lane % ${lanes}u`};
${sums}
${columns}
${clamped}
${loop}
${lines(r.flatMap((i) => c.map((j) => `  store(row0 + ${i}u, vector0 + ${j * lanes}u, s${i}_${j});`)))}`;
}

function tiledBody(): string {
  const r = [0, 1, 2, 3];
  return /* wgsl */ `
  let tx = lane % 16u;
  let ty = lane / 16u;
  let row0 = rowTile * ${TILE}u;
  let vector0 = colTile * ${TILE / 4}u;
  ${r.map((i) => `var s${i} = vec4f();`).join(' ')}
  for (var k0 = 0u; k0 < inner; k0 += ${DEPTH}u) {
    for (var t = 0u; t < 4u; t++) {
      let at = lane + t * 256u;
      let k = k0 + at % ${DEPTH}u;
      let row = row0 + at / ${DEPTH}u;
      tileA[(at % ${DEPTH}u) * ${TILE}u + at / ${DEPTH}u] = select(0.0, loadA(min(row, rows - 1u), min(k, inner - 1u)), row < rows && k < inner);
    }
    let kb = k0 + ty;
    let vb = vector0 + tx;
    tileB[lane] = select(vec4f(), b[min(kb, inner - 1u) * colVectors + min(vb, colVectors - 1u)], vec4<bool>(kb < inner && vb < colVectors));
    workgroupBarrier();
    for (var kk = 0u; kk < ${DEPTH}u; kk++) {
      let bv = tileB[kk * 16u + tx];
      let at = kk * ${TILE}u + ty * 4u;
      ${r.map((i) => `s${i} += tileA[at + ${i}u] * bv;`).join('\n      ')}
    }
    workgroupBarrier();
  }
${r.map((i) => `  store(row0 + ty * 4u + ${i}u, vector0 + tx, s${i});`).join('\n')}`;
}
