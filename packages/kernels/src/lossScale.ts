/**
 * Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), on the device:
 * gradients that are stored in half precision are those of a multiple of the
 * loss, so that small ones do not vanish. The multiple, the scale, halves at a
 * step whose gradients overflow, which is not taken, and doubles after `interval`
 * steps in a row that were. It is a power of two, so scaling rounds nothing.
 */
import { defineKernel } from './kernel.ts';
import { REPORT, REPORT_SIZE } from './gradientNorm.ts';

/** Where the scaler's state [3] holds what: the scale, steps taken since it last changed, steps not taken so far. */
export const SCALER = { scale: 0, good: 1, skipped: 2 } as const;

/**
 * Where the report [10] of a step with a scaled loss holds what the others do not: the scale of its gradients, the
 * scaler's count of overflows.
 */
export const SCALED_REPORT = { ...REPORT, scale: REPORT_SIZE, skipped: REPORT_SIZE + 1 } as const;

export const SCALED_REPORT_SIZE = REPORT_SIZE + 2;

/** More is of no use, and would in the end be no number. */
export const LARGEST_SCALE = 2 ** 24;

/**
 * Turns a report of `clipFactor` on scaled gradients into one on the gradients themselves, whose clip factor takes the
 * scale off, and moves the scaler on.
 */
export const lossScale = defineKernel({
  name: 'lossScale',
  inputs: {},
  updates: { report: 'f32', scaler: 'f32' },
  uniforms: { maxNorm: 'f32', interval: 'f32' },
  variant: {},
  workgroup: () => [1, 1, 1],
  grid: () => [1, 1, 1],
  body: () => /* wgsl */ `
  let scale = scaler[${SCALER.scale}];
  let applied = report[${REPORT.applied}] != 0.0;
  let norm = report[${REPORT.norm}] / scale;
  report[${REPORT.norm}] = norm;
  report[${REPORT.clip}] = select(1.0, u.maxNorm / (norm + 1e-6), norm + 1e-6 > u.maxNorm) / scale;
  let good = select(0.0, scaler[${SCALER.good}] + 1.0, applied);
  let grows = good >= u.interval;
  scaler[${SCALER.scale}] = select(select(0.5 * scale, scale, applied), min(2.0 * scale, ${LARGEST_SCALE}.0), grows);
  scaler[${SCALER.good}] = select(good, 0.0, grows);
  scaler[${SCALER.skipped}] += select(1.0, 0.0, applied);
  report[${SCALED_REPORT.scale}] = scale;
  report[${SCALED_REPORT.skipped}] = scaler[${SCALER.skipped}];`,
});
