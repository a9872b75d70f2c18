/**
 * Learning-rate schedules: pure functions from the step, counted from 0, to the
 * rate that this step's update uses. They keep no state, so a resumed run needs
 * the step alone. A parameter group with a rate of its own (layers unfrozen at
 * a tenth) multiplies what the schedule gives.
 */
import { portable } from '@rna/kernels';

export type Schedule = (step: number) => number;

/** The same rate at every step. */
export function constantSchedule(learningRate: number): Schedule {
  checkRates({ learningRate });
  return () => learningRate;
}

export interface LinearScheduleOptions {
  readonly learningRate: number;
  /** Factor at step 0. Default 1. */
  readonly startFactor?: number;
  /** Factor from step `steps` on. Default 0.1, as in RiNALMo's fine-tuning. */
  readonly endFactor?: number;
  readonly steps: number;
}

/** A straight line from `startFactor` to `endFactor` times the rate, then constant (PyTorch's LinearLR). */
export function linearSchedule({
  learningRate,
  startFactor = 1,
  endFactor = 0.1,
  steps,
}: LinearScheduleOptions): Schedule {
  checkRates({ learningRate, startFactor, endFactor });
  checkSteps({ steps });
  return (step) => learningRate * (startFactor + (endFactor - startFactor) * progress(step, steps));
}

export interface WarmupCosineOptions {
  /** Rate at step 0. Default 0; RiNALMo's is 1e-7. */
  readonly startRate?: number;
  /** Rate at step `warmupSteps`. */
  readonly peakRate: number;
  /** Rate from step `warmupSteps + decaySteps` on. Default 0; RiNALMo's is 1e-5. */
  readonly floorRate?: number;
  readonly warmupSteps: number;
  readonly decaySteps: number;
}

/** A straight line up to the peak, then half a cosine down to the floor, then constant (RiNALMo, appendix A). */
export function warmupCosineSchedule({
  startRate = 0,
  peakRate,
  floorRate = 0,
  warmupSteps,
  decaySteps,
}: WarmupCosineOptions): Schedule {
  checkRates({ startRate, peakRate, floorRate });
  checkSteps({ warmupSteps, decaySteps });
  return (step) =>
    step < warmupSteps
      ? startRate + (peakRate - startRate) * progress(step, warmupSteps)
      : floorRate +
        ((peakRate - floorRate) * (1 + portable.cos(Math.PI * progress(step - warmupSteps, decaySteps)))) / 2;
}

/** The part of `steps` that is done, 0 … 1; all of no steps. */
function progress(step: number, steps: number): number {
  return steps === 0 ? 1 : Math.min(step / steps, 1);
}

function checkRates(rates: Record<string, number>): void {
  for (const [name, value] of Object.entries(rates)) {
    if (!(value >= 0 && Number.isFinite(value)))
      throw new RangeError(`${name} must be a number of 0 or more, got ${value}`);
  }
}

function checkSteps(counts: Record<string, number>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!(Number.isInteger(value) && value >= 0))
      throw new RangeError(`${name} must be a whole number of steps, got ${value}`);
  }
}
