/**
 * The edges of a graph whose nodes lie in groups of `nodes`, each joined to all
 * of its group and itself: what an equivariant network computes of them (Satorras
 * et al. 2021, as RhoFold's RefineNet has it). Edges are taken in bands of rows:
 * `rows` nodes from `first` on, each with the edges to its group, [rows, nodes].
 */
import { defineKernel, elementwise, flatIndex, flatVector, vectorwise } from './kernel.ts';

const bandUniforms = { count: 'u32', nodes: 'u32', first: 'u32', rows: 'u32' } as const;
const featureUniforms = { count: 'u32', nodes: 'u32', first: 'u32', channels: 'u32' } as const;

const positionAt = /* wgsl */ `
fn positionAt(node: u32) -> vec3f { return vec3f(x[3u * node], x[3u * node + 1u], x[3u * node + 2u]); }`;
/** The two nodes of an edge of the band. */
const ends = /* wgsl */ `
  let node = u.first + i / u.nodes;
  let other = node / u.nodes * u.nodes + i % u.nodes;`;

/** y[row, j] = |x_node − x_j|², x [all nodes, 3]. */
export const squaredDistances = defineKernel({
  name: 'squaredDistances',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: bandUniforms,
  variant: {},
  ...elementwise,
  declarations: () => positionAt,
  body: () => /* wgsl */ `${flatIndex}${ends}
  let d = positionAt(node) - positionAt(other);
  y[i] = dot(d, d);`,
});

/**
 * A loop of a node over its group: `statement` has the node `i`, the `other`, and, where the edge between them is in the
 * band, its place as a row of either (`own`, `its`).
 */
const overGroup = (ofNode: string, ofOther: string): string => /* wgsl */ `
  let inGroup = i % u.nodes;
  // Before the band the difference wraps to a large number.
  let row = i - u.first;
  for (var t = 0u; t < u.nodes; t++) {
    let other = i - inGroup + t;
    let otherRow = other - u.first;
    if (row < u.rows) { let own = row * u.nodes + t; ${ofNode} }
    if (otherRow < u.rows) { let its = otherRow * u.nodes + inGroup; ${ofOther} }
  }`;

/** dx [all nodes, 3] from the gradient of a band's distances; `count` is the number of nodes. */
export const squaredDistancesBackward = defineKernel({
  name: 'squaredDistancesBackward',
  inputs: { dy: 'f32', x: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: bandUniforms,
  variant: {},
  ...elementwise,
  declarations: () => positionAt,
  body: () => /* wgsl */ `${flatIndex}
  var sum = vec3f();${overGroup(
    'sum += 2.0 * dy[own] * (positionAt(i) - positionAt(other));',
    'sum += 2.0 * dy[its] * (positionAt(i) - positionAt(other));',
  )}
  for (var k = 0u; k < 3u; k++) { dx[3u * i + k] = sum[k]; }`,
});

const featureIndex = /* wgsl */ `${flatVector}
  let parts = u.channels / 4u;
  let c = i % parts;
  let edge = i / parts;
  let row = edge / u.nodes;
  let other = (u.first + row) / u.nodes * u.nodes + edge % u.nodes;
  let value = left[row * parts + c] + right[other * parts + c] + weight[c] * distances[edge] + bias[c];`;

const featureInputs = { left: 'vec4f', right: 'vec4f', distances: 'f32', weight: 'vec4f', bias: 'vec4f' } as const;

/**
 * y[row, j, c] = SiLU(left[row, c] + right[j, c] + weight[c] · distances[row, j] + bias[c]): a linear layer over two
 * nodes and their distance, of which the concatenation is never made. left [rows, channels], right [all nodes, channels];
 * channels are a multiple of four.
 */
export const edgeFeatures = defineKernel({
  name: 'edgeFeatures',
  inputs: featureInputs,
  outputs: { y: 'vec4f' },
  uniforms: featureUniforms,
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${featureIndex}
  y[i] = value / (1.0 + exp(-value));`,
});

/** The gradient of what the SiLU is of, [rows, nodes, channels]. */
export const edgeFeaturesBackward = defineKernel({
  name: 'edgeFeaturesBackward',
  inputs: { dy: 'vec4f', ...featureInputs },
  outputs: { y: 'vec4f' },
  uniforms: featureUniforms,
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${featureIndex}
  let s = 1.0 / (1.0 + exp(-value));
  y[i] = dy[i] * (s + value * s * (1.0 - s));`,
});

/** y[row, c] = Σ_j x[row, j, c]; `count` is rows · channels. */
export const neighbourSums = defineKernel({
  name: 'neighbourSums',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', nodes: 'u32', channels: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let first = i / u.channels * u.nodes * u.channels + i % u.channels;
  var sum = 0.0;
  for (var j = 0u; j < u.nodes; j++) { sum += x[first + j * u.channels]; }
  y[i] = sum;`,
});

/** dx[row, j, c] = dy[row, c]; `count` is rows · nodes · channels. */
export const neighbourSumsBackward = defineKernel({
  name: 'neighbourSumsBackward',
  inputs: { dy: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', nodes: 'u32', channels: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  dx[i] = dy[i / (u.nodes * u.channels) * u.channels + i % u.channels];`,
});

/** y[j, c] = Σ of x[row, j, c] over the band's rows of the group of node j; `count` is nodes · channels. */
export const groupSums = defineKernel({
  name: 'groupSums',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { ...featureUniforms, rows: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let node = i / u.channels;
  let inGroup = node % u.nodes;
  let begin = max(node - inGroup, u.first);
  let end = min(node - inGroup + u.nodes, u.first + u.rows);
  var sum = 0.0;
  for (var row = begin; row < end; row++) {
    sum += x[((row - u.first) * u.nodes + inGroup) * u.channels + i % u.channels];
  }
  y[i] = sum;`,
});

/** What a step along an edge is divided by (RhoFold). */
const STEP = '50.0';

/** Directions along edges, 0 where both ends are one point, and what their slope makes of a gradient. */
const directions = /* wgsl */ `${positionAt}
fn direction(d: vec3f) -> vec3f { return d / max(length(d), 1e-8); }
fn directionGradient(d: vec3f, g: vec3f) -> vec3f {
  let size = length(d);
  let unit = d / max(size, 1e-8);
  return select(vec3f(), (g - dot(g, unit) * unit) / max(size, 1e-8), size > 1e-8);
}`;

/** y[row] = x_node + scale / 50 · Σ_j weights[row, j] · (x_node − x_j) / |x_node − x_j|; `count` is the number of rows. */
export const moveNodes = defineKernel({
  name: 'moveNodes',
  inputs: { x: 'f32', weights: 'f32', scale: 'f32' },
  outputs: { y: 'f32' },
  uniforms: bandUniforms,
  variant: {},
  ...elementwise,
  declarations: () => directions,
  body: () => /* wgsl */ `${flatIndex}
  let node = u.first + i;
  let group = node / u.nodes * u.nodes;
  var sum = vec3f();
  for (var j = 0u; j < u.nodes; j++) {
    sum += weights[i * u.nodes + j] * direction(positionAt(node) - positionAt(group + j));
  }
  let moved = positionAt(node) + scale[0] / ${STEP} * sum;
  for (var k = 0u; k < 3u; k++) { y[3u * i + k] = moved[k]; }`,
});

/** dweights [rows, nodes] of `moveNodes`; `count` is rows · nodes. */
export const moveNodesBackwardWeights = defineKernel({
  name: 'moveNodesBackwardWeights',
  inputs: { dy: 'f32', x: 'f32', scale: 'f32' },
  outputs: { dweights: 'f32' },
  uniforms: bandUniforms,
  variant: {},
  ...elementwise,
  declarations: () => directions,
  body: () => /* wgsl */ `${flatIndex}${ends}
  let at = 3u * (i / u.nodes);
  let g = vec3f(dy[at], dy[at + 1u], dy[at + 2u]);
  dweights[i] = scale[0] / ${STEP} * dot(g, direction(positionAt(node) - positionAt(other)));`,
});

/** dx [all nodes, 3] of `moveNodes`; `count` is the number of nodes. */
export const moveNodesBackward = defineKernel({
  name: 'moveNodesBackward',
  inputs: { dy: 'f32', x: 'f32', weights: 'f32', scale: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: bandUniforms,
  variant: {},
  ...elementwise,
  declarations: () => /* wgsl */ `${directions}
fn gradientAt(row: u32) -> vec3f { return vec3f(dy[3u * row], dy[3u * row + 1u], dy[3u * row + 2u]); }`,
  body: () => /* wgsl */ `${flatIndex}
  var sum = vec3f();${overGroup(
    'sum += weights[own] * directionGradient(positionAt(i) - positionAt(other), gradientAt(row));',
    'sum -= weights[its] * directionGradient(positionAt(other) - positionAt(i), gradientAt(otherRow));',
  )}
  sum *= scale[0] / ${STEP};
  if (row < u.rows) { sum += gradientAt(row); }
  for (var k = 0u; k < 3u; k++) { dx[3u * i + k] = sum[k]; }`,
});

/** y[e] = Σ_c SiLU(x[e, c]) · weight[c] + bias: a layer of one column; channels are a multiple of four. */
export const siluDot = defineKernel({
  name: 'siluDot',
  inputs: { x: 'vec4f', weight: 'vec4f', bias: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let parts = u.channels / 4u;
  var sum = vec4f();
  for (var c = 0u; c < parts; c++) {
    let value = x[i * parts + c];
    sum += value / (1.0 + exp(-value)) * weight[c];
  }
  y[i] = (sum.x + sum.y) + (sum.z + sum.w) + bias[0];`,
});
