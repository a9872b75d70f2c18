/** SwiGLU with and without the learnable beta, and the exact GELU, with their gradients. */
import { defineKernel, elementwise, flatGrid, flatIndex, FLAT_SIZE } from './kernel.ts';

export type SwigluVariant = {
  /** The swish has a learnable slope (RiNALMo); otherwise `beta` is not read and may be any buffer. */
  beta: boolean;
};

const withoutBeta: SwigluVariant = { beta: false };
const swish = (v: SwigluVariant): string => /* wgsl */ `
  let row = i / u.cols;
  let at = row * 2u * u.cols + i % u.cols;
  let a = x[at];
  let b = x[at + u.cols];
  let slope = ${v.beta ? 'beta[0]' : '1.0'};
  let s = 1.0 / (1.0 + exp(-slope * a));`;

/** y = a · σ(beta · a) · b, where x [rows, 2·cols] holds a in its first half and b in its second. */
export const swiglu = defineKernel({
  name: 'swiglu',
  inputs: { x: 'f32', beta: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', cols: 'u32' },
  variant: withoutBeta,
  ...elementwise,
  body: (v) => /* wgsl */ `${flatIndex}${swish(v)}
  y[i] = a * s * b;`,
});

/** da = dy · b · (s + beta · a · s · (1 − s)), db = dy · a · s, with s = σ(beta · a). */
export const swigluBackward = defineKernel({
  name: 'swigluBackward',
  inputs: { dy: 'f32', x: 'f32', beta: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', cols: 'u32' },
  variant: withoutBeta,
  ...elementwise,
  body: (v) => /* wgsl */ `${flatIndex}${swish(v)}
  let g = dy[i];
  dx[at] = g * b * (s + slope * a * s * (1.0 - s));
  dx[at + u.cols] = g * a * s;`,
});

/** dbeta = Σ dy · b · a² · s · (1 − s) of each row: [rows]. */
export const swigluBackwardBeta = defineKernel({
  name: 'swigluBackwardBeta',
  inputs: { dy: 'f32', x: 'f32', beta: 'f32' },
  outputs: { dbeta: 'f32' },
  uniforms: { rows: 'u32', cols: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ rows }) => flatGrid(rows, FLAT_SIZE),
  body: () => /* wgsl */ `
  let r = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (r >= u.rows) { return; }
  var sum = 0.0;
  for (var i = r * u.cols; i < (r + 1u) * u.cols; i++) {
    ${swish({ beta: true })}
    sum += dy[i] * b * a * a * s * (1.0 - s);
  }
  dbeta[r] = sum;`,
});

// Abramowitz and Stegun 7.1.26: |error| ≤ 1.5e-7.
const erfWgsl = /* wgsl */ `
fn erf(x: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-x * x));
}
const SQRT_HALF = 0.70710678118654752;
`;

/** y = x · Φ(x) = x/2 · (1 + erf(x/√2)): the exact GELU. */
export const gelu = defineKernel({
  name: 'gelu',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => erfWgsl,
  body: () => /* wgsl */ `${flatIndex}
  let v = x[i];
  y[i] = 0.5 * v * (1.0 + erf(v * SQRT_HALF));`,
});

/** dx = dy · (Φ(x) + x · φ(x)). */
export const geluBackward = defineKernel({
  name: 'geluBackward',
  inputs: { dy: 'f32', x: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => erfWgsl,
  body: () => /* wgsl */ `${flatIndex}
  let v = x[i];
  dx[i] = dy[i] * (0.5 * (1.0 + erf(v * SQRT_HALF)) + v * exp(-0.5 * v * v) * 0.3989422804014327);`,
});
