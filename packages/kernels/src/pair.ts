/**
 * Between a representation, one row a token, and a map over pairs of tokens
 * [length, length, channels]: a sequence's rows, their outer sum, and the
 * symmetric logits at the other end. Maps are stored pixel by pixel with the
 * channels last, so that a 1×1 convolution is a matrix product.
 */
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/** y = `count` elements of x from `offset` on. */
export const rows = defineKernel({
  name: 'rows',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', offset: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  y[i] = x[u.offset + i];`,
});

/** dx = the `length` elements of dy from `offset` on, and zeros around them. */
export const rowsBackward = defineKernel({
  name: 'rowsBackward',
  inputs: { dy: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32', offset: 'u32', length: 'u32' },
  variant: {},
  ...elementwise,
  // Below the offset the difference wraps to a large number.
  body: () => /* wgsl */ `${flatIndex}
  let at = i - u.offset;
  dx[i] = select(0.0, dy[min(at, u.length - 1u)], at < u.length);`,
});

/** y = the last `before` elements of a, all `middle` of x, the first of b. */
export const joinRows = defineKernel({
  name: 'joinRows',
  inputs: { a: 'f32', x: 'f32', b: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', offset: 'u32', before: 'u32', middle: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let behind = u.before + u.middle;
  if (i < u.before) { y[i] = a[u.offset + i]; }
  else if (i < behind) { y[i] = x[i - u.before]; }
  else { y[i] = b[i - behind]; }`,
});

/** A map, or a band of it whose first row is `first`. */
const mapUniforms = { count: 'u32', length: 'u32', channels: 'u32', first: 'u32' } as const;

/**
 * y[i, j, c] = p[i, c] + q[j, c] + bias[c], where pq [length, channels, 2] holds both. A linear layer over the
 * concatenation of two tokens' rows is this sum over the products with the two halves of its weight.
 */
export const pairSum = defineKernel({
  name: 'pairSum',
  inputs: { pq: 'f32', bias: 'f32' },
  outputs: { y: 'f32' },
  uniforms: mapUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let c = i % u.channels;
  let pixel = i / u.channels;
  let width = 2u * u.channels;
  y[i] = pq[(u.first + pixel / u.length) * width + 2u * c] + pq[pixel % u.length * width + 2u * c + 1u] + bias[c];`,
});

/**
 * dp[i, c] += Σ_j dy[i, j, c] and dq[j, c] += Σ_i dy[i, j, c], interleaved as in `pairSum`, of a band of `rows` rows.
 * The sums are gone on with: bands in their order give what the map gives at once.
 */
export const pairSumBackward = defineKernel({
  name: 'pairSumBackward',
  inputs: { dy: 'f32' },
  updates: { dpq: 'f32' },
  uniforms: { ...mapUniforms, rows: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let token = i / (2u * u.channels);
  let c = i / 2u % u.channels;
  let forQ = i % 2u == 1u;
  // Above the band the difference wraps to a large number.
  if (!forQ && token - u.first >= u.rows) { return; }
  let row = u.length * u.channels;
  let start = select((token - u.first) * row, token * u.channels, forQ) + c;
  let step = select(u.channels, row, forQ);
  var sum = dpq[i];
  for (var t = 0u; t < select(u.length, u.rows, forQ); t++) { sum += dy[start + t * step]; }
  dpq[i] = sum;`,
});

const matrixUniforms = { count: 'u32', length: 'u32' } as const;

/** y[i, j] = x[min(i, j), max(i, j)], and 0 on the diagonal: the strict upper triangle and its mirror image. */
export const pairLogits = defineKernel({
  name: 'pairLogits',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: matrixUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let row = i / u.length;
  let col = i % u.length;
  y[i] = select(x[min(row, col) * u.length + max(row, col)], 0.0, row == col);`,
});

/** dx[i, j] = dy[i, j] + dy[j, i] above the diagonal, else 0. */
export const pairLogitsBackward = defineKernel({
  name: 'pairLogitsBackward',
  inputs: { dy: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: matrixUniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let row = i / u.length;
  let col = i % u.length;
  dx[i] = select(0.0, dy[i] + dy[col * u.length + row], row < col);`,
});
