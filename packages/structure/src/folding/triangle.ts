/**
 * Sums over all stretches of a sequence, and the two innermost loops of the cubic
 * part of the recursions: rows of a triangle added with factors, and products of
 * a row with many. Both take four rows at a time, which loads a quarter as much
 * and lets four additions run at once.
 *
 * The stretch from i to j, i ≤ j, stands at `rowAt(i) + j`, so that all stretches
 * with the same start lie side by side.
 */

/** Numbers that a triangle over `length` positions holds. */
export const triangleSize = (length: number): number => (length * (length + 1)) / 2;

/** [length + 1]: where each row would begin if it began with j = 0. */
export function rowOffsets(length: number): Int32Array {
  return Int32Array.from({ length: length + 1 }, (_, i) => i * length - (i * (i + 1)) / 2);
}

/** Rows of a triangle, each from a position of its own on. Positions ascend. Made once and filled again and again. */
export interface RowList {
  count: number;
  /** [length]: rows, as `rowOffsets` has them. */
  readonly offset: Int32Array;
  /** [length]: positions from which the rows count. */
  readonly start: Int32Array;
  /** [length]: what a row is multiplied by, or what a product came to. */
  readonly value: Float64Array;
}

export function rowList(length: number): RowList {
  return { count: 0, offset: new Int32Array(length), start: new Int32Array(length), value: new Float64Array(length) };
}

/** target[j] += value · row[j], for each row of the list and each j from the row's start up to `end`. */
export function addRows(target: Float64Array, triangle: Float64Array, rows: RowList, end: number): void {
  const { count, offset, start, value } = rows;
  let r = 0;
  for (; r + 3 < count; r += 4) {
    const from = Math.min(start[r + 3]!, end);
    for (let k = 0; k < 3; k++) addRow(target, triangle, offset[r + k]!, value[r + k]!, start[r + k]!, from);
    const [a, b, c, d] = [offset[r]!, offset[r + 1]!, offset[r + 2]!, offset[r + 3]!];
    const [va, vb, vc, vd] = [value[r]!, value[r + 1]!, value[r + 2]!, value[r + 3]!];
    for (let j = from; j < end; j++)
      target[j]! += va * triangle[a + j]! + vb * triangle[b + j]! + (vc * triangle[c + j]! + vd * triangle[d + j]!);
  }
  for (; r < count; r++) addRow(target, triangle, offset[r]!, value[r]!, start[r]!, end);
}

function addRow(
  target: Float64Array,
  triangle: Float64Array,
  offset: number,
  value: number,
  from: number,
  end: number,
): void {
  for (let j = from; j < end; j++) target[j]! += value * triangle[offset + j]!;
}

/** value = Σ vector[j] · row[j] over each j from the row's start up to `end`, for each row of the list. */
export function multiplyRows(vector: Float64Array, triangle: Float64Array, rows: RowList, end: number): void {
  const { count, offset, start, value } = rows;
  let r = 0;
  for (; r + 3 < count; r += 4) {
    const from = Math.min(start[r + 3]!, end);
    const [a, b, c, d] = [offset[r]!, offset[r + 1]!, offset[r + 2]!, offset[r + 3]!];
    let sa = multiplyRow(vector, triangle, a, start[r]!, from);
    let sb = multiplyRow(vector, triangle, b, start[r + 1]!, from);
    let sc = multiplyRow(vector, triangle, c, start[r + 2]!, from);
    let sd = 0;
    for (let j = from; j < end; j++) {
      const x = vector[j]!;
      sa += x * triangle[a + j]!;
      sb += x * triangle[b + j]!;
      sc += x * triangle[c + j]!;
      sd += x * triangle[d + j]!;
    }
    value[r] = sa;
    value[r + 1] = sb;
    value[r + 2] = sc;
    value[r + 3] = sd;
  }
  for (; r < count; r++) value[r] = multiplyRow(vector, triangle, offset[r]!, start[r]!, end);
}

function multiplyRow(vector: Float64Array, triangle: Float64Array, offset: number, from: number, end: number): number {
  let sum = 0;
  for (let j = from; j < end; j++) sum += vector[j]! * triangle[offset + j]!;
  return sum;
}
