/** Check of `quantizeRows`, and quantised matrices for other checks. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { LARGEST_BYTE, quantizedRowWords, quantizeRows } from './quantize.ts';
import type { RandomStream } from './random.ts';

export function roundHalfToEven(value: number): number {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/** The words of x [rows, cols], as the kernel makes them. */
export function quantizedMatrix(x: Float64Array, rows: number, cols: number): Uint32Array {
  const words = quantizedRowWords(cols);
  const bytes = new DataView(new ArrayBuffer(4 * rows * words));
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * cols, (r + 1) * cols);
    const scale = Math.fround(
      row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) * Math.fround(1 / LARGEST_BYTE),
    );
    row.forEach((value, c) => {
      const q = scale > 0 ? roundHalfToEven(Math.fround(value / scale)) : 0;
      bytes.setInt8(4 * r * words + c, Math.max(-LARGEST_BYTE, Math.min(LARGEST_BYTE, q)));
    });
    bytes.setFloat32(4 * ((r + 1) * words - 1), scale, true);
  }
  return Uint32Array.from({ length: rows * words }, (_, i) => bytes.getUint32(4 * i, true));
}

/** The matrix [rows, cols] that words stand for. */
export function dequantizedMatrix(words: Uint32Array | Int32Array, rows: number, cols: number): Float64Array {
  const bytes = new DataView(Uint32Array.from(words).buffer);
  const stride = 4 * quantizedRowWords(cols);
  return Float64Array.from({ length: rows * cols }, (_, i) => {
    const row = Math.floor(i / cols) * stride;
    return bytes.getFloat32(row + stride - 4, true) * bytes.getInt8(row + (i % cols));
  });
}

/**
 * Rows whose values are no nearer than a tenth of a step to where rounding turns: division may be off by its last bits.
 */
function call(random: RandomStream, rows: number, cols: number, zeroRow = -1): Call {
  const x = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    if (r === zeroRow) continue;
    const step = 2 ** (random.below(12) - 8);
    for (let c = 0; c < cols; c++)
      x[r * cols + c] = Math.fround(
        (random.below(2 * LARGEST_BYTE - 1) - LARGEST_BYTE + 1 + 0.8 * (random.uniform() - 0.5)) * step,
      );
    x[r * cols + random.below(cols)] = (random.below(2) === 0 ? -1 : 1) * LARGEST_BYTE * step;
  }
  return { inputs: { x }, outputs: { y: rows * quantizedRowWords(cols) }, uniforms: { rows, cols } };
}

export const quantizeRowsCheck: KernelCheck = {
  kernel: quantizeRows,
  calls: (random) => [call(random, 1, 1), call(random, 3, 7, 1), call(random, 65, 30), call(random, 7, 64)],
  benchmark: (random) => [
    {
      inputs: { x: normals(random, 1706 * 640) },
      outputs: { y: 1706 * quantizedRowWords(640) },
      uniforms: { rows: 1706, cols: 640 },
    },
  ],
  reference: (each) => ({ y: quantizedMatrix(floats(each, 'x'), uniform(each, 'rows'), uniform(each, 'cols')) }),
  work: (each) => {
    const [rows, cols] = [uniform(each, 'rows'), uniform(each, 'cols')];
    return { flops: 3 * rows * cols, bytes: 4 * (rows * cols + rows * quantizedRowWords(cols)) };
  },
  tolerance: 0,
};
