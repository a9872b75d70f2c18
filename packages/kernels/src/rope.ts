/** The table of rotary angles that attention reads, made on the host. */
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
