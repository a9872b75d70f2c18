/** The sigmoid gate of AlphaFold's layers, also with a bias a channel for each side, with their gradients. */
import { defineKernel, elementwise, flatIndex, flatVector, vectorwise } from './kernel.ts';

/** y = σ(g) · x (+ residual). */
export const gate = defineKernel({
  name: 'gate',
  inputs: { x: 'vec4f', g: 'vec4f', residual: 'vec4f' },
  optional: ['residual'],
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: { residual: false },
  ...vectorwise,
  body: ({ residual }) => /* wgsl */ `${flatVector}
  y[i] = x[i] / (1.0 + exp(-g[i]))${residual ? ' + residual[i]' : ''};`,
});

/** dx = dy · s and dg = dy · x · s · (1 − s), with s = σ(g). */
export const gateBackward = defineKernel({
  name: 'gateBackward',
  inputs: { dy: 'vec4f', x: 'vec4f', g: 'vec4f' },
  outputs: { dx: 'vec4f', dg: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  let s = 1.0 / (1.0 + exp(-g[i]));
  let d = dy[i] * s;
  dx[i] = d;
  dg[i] = d * x[i] * (1.0 - s);`,
});

const channelUniforms = { count: 'u32', pixels: 'u32' } as const;

/** y[c, i] = σ(g[c, i] + gateBias[c]) · (x[c, i] + bias[c]) over maps [channels, pixels]. */
export const channelGate = defineKernel({
  name: 'channelGate',
  inputs: { x: 'f32', g: 'f32', bias: 'f32', gateBias: 'f32' },
  outputs: { y: 'f32' },
  uniforms: channelUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let c = i / u.pixels;
  y[i] = (x[i] + bias[c]) / (1.0 + exp(-(g[i] + gateBias[c])));`,
});

/** dx = dy · s and dg = dy · (x + bias) · s · (1 − s), with s = σ(g + gateBias). */
export const channelGateBackward = defineKernel({
  name: 'channelGateBackward',
  inputs: { dy: 'f32', x: 'f32', g: 'f32', bias: 'f32', gateBias: 'f32' },
  outputs: { dx: 'f32', dg: 'f32' },
  uniforms: channelUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let c = i / u.pixels;
  let s = 1.0 / (1.0 + exp(-(g[i] + gateBias[c])));
  let d = dy[i] * s;
  dx[i] = d;
  dg[i] = d * (x[i] + bias[c]) * (1.0 - s);`,
});
