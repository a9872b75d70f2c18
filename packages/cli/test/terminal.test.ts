import { expect, test, vi } from 'vitest';
import { interruptible, progressBar } from '../src/commandLine/terminal.ts';

test('an interrupt that takes a while is announced, a quick one is not', async () => {
  let stderr = '';
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  const lasting = (milliseconds: number): Promise<void> =>
    interruptible(async (signal) => {
      process.emit('SIGINT');
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      signal.throwIfAborted();
    });
  try {
    await expect(lasting(1)).rejects.toThrow('interrupted');
    expect(stderr).toBe('');
    await expect(lasting(800)).rejects.toThrow('interrupted');
    expect(stderr).toBe('rna: stopping as soon as what is being computed is done; once more ends it at once\n');
  } finally {
    spy.mockRestore();
  }
});

test('long work says how far it is where stderr is no terminal, short work nothing', () => {
  let stderr = '';
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  try {
    const bar = progressBar('fold', 100, 'records');
    // A run that goes on had done ten before.
    bar.update(10);
    now = 29_000;
    bar.update(20);
    expect(stderr).toBe('');
    now = 40_000;
    bar.update(30);
    now = 41_000;
    bar.update(31);
    bar.stop();
    expect(stderr).toBe('rna: fold: 30 of 100 records, about 140 s left\n');
  } finally {
    spy.mockRestore();
    clock.mockRestore();
  }
});
