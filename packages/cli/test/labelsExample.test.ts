/** The example for labels of one's own: the commands of its README run as they stand, on a tiny model. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelFolder, rna, type Result } from './harness.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const readme = readFileSync(join(root, 'examples/labels/README.md'), 'utf8');
const commands = [...readme.matchAll(/^npx rna (.*)$/gm)].map((match) => match[1]!);

let folder: string;
const results = new Map<string, Result>();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rna-labels-'));
  const model = modelFolder(folder, 'ssrlm-A');
  const placed = (word: string): string =>
    word === 'MODEL'
      ? model
      : word.startsWith('examples/')
        ? join(root, word)
        : /^runs\/|^[\w-]+\.(csv|svg)$/.test(word)
          ? join(folder, word)
          : word;
  for (const command of commands) results.set(command, await rna(...command.split(' ').map(placed)));
}, 240_000);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const resultOf = (start: string): Result => [...results].find(([command]) => command.startsWith(start))![1];

test('each command ends well', () => {
  expect(commands).toHaveLength(8);
  for (const [command, { code, stderr }] of results) expect(code, `${command}\n${stderr}`).toBe(0);
});

test('classes have the names of the table but the rare one, and are learnt', () => {
  expect(resultOf('finetune classification').stderr).toContain('too rare to be learnt (mir-10)');
  const [header, ...rows] = readFileSync(join(folder, 'families.csv'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  const families = ['Hammerhead_3', 'IRE_I', 'SECIS_1', 'U7'];
  expect(header).toEqual([
    'id',
    'length',
    'predicted',
    'probability',
    ...families.map((name) => `p(${name})`),
    'seq',
    'family',
    'gc',
  ]);
  const known = rows.filter((row) => families.includes(row.at(-2)!));
  expect([rows.length, known.length]).toEqual([51, 48]);
  // A guess is right for a quarter.
  expect(known.filter((row) => row[2] === row.at(-2)).length).toBeGreaterThan(24);
  expect(readFileSync(join(folder, 'family.svg'), 'utf8')).toContain('held out: mcc');
});

test('numbers are predicted for all, and reactivities scored', () => {
  const { predictions } = JSON.parse(resultOf('predict regression').stdout) as {
    predictions: Record<string, unknown>[];
  };
  expect(predictions).toHaveLength(51);
  expect(predictions[0]).toMatchObject({
    'predicted(gc)': expect.any(Number) as number,
    input: { family: expect.any(String) as string },
  });
  const { stdout } = resultOf('evaluate runs/reactivities');
  // The model's scores and, beside them, the baseline's.
  expect(stdout).toMatch(/ridge regression/);
  expect(/^pearson +(\S+) .* – .*? +(\S+) +\S+ – /m.exec(stdout)?.slice(1).map(Number)).toEqual([
    expect.any(Number),
    expect.any(Number),
  ]);
});
