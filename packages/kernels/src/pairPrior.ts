/**
 * What is known of a pair before any training, added to a map over pairs
 * [rows, length, channels]: the log-odds of folding engines by a weight for each
 * (`pairPrior`), and the distance along the sequence by a row of a table
 * (`pairDistance`). A map may be a band of its rows, whose first is `first`.
 * Gradients come as a sum for each row of the map, so that neither bands nor
 * workgroups show in their bits.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

const priorUniforms = {
  count: 'u32',
  length: 'u32',
  channels: 'u32',
  engines: 'u32',
  first: 'u32',
  factor: 'f32',
  shift: 'f32',
} as const;

/**
 * y[i, j, c] = x[i, j, c] + Σ over engines e of weight[c, e] · (factor · prior[i, j, e] + shift), prior [length, length,
 * engines] of the whole map.
 */
export const pairPrior = defineKernel({
  name: 'pairPrior',
  inputs: { x: 'f32', prior: 'f32', weight: 'f32' },
  outputs: { y: 'f32' },
  uniforms: priorUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let pixel = i / u.channels;
  let c = i - pixel * u.channels;
  let at = (u.first * u.length + pixel) * u.engines;
  var sum = x[i];
  for (var e = 0u; e < u.engines; e++) {
    sum += weight[c * u.engines + e] * (u.factor * prior[at + e] + u.shift);
  }
  y[i] = sum;`,
});

/** y[row, c, e] = Σ over j of dy[row, j, c] · (factor · prior[first + row, j, e] + shift). */
export const pairPriorBackward = defineKernel({
  name: 'pairPriorBackward',
  inputs: { dy: 'f32', prior: 'f32' },
  outputs: { y: 'f32' },
  uniforms: priorUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let e = i % u.engines;
  let c = i / u.engines % u.channels;
  let row = i / u.engines / u.channels;
  var sum = 0.0;
  for (var j = 0u; j < u.length; j++) {
    let value = u.factor * prior[((u.first + row) * u.length + j) * u.engines + e] + u.shift;
    sum += dy[(row * u.length + j) * u.channels + c] * value;
  }
  y[i] = sum;`,
});

const distanceUniforms = { count: 'u32', length: 'u32', channels: 'u32', distances: 'u32', first: 'u32' } as const;

/** y[i, j, c] = x[i, j, c] + table[min(|i − j|, distances − 1), c]. */
export const pairDistance = defineKernel({
  name: 'pairDistance',
  inputs: { x: 'f32', table: 'f32' },
  outputs: { y: 'f32' },
  uniforms: distanceUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let pixel = i / u.channels;
  let row = u.first + pixel / u.length;
  let col = pixel % u.length;
  let distance = min(max(row, col) - min(row, col), u.distances - 1u);
  y[i] = x[i] + table[distance * u.channels + i - pixel * u.channels];`,
});

/** y[row, d, c] = Σ of dy[row, j, c] over the j with min(|first + row − j|, distances − 1) = d, from the left. */
export const pairDistanceBackward = defineKernel({
  name: 'pairDistanceBackward',
  inputs: { dy: 'f32' },
  outputs: { y: 'f32' },
  uniforms: distanceUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let c = i % u.channels;
  let d = i / u.channels % u.distances;
  let band = i / u.channels / u.distances;
  let row = u.first + band;
  let start = band * u.length * u.channels + c;
  var sum = 0.0;
  if (d + 1u < u.distances) {
    if (d <= row) { sum += dy[start + (row - d) * u.channels]; }
    if (d > 0u && row + d < u.length) { sum += dy[start + (row + d) * u.channels]; }
  } else {
    for (var j = 0u; j + d <= row; j++) { sum += dy[start + j * u.channels]; }
    for (var j = row + max(d, 1u); j < u.length; j++) { sum += dy[start + j * u.channels]; }
  }
  y[i] = sum;`,
});
