/**
 * Whether a step of training is taken, decided on the device before the update:
 * not where loss or gradient norm is no finite number, and not where one of
 * them is far above what was usual, its median over the last `GUARD_WINDOW`
 * finite steps. A median is no sum, so it rounds nothing, and a spike does not
 * move it; steps refused as spikes count in it too, so that a level that has
 * changed for good is taken for usual after half a window.
 */
import { defineKernel } from './kernel.ts';
import { REPORT } from './gradientNorm.ts';
import { SCALED_REPORT } from './lossScale.ts';

/** Steps over which the medians are taken; before so many there are none. One invocation each. */
export const GUARD_WINDOW = 64;

/**
 * Where the guard's state [GUARD_SIZE] holds what: values in the window, place of the next one, steps refused so far
 * and in a row, the norms and the losses.
 */
export const GUARD = { filled: 0, next: 1, refused: 2, inRow: 3, norms: 4, losses: 4 + GUARD_WINDOW } as const;

export const GUARD_SIZE = 4 + 2 * GUARD_WINDOW;

/**
 * What the report's `reason` says. `overflow`: gradients of a scaled loss; its scale has been lowered, and it is no
 * fault of the run.
 */
export const REASON = { taken: 0, notFinite: 1, spike: 2, overflow: 3 } as const;

// Typed, so that it is any boolean.
const unscaled: { scaled: boolean } = { scaled: false };

/**
 * Refuses a step whose norm or loss is above `factor` times its median (by `applied` in the report), adds to the
 * report what became of the step, and moves the window on.
 */
export const stepGuard = defineKernel({
  name: 'stepGuard',
  inputs: {},
  updates: { report: 'f32', guard: 'f32' },
  uniforms: { factor: 'f32' },
  variant: unscaled,
  workgroup: () => [GUARD_WINDOW, 1, 1],
  grid: () => [1, 1, 1],
  declarations: () => /* wgsl */ `
var<workgroup> norm: f32;
var<workgroup> loss: f32;
fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn isMedian(first: u32, lane: u32) -> bool {
  let own = guard[first + lane];
  var below = 0u;
  for (var k = 0u; k < ${GUARD_WINDOW}u; k++) {
    let other = guard[first + k];
    if (other < own || (other == own && k < lane)) { below++; }
  }
  return below == ${GUARD_WINDOW / 2}u;
}`,
  body: ({ scaled }) => /* wgsl */ `
  if (isMedian(${GUARD.norms}u, lane)) { norm = guard[${GUARD.norms}u + lane]; }
  if (isMedian(${GUARD.losses}u, lane)) { loss = guard[${GUARD.losses}u + lane]; }
  storageBarrier();
  workgroupBarrier();
  if (lane > 0u) { return; }
  let finite = report[${REPORT.applied}] != 0.0;
  let full = guard[${GUARD.filled}] == ${GUARD_WINDOW}.0;
  let above = (norm > 0.0 && report[${REPORT.norm}] > u.factor * norm) || (loss > 0.0 && report[${REPORT.loss}] > u.factor * loss);
  let spike = finite && full && above;
  let overflow = !finite && ${scaled ? `isFinite(report[${REPORT.loss}]) && report[${SCALED_REPORT.scale}] > 1.0` : 'false'};
  let refused = (!finite && !overflow) || spike;
  if (finite) {
    let next = u32(guard[${GUARD.next}]);
    guard[${GUARD.norms}u + next] = report[${REPORT.norm}];
    guard[${GUARD.losses}u + next] = report[${REPORT.loss}];
    guard[${GUARD.next}] = f32((next + 1u) % ${GUARD_WINDOW}u);
    guard[${GUARD.filled}] = min(${GUARD_WINDOW}.0, guard[${GUARD.filled}] + 1.0);
  }
  if (refused) {
    guard[${GUARD.refused}] += 1.0;
    guard[${GUARD.inRow}] += 1.0;
  } else if (!overflow) { guard[${GUARD.inRow}] = 0.0; }
  report[${REPORT.applied}] = select(0.0, 1.0, finite && !spike);
  report[${REPORT.reason}] = select(select(select(0.0, ${REASON.notFinite}.0, !finite), ${REASON.overflow}.0, overflow), ${REASON.spike}.0, spike);
  report[${REPORT.refused}] = guard[${GUARD.refused}];
  report[${REPORT.inRow}] = guard[${GUARD.inRow}];
  report[${REPORT.usualNorm}] = select(0.0, norm, full);`,
});
