/** A run goes on with the autotuner's answers that it was begun with, and with no others. */
import { kernelVersion, matmul, shapeClass } from '@rna/kernels';
import type { AdapterAnswers } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { expect, it } from 'vitest';
import { AdamW, constantSchedule, train, tuningOfRun } from '../src/index.ts';
import { memoryLog, memoryStore, PointTask } from './memoryRun.ts';

const STEPS = 6;

async function run(store: ReturnType<typeof memoryStore>, tuned: AdapterAnswers, stop?: number) {
  const device = await openDevice({ tuned });
  const task = new PointTask(device);
  const optimizer = new AdamW(device, { groups: [{ parameters: task.parameters, rateScale: 1, weightDecay: 0 }] });
  try {
    await train({
      device,
      task,
      optimizer,
      schedule: constantSchedule(0.1),
      steps: STEPS,
      log: memoryLog(),
      checkpoints: { store, model: task.model, settings: {}, every: 2 },
      onProgress: ({ step }) => {
        if (step === stop) throw new Error('killed');
      },
    });
    return { w: await task.w.read(), variants: device.variantsInUse() };
  } finally {
    device.destroy();
  }
}

it('keeps the answers in the checkpoint and refuses to go on with others', async () => {
  const device = await openDevice({ tuning: false });
  const shape = shapeClass(matmul, { rows: 1, inner: 6, cols: 1 }, { transposeB: true })!;
  const [variant] = matmul.tuning!.space(device.traits).slice(-1);
  const answersOf = (version: string): AdapterAnswers => ({
    matmul: { version, shapes: { [shape]: { variant: variant as Record<string, number>, tableMs: 2, ms: 1 } } },
  });
  const answers = answersOf(kernelVersion(matmul, device.traits));
  device.destroy();

  expect(await tuningOfRun(memoryStore())).toBeUndefined();
  const [tuned, untuned] = [memoryStore(), memoryStore()];
  const whole = await run(memoryStore(), answers);
  await expect(run(tuned, answers, 5)).rejects.toThrow('killed');
  expect(await tuningOfRun(tuned)).toEqual(answers);
  await expect(run(tuned, {})).rejects.toThrow(
    /begun with other kernel variants than this device was opened with.*\n {2}matmul: then \{.*\}, now absent/,
  );
  expect((await run(tuned, (await tuningOfRun(tuned))!)).w).toEqual(whole.w);

  await expect(run(untuned, {}, 5)).rejects.toThrow('killed');
  expect(await tuningOfRun(untuned)).toEqual({});
  await expect(run(untuned, answers)).rejects.toThrow(/matmul: then absent/);

  // The kernel was edited since, so that the answer no longer holds.
  const old = memoryStore();
  await expect(run(old, answersOf('00000000'), 5)).rejects.toThrow('killed');
  await expect(run(old, answersOf('00000000'))).rejects.toThrow(
    /tuned variants of matmul, which this version of the program on this adapter no longer has/,
  );
});
