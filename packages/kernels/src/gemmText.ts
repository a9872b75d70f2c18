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
