import { expect, test, vi } from 'vitest';
import { interruptible } from '../src/commandLine/terminal.ts';

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
