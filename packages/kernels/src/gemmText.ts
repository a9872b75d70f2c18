/** What a product is told of its operands and sizes: pieces of WGSL, from which gemm.ts's algorithms make a body. */

/** The dimension in which `register` and `subgroup` take B's vectors. */
export type Along = 'cols' | 'inner';

/** The dimension along which four neighbours of an operand are read: its inner index, or its rows or columns. */
export type Contiguous = 'inner' | 'outer';

/**
 * How an operand `A` or `B` is read. The text declares, with X for the name:
 *
 *     OuterX, outerX(index: u32) -> OuterX   a row or column (a vector of them, `contiguous: 'outer'`), made once
 *     InnerX, innerX(k: u32) -> InnerX       an inner index (the first of four, `contiguous: 'inner'`)
 *     nextX(at: InnerX) -> InnerX            the inner index that is a tile further
 *     vectorX(outer: OuterX, at: InnerX) -> vec4f
 *
 * Indices beyond the end may come in. What is read there is some element of the operand, of which no use is made.
 */
export interface TileOperand {
  readonly contiguous: Contiguous;
  /** Vectors along the inner index end where it ends. */
  readonly whole: boolean;
  readonly text: string;
}

/** WGSL expressions of the sizes of y and of the range of the inner index, which starts at a multiple of four. */
export interface GemmText {
  readonly rows: string;
  readonly cols: string;
  readonly first: string;
  readonly end: string;
  /** By default columns. */
  readonly along?: Along;
  /** The operands as tiles are read. */
  readonly a: TileOperand;
  readonly b: TileOperand;
}

/**
 * First lines of every product's body: the sizes, and which tile of `size` rows and columns of y a workgroup has. Tiles
 * of one column follow each other, and a workgroup beyond the last tile returns.
 */
export const tileHead = (text: GemmText, size: { readonly rows: number; readonly cols: number }): string => /* wgsl */ `
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
