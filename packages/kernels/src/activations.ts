/** SwiGLU with and without the learnable beta, and the exact GELU, with their gradients. */
import { defineKernel, flatGrid, flatVector, FLAT_SIZE, vectorwise, type ElementType } from './kernel.ts';

export type SwigluVariant = {
  /** The swish has a learnable slope (RiNALMo). */
  beta: boolean;
  /** `cols` is a multiple of four: rows are read in vectors. */
  aligned: boolean;
};

const defaults: SwigluVariant = { beta: false, aligned: false };
const inVectors = ({ cols }: { readonly cols: number }): Pick<SwigluVariant, 'aligned'> => ({
  aligned: cols % 4 === 0,
});
const slope = (beta: boolean): string => (beta ? 'f32(beta[0])' : '1.0');

/** Four elements i of y, whose halves of x are `a` and `b`, and s = σ(beta · a). */
const swish = ({ beta, aligned }: SwigluVariant): string =>
  aligned
    ? /* wgsl */ `
  let width = u.cols / 4u;
  let at = i / width * 2u * width + i % width;
  let a = vec4f(x[at]);
  let b = vec4f(x[at + width]);
  let slope = ${slope(beta)};
  let s = 1.0 / (1.0 + exp(-slope * a));`
    : /* wgsl */ `
  let elements = min(vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u), vec4u(u.count - 1u));
  let at = elements / u.cols * 2u * u.cols + elements % u.cols;
  let a = vec4f(vec4(x[at.x], x[at.y], x[at.z], x[at.w]));
  let b = vec4f(vec4(x[at.x + u.cols], x[at.y + u.cols], x[at.z + u.cols], x[at.w + u.cols]));
  let slope = ${slope(beta)};
  let s = 1.0 / (1.0 + exp(-slope * a));`;

/** y = a · σ(beta · a) · b, where x [rows, 2·cols] holds a in its first half and b in its second. */
export const swiglu = defineKernel({
  name: 'swiglu',
  inputs: { x: 'f32', beta: 'f32' },
  optional: ['beta'],
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32', cols: 'u32' },
  variant: defaults,
  derived: inVectors,
  halves: ['x', 'beta', 'y'],
  elements: ({ aligned }): Record<string, ElementType> => (aligned ? { x: 'vec4f' } : {}),
  ...vectorwise,
  body: (v) => /* wgsl */ `${flatVector}${swish(v)}
  y[i] = y_t(a * s * b);`,
});

/** da = dy · b · (s + beta · a · s · (1 − s)), db = dy · a · s, with s = σ(beta · a). */
export const swigluBackward = defineKernel({
  name: 'swigluBackward',
  inputs: { dy: 'vec4f', x: 'f32', beta: 'f32' },
  optional: ['beta'],
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', cols: 'u32' },
  variant: defaults,
  derived: inVectors,
  halves: ['dy', 'x', 'beta', 'dx'],
  elements: ({ aligned }): Record<string, ElementType> => (aligned ? { x: 'vec4f', dx: 'vec4f' } : {}),
  ...vectorwise,
  body: (v) => /* wgsl */ `${flatVector}${swish(v)}
  let g = vec4f(dy[i]);
  let da = g * b * (s + slope * a * s * (1.0 - s));
  let db = g * a * s;
  ${
    v.aligned
      ? 'dx[at] = dx_t(da); dx[at + width] = dx_t(db);'
      : /* wgsl */ `
  for (var e = 0u; e < 4u && 4u * i + e < u.count; e++) {
    dx[at[e]] = dx_t(da[e]);
    dx[at[e] + u.cols] = dx_t(db[e]);
  }`
  }`,
});

/** dbeta = Σ dy · b · a² · s · (1 − s) of each row: [rows]. */
export const swigluBackwardBeta = defineKernel({
  name: 'swigluBackwardBeta',
  inputs: { dy: 'f32', x: 'f32', beta: 'f32' },
  outputs: { dbeta: 'f32' },
  halves: ['dy', 'x'],
  uniforms: { rows: 'u32', cols: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ rows }) => flatGrid(rows, FLAT_SIZE),
  body: () => /* wgsl */ `
  let r = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (r >= u.rows) { return; }
  var sum = 0.0;
  for (var c = 0u; c < u.cols; c++) {
    let a = f32(x[2u * r * u.cols + c]);
    let s = 1.0 / (1.0 + exp(-beta[0] * a));
    sum += f32(dy[r * u.cols + c]) * f32(x[(2u * r + 1u) * u.cols + c]) * a * a * s * (1.0 - s);
  }
  dbeta[r] = sum;`,
});

// Abramowitz and Stegun 7.1.26: |error| ≤ 1.5e-7.
const erfWgsl = /* wgsl */ `
fn erf(x: vec4f) -> vec4f {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-x * x));
}
const SQRT_HALF = 0.70710678118654752;
`;

/** y = x · Φ(x) = x/2 · (1 + erf(x/√2)): the exact GELU. */
export const gelu = defineKernel({
  name: 'gelu',
  inputs: { x: 'vec4f' },
  outputs: { y: 'vec4f' },
  halves: ['x', 'y'],
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  declarations: () => erfWgsl,
  body: () => /* wgsl */ `${flatVector}
  let v = vec4f(x[i]);
  y[i] = y_t(0.5 * v * (1.0 + erf(v * SQRT_HALF)));`,
});

/** dx = dy · (Φ(x) + x · φ(x)). */
export const geluBackward = defineKernel({
  name: 'geluBackward',
  inputs: { dy: 'vec4f', x: 'vec4f' },
  outputs: { dx: 'vec4f' },
  halves: ['dy', 'x', 'dx'],
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  declarations: () => erfWgsl,
  body: () => /* wgsl */ `${flatVector}
  let v = vec4f(x[i]);
  dx[i] = dx_t(vec4f(dy[i]) * (0.5 * (1.0 + erf(v * SQRT_HALF)) + v * exp(-0.5 * v * v) * 0.3989422804014327));`,
});

/** y = x where it is above 0, else 0. NaN passes, which max() would swallow. */
export const relu = defineKernel({
  name: 'relu',
  inputs: { x: 'vec4f' },
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  y[i] = select(x[i], vec4f(), x[i] <= vec4f());`,
});

/** dx = dy where x is above 0, else 0. */
export const reluBackward = defineKernel({
  name: 'reluBackward',
  inputs: { dy: 'vec4f', x: 'vec4f' },
  outputs: { dx: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  dx[i] = select(dy[i], vec4f(), x[i] <= vec4f());`,
});

/** y = x · σ(x) (Ramachandran et al. 2017; SiLU). */
export const silu = defineKernel({
  name: 'silu',
  inputs: { x: 'vec4f' },
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  y[i] = x[i] / (1.0 + exp(-x[i]));`,
});

/** dx = dy · (s + x · s · (1 − s)), s = σ(x). */
export const siluBackward = defineKernel({
  name: 'siluBackward',
  inputs: { dy: 'vec4f', x: 'vec4f' },
  outputs: { dx: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  let s = 1.0 / (1.0 + exp(-x[i]));
  dx[i] = dy[i] * (s + x[i] * s * (1.0 - s));`,
});
