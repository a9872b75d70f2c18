/**
 * The frames of nucleotides, [length, 7]: a quaternion (w, x, y, z) and a
 * translation. What a structure module does with them: it moves points from a
 * frame into space, updates a frame, and hands rotations on as matrices
 * (Jumper et al. 2021, supplement 1.8; RhoFold). One invocation a nucleotide or
 * a point; every sum is in one order.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/**
 * `rotationOf(q)`: the matrix of a quaternion, times its squared length where that is not 1; `quaternionGradient(q, g)`:
 * the gradient of q from that of the matrix, whose columns g has.
 */
export const rotationWgsl = /* wgsl */ `
fn rotationOf(q: vec4f) -> mat3x3f {
  let s = q * q;
  return mat3x3f(
    vec3f(s.x + s.y - s.z - s.w, 2.0 * (q.y * q.z + q.x * q.w), 2.0 * (q.y * q.w - q.x * q.z)),
    vec3f(2.0 * (q.y * q.z - q.x * q.w), s.x - s.y + s.z - s.w, 2.0 * (q.z * q.w + q.x * q.y)),
    vec3f(2.0 * (q.y * q.w + q.x * q.z), 2.0 * (q.z * q.w - q.x * q.y), s.x - s.y - s.z + s.w));
}
fn quaternionGradient(q: vec4f, g: mat3x3f) -> vec4f {
  let skew = vec3f(g[1].z - g[2].y, g[2].x - g[0].z, g[0].y - g[1].x);
  let across = vec3f(g[1].z + g[2].y, g[2].x + g[0].z, g[0].y + g[1].x);
  let v = q.yzw;
  return 2.0 * vec4f(
    q.x * (g[0].x + g[1].y + g[2].z) + dot(v, skew),
    q.x * skew.x + v.x * (g[0].x - g[1].y - g[2].z) + v.y * across.z + v.z * across.y,
    q.x * skew.y + v.y * (g[1].y - g[0].x - g[2].z) + v.x * across.z + v.z * across.x,
    q.x * skew.z + v.z * (g[2].z - g[0].x - g[1].y) + v.x * across.y + v.y * across.x);
}`;

/** `quaternion` of nucleotide `l` in the buffer `frames`. */
export const quaternionAt = (l: string): string => /* wgsl */ `
  let quaternion = vec4f(frames[7u * ${l}], frames[7u * ${l} + 1u], frames[7u * ${l} + 2u], frames[7u * ${l} + 3u]);`;

/** `quaternion` and `translation` of nucleotide `l` in the buffer `frames`. */
export const frameAt = (l: string): string => /* wgsl */ `${quaternionAt(l)}
  let translation = vec3f(frames[7u * ${l} + 4u], frames[7u * ${l} + 5u], frames[7u * ${l} + 6u]);`;

/** Stores a frame, or its gradient, of nucleotide `l`. */
export const storeFrame = (buffer: string, l: string, quaternion: string, translation: string): string => /* wgsl */ `
  for (var k = 0u; k < 4u; k++) { ${buffer}[7u * ${l} + k] = ${quaternion}[k]; }
  for (var k = 0u; k < 3u; k++) { ${buffer}[7u * ${l} + 4u + k] = ${translation}[k]; }`;

const pointUniforms = { count: 'u32', points: 'u32' } as const;

// A row of points is all x, then all y, then all z, as one linear layer gives them.
const pointIndex = /* wgsl */ `
  let l = i / u.points;
  let at = 3u * l * u.points + i % u.points;`;

/** y[l, :, p] = R(q_l) · x[l, :, p] + t_l: points from their frames into space, x and y [length, 3, points]. */
export const framePoints = defineKernel({
  name: 'framePoints',
  inputs: { x: 'f32', frames: 'f32' },
  outputs: { y: 'f32' },
  uniforms: pointUniforms,
  variant: {},
  ...elementwise,
  declarations: () => rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${pointIndex}${frameAt('l')}
  let moved = rotationOf(quaternion) * vec3f(x[at], x[at + u.points], x[at + 2u * u.points]) + translation;
  y[at] = moved.x;
  y[at + u.points] = moved.y;
  y[at + 2u * u.points] = moved.z;`,
});

/** dx[l, :, p] = R(q_l)ᵀ · dy[l, :, p]. */
export const framePointsBackward = defineKernel({
  name: 'framePointsBackward',
  inputs: { dy: 'f32', frames: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: pointUniforms,
  variant: {},
  ...elementwise,
  declarations: () => rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${pointIndex}${quaternionAt('l')}
  let turned = vec3f(dy[at], dy[at + u.points], dy[at + 2u * u.points]) * rotationOf(quaternion);
  dx[at] = turned.x;
  dx[at + u.points] = turned.y;
  dx[at + 2u * u.points] = turned.z;`,
});

/** dq_l and dt_l of y = R(q) · x + t over all points: [length, 7]; `count` is the length. */
export const framePointsBackwardFrames = defineKernel({
  name: 'framePointsBackwardFrames',
  inputs: { dy: 'f32', x: 'f32', frames: 'f32' },
  outputs: { dframes: 'f32' },
  uniforms: pointUniforms,
  variant: {},
  ...elementwise,
  declarations: () => rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${quaternionAt('i')}
  let base = 3u * i * u.points;
  var dt = vec3f();
  var dr = mat3x3f();
  for (var p = base; p < base + u.points; p++) {
    let g = vec3f(dy[p], dy[p + u.points], dy[p + 2u * u.points]);
    dt += g;
    dr += mat3x3f(g * x[p], g * x[p + u.points], g * x[p + 2u * u.points]);
  }
  let dq = quaternionGradient(quaternion, dr);${storeFrame('dframes', 'i', 'dq', 'dt')}`,
});

const update = /* wgsl */ `
  let b = vec3f(update[6u * i], update[6u * i + 1u], update[6u * i + 2u]);
  let shift = vec3f(update[6u * i + 3u], update[6u * i + 4u], update[6u * i + 5u]);
  let v = quaternion.yzw;
  let turned = vec4f(quaternion.x - dot(v, b), v + quaternion.x * b + cross(v, b));
  let size = length(turned);`;

/** q' = q̃ / |q̃|, q̃ = q + q ⊗ (0, b), and t' = t + R(q) · v, where update [length, 6] has b and v; `count` is the length. */
export const updateFrames = defineKernel({
  name: 'updateFrames',
  inputs: { frames: 'f32', update: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${frameAt('i')}${update}
  let q = turned / size;
  let t = translation + rotationOf(quaternion) * shift;${storeFrame('y', 'i', 'q', 't')}`,
});

/** The gradients of `updateFrames`. */
export const updateFramesBackward = defineKernel({
  name: 'updateFramesBackward',
  inputs: { dy: 'f32', frames: 'f32', update: 'f32' },
  outputs: { dframes: 'f32', dupdate: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${quaternionAt('i')}${update}
  let given = vec4f(dy[7u * i], dy[7u * i + 1u], dy[7u * i + 2u], dy[7u * i + 3u]);
  let dt = vec3f(dy[7u * i + 4u], dy[7u * i + 5u], dy[7u * i + 6u]);
  let unit = turned / size;
  let g = (given - dot(given, unit) * unit) / size;
  let dv = dt * rotationOf(quaternion);
  let db = quaternion.x * g.yzw - g.x * v + cross(g.yzw, v);
  let moved = quaternionGradient(quaternion, mat3x3f(dt * shift.x, dt * shift.y, dt * shift.z));
  let dq = moved + vec4f(g.x + dot(g.yzw, b), g.yzw - g.x * b + cross(b, g.yzw));${storeFrame('dframes', 'i', 'dq', 'dt')}
  for (var k = 0u; k < 3u; k++) {
    dupdate[6u * i + k] = db[k];
    dupdate[6u * i + 3u + k] = dv[k];
  }`,
});

/** y = x with quaternions times `rotation` and translations times `translation`: [length, 7]. */
export const scaleFrames = defineKernel({
  name: 'scaleFrames',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', rotation: 'f32', translation: 'f32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  y[i] = x[i] * select(u.translation, u.rotation, i % 7u < 4u);`,
});

/** y [length, 12]: R(q) by rows, then t; `count` is the length. */
export const frameMatrices = defineKernel({
  name: 'frameMatrices',
  inputs: { frames: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${frameAt('i')}
  let r = rotationOf(quaternion);
  for (var row = 0u; row < 3u; row++) {
    for (var col = 0u; col < 3u; col++) { y[12u * i + 3u * row + col] = r[col][row]; }
    y[12u * i + 9u + row] = translation[row];
  }`,
});

/** dframes from the gradient of the matrices and translations. */
export const frameMatricesBackward = defineKernel({
  name: 'frameMatricesBackward',
  inputs: { dy: 'f32', frames: 'f32' },
  outputs: { dframes: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${quaternionAt('i')}
  let at = 12u * i;
  let dq = quaternionGradient(quaternion, mat3x3f(
    vec3f(dy[at], dy[at + 3u], dy[at + 6u]),
    vec3f(dy[at + 1u], dy[at + 4u], dy[at + 7u]),
    vec3f(dy[at + 2u], dy[at + 5u], dy[at + 8u])));
  let dt = vec3f(dy[at + 9u], dy[at + 10u], dy[at + 11u]);${storeFrame('dframes', 'i', 'dq', 'dt')}`,
});
