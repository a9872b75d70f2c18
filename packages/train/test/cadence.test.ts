/** When a run evaluates, saves and ends, and what it keeps; no device is needed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointsToRemove, evaluatesAfter, isOver, savesAt, savesNow, type Cadence } from '../src/cadence.ts';
import { checkpointName, checkpointStep, MOST_STEPS } from '../src/index.ts';

const cadence: Cadence = { steps: 10, evaluateEvery: 4, saveEvery: 3, patience: 2 };
const upTo10 = Array.from({ length: 10 }, (_, i) => i + 1);

describe('a run', () => {
  it('evaluates every so many steps and after the last', () => {
    expect(upTo10.filter((step) => evaluatesAfter(cadence, step))).toEqual([4, 8, 10]);
    expect(upTo10.filter((step) => evaluatesAfter({ ...cadence, evaluateEvery: Infinity }, step))).toEqual([10]);
  });

  it('has a regular checkpoint every so many steps, and none where it is not kept', () => {
    expect(upTo10.filter((step) => savesAt(cadence, step))).toEqual([3, 6, 9]);
    expect(upTo10.filter((step) => savesAt({ ...cadence, saveEvery: Infinity }, step))).toEqual([]);
  });

  it('is over after its last step, or when evaluations have got no better for long', () => {
    expect(isOver(cadence, { step: 9, evaluationsSinceBest: 1 })).toBe(false);
    expect(isOver(cadence, { step: 10, evaluationsSinceBest: 0 })).toBe(true);
    expect(isOver(cadence, { step: 5, evaluationsSinceBest: 2 })).toBe(true);
    expect(isOver({ ...cadence, patience: Infinity }, { step: 5, evaluationsSinceBest: 99 })).toBe(false);
  });
});

describe('a checkpoint is made', () => {
  const quiet = { over: false, best: false, due: false, asked: false, refusedInRow: 0 };
  it.each([
    ['at no other step', {}, false],
    ['when it is due', { due: true }, true],
    ['when a person asks the run to stop', { asked: true }, true],
    ['of the best evaluation', { best: true }, true],
    ['at the end', { over: true }, true],
    ['not while steps are refused, though it is due', { due: true, refusedInRow: 1 }, false],
    ['not while steps are refused, though it is asked for', { asked: true, refusedInRow: 1 }, false],
    ['of the best evaluation and at the end, refused or not', { best: true, over: true, refusedInRow: 3 }, true],
  ])('%s', (_, moment, saves) => {
    expect(savesNow({ ...quiet, ...moment })).toBe(saves);
  });
});

describe('of the checkpoints', () => {
  it('the newest, the newest regular ones and the best are kept', () => {
    const names = [2, 3, 4, 6, 8, 9, 10].map(checkpointName);
    const removed = (best?: number) =>
      checkpointsToRemove(names, { cadence, keep: 2, best }).map((name) => checkpointStep(name));
    // Of 3, 6, 9 and the last step's 10, two stay.
    expect(removed()).toEqual([2, 3, 4, 6, 8]);
    expect(removed(4)).toEqual([2, 3, 6, 8]);
  });

  it('the newest is never removed, nor more than is there', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 10 }), { minLength: 1 }),
        fc.integer({ min: 1, max: 4 }),
        fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
        (steps, keep, best) => {
          const names = steps.map(checkpointName).sort();
          const removed = checkpointsToRemove(names, { cadence, keep, best });
          expect(removed).not.toContain(names.at(-1));
          if (best !== undefined) expect(removed).not.toContain(checkpointName(best));
          expect(names).toEqual(expect.arrayContaining(removed));
          // What is kept now is kept when it is asked again.
          const kept = names.filter((name) => !removed.includes(name));
          expect(checkpointsToRemove(kept, { cadence, keep, best })).toEqual([]);
        },
      ),
    );
  });
});

describe("a checkpoint's name", () => {
  it('gives the step back, and names sort as steps do', () => {
    fc.assert(
      fc.property(fc.nat(MOST_STEPS), fc.nat(MOST_STEPS), (a, b) => {
        expect(checkpointStep(checkpointName(a))).toBe(a);
        expect(checkpointName(a) < checkpointName(b)).toBe(a < b);
      }),
    );
  });

  it.each(['step-1', 'step-0000000001', 'step-00000001x', 'damaged-step-000000001', '.writing-step-000000001', 'best'])(
    'is not %s',
    (name) => {
      expect(checkpointStep(name)).toBeUndefined();
    },
  );
});
