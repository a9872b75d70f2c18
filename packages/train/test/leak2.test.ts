/**
 * Training grows no memory: neither tensors, nor live bytes, nor the pool behind them. `RNA_LEAK_STEPS=10000`
 * runs longer and holds the process's own memory to it as well.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openDevice } from '@rna/tensor/node';
import { expect, it } from 'vitest';
import { AdamW, constantSchedule, decayGroups, pretrainingTask, train } from '../src/index.ts';
import { disposeAll, rnas, tinyEncoder } from './tinyModel.ts';

const STEPS = Number(process.env['RNA_LEAK_STEPS'] ?? 300);
const LONG = STEPS >= 5000;
/** What allocators and compilers may still take in the second half of a long run: under 4 bytes a step and tensor. */
const PROCESS_SLACK = 8 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function processBytes(): number {
  if (process.env["NOGC"] === undefined) collect();
  return process.memoryUsage().rss;
}

it(`keeps its memory over ${STEPS} steps`, { timeout: 60_000 + 200 * STEPS }, async () => {
  const device = await openDevice();
  const encoder = tinyEncoder(device, 'rinalmo');
  const optimizer = new AdamW(device, { groups: decayGroups(encoder.parameters, 0.01), maxNorm: 1 });
  // Sequences of one length, so that every step needs the same buffers.
  const corpus = rnas.filter(({ sequence }) => sequence.length === 37);
  const task = pretrainingTask({ encoder, train: corpus, masking: { scheme: 'mlm' }, maxTokens: 80, rowsPerStep: 2, accumulation: 2, dropout: true, seed: 1 });
  const seen = new Map<number, { memory: ReturnType<typeof device.memory.use>; process: number }>();
  await train({
    device, task, optimizer, schedule: constantSchedule(1e-3), steps: STEPS,
    onProgress: ({ step, memory }) => {
      if (step === 20 || step === Math.floor(STEPS / 2) || step === STEPS) seen.set(step, { memory, process: LONG ? processBytes() : 0 });
    },
  });
  const [early, half, end] = [...seen.values()];
  // The last step is looked at when no other is recorded, the early one while its successor is.
  expect(end!.memory.tensors).toBeLessThanOrEqual(early!.memory.tensors);
  expect(end!.memory.live).toBeLessThanOrEqual(early!.memory.live);
  expect(end!.memory.peak).toBe(early!.memory.peak);
  expect(end!.memory.live + end!.memory.pooled).toBe(half!.memory.live + half!.memory.pooled);
  if (LONG) {
    console.info(`process: ${half!.process} bytes at half, ${end!.process} at the end`);
    expect(end!.process - half!.process).toBeLessThan(PROCESS_SLACK);
  }
  optimizer.dispose();
  disposeAll(encoder.parameters);
  expect(device.memory.use().tensors).toBe(0);
  device.destroy();
});
