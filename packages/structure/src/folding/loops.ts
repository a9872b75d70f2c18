/**
 * Bulges and internal loops, the part of the recursions that costs most for short
 * sequences: for every pair, a sum over the 496 pairs that may stand at the other
 * end of its loop. Of the pairs that stand there only the nearest rows are ever
 * looked at, so that they are kept in a window that turns, zeros between them: a
 * sum without a question runs faster over all of it than over the pairs alone.
 */
import { MAX_LOOP as LONGEST } from './parameters.ts';
import type { FoldingProblem } from './problem.ts';

// V8 inlines constants of this file, and not what is imported.
const MAX_LOOP = LONGEST;
const WIDTH = MAX_LOOP + 1;
/** Rows of the window: those that a loop reaches, and the one at work. */
const ROWS = 32;
/** Zeros before and after each row of the window. */
const MARGIN = 32;

/** Sums by pair in the 32 rows around the one at work: the pair (p, q) stands at `windowRow(window, p) + q`. */
export interface LoopWindow {
  readonly stride: number;
  readonly values: Float64Array;
}

export function loopWindow(length: number): LoopWindow {
  const stride = length + 2 * MARGIN;
  return { stride, values: new Float64Array(ROWS * stride) };
}

export const windowRow = ({ stride }: LoopWindow, p: number): number => (p % ROWS) * stride + MARGIN;

/** Makes room for row p in place of the one that is 32 rows away, and says where it begins. */
export function clearRow(window: LoopWindow, p: number): number {
  const row = windowRow(window, p);
  window.values.fill(0, row - MARGIN, row - MARGIN + window.stride);
  return row;
}

/**
 * Factors of loops by their lengths, a row for each length a of the left side: [MAX_LOOP + 1, MAX_LOOP + 1]. Right
 * sides ascend where the other end of the loop is outside, and descend where it is within.
 */
export function loopTable(loop: Float64Array, isWithin: boolean): Float64Array {
  const table = new Float64Array(WIDTH * WIDTH);
  for (let a = 0; a <= MAX_LOOP; a++) {
    const most = MAX_LOOP - a;
    for (let b = 0; b <= most; b++) table[a * WIDTH + (isWithin ? most - b : b)] = loop[a * WIDTH + b]!;
  }
  return table;
}

/** What the sums of one pass look up. `step` is 1 where the other end of the loop is outside, else -1. */
export interface LoopSums {
  readonly step: 1 | -1;
  readonly window: LoopWindow;
  readonly table: Float64Array;
  /** [length]: the scale of a position that may be unpaired, else 0. */
  readonly free: Float64Array;
  /** [length]: consecutive positions next to each, in the direction of `step`, that are unscaled and may be unpaired. */
  readonly plain: Int32Array;
}

/**
 * sums[k] = Σ over left sides a and right sides b of the loop's factor, times the window's value at the loop's other
 * end, times the scales of the positions between; for every pair k of row i.
 */
export function sumLoops(
  { rowStart, rowJ, length }: FoldingProblem,
  loops: LoopSums,
  i: number,
  sums: Float64Array,
): void {
  const { step, window, table, free, plain } = loops;
  const { values } = window;
  const [first, last] = [rowStart[i]!, rowStart[i + 1]!];
  sums.fill(0, 0, last - first);
  if (first === last) return;
  let left = 1;
  for (let a = 0; a <= MAX_LOOP && left > 0; a++) {
    const p = i - step * (a + 1);
    if (p < 0 || p >= length) return;
    const taps = WIDTH - a;
    const begin = windowRow(window, p) + (step > 0 ? 1 : -taps);
    const factors = a * WIDTH;
    let entry = first;
    for (; entry + 3 < last; entry += 4) {
      const [j0, j1, j2, j3] = [rowJ[entry]!, rowJ[entry + 1]!, rowJ[entry + 2]!, rowJ[entry + 3]!];
      if (Math.min(plain[j0]!, plain[j1]!, plain[j2]!, plain[j3]!) < taps - 1) {
        for (let k = 0; k < 4; k++)
          sums[entry + k - first]! += left * weigh(loops, rowJ[entry + k]!, begin, factors, taps);
        continue;
      }
      const [at0, at1, at2, at3] = [begin + j0, begin + j1, begin + j2, begin + j3];
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let t = 0; t < taps; t++) {
        const factor = table[factors + t]!;
        s0 += factor * values[at0 + t]!;
        s1 += factor * values[at1 + t]!;
        s2 += factor * values[at2 + t]!;
        s3 += factor * values[at3 + t]!;
      }
      const k = entry - first;
      sums[k]! += left * s0;
      sums[k + 1]! += left * s1;
      sums[k + 2]! += left * s2;
      sums[k + 3]! += left * s3;
    }
    for (; entry < last; entry++) sums[entry - first]! += left * weigh(loops, rowJ[entry]!, begin, factors, taps);
    left *= free[p]!;
  }
}

/** One sum over right sides, where positions may be scaled or have to be paired. */
function weigh(
  { step, window: { values }, table, free }: LoopSums,
  j: number,
  begin: number,
  factors: number,
  taps: number,
): number {
  let sum = 0;
  let right = 1;
  for (let b = 0; b < taps && right > 0; b++) {
    const t = step > 0 ? b : taps - 1 - b;
    sum += right * values[begin + j + t]! * table[factors + t]!;
    right *= free[j + step * (b + 1)] ?? 0;
  }
  return sum;
}
