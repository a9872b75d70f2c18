/**
 * Attention maps as evidence of contacts (Rao et al. 2021): without the rows and
 * columns of `<cls>` and `<eos>`, made symmetric, S = P + Pᵀ, and corrected for
 * what a row and a column have in common with all others (average product
 * correction, Dunn et al. 2008): S[i, j] − S[i, ·] · S[·, j] / S[·, ·].
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

const symmetric = /* wgsl */ `
fn symmetric(head: u32, i: u32, j: u32) -> f32 {
  let size = u.length + 2u;
  let base = head * size * size;
  return p[base + (i + 1u) * size + j + 1u] + p[base + (j + 1u) * size + i + 1u];
}`;

/** sums[i, h] = Σ_j S[h, i, j]; p [heads, length + 2, length + 2], count = length · heads. */
export const apcSums = defineKernel({
  name: 'apcSums',
  inputs: { p: 'f32' },
  outputs: { sums: 'f32' },
  uniforms: { count: 'u32', heads: 'u32', length: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => symmetric,
  body: () => /* wgsl */ `${flatIndex}
  var sum = 0.0;
  for (var j = 0u; j < u.length; j++) { sum += symmetric(i % u.heads, i / u.heads, j); }
  sums[i] = sum;`,
});

/** y[h, i, j] = S[h, i, j] − sums[i, h] · sums[j, h] / totals[h]; totals [heads] = Σ_i sums[i, h]. */
export const apc = defineKernel({
  name: 'apc',
  inputs: { p: 'f32', sums: 'f32', totals: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', heads: 'u32', length: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => symmetric,
  body: () => /* wgsl */ `${flatIndex}
  let head = i / (u.length * u.length);
  let row = i / u.length % u.length;
  let col = i % u.length;
  y[i] = symmetric(head, row, col) - sums[row * u.heads + head] * (sums[col * u.heads + head] / totals[head]);`,
});
