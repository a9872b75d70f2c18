/**
 * The body that every product shares: y(r, c) = Σ_k A(r, k) · B(k, c), in three
 * algorithms. Operands come through WGSL functions that the kernel declares, so
 * that a transposed matrix and the patches of a convolution are the same product.
 * The inner index goes in fours: `loadA4(row, k4) -> vec4f` is zero beyond its end,
 * `loadB(k, vector) -> vec4f` gives columns 4·vector and on of B, of which those
 * beyond the last are not used, and `store(row, col, value)` takes a result.
 *
 * - `register`: a thread keeps `rows` × 4·`vectors` sums; no workgroup memory (gemmThreads.ts).
 * - `subgroup`: the same, one subgroup a workgroup, whose lanes hand each other A.
 * - `tiled`: tiles of A and B through workgroup memory, for GPUs (gemmTiles.ts), which
 *   takes its operands in functions of its own, and results by `storeFour`.
 *
 * Where B is stored column by column, `register` and `subgroup` take it in vectors
 * along the inner index (`along: 'inner'`): `loadB4(col, k4) -> vec4f`.
 */
import type { Along, GemmText } from './gemmText.ts';
import { threadBody, threadTile, threadWorkgroup } from './gemmThreads.ts';
import { storeFour, tileBody, tileDeclarations, tileSize, tileWorkgroup } from './gemmTiles.ts';
import { flatGrid, isNewerLavapipe, octave, type AdapterTraits, type Grid } from './kernel.ts';

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

/** A workgroup's tile of y. */
const tile = (variant: GemmVariant, along: Along): { rows: number; cols: number } =>
  variant.algorithm === 'tiled' ? tileSize(variant) : threadTile(variant, along);

export const gemmWorkgroup = (variant: GemmVariant): Grid =>
  variant.algorithm === 'tiled' ? tileWorkgroup(variant) : threadWorkgroup(variant);

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

export const gemmBody = (variant: GemmVariant, text: GemmText): string =>
  variant.algorithm === 'tiled' ? tileBody(variant, text) : threadBody(variant, text);
