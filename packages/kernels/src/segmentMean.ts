/** The mean over the rows of each packed sequence, or of a part of it: what a padded model's masked mean is. */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';
import { boundsOfRow } from './segments.ts';

/** y[s, c] = mean of x[row, c] over the rows within the bounds of sequence s; count = sequences · channels. */
export const segmentMean = defineKernel({
  name: 'segmentMean',
  inputs: { x: 'f32', bounds: 'u32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let s = i / u.channels;
  let c = i % u.channels;
  let first = bounds[2u * s];
  let end = bounds[2u * s + 1u];
  var sum = 0.0;
  for (var row = first; row < end; row++) { sum += x[row * u.channels + c]; }
  y[i] = sum / f32(end - first);`,
});

/** dx[row, c] = dy[s, c] / rows within the bounds of the row's sequence s, or 0 outside of them. */
export const segmentMeanBackward = defineKernel({
  name: 'segmentMeanBackward',
  inputs: { dy: 'f32', sequences: 'u32', bounds: 'u32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', channels: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let row = i / u.channels;${boundsOfRow}
  dx[i] = select(0.0, dy[s * u.channels + i % u.channels] / f32(end - first), row >= first && row < end);`,
});
