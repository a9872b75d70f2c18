/** Tables that the attention kernels read, made on the host: rotary angles, and each token's sequence in the pack. */
import { cos, pow, sin } from './portableMath.ts';

/**
 * cos (first half) and sin (second half) of the rotary angles, [positions, headDim] in f32: angle = position ·
 * theta^(−2d/headDim), rotate-half layout (Su et al. 2021). Throws a RangeError for an odd head dimension.
 */
export function ropeTable(headDim: number, positions: number, theta: number): Float32Array<ArrayBuffer> {
  if (headDim % 2 !== 0) throw new RangeError(`rotary embedding needs an even head dimension, got ${headDim}`);
  const half = headDim / 2;
  const table = new Float32Array(positions * headDim);
  for (let d = 0; d < half; d++) {
    // The reference keeps the inverse frequencies and the angles in f32.
    const frequency = Math.fround(pow(theta, -d / half));
    for (let position = 0; position < positions; position++) {
      const angle = Math.fround(position * frequency);
      table[position * headDim + d] = cos(angle);
      table[position * headDim + d + half] = sin(angle);
    }
  }
  return table;
}

/** First and end row of each token's sequence, [tokens, 2], from the cumulative lengths [sequences + 1]. */
export function segmentTable(cuSeqlens: Uint32Array): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(2 * (cuSeqlens.at(-1) ?? 0));
  for (let s = 0; s + 1 < cuSeqlens.length; s++) {
    for (let t = cuSeqlens[s]!; t < cuSeqlens[s + 1]!; t++) {
      table[2 * t] = cuSeqlens[s]!;
      table[2 * t + 1] = cuSeqlens[s + 1]!;
    }
  }
  return table;
}
