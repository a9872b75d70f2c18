/**
 * FAPE, the frame-aligned point error (Jumper et al. 2021, supplement algorithm
 * 28): every point seen from every frame, in the model and in the truth. Frames
 * are [frames, 12], rotations by rows and translations. An invocation goes over
 * a chunk of points or of frames, and chunks are summed in their order.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

const inputs = {
  frames: 'f32',
  points: 'f32',
  goalFrames: 'f32',
  goalPoints: 'f32',
  frameMask: 'f32',
  pointMask: 'f32',
} as const;

const uniforms = {
  count: 'u32',
  frames: 'u32',
  points: 'u32',
  chunk: 'u32',
  clamp: 'f32',
  epsilon: 'f32',
  scale: 'f32',
} as const;

/** `errorOf(f, p)`: a point seen from a frame, less the same of the truth; its size is √(|e|² + epsilon). */
const declarations = /* wgsl */ `
fn rotationAt(f: u32) -> mat3x3f {
  let at = 12u * f;
  return mat3x3f(
    vec3f(frames[at], frames[at + 3u], frames[at + 6u]),
    vec3f(frames[at + 1u], frames[at + 4u], frames[at + 7u]),
    vec3f(frames[at + 2u], frames[at + 5u], frames[at + 8u]));
}
fn apart(f: u32, p: u32) -> vec3f {
  let at = 12u * f + 9u;
  return vec3f(points[3u * p] - frames[at], points[3u * p + 1u] - frames[at + 1u], points[3u * p + 2u] - frames[at + 2u]);
}
fn goalAt(f: u32, p: u32) -> vec3f {
  let at = 12u * f;
  let v = vec3f(
    goalPoints[3u * p] - goalFrames[at + 9u],
    goalPoints[3u * p + 1u] - goalFrames[at + 10u],
    goalPoints[3u * p + 2u] - goalFrames[at + 11u]);
  return v.x * vec3f(goalFrames[at], goalFrames[at + 1u], goalFrames[at + 2u])
    + v.y * vec3f(goalFrames[at + 3u], goalFrames[at + 4u], goalFrames[at + 5u])
    + v.z * vec3f(goalFrames[at + 6u], goalFrames[at + 7u], goalFrames[at + 8u]);
}
fn errorOf(f: u32, p: u32) -> vec3f { return apart(f, p) * rotationAt(f) - goalAt(f, p); }`;

/** The gradient of an error's size, where it is not cut, times both masks. */
const gradient = /* wgsl */ `
    let e = errorOf(f, p);
    let size = sqrt(dot(e, e) + u.epsilon);
    let g = select(0.0, dy[0] * u.scale * frameMask[f] * pointMask[p] / size, size < u.clamp) * e;`;

/** y[chunk, f] = scale · frameMask[f] · Σ of pointMask[p] · min(√(|e|² + epsilon), clamp) over the points of a chunk. */
export const fape = defineKernel({
  name: 'fape',
  inputs,
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let f = i % u.frames;
  let first = i / u.frames * u.chunk;
  var sum = 0.0;
  for (var p = first; p < min(first + u.chunk, u.points); p++) {
    let e = errorOf(f, p);
    sum += pointMask[p] * min(sqrt(dot(e, e) + u.epsilon), u.clamp);
  }
  y[i] = u.scale * frameMask[f] * sum;`,
});

/** y[chunk, f, 12]: the gradient of a frame from a chunk of points. */
export const fapeBackwardFrames = defineKernel({
  name: 'fapeBackwardFrames',
  inputs: { ...inputs, dy: 'f32' },
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let f = i % u.frames;
  let first = i / u.frames * u.chunk;
  var dr = mat3x3f();
  var local = vec3f();
  for (var p = first; p < min(first + u.chunk, u.points); p++) {${gradient}
    let d = apart(f, p);
    dr += mat3x3f(d * g.x, d * g.y, d * g.z);
    local += g;
  }
  let dt = rotationAt(f) * local;
  for (var row = 0u; row < 3u; row++) {
    for (var col = 0u; col < 3u; col++) { y[12u * i + 3u * row + col] = dr[col][row]; }
    y[12u * i + 9u + row] = -dt[row];
  }`,
});

/** y[chunk, p, 3]: the gradient of a point from a chunk of frames. */
export const fapeBackwardPoints = defineKernel({
  name: 'fapeBackwardPoints',
  inputs: { ...inputs, dy: 'f32' },
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let p = i % u.points;
  let first = i / u.points * u.chunk;
  var sum = vec3f();
  for (var f = first; f < min(first + u.chunk, u.frames); f++) {${gradient}
    sum += rotationAt(f) * g;
  }
  for (var k = 0u; k < 3u; k++) { y[3u * i + k] = sum[k]; }`,
});
