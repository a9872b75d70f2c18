/**
 * Torsion angles as a net gives them, [rows, 2]: a cosine and a sine of any
 * length. They are made of length 1 (Jumper et al. 2021, supplement algorithm 20),
 * and their loss draws the length to 1 as well (algorithm 27).
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

const declarations = /* wgsl */ `
fn sizeOf(angle: vec2f) -> f32 { return sqrt(max(dot(angle, angle), 1e-8)); }
fn unitGradient(angle: vec2f, g: vec2f) -> vec2f {
  let size = sizeOf(angle);
  let unit = angle / size;
  return (g - select(0.0, dot(g, unit), dot(angle, angle) > 1e-8) * unit) / size;
}`;
const angleAt = (buffer: string, at: string): string => `vec2f(${buffer}[2u * ${at}], ${buffer}[2u * ${at} + 1u])`;

/** y = x / √max(|x|², 1e-8); `count` is the number of angles. */
export const unitAngles = defineKernel({
  name: 'unitAngles',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let angle = ${angleAt('x', 'i')};
  let unit = angle / sizeOf(angle);
  y[2u * i] = unit.x;
  y[2u * i + 1u] = unit.y;`,
});

/** dx of `unitAngles`. */
export const unitAnglesBackward = defineKernel({
  name: 'unitAnglesBackward',
  inputs: { dy: 'f32', x: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let g = unitGradient(${angleAt('x', 'i')}, ${angleAt('dy', 'i')});
  dx[2u * i] = g.x;
  dx[2u * i + 1u] = g.y;`,
});

const lossUniforms = { count: 'u32', targets: 'u32' } as const;

/**
 * y[r] = weight[t] · |x̂ − goal[t]|² + sizeWeight[t] · |√(|x|² + 1e-6) − 1| with t = r mod `targets`, x̂ the angle of
 * length 1.
 */
export const torsionLoss = defineKernel({
  name: 'torsionLoss',
  inputs: { x: 'f32', goal: 'f32', weight: 'f32', sizeWeight: 'f32' },
  outputs: { y: 'f32' },
  uniforms: lossUniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let t = i % u.targets;
  let angle = ${angleAt('x', 'i')};
  let apart = angle / sizeOf(angle) - ${angleAt('goal', 't')};
  y[i] = weight[t] * dot(apart, apart) + sizeWeight[t] * abs(sqrt(dot(angle, angle) + 1e-6) - 1.0);`,
});

/** dx of `torsionLoss`. */
export const torsionLossBackward = defineKernel({
  name: 'torsionLossBackward',
  inputs: { dy: 'f32', x: 'f32', goal: 'f32', weight: 'f32', sizeWeight: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: lossUniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let t = i % u.targets;
  let angle = ${angleAt('x', 'i')};
  let apart = angle / sizeOf(angle) - ${angleAt('goal', 't')};
  let size = sqrt(dot(angle, angle) + 1e-6);
  let g = dy[i] * (weight[t] * unitGradient(angle, 2.0 * apart) + sizeWeight[t] * sign(size - 1.0) / size * angle);
  dx[2u * i] = g.x;
  dx[2u * i + 1u] = g.y;`,
});
