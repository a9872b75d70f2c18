/**
 * Training grows no memory: neither tensors, nor live bytes, nor the pool behind them, nor bind groups, which the
 * driver keeps until JavaScript's collector comes by (lavapipe dies of too many). `RNA_LEAK_STEPS=10000` runs
 * longer and holds the process's own memory to it as well.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { MemoryUse } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { expect, it } from 'vitest';
import {
  AdamW,
  constantSchedule,
  corpusBatches,
  decayGroups,
  memoryCorpus,
  pretrainingTask,
  train,
} from '../src/index.ts';
import { disposeAll, rnas, tinyEncoder } from './tinyModel.ts';

const STEPS = Number(process.env['RNA_LEAK_STEPS'] ?? 300);
const LONG = STEPS >= 5000;
/** What allocators may take in the second half of a long run: a few kilobytes a step would exceed it. */
const PROCESS_SLACK = 32 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function processBytes(): number {
  collect();
  return process.memoryUsage().rss;
}

it(`keeps its memory over ${STEPS} steps`, { timeout: 60_000 + 200 * STEPS }, async () => {
  const device = await openDevice();
  const encoder = tinyEncoder(device, 'rinalmo');
  const optimizer = new AdamW(device, { groups: decayGroups(encoder.parameters, { weightDecay: 0.01 }), maxNorm: 1 });
  // Sequences of one length, so that every step needs the same buffers.
  const corpus = rnas.filter(({ sequence }) => sequence.length === 37);
  const task = pretrainingTask({
    encoder,
    dropout: true,
    seed: 1,
    batches: corpusBatches(memoryCorpus(corpus), {
      masking: { scheme: 'mlm' },
      maxTokens: 80,
      rowsPerStep: 2,
      accumulation: 2,
      seed: 1,
    }),
  });
  const seen = new Map<number, { memory: MemoryUse; bindGroups: number; process: number }>();
  let bindGroups = 0;
  const createBindGroup = device.gpu.createBindGroup.bind(device.gpu);
  device.gpu.createBindGroup = (descriptor) => {
    bindGroups++;
    return createBindGroup(descriptor);
  };
  await train({
    device,
    task,
    optimizer,
    schedule: constantSchedule(1e-3),
    steps: STEPS,
    onProgress: ({ step, memory }) => {
      if (step === 20 || step === Math.floor(STEPS / 2) || step === STEPS)
        seen.set(step, { memory, bindGroups, process: LONG ? processBytes() : 0 });
    },
  });
  const [early, half, end] = [...seen.values()];
  // The last step is looked at when no other is recorded, the early one while its successor is.
  expect(end!.memory.tensors).toBeLessThanOrEqual(early!.memory.tensors);
  expect(end!.memory.live).toBeLessThanOrEqual(early!.memory.live);
  expect(end!.memory.peak).toBe(early!.memory.peak);
  expect(end!.memory.live + end!.memory.pooled).toBe(half!.memory.live + half!.memory.pooled);
  expect(end!.bindGroups - early!.bindGroups).toBeLessThan(50);
  if (LONG) {
    console.info(`process: ${half!.process} bytes at half, ${end!.process} at the end`);
    expect(end!.process - half!.process).toBeLessThan(PROCESS_SLACK);
  }
  optimizer.dispose();
  disposeAll(encoder.parameters);
  expect(device.memory.use().tensors).toBe(0);
  device.destroy();
});
