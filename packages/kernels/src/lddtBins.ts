/** The bin of a nucleotide's lDDT, which a model learns to predict: of one atom a nucleotide, in whole numbers. */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/**
 * y[i] = the bin of 50 of the lDDT of atom `slot` of nucleotide i: over the others whose true distance is below 15 Å,
 * the part of the four thresholds 0.5, 1, 2, 4 Å that the distance's error is below. 49 where there are none, −1 where
 * the atom is not known. Coordinates [length, slots, 3], mask [length, slots]; `count` is the length.
 */
export const lddtBins = defineKernel({
  name: 'lddtBins',
  inputs: { coordinates: 'f32', goal: 'f32', mask: 'f32' },
  outputs: { y: 'i32' },
  uniforms: { count: 'u32', slots: 'u32', slot: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => /* wgsl */ `
fn place(i: u32) -> u32 { return i * u.slots + u.slot; }
fn predictedAt(i: u32) -> vec3f {
  let at = 3u * place(i);
  return vec3f(coordinates[at], coordinates[at + 1u], coordinates[at + 2u]);
}
fn trueAt(i: u32) -> vec3f {
  let at = 3u * place(i);
  return vec3f(goal[at], goal[at + 1u], goal[at + 2u]);
}`,
  body: () => /* wgsl */ `${flatIndex}
  if (mask[place(i)] == 0.0) { y[i] = -1; return; }
  var kept = 0u;
  var pairs = 0u;
  for (var j = 0u; j < u.count; j++) {
    let apart = distance(trueAt(i), trueAt(j));
    if (j == i || mask[place(j)] == 0.0 || apart >= 15.0) { continue; }
    let error = abs(apart - distance(predictedAt(i), predictedAt(j)));
    pairs++;
    kept += u32(error < 0.5) + u32(error < 1.0) + u32(error < 2.0) + u32(error < 4.0);
  }
  // 50 · kept / (4 · pairs), without a rounding that could move a bin.
  y[i] = i32(min(49u, 25u * select(kept, 4u, pairs == 0u) / (2u * max(pairs, 1u))));`,
});
