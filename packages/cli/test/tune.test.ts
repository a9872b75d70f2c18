/** `rna tune` from outside: what it keeps, shows and deletes. Which variant is fastest here is no matter. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TuningRecord, TuningResult } from '@rna/tensor';
import { beforeEach, expect, test, vi } from 'vitest';
import { rna, temporaryFolder } from './harness.ts';

let file: string;
beforeEach(() => {
  file = join(temporaryFolder(), 'tuning.json');
  vi.stubEnv('RNA_TUNING', file);
  return () => {
    vi.unstubAllEnvs();
  };
});

test('keeps an answer for each class of sizes that a training step runs, shows it, and deletes it', async () => {
  const tuned = await rna('tune', '--model', 'ssr-lm-s', '--tokens', '32', '--kernel', 'rmsNorm', '--json');
  expect({ code: tuned.code, stderr: tuned.stderr }).toEqual({ code: 0, stderr: '' });
  const results = JSON.parse(tuned.stdout) as TuningResult[];
  expect(results.map(({ kernel }) => kernel)).toEqual(['rmsNorm']);
  expect(results[0]!.tried.length).toBeGreaterThan(1);

  const { adapters } = JSON.parse(readFileSync(file, 'utf8')) as TuningRecord;
  const [adapter] = Object.keys(adapters);
  const { shape, version, chosen, table } = results[0]!;
  expect(adapters[adapter!]).toEqual({
    rmsNorm: { version, shapes: { [shape]: { variant: chosen.variant, ms: chosen.ms, tableMs: table.ms } } },
  });

  const listed = await rna('tune', '--list');
  for (const text of [file, adapter!, 'rmsNorm', shape, version]) expect(listed.stdout).toContain(text);
  expect((await rna('info')).stdout).toMatch(new RegExp(`tuned ${shape} +lanes=`));

  expect((await rna('tune', '--clear')).stderr).toBe(`rna: ${file} is deleted\n`);
  expect(existsSync(file)).toBe(false);
  expect((await rna('tune', '--list')).stdout).toBe(`nothing is kept in ${file}\n`);
});

test('a damaged file stops every command that would use it, and tune --clear removes it', async () => {
  writeFileSync(file, '{"format": 1, "adapters"');
  for (const argv of [['tune', '--list'], ['tune', '--kernel', 'rmsNorm'], ['info']]) {
    const { code, stdout, stderr } = await rna(...argv);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^rna: ${file} holds no kernel timings .*rna tune --clear`));
  }
  expect((await rna('tune', '--clear')).code).toBe(0);
  expect(existsSync(file)).toBe(false);
});

test.each([
  [['--kernel', 'matmull'], '--kernel matmull: no kernel of this name has variants to time; there are '],
  [['--model', 'rinalmo-tiny'], '--model rinalmo-tiny is no preset; there are rinalmo-'],
  [['--list', '--kernel', 'matmul'], "option '--list' cannot be used with option '--kernel <name>'"],
  [['--clear', '--json'], "option '--clear' cannot be used with option '--json'"],
])('rna tune %j is wrong usage', async (argv, message) => {
  const { code, stdout, stderr } = await rna('tune', ...argv);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(message);
});

test('RNA_TUNING=off leaves nothing to tune for', async () => {
  vi.stubEnv('RNA_TUNING', 'off');
  const { code, stderr } = await rna('tune', '--kernel', 'rmsNorm');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rna: RNA_TUNING=off leaves nowhere to keep what is tuned/);
});
