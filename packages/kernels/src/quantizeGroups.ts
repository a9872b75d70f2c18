/**
 * Weights in 4 bits: W[r, c] ≈ scale · q[r, c] with q in −7 … 7 and a scale, stored as a half, for each group of 32
 * columns of a row. For inference alone; `matmul` takes such a matrix as its B and brings four values at a time back
 * to f32, exactly, where it multiplies them.
 *
 * A row is one run of words. First come its groups, four words each of eight values, the lowest bits first, and zero
 * beyond the last column. Behind them are the scales, two to a word. One buffer holds all, and a product needs no
 * further binding.
 */
import { defineKernel, flatGrid, FLAT_SIZE } from './kernel.ts';

/** Columns that share a scale. */
export const QUANTIZED_GROUP = 32;
const VALUES = 8; // of a word
const GROUP_WORDS = QUANTIZED_GROUP / VALUES;

/** Largest magnitude of four bits: −8 is not used, so that the range is symmetric. */
export const LARGEST_NIBBLE = 7;

/**
 * The least and the largest scale: the normal halves. A smaller one would be a denormal, which an adapter may read as 0.
 */
export const LEAST_SCALE = 2 ** -14;
export const LARGEST_SCALE = 65504;

/** Words of a row of `cols` columns. */
export function groupedRowWords(cols: number): number {
  const groups = Math.ceil(cols / QUANTIZED_GROUP);
  return GROUP_WORDS * groups + Math.ceil(groups / 2);
}

const groupsOf = (cols: string): string => `((${cols} + ${QUANTIZED_GROUP - 1}u) / ${QUANTIZED_GROUP}u)`;
/** WGSL of the words of a row before its scales, from the expression of its columns. */
const valueWords = (cols: string): string => `(${GROUP_WORDS}u * ${groupsOf(cols)})`;

/** WGSL of the words of a row. */
export const groupedWords = (cols: string): string => `(${valueWords(cols)} + (${groupsOf(cols)} + 1u) / 2u)`;

/**
 * WGSL of `groupedFour(row, k4) -> vec4f`: columns 4·k4 and on of the row that begins at word `row` of the buffer. Bits
 * go by shifts, and halves by a function of WGSL's core, so that no language feature is needed.
 */
export const groupedFour = (buffer: string, cols: string): string => /* wgsl */ `
fn groupedFour(row: u32, k4: u32) -> vec4f {
  let word = ${buffer}[row + k4 / ${VALUES / 4}u] >> (16u * (k4 % ${VALUES / 4}u));
  let group = k4 / ${QUANTIZED_GROUP / 4}u;
  let scale = unpack2x16float(${buffer}[row + ${valueWords(cols)} + group / 2u] >> (16u * (group % 2u))).x;
  return scale * vec4f((vec4i(bitcast<i32>(word)) << vec4u(28u, 24u, 20u, 16u)) >> vec4u(28u));
}`;

/**
 * y[r] = the words of row r of x [rows, cols]. The scale of a group is max|x| / 7, rounded to a half, and q = x / scale,
 * rounded half to even. squares[r, pair] of [rows, ⌈groups / 2⌉, 2] has Σ (x − scale · q)² and Σ x² over a pair of
 * groups, which is what an invocation takes, since its scales share a word.
 */
export const quantizeGroups = defineKernel({
  name: 'quantizeGroups',
  inputs: { x: 'f32' },
  outputs: { y: 'u32', squares: 'f32' },
  uniforms: { rows: 'u32', cols: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ rows, cols }) => flatGrid(rows * Math.ceil(cols / (2 * QUANTIZED_GROUP)), FLAT_SIZE),
  // The adapter's own conversion may round to either neighbour.
  declarations: () => /* wgsl */ `
fn halfBits(value: f32) -> u32 {
  let bits = bitcast<u32>(value) - ${(127 - 15) << 23}u;
  return (bits + 0xfffu + ((bits >> 13u) & 1u)) >> 13u;
}`,
  body: () => /* wgsl */ `
  let groupCount = ${groupsOf('u.cols')};
  let pairs = (groupCount + 1u) / 2u;
  let at = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (at >= u.rows * pairs) { return; }
  let row = at / pairs;
  let pair = at % pairs;
  let base = row * u.cols;
  let start = row * ${groupedWords('u.cols')};
  var changed = 0.0;
  var all = 0.0;
  var scales = 0u;
  for (var g = 2u * pair; g < min(2u * pair + 2u, groupCount); g++) {
    let end = min(${QUANTIZED_GROUP}u * (g + 1u), u.cols);
    var largest = 0.0;
    for (var c = ${QUANTIZED_GROUP}u * g; c < end; c++) { largest = max(largest, abs(x[base + c])); }
    let half = halfBits(clamp(largest * ${Math.fround(1 / LARGEST_NIBBLE)}, ${LEAST_SCALE}, ${LARGEST_SCALE}.0));
    let scale = unpack2x16float(half).x;
    scales |= half << (16u * (g % 2u));
    for (var w = 0u; w < ${GROUP_WORDS}u; w++) {
      var word = 0u;
      let first = ${QUANTIZED_GROUP}u * g + ${VALUES}u * w;
      for (var e = 0u; e < ${VALUES}u && first + e < u.cols; e++) {
        let value = x[base + first + e];
        let q = clamp(round(value / scale), -${LARGEST_NIBBLE}.0, ${LARGEST_NIBBLE}.0);
        word |= (bitcast<u32>(i32(q)) & 0xfu) << (4u * e);
        let off = value - scale * q;
        changed += off * off;
        all += value * value;
      }
      y[start + ${GROUP_WORDS}u * g + w] = word;
    }
  }
  y[start + ${valueWords('u.cols')} + pair] = scales;
  squares[2u * at] = changed;
  squares[2u * at + 1u] = all;`,
});
