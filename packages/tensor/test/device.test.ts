/** The device: memory and its budget, scopes, ownership, errors that name what failed, a lost device. */
import { defineKernel, elementwise, flatIndex } from '@rna/kernels';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { add, DeviceError, DeviceLostError, MemoryBudgetError, ShapeError, Device, type Tensor } from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';

let device: Device;
beforeEach(async () => {
  device = await openDevice({ memoryBudget: 64 * 2 ** 20 });
});
afterEach(() => {
  device.destroy();
});

const values = (tensor: Tensor): Promise<number[]> => tensor.read().then((read) => Array.from(read));

describe('memory', () => {
  it('refuses what exceeds the budget, naming the tensor, and goes on working', async () => {
    const kept = device.full([4], 2);
    expect(() => device.empty([8 * 2 ** 20], 'f32', 'activations')).not.toThrow();
    expect(() => device.empty([12 * 2 ** 20], 'f32', 'activations')).toThrow(MemoryBudgetError);
    expect(() => device.empty([12 * 2 ** 20], 'f32', 'activations')).toThrow(
      expect.objectContaining({ shortage: expect.objectContaining({ limit: 'budget' }) as unknown }),
    );
    expect(() => device.empty([12 * 2 ** 20], 'f32', 'activations')).toThrow(
      /activations \[12582912\] needs .* of the budget of 64\.0 MiB/,
    );
    expect(await values(kept)).toEqual([2, 2, 2, 2]);
  });

  it("names the adapter's limit for one buffer", async () => {
    const large = await openDevice({ memoryBudget: Infinity });
    const limit = large.gpu.limits.maxStorageBufferBindingSize;
    expect(() => large.empty([limit / 4 + 64])).toThrow(/this adapter binds at most/);
    large.destroy();
  });

  it('hands a freed buffer out again, and an upload into it waits for the calls that use it', async () => {
    const a = device.full([1000], 1);
    const sum = add(a, a);
    a.dispose();
    const b = device.tensor(new Float32Array(1000).fill(5), [1000]);
    expect(device.memory.use().pooled).toBe(0);
    expect((await values(sum))[999]).toBe(2);
    expect((await values(b))[0]).toBe(5);
  });

  it('an empty tensor is an error with a name', () => {
    expect(() => device.empty([0, 4], 'f32', 'batch')).toThrow(/batch: shape \[0, 4\] has no elements/);
  });
});

describe('scopes', () => {
  it('free what was made in them except the result', () => {
    const before = device.memory.use().tensors;
    const { y } = device.scope(() => {
      device.zeros([3]);
      return { y: device.full([3], 4), list: [device.zeros([2])] };
    });
    expect(device.memory.use().tensors).toBe(before + 2);
    y.dispose();
  });

  it('free everything when the body throws', () => {
    const before = device.memory.use().tensors;
    expect(() =>
      device.scope(() => {
        device.zeros([3]);
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(device.memory.use().tensors).toBe(before);
  });

  it('a disposed tensor says what it was', () => {
    const x = device.zeros([2, 3]);
    x.dispose();
    expect(() => add(x, x)).toThrow('tensor [2, 3] is used after dispose');
  });

  it('shapes that do not fit name the op and both shapes', () => {
    expect(() => add(device.zeros([2]), device.zeros([3]))).toThrow(ShapeError);
    expect(() => add(device.zeros([2]), device.zeros([3]))).toThrow('add: shapes [2] and [3] do not fit');
  });
});

describe('errors', () => {
  const broken = defineKernel({
    name: 'broken',
    inputs: {},
    outputs: { y: 'f32' },
    uniforms: { count: 'u32' },
    variant: {},
    ...elementwise,
    body: () => `${flatIndex}\n  y[i] = nonsense;`,
  });

  it('a kernel that does not compile rejects the next read with its name and line, once', async () => {
    const { y } = device.run(broken, {}, { y: [4] }, { count: 4 });
    const failure = await y.read().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(DeviceError);
    expect((failure as Error).message).toMatch(/kernel broken: [\s\S]*nonsense/);
    expect((failure as Error).message).toContain('y[i] = nonsense;');
    expect(await values(device.full([1], 3))).toEqual([3]);
  });

  it('a missing or misplaced uniform is refused before anything is recorded', () => {
    expect(() => device.run(broken, {}, { y: [4] }, {} as never)).toThrow(/broken: uniform 'count' is missing/);
  });

  it('a lost device rejects reads with a DeviceLostError', async () => {
    const x = device.full([4], 1);
    device.destroy();
    await expect(x.read()).rejects.toThrow(/lost|destroyed/);
    await expect(device.idle()).rejects.toBeInstanceOf(DeviceLostError);
  });
});

describe('opening', () => {
  it('says that there is no adapter, as requestAdapter gives null', async () => {
    await expect(Device.open(null, { memoryBudget: 1 })).rejects.toThrow(
      expect.objectContaining({
        name: 'DeviceError',
        message: expect.stringContaining('no WebGPU adapter') as unknown,
      }),
    );
  });

  it('refuses a memory budget that is no number by name', async () => {
    process.env['RNA_MEMORY_BUDGET'] = 'abc';
    try {
      await expect(openDevice()).rejects.toThrow(
        new DeviceError("RNA_MEMORY_BUDGET must be a positive number of MB, got 'abc'"),
      );
    } finally {
      delete process.env['RNA_MEMORY_BUDGET'];
    }
  });
});
