/**
 * The global gradient norm without a readback, in a fixed order: sums of
 * squares of every gradient into one buffer of partial sums (`sumOfSquares`),
 * those added up (`stridedSum`), and from them what the optimiser's update
 * reads: the clip factor, and whether the step may be taken at all
 * (`clipFactor`). No form uses workgroup memory: each thread sums a stride, and
 * the one thread at the end has a few hundred numbers left.
 */
import { defineKernel, flatGrid, FLAT_SIZE } from './kernel.ts';

/** Tensors that one call of `sumOfSquares` takes: all storage buffers but the one it writes. */
export const SQUARED_TENSORS = 7;

const slots = Array.from({ length: SQUARED_TENSORS }, (_, slot) => slot);

/**
 * partials[first + t·threads + i] = Σ x_t[k]² over k = i, i + threads, … below count_t, for t < tensors.
 * Inputs from `tensors` on are not read; any buffer may be bound there.
 */
export const sumOfSquares = defineKernel({
  name: 'sumOfSquares',
  inputs: { x0: 'f32', x1: 'f32', x2: 'f32', x3: 'f32', x4: 'f32', x5: 'f32', x6: 'f32' },
  updates: { partials: 'f32' },
  uniforms: {
    tensors: 'u32',
    threads: 'u32',
    first: 'u32',
    count0: 'u32',
    count1: 'u32',
    count2: 'u32',
    count3: 'u32',
    count4: 'u32',
    count5: 'u32',
    count6: 'u32',
  },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ tensors, threads }) => [Math.ceil(threads / FLAT_SIZE), tensors, 1],
  body: () => /* wgsl */ `
  if (gid.x >= u.threads) { return; }
  var sum = 0.0;
  switch wid.y {
    ${slots.map((t) => `case ${t}u: { for (var k = gid.x; k < u.count${t}; k += u.threads) { sum += x${t}[k] * x${t}[k]; } }`).join('\n    ')}
    default: {}
  }
  partials[u.first + wid.y * u.threads + gid.x] = sum;`,
});

/** y[i] = Σ x[k] over k = i, i + cols, … below count. */
export const stridedSum = defineKernel({
  name: 'stridedSum',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', cols: 'u32' },
  variant: {},
  workgroup: () => [FLAT_SIZE, 1, 1],
  grid: ({ cols }) => flatGrid(cols, FLAT_SIZE),
  body: () => /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (i >= u.cols) { return; }
  var sum = 0.0;
  for (var k = i; k < u.count; k += u.cols) { sum += x[k]; }
  y[i] = sum;`,
});

/**
 * Where a step's report [8] holds what. `applied` is 1 or 0: whether the update is done; here, whether loss and norm
 * are finite. The fields after it are `stepGuard`'s.
 */
export const REPORT = { loss: 0, norm: 1, clip: 2, applied: 3, reason: 4, refused: 5, inRow: 6, usualNorm: 7 } as const;

export const REPORT_SIZE = 8;

/**
 * The first four fields of the report, with norm = √Σ squares and clip = min(1, maxNorm / (norm + 1e-6)), as
 * PyTorch's `clip_grad_norm_`.
 */
export const clipFactor = defineKernel({
  name: 'clipFactor',
  inputs: { squares: 'f32', loss: 'f32' },
  outputs: { report: 'f32' },
  uniforms: { count: 'u32', maxNorm: 'f32' },
  variant: {},
  workgroup: () => [1, 1, 1],
  grid: () => [1, 1, 1],
  // By bits: a compiler may assume that x != x is never true.
  declarations: () => /* wgsl */ `
fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }`,
  body: () => /* wgsl */ `
  var sum = 0.0;
  for (var i = 0u; i < u.count; i++) { sum += squares[i]; }
  let norm = sqrt(sum);
  report[${REPORT.loss}] = loss[0];
  report[${REPORT.norm}] = norm;
  report[${REPORT.clip}] = select(1.0, u.maxNorm / (norm + 1e-6), norm + 1e-6 > u.maxNorm);
  report[${REPORT.applied}] = select(0.0, 1.0, isFinite(sum) && isFinite(loss[0]));`,
});
