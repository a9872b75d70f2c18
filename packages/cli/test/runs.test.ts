/** A run's folder: what a killed process leaves, and the log's way back. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRun } from '../src/training/runs.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rna-run-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const text = (content: string) => new TextEncoder().encode(content);
const entry = (step: number) => ({ step, epoch: 0, loss: 1, learningRate: 0.1, gradientNorm: 2, tokens: 3 });
const steps = () =>
  readFileSync(join(folder, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { step: number }).step);

describe('openRun', () => {
  it('shows checkpoints when they are whole, in order, and reads them', async () => {
    const { store, path, close } = await openRun(folder);
    for (const name of ['step-2', 'step-1']) {
      await store.save(name, async (writer) => {
        await writer.file('a', async (sink) => {
          await sink.write(text('one '));
          await sink.write(text(name));
        });
        expect(await store.names()).not.toContain(name);
      });
    }
    expect(await store.names()).toEqual(['step-1', 'step-2']);
    expect(readFileSync(join(path('step-2'), 'a'), 'utf8')).toBe('one step-2');
    const reader = await store.open('step-1');
    const source = await reader.open('a');
    expect(new TextDecoder().decode(await source.read(4, 6))).toBe('step-1');
    await reader.close();
    await store.remove('step-1');
    expect(await store.names()).toEqual(['step-2']);
    close();
  });

  it('clears what was half written or half removed', async () => {
    for (const name of ['.writing-step-1', '.removing-step-0', 'step-0'])
      mkdirSync(join(folder, 'checkpoints', name), { recursive: true });
    writeFileSync(join(folder, 'checkpoints', '.writing-step-1', 'a'), 'half');
    const { store, close } = await openRun(folder);
    expect(await store.names()).toEqual(['step-0']);
    expect(readdirSync(join(folder, 'checkpoints'))).toEqual(['step-0']);
    close();
  });

  it('keeps no checkpoint whose writing failed', async () => {
    const { store, close } = await openRun(folder);
    await expect(store.save('step-1', () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
    expect(await store.names()).toEqual([]);
    close();
    expect(existsSync(join(folder, 'checkpoints', 'step-1'))).toBe(false);
  });

  it('takes the log back to a step, and drops a line that was cut off', async () => {
    const first = await openRun(folder);
    [1, 2, 2, 3].forEach((step) => {
      first.log.append(entry(step));
    });
    first.close();
    writeFileSync(join(folder, 'log.jsonl'), '{"step":4,"ep', { flag: 'a' });
    const second = await openRun(folder);
    await second.log.rewind(2);
    second.log.append(entry(7));
    expect(steps()).toEqual([1, 2, 2, 7]);
    await second.log.rewind(-1);
    second.log.append(entry(1));
    expect(steps()).toEqual([1]);
    second.close();
  });

  it('names the line of a log that is not one', async () => {
    writeFileSync(join(folder, 'log.jsonl'), '{"step":1}\nhello\n{"step":2}\n');
    const { log, close } = await openRun(folder);
    await expect(log.rewind(5)).rejects.toThrow(/log\.jsonl:2: not a line of JSON/);
    writeFileSync(join(folder, 'log.jsonl'), '{"loss":1}\n');
    await expect(log.rewind(5)).rejects.toThrow(/log\.jsonl:1: no log entry/);
    close();
  });

  it('notes times beside the log, not in it', async () => {
    const { time, log, close } = await openRun(folder);
    const memory = { live: 10, pooled: 0, peak: 20, budget: 100, tensors: 1 };
    for (const step of [1, 2, 3, 50]) {
      log.append(entry(step));
      time({
        step,
        steps: 50,
        epoch: 0,
        loss: 1,
        learningRate: 0.1,
        gradientNorm: 2,
        refusals: 0,
        tokensPerSecond: 7,
        flopsPerSecond: 9,
        dataWait: 0.5,
        memory,
      });
    }
    close();
    const lines = readFileSync(join(folder, 'timings.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { step: number; time: string });
    expect(lines.map(({ step }) => step)).toEqual([1, 50]);
    expect(lines[0]).toMatchObject({
      tokensPerSecond: 7,
      flopsPerSecond: 9,
      dataWait: 0.5,
      liveBytes: 10,
      peakBytes: 20,
    });
    expect(readFileSync(join(folder, 'log.jsonl'), 'utf8')).not.toMatch(/time|PerSecond/);
  });
});

describe("the lock of a run's folder", () => {
  const lock = (content: object | string) => {
    writeFileSync(join(folder, '.lock'), typeof content === 'string' ? content : JSON.stringify(content));
  };

  it('keeps a second opener out until the first has closed', async () => {
    const first = await openRun(folder);
    await expect(openRun(folder)).rejects.toThrow(
      new RegExp(
        `^${folder} is in use by process ${process.pid} on ${hostname()}; .* delete ${join(folder, '.lock')}$`,
      ),
    );
    first.close();
    (await openRun(folder)).close();
    expect(readdirSync(folder).sort()).toEqual(['checkpoints', 'log.jsonl', 'timings.jsonl']);
  });

  it('is taken over from a process that is gone, even where its number was given to this one', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    for (const dead of [pid, process.pid]) {
      lock({ pid: dead, host: hostname() });
      const run = await openRun(folder);
      await expect(openRun(folder)).rejects.toThrow('is in use by');
      run.close();
    }
    expect(existsSync(join(folder, '.lock'))).toBe(false);
  });

  it.each([
    ['a process that lives', { pid: process.ppid, host: hostname() }, `process ${process.ppid}`],
    ['a process of another machine', { pid: 1, host: 'elsewhere' }, 'process 1 on elsewhere'],
    ['something else', 'locked', 'another process'],
  ])('is left to %s', async (_, content, who) => {
    lock(content);
    await expect(openRun(folder)).rejects.toThrow(who);
    expect(existsSync(join(folder, '.lock'))).toBe(true);
  });
});
