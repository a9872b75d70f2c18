/** What a training run shows on stderr where that is no terminal. */
import type { Progress } from '@rna/train';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { trainingDisplay } from '../src/training/trainingProgress.ts';

let written = '';
beforeEach(() => {
  written = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const progress = (step: number, more: Partial<Progress> = {}): Progress => ({
  step,
  steps: 100,
  epoch: 0,
  loss: 1.5,
  learningRate: 1e-4,
  gradientNorm: 2,
  refusals: 0,
  tokensPerSecond: 12_345.6,
  dataWait: 0,
  memory: { live: 2 ** 20, pooled: 0, peak: 2 ** 22, budget: Infinity, tensors: 1 },
  ...more,
});

test('says loss, rate, speed, utilisation where the ceiling is known, peak memory, waits and the time left', () => {
  const display = trainingDisplay();
  display.onProgress(progress(1));
  expect(written).toBe('rna: step 1/100 · loss 1.500 · rate 1e-4 · 12,346 tokens/s · peak 4.0 MiB\n');
  written = '';
  display.setPeakFlops(2e12);
  display.onProgress(progress(100, { flopsPerSecond: 5e11, dataWait: 0.056, refusals: 3, skipped: 2 }));
  expect(written).toBe(
    'rna: step 100/100 · loss 1.500 · rate 1e-4 · 12,346 tokens/s · 500 GFLOP/s (25 % of peak) · peak 4.0 MiB · 6 % waiting for data · 2 steps overflowed · 3 steps refused · 0 s left\n',
  );
});

test('a refused step and a lost device have lines of their own', () => {
  const display = trainingDisplay();
  display.onProgress(progress(1));
  written = '';
  display.onProgress(progress(2, { refused: 'spike', loss: 30, refusals: 1 }));
  display.onProgress(progress(3, { refused: 'notFinite', loss: NaN, gradientNorm: NaN, refusals: 2 }));
  display.onProgress(progress(4, { refused: 'overflow', refusals: 2, skipped: 1 }));
  display.onLost({
    error: new Error('the device was lost (unknown)'),
    attempt: 1,
    retries: 3,
    checkpoint: 'step-000000002',
  });
  display.onLost({ error: new Error('no adapter'), attempt: 2, retries: 3, checkpoint: undefined });
  expect(written.split('\n')).toEqual([
    'rna: step 2 is refused: a spike, loss 30.00, gradient norm 2.000',
    'rna: step 3 is refused: loss –, gradient norm –',
    'rna: the device was lost (unknown)',
    'rna: going on from step-000000002 on a new device (1 of 3 attempts without a new checkpoint)',
    'rna: no adapter',
    'rna: going on from the beginning on a new device (2 of 3 attempts without a new checkpoint)',
    '',
  ]);
});
