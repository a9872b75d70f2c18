import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { constantSchedule, linearSchedule, warmupCosineSchedule } from '../src/schedule.ts';

interface LinearCase {
  lr: number;
  start_factor: number;
  end_factor: number;
  total_iters: number;
  lr_used_at_step: number[][];
}
const oracle = JSON.parse(readFileSync(new URL('fixtures/linearSchedule.json', import.meta.url), 'utf8')) as {
  linear_lr: LinearCase;
  linear_lr_unfreeze: LinearCase;
};

describe('linearSchedule', () => {
  it.each([oracle.linear_lr, oracle.linear_lr_unfreeze])(
    'gives the rates of PyTorch, a tenth for a group unfrozen late',
    (wanted) => {
      const schedule = linearSchedule({
        learningRate: wanted.lr,
        startFactor: wanted.start_factor,
        endFactor: wanted.end_factor,
        steps: wanted.total_iters,
      });
      for (const [step, [first, unfrozen]] of wanted.lr_used_at_step.entries()) {
        expect(schedule(step) / first!).toBeCloseTo(1, 12);
        if (unfrozen !== undefined) expect(schedule(step) / 10 / unfrozen).toBeCloseTo(1, 12);
      }
    },
  );
});

describe('warmupCosineSchedule', () => {
  const rinalmo = warmupCosineSchedule({
    startRate: 1e-7,
    peakRate: 5e-5,
    floorRate: 1e-5,
    warmupSteps: 2000,
    decaySteps: 200_000,
  });

  it('passes through start, peak, middle and floor', () => {
    const wanted: [number, number][] = [
      [0, 1e-7],
      [1000, (1e-7 + 5e-5) / 2],
      [2000, 5e-5],
      [102_000, 3e-5],
      [202_000, 1e-5],
      [900_000, 1e-5],
    ];
    for (const [step, rate] of wanted) expect(rinalmo(step) / rate).toBeCloseTo(1, 12);
  });

  it('rises, then falls', () => {
    for (let step = 0; step < 2000; step += 100) expect(rinalmo(step + 100)).toBeGreaterThan(rinalmo(step));
    for (let step = 2000; step < 202_000; step += 10_000) expect(rinalmo(step + 10_000)).toBeLessThan(rinalmo(step));
  });

  it('does without warm-up and without decay', () => {
    expect(warmupCosineSchedule({ peakRate: 1, warmupSteps: 0, decaySteps: 10 })(0)).toBe(1);
    expect(warmupCosineSchedule({ peakRate: 1, floorRate: 0.5, warmupSteps: 2, decaySteps: 0 })(2)).toBe(0.5);
  });
});

it('constantSchedule is constant, and rates and steps are checked', () => {
  expect([0, 1, 1e6].map(constantSchedule(1e-4))).toEqual([1e-4, 1e-4, 1e-4]);
  expect(() => constantSchedule(NaN)).toThrow('learningRate');
  expect(() => linearSchedule({ learningRate: 1, steps: 1.5 })).toThrow('steps must be a whole number');
});
