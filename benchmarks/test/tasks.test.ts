/** The table of all tasks: its rows, and a task from the download to the table at the least size. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareCorpus } from '../tasks/data.ts';
import { contactRows, labelRows, structureRows, taskTable } from '../tasks/table.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rna-tasks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const interval = (mean: number) => ({ mean, low: mean - 0.1, high: mean + 0.1 });
const means = (f1: number) => ({
  rnas: 4,
  intervals: {
    strict: { f1: interval(f1) },
    flexible: { f1: interval(f1 + 0.05) },
    averagePrecision: interval(f1 / 2),
  },
});
const summary = (f1: number) => ({
  ...means(f1),
  groups: [
    {
      by: 'family',
      parts: [
        { label: 'tRNA', ...means(f1 + 0.01) },
        { label: '5S rRNA', ...means(f1 - 0.01) },
      ],
    },
  ],
});

test("structures have rows for all RNAs and for each family, by the protocol's F1", () => {
  const part = (protocol: 'rinalmo' | 'ssr-lm') => ({
    name: 'bprna',
    task: 'secondary-structure',
    protocol,
    train: '',
    validation: '',
    tests: [],
  });
  const rows = structureRows(
    part('ssr-lm'),
    { name: 'TS0', file: '' },
    { ...summary(0.5), baselines: { contrafold: summary(0.6) } },
    summary(0.4),
  );
  expect(rows.map(({ test, score }) => `${test}: ${score}`)).toEqual([
    'TS0: F1, exact pairs',
    'TS0: AUPRC',
    'TS0, tRNA: F1, exact pairs',
    'TS0, 5S rRNA: F1, exact pairs',
  ]);
  expect(taskTable(rows.slice(0, 1)).split('\n')[2]).toBe(
    '| TS0 | 4 | F1, exact pairs | 0.500 (0.400–0.600) | 0.400 (0.300–0.500) | contrafold 0.600 (0.500–0.700) |',
  );
  expect(structureRows(part('rinalmo'), { name: 'tRNA', file: '' }, summary(0.5), summary(0.4))[0]).toMatchObject({
    score: 'F1 within ±1',
    pretrained: { mean: 0.55 },
  });
});

test('labels have the two scores of what a task predicts, and a task without any is refused', () => {
  const part = (task: string) => ({
    name: '',
    task,
    protocol: 'rinalmo' as const,
    train: '',
    validation: '',
    tests: [],
  });
  const scores = (shift: number) => ({
    rnas: 4,
    intervals: Object.fromEntries(['r2', 'spearman', 'pearson'].map((name, i) => [name, interval(i + shift)])),
  });
  const own = { ...scores(0), baselines: { 'ridge regression': scores(0.5) } };
  expect(
    labelRows(part('translation-efficiency'), { name: 'cells', file: '' }, own, scores(0.25)).map((row) => [
      row.score,
      row.pretrained.mean,
      row.untrained.mean,
      row.baselines['ridge regression']!.mean,
    ]),
  ).toEqual([
    ['R²', 0, 0.25, 0.5],
    ['Spearman', 1, 1.25, 1.5],
  ]);
  expect(() => labelRows(part('secondary-structure'), { name: '', file: '' }, own, own)).toThrow(
    "the table has no scores for 'secondary-structure'",
  );
});

test('contacts have the precision of L, L/2 and L/5 pairs and of as many as are true', () => {
  const precision = (l: number) => ({
    precision: { l: interval(l), half: interval(1.5 * l), fifth: interval(1.8 * l), true: interval(2 * l) },
  });
  expect(
    contactRows('TS0', {
      rnas: 9,
      trained: precision(0.2),
      random: precision(0.1),
      baselines: { contrafold: precision(0.4) },
    }).map(({ pretrained, untrained, baselines }) => [pretrained.mean, untrained.mean, baselines['contrafold']!.mean]),
  ).toEqual(
    [
      [0.2, 0.1, 0.4],
      [0.3, 0.15, 0.6],
      [0.36, 0.18, 0.72],
      [0.4, 0.2, 0.8],
    ].map((row) => row.map((value) => expect.closeTo(value, 9) as number)),
  );
});

test('a corpus has no sequence of a test, none twice and none that is too long', async () => {
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  };
  const part = {
    name: '',
    task: '',
    protocol: 'rinalmo' as const,
    train: '',
    validation: '',
    tests: [
      { name: 'structures', file: await write('test.dbn', '>a\nGGGAAACCC\n(((...)))\n') },
      { name: 'labels', file: await write('test.csv', 'sequence,class_id\nACGTACGT,1\n') },
    ],
  };
  const rnas = await write(
    'rnas.fasta',
    '>1\ngggaaaccc\n>2\nACGUACGU\n>3\nAAAA\n>4\nAAAA\n>5\nCCCCCCCCCCCC\n>6\nUUUU\n',
  );
  const { train, validation } = await prepareCorpus([rnas], [part], { maxLength: 10 }, folder);
  const kept = (await Promise.all([train, validation].map((file) => readFile(file, 'utf8'))))
    .join('')
    .split('\n')
    .filter((line) => /^[ACGU]/.test(line));
  expect(kept.sort()).toEqual(['AAAA', 'UUUU']);
  await rm(train);
  await expect(prepareCorpus([rnas], [part], { maxLength: 3 }, folder)).rejects.toThrow(
    '--corpus: 0 sequences are left, at least two are needed (3 occur twice or in a test, 3 have more than 3 nucleotides)',
  );
});

test('runs from the download to the table, and a second call finds it done', async () => {
  const run = promisify(execFile);
  const samples = 'packages/cli/data/splice';
  const windows = join(folder, 'windows');
  await mkdir(windows);
  for (const name of (await readdir(samples)).filter((file) => /(arabidopsis|fly)_donor/.test(file))) {
    const [header, ...rows] = (await readFile(join(samples, name), 'utf8')).trimEnd().split('\n');
    await writeFile(
      join(windows, name.replace('_100', '_20')),
      [header, ...rows.filter((_, i) => i % 5 === 0), ''].join('\n'),
    );
  }
  const encoder = join(folder, 'encoder');
  await run(process.execPath, [
    'packages/cli/bin/rna.js',
    'pretrain',
    '--model.preset',
    'ssr-lm-s',
    '--model.dim',
    '8',
    '--model.layers',
    '1',
    '--model.heads',
    '1',
    '--model.ffnDim',
    '8',
    '--data.train',
    'packages/cli/data/demo_train.dbn',
    '--train.steps',
    '1',
    '--batch.rows',
    '1',
    '--out',
    encoder,
  ]);
  const args = [
    '--import',
    'tsx',
    'benchmarks/tasks/tasks.ts',
    '--encoder',
    join(encoder, 'model'),
    '--splice',
    windows,
    '--out',
    join(folder, 'run'),
  ];
  const first = await run(process.execPath, args);
  const number = String.raw`[01]\.\d{3} \([01]\.\d{3}–[01]\.\d{3}\)`;
  for (const species of ['arabidopsis', 'fly']) {
    expect(first.stdout).toMatch(
      new RegExp(
        `^\\| splice-donor ${species} \\| \\d+ \\| F1 \\| ${number} \\| ${number} \\| weight matrix ${number} \\|$`,
        'm',
      ),
    );
  }
  const second = await run(process.execPath, args);
  expect(second.stdout).toBe(first.stdout);
  expect(second.stderr).not.toMatch(/\$ rna /);
  await expect(run(process.execPath, [...args, '--seed', '2'])).rejects.toThrow(/other settings/);
  await expect(run(process.execPath, [...args, '--tasks', 'ncrna'])).rejects.toThrow(/ncrna needs its data: --ncrna/);
  await expect(run(process.execPath, [...args, '--corpus', 'rnas.fasta'])).rejects.toThrow(
    /give --encoder, or --corpus/,
  );
});
