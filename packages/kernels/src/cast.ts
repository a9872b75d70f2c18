/** Between f32 and f16 storage: the one kernel that only converts. All others read and write halves by themselves. */
import { defineKernel, flatVector, vectorwise } from './kernel.ts';

/** y = x, each stored as its tensor says. */
export const cast = defineKernel({
  name: 'cast',
  inputs: { x: 'vec4f' },
  outputs: { y: 'vec4f' },
  halves: ['x', 'y'],
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  y[i] = y_t(x[i]);`,
});
