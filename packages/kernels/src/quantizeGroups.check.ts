/** Check of `quantizeGroups`, and matrices in 4 bits for other checks. */
import { floats, uniform, type Call, type KernelCheck } from './check.ts';
import { fromHalf, toHalf } from './half.ts';
import { roundHalfToEven } from './quantize.check.ts';
import {
  QUANTIZED_GROUP,
  groupedRowWords,
  LARGEST_NIBBLE,
  LARGEST_SCALE,
  LEAST_SCALE,
  quantizeGroups,
} from './quantizeGroups.ts';
import type { RandomStream } from './random.ts';

/** The words of x [rows, cols], as the kernel makes them. */
export function groupedMatrix(x: Float64Array, rows: number, cols: number): Uint32Array {
  const [words, groups] = [groupedRowWords(cols), Math.ceil(cols / QUANTIZED_GROUP)];
  const y = new Uint32Array(rows * words);
  for (let r = 0; r < rows; r++) {
    for (let g = 0; g < groups; g++) {
      const group = x.subarray(r * cols + g * QUANTIZED_GROUP, r * cols + Math.min(cols, (g + 1) * QUANTIZED_GROUP));
      const largest = group.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const step = Math.fround(largest * Math.fround(1 / LARGEST_NIBBLE));
      const half = toHalf(Math.min(LARGEST_SCALE, Math.max(LEAST_SCALE, step)));
      group.forEach((value, i) => {
        const q = roundHalfToEven(Math.fround(value / fromHalf(half)));
        const nibble = Math.max(-LARGEST_NIBBLE, Math.min(LARGEST_NIBBLE, q)) & 0xf;
        y[r * words + Math.floor((g * QUANTIZED_GROUP + i) / 8)]! |= nibble << (4 * (i % 8));
      });
      y[r * words + (groups * QUANTIZED_GROUP) / 8 + Math.floor(g / 2)]! |= half << (16 * (g % 2));
    }
  }
  return y;
}

/** The matrix [rows, cols] that words stand for. */
export function ungroupedMatrix(words: Uint32Array | Int32Array, rows: number, cols: number): Float64Array {
  const [stride, groups] = [groupedRowWords(cols), Math.ceil(cols / QUANTIZED_GROUP)];
  return Float64Array.from({ length: rows * cols }, (_, i) => {
    const [row, col] = [Math.floor(i / cols) * stride, i % cols];
    const group = Math.floor(col / QUANTIZED_GROUP);
    const half = (words[row + (groups * QUANTIZED_GROUP) / 8 + Math.floor(group / 2)]! >>> (16 * (group % 2))) & 0xffff;
    const nibble = (words[row + Math.floor(col / 8)]! << (28 - 4 * (col % 8))) >> 28;
    return fromHalf(half) * nibble;
  });
}

/** Σ (x − y)² and Σ x² of every pair of groups. */
function squaresOf(x: Float64Array, y: Float64Array, rows: number, cols: number): Float64Array {
  const pairs = Math.ceil(cols / (2 * QUANTIZED_GROUP));
  const squares = new Float64Array(2 * rows * pairs);
  x.forEach((value, i) => {
    const at = 2 * (Math.floor(i / cols) * pairs + Math.floor((i % cols) / (2 * QUANTIZED_GROUP)));
    squares[at]! += Math.fround((value - y[i]!) ** 2);
    squares[at + 1]! += Math.fround(value ** 2);
  });
  return squares;
}

const call = (x: Float64Array, rows: number, cols: number): Call => ({
  inputs: { x },
  outputs: { y: rows * groupedRowWords(cols), squares: 2 * rows * Math.ceil(cols / (2 * QUANTIZED_GROUP)) },
  uniforms: { rows, cols },
});

/**
 * Groups whose scale is a power of two and whose values are eighths of it, none near where rounding turns: every sum of
 * squares is exact in f32, in whatever order it is made.
 */
function exactCall(random: RandomStream, rows: number, cols: number): Call {
  const x = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    // Of the row, so that sums over two groups are exact too.
    const scale = 2 ** (random.below(12) - 8);
    for (let first = 0; first < cols; first += QUANTIZED_GROUP) {
      if (random.below(8) === 0) continue;
      const width = Math.min(QUANTIZED_GROUP, cols - first);
      for (let c = first; c < first + width; c++)
        x[r * cols + c] =
          (random.below(2 * LARGEST_NIBBLE - 1) - LARGEST_NIBBLE + 1 + (random.below(7) - 3) / 8) * scale;
      x[r * cols + first + random.below(width)] = (random.below(2) === 0 ? -1 : 1) * LARGEST_NIBBLE * scale;
    }
  }
  return call(x, rows, cols);
}

/** One value a row, so that scales of all bits are tried, and those that are cut; the other values are 0. */
function scaleCall(random: RandomStream, rows: number, cols: number): Call {
  const x = new Float64Array(rows * cols);
  x[0] = 3 * 2 ** -15;
  x[cols] = -(2 ** 20);
  for (let r = 2; r < rows; r++)
    x[r * cols + random.below(cols)] = Math.fround(random.normal() * 2 ** (random.below(16) - 9));
  return call(x, rows, cols);
}

export const quantizeGroupsCheck: KernelCheck = {
  kernel: quantizeGroups,
  calls: (random) => [
    exactCall(random, 1, 1),
    exactCall(random, 3, 39),
    exactCall(random, 65, 96),
    exactCall(random, 7, 128),
    scaleCall(random, 90, 20),
  ],
  benchmark: (random) => [exactCall(random, 1706, 640)],
  reference: (each) => {
    const [x, rows, cols] = [floats(each, 'x'), uniform(each, 'rows'), uniform(each, 'cols')];
    const y = groupedMatrix(x, rows, cols);
    return { y, squares: squaresOf(x, ungroupedMatrix(y, rows, cols), rows, cols) };
  },
  work: (each) => {
    const [rows, cols] = [uniform(each, 'rows'), uniform(each, 'cols')];
    return { flops: 7 * rows * cols, bytes: 4 * (rows * cols + rows * groupedRowWords(cols)) };
  },
  tolerance: 0,
};
