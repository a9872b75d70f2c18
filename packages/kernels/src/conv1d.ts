/**
 * The patches of a convolution along packed sequences [rows, channels], with
 * zeros beyond a sequence's ends: the convolution itself is then a linear layer
 * whose weight is the filters as they are stored, [outputs, channels · size].
 * A patch is small beside a map over pairs, so it is made (explicit im2col).
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';
import { boundsOfRow } from './segments.ts';

const inputs = { sequences: 'u32', bounds: 'u32' } as const;
const uniforms = { count: 'u32', channels: 'u32', size: 'u32' } as const;

/** y[row, c, tap] = x[row + tap − size/2, c], or 0 where that is not a row of the same sequence. */
export const unfold = defineKernel({
  name: 'unfold',
  inputs: { x: 'f32', ...inputs },
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  // Before the first row the difference wraps to a large number.
  body: () => /* wgsl */ `${flatIndex}
  let row = i / (u.channels * u.size);${boundsOfRow}
  let c = i / u.size % u.channels;
  let at = row + i % u.size - u.size / 2u;
  let inside = at >= first && at < end;
  y[i] = select(0.0, x[select(0u, at * u.channels + c, inside)], inside);`,
});

/** dx[row, c] = Σ over taps of dy[row − tap + size/2, c, tap], rows of the same sequence alone. */
export const unfoldBackward = defineKernel({
  name: 'unfoldBackward',
  inputs: { dy: 'f32', ...inputs },
  outputs: { dx: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let row = i / u.channels;${boundsOfRow}
  let c = i % u.channels;
  var sum = 0.0;
  for (var tap = 0u; tap < u.size; tap++) {
    let at = row + u.size / 2u - tap;
    if (at >= first && at < end) { sum += dy[(at * u.channels + c) * u.size + tap]; }
  }
  dx[i] = sum;`,
});
