/** Distances between points as bins: what is recycled of a structure. */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/**
 * y[i, j, k] = 1 where edge[k] < |x_i − x_j|² < edge[k + 1], else 0, with x [length, 3]; edges [bins + 1] are squares
 * that ascend. Distances below the first edge have no bin.
 */
export const distanceBins = defineKernel({
  name: 'distanceBins',
  inputs: { x: 'f32', edges: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', length: 'u32', bins: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let pixel = i / u.bins;
  let k = i - pixel * u.bins;
  let a = 3u * (pixel / u.length);
  let b = 3u * (pixel % u.length);
  let d = vec3f(x[a] - x[b], x[a + 1u] - x[b + 1u], x[a + 2u] - x[b + 2u]);
  let square = dot(d, d);
  y[i] = select(0.0, 1.0, square > edges[k] && square < edges[k + 1u]);`,
});
