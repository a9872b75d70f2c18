/** The autotuner on this machine's adapter, with times that the test gives: nothing here depends on a clock. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineKernel, elementwise, flatIndex, shapeClass, type Variant } from '@rna/kernels';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  adapterKey,
  add,
  addAnswers,
  answersOf,
  backward,
  collectJobs,
  linear,
  NO_ANSWERS,
  tune,
  type Device,
  type TuningJob,
} from '../src/index.ts';
import { openDevice, tuningFile } from '../src/node/index.ts';

type ScaleVariant = { form: string; negative: boolean };
const defaults: ScaleVariant = { form: 'product', negative: false };

// y = ±2x, in forms of which some are right.
const FORMS: Readonly<Record<string, string>> = {
  product: 'y[i] = 2.0 * x[i];',
  sum: 'y[i] = x[i] + x[i];',
  wrong: 'y[i] = 2.1 * x[i];',
  forgetful: 'if (i != 70u) { y[i] = 2.0 * x[i]; }',
  broken: 'y[i] = nonsense;',
};
const scale = defineKernel({
  name: 'scale',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32' },
  variant: defaults,
  ...elementwise,
  tuning: {
    space: () => Object.keys(FORMS).map((form) => ({ form })),
    shape: ({ count }, { negative }) => `${count > 1000 ? 'large' : 'small'}${negative ? ' negative' : ''}`,
  },
  body: ({ form, negative }) => `${flatIndex}\n  ${FORMS[form]}${negative ? ' y[i] = -y[i];' : ''}`,
});

// Adds in place: a second run on the first's result would not agree.
const grow = defineKernel({
  name: 'grow',
  inputs: {},
  updates: { x: 'f32' },
  uniforms: { count: 'u32' },
  variant: { form: 'a' },
  ...elementwise,
  tuning: { space: () => [{ form: 'a' }, { form: 'b' }], shape: () => 'any' },
  body: ({ form }) => `${flatIndex}\n  x[i] += 1.0; // ${form}`,
});

let device: Device;
beforeEach(async () => {
  device = await openDevice({ memoryBudget: 64 * 2 ** 20 });
});
afterEach(() => {
  device.destroy();
});

const job = (count: number, options: Partial<ScaleVariant> = {}): TuningJob => ({
  kernel: scale,
  buffers: () => ({ x: device.tensor(Float32Array.from({ length: count }, (_, i) => i + 1)) }),
  outputs: { y: [count] },
  uniforms: { count },
  options,
});

/** Takes each form's times one after the other, the last for ever, and runs what it is to time. */
function stopwatch(times: Readonly<Record<string, readonly number[]>>) {
  const calls: string[] = [];
  return {
    calls,
    time: (variant: Variant, record: () => void): Promise<number> => {
      record();
      const form = String(variant['form']);
      const list = times[form]!;
      const time = list[Math.min(calls.filter((call) => call === form).length, list.length - 1)]!;
      calls.push(form);
      return Promise.resolve(time);
    },
  };
}

describe('tune', () => {
  it('takes turns, and drops what fails, what is wrong and what forgets an element with the reason, however fast', async () => {
    const { calls, time } = stopwatch({ product: [10], sum: [8], wrong: [1], forgetful: [1], broken: [1] });
    const [result] = await tune(device, [job(100)], { stopwatch: time });
    expect(calls.slice(0, 4)).toEqual(['product', 'sum', 'product', 'sum']);
    expect(new Set(calls)).toEqual(new Set(['product', 'sum']));
    expect(result).toMatchObject({
      kernel: 'scale',
      shape: 'small',
      table: { variant: { form: 'product' }, ms: 10 },
      chosen: { variant: { form: 'sum' }, ms: 8 },
    });
    expect(result!.tried.map(({ variant, failed }) => [variant['form'], failed])).toEqual([
      ['product', undefined],
      ['sum', undefined],
      ['wrong', "gives another y than the table's variant"],
      ['forgetful', "gives another y than the table's variant"],
      ['broken', expect.stringMatching(/^fails: kernel scale\(form=broken/)],
    ]);
  });

  it("goes by medians, and keeps the table's variant unless it is beaten by a margin", async () => {
    const chosen = async (sum: readonly number[]): Promise<unknown> =>
      (await tune(device, [job(100)], { stopwatch: stopwatch({ product: [10], sum }).time }))[0]!.chosen.variant[
        'form'
      ];
    expect(await chosen([9.6])).toBe('product');
    expect(await chosen([9.4])).toBe('sum');
    expect(await chosen([1, 10])).toBe('product');
    expect(await chosen([9, 90, 9, 9, 90, 9])).toBe('sum');
  });

  it('stops timing what is clearly slower', async () => {
    const { calls, time } = stopwatch({ product: [10], sum: [20] });
    const [result] = await tune(device, [job(100)], { stopwatch: time });
    expect(calls.filter((form) => form === 'sum')).toHaveLength(2);
    expect(result!.tried[1]).toEqual({ variant: { form: 'sum' } });
    expect(result!.chosen).toEqual(result!.table);
  });

  it('tunes a class once, keeps options apart, tells of its progress, and frees what it made', async () => {
    const before = device.memory.use().tensors;
    const [heard, kept]: [string[], string[]] = [[], []];
    await tune(device, [job(100), job(200), job(2000), job(100, { negative: true })], {
      stopwatch: stopwatch({ product: [10], sum: [1] }).time,
      onJob: ({ kernel, shape, index, of }) => {
        heard.push(`${index} of ${of}: ${kernel} ${shape}`);
      },
      onResult: ({ shape, chosen }) => {
        kept.push(`${shape}: ${String(chosen.variant['form'])}`);
      },
    });
    expect(heard).toEqual(['0 of 3: scale small', '1 of 3: scale large', '2 of 3: scale small negative']);
    expect(kept).toEqual(['small: sum', 'large: sum', 'small negative: sum']);
    expect(device.memory.use().tensors).toBe(before);
    expect(device.poison).toBe(false);
  });

  it("compares updates from the same start, and leaves the caller's own as they are", async () => {
    const x = device.tensor(new Float32Array([1, 2, 3]));
    const jobs = collectJobs(device, () => {
      device.run(grow, { x }, {}, { count: 3 });
    });
    const [result] = await tune(device, jobs, { stopwatch: stopwatch({ a: [2], b: [1] }).time });
    expect(result!.tried.map(({ failed }) => failed)).toEqual([undefined, undefined]);
    expect(Array.from(await x.read())).toEqual([2, 3, 4]);
  });

  it('times with a clock of its own where none is given', async () => {
    const [result] = await tune(device, [job(100)]);
    expect(result!.table.ms).toBeGreaterThan(0);
    expect(['product', 'sum']).toContain(result!.chosen.variant['form']);
  });
});

describe('collectJobs', () => {
  it('finds each class of calls in a forward and backward pass, and holds on to its inputs', async () => {
    const weight = device.tensor(new Float32Array(40 * 24).fill(0.5), [40, 24]).train();
    const before = device.memory.use().tensors;
    const jobs = collectJobs(device, () => {
      device.scope(() => {
        const x = device.tensor(new Float32Array(24).fill(1), [1, 24]);
        const ones = device.tensor(new Float32Array(40).fill(1), [1, 40]);
        backward(device, () => linear(add(linear(x, weight), linear(x, weight)), ones));
      });
    });
    const classes = jobs.map(
      ({ kernel, uniforms, options }) => `${kernel.name} ${shapeClass(kernel, uniforms, options)}`,
    );
    expect(new Set(classes).size).toBe(classes.length);
    // The product, that with ones, and the gradient of the weight.
    expect(jobs.map(({ uniforms: { rows, cols } }) => [rows, cols])).toEqual(
      expect.arrayContaining([
        [1, 40],
        [1, 1],
        [40, 24],
      ]),
    );
    weight.train(false);
    const { a } = jobs[0]!.buffers();
    expect(new Set(await a!.read())).toEqual(new Set([1]));
    for (const { buffers } of jobs)
      Object.values(buffers()).forEach((tensor) => {
        tensor.dispose();
      });
    expect(device.memory.use().tensors).toBe(before);
  });
});

describe('a device', () => {
  it('opened anew uses the kept answers for its adapter, names what it ran, and can be told not to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rna-autotune-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
      vi.unstubAllEnvs();
    });
    vi.stubEnv('RNA_TUNING', join(folder, 'tuning.json'));
    const results = await tune(device, [job(100)], { stopwatch: stopwatch({ product: [10], sum: [1] }).time });
    await tuningFile(join(folder, 'tuning.json')).save(
      addAnswers(NO_ANSWERS, adapterKey(device.adapter), answersOf(results)),
    );

    const forms = async (options: Parameters<typeof openDevice>[0]): Promise<string[]> => {
      const opened = await openDevice(options);
      const x = opened.tensor(new Float32Array([3]));
      expect(Array.from(await opened.run(scale, { x }, { y: [1] }, { count: 1 }).y.read())).toEqual([6]);
      const names = opened.variantsInUse();
      opened.destroy();
      return names;
    };
    expect(await forms({})).toEqual(['scale(form=sum,negative=false)']);
    expect(await forms({ tuning: false })).toEqual(['scale(form=product,negative=false)']);
    expect(await forms({ pinned: { scale: { form: 'product' } } })).toEqual(['scale(form=product,negative=false)']);
    expect(await forms({ tuned: {} })).toEqual(['scale(form=product,negative=false)']);
  });
});
