/**
 * Weights as signed bytes with a scale per row, symmetric about 0: W[r, c] ≈ scale_r · q[r, c], q in −127 … 127.
 * For inference alone; `matmul` takes such a matrix as its B and multiplies each sum by the row's scale, so no
 * weight is brought back to f32 in memory.
 *
 * A row is one run of words: ⌈cols / 4⌉ of four bytes each, the lowest byte first and zero beyond the last
 * column, then the bits of the scale. One buffer holds all, and a product needs no further binding.
 */
import { defineKernel, flatGrid, FLAT_SIZE } from './kernel.ts';

/** WGSL of the words of a row, of which the last is the scale, from the expression of its columns. */
export const quantizedWords = (cols: string): string => `((${cols} + 3u) / 4u + 1u)`;

/** Words of a row of `cols` columns. */
export const quantizedRowWords = (cols: number): number => Math.ceil(cols / 4) + 1;

/** WGSL of the four signed bytes of a word, as vec4f. By shifts, so that no language feature is needed. */
export const unpackBytes = (word: string): string =>
  `vec4f((vec4i(bitcast<i32>(${word})) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u))`;

/** Largest magnitude of a byte: −128 is not used, so that the range is symmetric. */
export const LARGEST_BYTE = 127;

/**
 * y[r] = the words of row r of x [rows, cols]: scale = max|x[r]| / 127 and q = x / scale, rounded half to even.
 * An invocation takes a whole row: this runs once, when a model is loaded.
 */
export const quantizeRows = defineKernel({
  name: 'quantizeRows',
  inputs: { x: 'f32' },
  outputs: { y: 'u32' },
  uniforms: { rows: 'u32', cols: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ rows }) => flatGrid(rows, FLAT_SIZE),
  body: () => /* wgsl */ `
  let row = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (row >= u.rows) { return; }
  let base = row * u.cols;
  var largest = 0.0;
  for (var c = 0u; c < u.cols; c++) { largest = max(largest, abs(x[base + c])); }
  let scale = largest * ${Math.fround(1 / LARGEST_BYTE)};
  let divisor = select(1.0, scale, scale > 0.0);
  let words = ${quantizedWords('u.cols')};
  for (var w = 0u; w + 1u < words; w++) {
    var word = 0u;
    for (var e = 0u; e < 4u && 4u * w + e < u.cols; e++) {
      let q = clamp(round(x[base + 4u * w + e] / divisor), -${LARGEST_BYTE}.0, ${LARGEST_BYTE}.0);
      word |= (bitcast<u32>(i32(q)) & 0xffu) << (8u * e);
    }
    y[row * words + w] = word;
  }
  y[row * words + words - 1u] = bitcast<u32>(scale);`,
});
