/**
 * The Huber loss (Huber 1964): e²/2 where |e| ≤ delta, else delta · (|e| − delta/2), with e = x − goal. With a
 * delta beyond every error it is half the squared error.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/** y = loss of e = x − goal, element by element. */
export const huber = defineKernel({
  name: 'huber',
  inputs: { x: 'f32', goal: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', delta: 'f32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let e = x[i] - goal[i];
  y[i] = select(0.5 * e * e, u.delta * (abs(e) - 0.5 * u.delta), abs(e) > u.delta);`,
});

/** dx = dy · clamp(e, −delta, delta), letting NaN through, which clamp() would swallow. */
export const huberBackward = defineKernel({
  name: 'huberBackward',
  inputs: { dy: 'f32', x: 'f32', goal: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', delta: 'f32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let e = x[i] - goal[i];
  dx[i] = dy[i] * select(e, sign(e) * u.delta, abs(e) > u.delta);`,
});
