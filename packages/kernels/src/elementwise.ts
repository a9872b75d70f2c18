/** Kernels that go over elements, four at a time: filling, sums, scaling, dropout, the residual add. */
import { defineKernel, flatVector, vectorwise } from './kernel.ts';
import { threefryWgsl } from './random.ts';

/** y = value everywhere. */
export const fill = defineKernel({
  name: 'fill',
  inputs: {},
  outputs: { y: 'vec4f' },
  halves: ['y'],
  uniforms: { count: 'u32', value: 'f32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  y[i] = y_t(vec4f(u.value));`,
});

/** y = a + b. */
export const add = defineKernel({
  name: 'add',
  inputs: { a: 'vec4f', b: 'vec4f' },
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  y[i] = a[i] + b[i];`,
});

/** y += x in place. */
export const accumulate = defineKernel({
  name: 'accumulate',
  inputs: { x: 'vec4f' },
  updates: { y: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  y[i] += x[i];`,
});

/** y = factor · x. */
export const scale = defineKernel({
  name: 'scale',
  inputs: { x: 'vec4f' },
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32', factor: 'f32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  y[i] = u.factor * x[i];`,
});

/**
 * Decides of four elements at once which are dropped: `keepFour(key, block, row)` has 1/(1 − rate) where an
 * element stays and 0 where it goes. Each decision takes 16 random bits, so the rate is a multiple of 2⁻¹⁶.
 */
export const dropoutWgsl = /* wgsl */ `${threefryWgsl}
fn keepFour(key: vec2u, block: u32, row: u32, threshold: u32) -> vec4f {
  let bits = threefry(key, vec2u(block, row));
  let draws = vec4u(bits.x & 0xffffu, bits.x >> 16u, bits.y & 0xffffu, bits.y >> 16u);
  let kept = 65536.0 / f32(65536u - threshold);
  return select(vec4f(), vec4f(kept), draws >= vec4u(threshold));
}
`;

/**
 * The uniform `threshold` of a dropout rate in [0, 1): the number of 16-bit draws that drop. Throws a RangeError
 * outside.
 */
export function dropoutThreshold(rate: number): number {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`dropout rate must be in [0, 1), got ${rate}`);
  return Math.min(65535, Math.round(rate * 65536));
}

const dropoutUniforms = { count: 'u32', threshold: 'u32', key0: 'u32', key1: 'u32' } as const;

/** y = keep(i) · x: element i survives and is scaled, or is zero. Its own backward: dx = keep(i) · dy. */
export const dropout = defineKernel({
  name: 'dropout',
  inputs: { x: 'vec4f' },
  outputs: { y: 'vec4f' },
  uniforms: dropoutUniforms,
  variant: {},
  ...vectorwise,
  declarations: () => dropoutWgsl,
  body: () => /* wgsl */ `${flatVector}
  y[i] = keepFour(vec2u(u.key0, u.key1), i, 0u, u.threshold) * x[i];`,
});

/** y = x + keep(i) · branch: the residual add with dropout on the branch. */
export const dropoutAdd = defineKernel({
  name: 'dropoutAdd',
  inputs: { x: 'vec4f', branch: 'vec4f' },
  outputs: { y: 'vec4f' },
  uniforms: dropoutUniforms,
  variant: {},
  ...vectorwise,
  declarations: () => dropoutWgsl,
  body: () => /* wgsl */ `${flatVector}
  y[i] = x[i] + keepFour(vec2u(u.key0, u.key1), i, 0u, u.threshold) * branch[i];`,
});
