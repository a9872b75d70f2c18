/**
 * Every task from its command, on real samples or made-up loads: fine-tuned, predicted, scored beside a baseline,
 * reported.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fasta, rna } from './harness.ts';
import { readLog, rnas, structures, tinyModel } from './training.ts';

const data = (name: string): string => fileURLToPath(new URL(`../data/${name}`, import.meta.url));

let base: string;
let pretrained: string;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'rna-tasks-'));
  const out = join(base, 'pretrained');
  expect(
    await rna(
      'pretrain',
      ...tinyModel,
      '--out',
      out,
      '--data.train',
      structures(base, 'corpus.dbn', rnas),
      '--train.steps',
      '1',
      '--batch.rows',
      '1',
    ),
  ).toMatchObject({ code: 0 });
  pretrained = join(out, 'model');
});
afterAll(() => {
  rmSync(base, { recursive: true });
});

interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

interface Case {
  readonly task: string;
  /** Writes the training and the test set. */
  readonly files: (folder: string) => { readonly train: string; readonly test: string };
  readonly options: readonly string[];
  readonly columns: string;
  readonly metric: string;
  readonly baseline: string;
  readonly figures: readonly string[];
}

/** Some windows of a splice sample, both labels among them, cut to the middle 60 nucleotides. */
function windows(file: string, out: string, every: number): string {
  const [header, ...rows] = readFileSync(data(`splice/${file}`), 'utf8')
    .trimEnd()
    .split('\n');
  const cut = rows
    .filter((_, i) => i % every === 0)
    .map((row) => row.split(';'))
    .map(([id, sequence, label]) => `${id};${sequence!.slice(170, 230)};${label}`);
  writeFileSync(out, [header, ...cut, ''].join('\n'));
  return out;
}

/** UTRs whose value is their share of A: no published table may be copied here. */
function utrs(out: string, column: string): string {
  writeFileSync(
    out,
    [
      `utr,${column}`,
      ...rnas.map(
        ({ sequence }) => `${sequence},${[...sequence].filter((letter) => letter === 'A').length / sequence.length}`,
      ),
      '',
    ].join('\n'),
  );
  return out;
}

function families(out: string, every: number): string {
  const records = readFileSync(data('rfam_families.fasta'), 'utf8')
    .split(/^(?=>)/m)
    .filter((_, i) => i % every === 0);
  writeFileSync(out, records.join(''));
  return out;
}

const FAMILIES = ['--head.classes', '7', '--head.names', 'Hammerhead_3,IRE_I,Purine,SECIS_1,U7,let-7,mir-10'];

const utrCase = (task: string, column: string): Case => ({
  task,
  metric: 'spearman',
  baseline: 'ridge regression',
  columns: 'id,length,predicted',
  figures: ['scatter.svg'],
  options: ['--head.channels', '4', '--head.blocks', '1'],
  files: (folder) => ({
    train: utrs(join(folder, `${task}.csv`), column),
    test: utrs(join(folder, `${task}-test.csv`), column),
  }),
});

const CASES: readonly Case[] = [
  {
    task: 'splice-site',
    metric: 'f1',
    baseline: 'weight matrix',
    columns: 'id,length,probability,predicted',
    figures: ['precision-recall.svg', 'calibration.svg'],
    options: ['--head.hidden', '8'],
    files: (folder) => ({
      train: windows('splice_arabidopsis_donor_100.csv', join(folder, 'train.csv'), 4),
      test: windows('splice_fly_donor_100.csv', join(folder, 'test.csv'), 10),
    }),
  },
  utrCase('ribosome-load', 'rl'),
  utrCase('translation-efficiency', 'te_log'),
  utrCase('expression-level', 'rnaseq_log'),
  {
    task: 'ncrna-family',
    metric: 'accuracy',
    baseline: 'naive Bayes',
    columns: 'id,length,predicted,probability,p(Hammerhead_3)',
    figures: ['confusion.svg'],
    options: ['--head.hidden', '8', ...FAMILIES],
    files: (folder) => ({
      train: families(join(folder, 'train.fasta'), 8),
      test: families(join(folder, 'test.fasta'), 20),
    }),
  },
];

describe.each(CASES)('$task', ({ task, files, options, columns, metric, baseline, figures }) => {
  test('is fine-tuned, predicts, and is scored as it was during its run', async () => {
    const folder = mkdtempSync(join(base, `${task}-`));
    const { train, test: held } = files(folder);
    const out = join(folder, 'run');
    const tuned = await rna(
      'finetune',
      task,
      '--model.checkpoint',
      pretrained,
      '--out',
      out,
      '--data',
      train,
      '--data.validation',
      held,
      ...options,
      '--train.epochs',
      '6',
      '--train.batchSize',
      '8',
      '--optimizer.learningRate',
      '0.01',
      '--json',
    );
    expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
    const { after } = JSON.parse(tuned.stdout) as { after: Record<string, number> };
    const losses = readLog(out).flatMap((entry) => ('loss' in entry ? [entry.loss] : []));
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-3))).toBeLessThan(mean(losses.slice(0, 3)));

    const model = join(out, 'model');
    const predicted = await rna('predict', task, model, held);
    expect(predicted, predicted.stderr).toMatchObject({ code: 0 });
    const [header, ...rows] = predicted.stdout.trimEnd().split('\n');
    expect(header).toMatch(new RegExp(`^${columns.replace(/[()]/g, '\\$&')}`));
    const asJson = await rna('predict', task, model, held, '--json');
    expect((JSON.parse(asJson.stdout) as { predictions: unknown[] }).predictions).toHaveLength(rows.length);

    const report = join(folder, 'report');
    const csv = join(folder, 'scores.csv');
    const scored = await rna(
      'evaluate',
      model,
      held,
      '--baselines',
      '--train',
      train,
      '--report',
      report,
      '--csv',
      csv,
      '--json',
    );
    expect(scored, scored.stderr).toMatchObject({ code: 0 });
    const scores = JSON.parse(scored.stdout) as Record<string, number> & {
      rnas: number;
      intervals: Record<string, Interval>;
      baselines: Record<string, Record<string, number>>;
    };
    expect(scores.rnas).toBe(rows.length);
    expect(scores[metric]).toBeCloseTo(after[metric]!, 5);
    const { low, high } = scores.intervals[metric]!;
    expect(low).toBeLessThanOrEqual(high);
    expect(Object.keys(scores.baselines)).toEqual([baseline]);
    expect(readFileSync(csv, 'utf8').trimEnd().split('\n')).toHaveLength(rows.length + 1);
    for (const figure of [...figures, 'embeddings-tsne.svg', 'embeddings-umap.svg', 'report.html'])
      expect(readdirSync(report)).toContain(figure);
    expect(readFileSync(join(report, 'report.html'), 'utf8')).toContain(model);
  });
});

test('structures: by protocol, beside CONTRAfold and EternaFold, by parts, in a report', async () => {
  const folder = mkdtempSync(join(base, 'structures-'));
  const [train, held] = [
    structures(folder, 'train.dbn', rnas.slice(0, 8)),
    structures(folder, 'test.dbn', rnas.slice(8, 14)),
  ];
  const out = join(folder, 'run');
  expect(
    await rna(
      'finetune',
      'secondary-structure',
      '--model.checkpoint',
      pretrained,
      '--model.untrained',
      'true',
      '--out',
      out,
      '--data',
      train,
      '--data.heldOutShare',
      '0.25',
      '--head.convDim',
      '4',
      '--head.blocks',
      '1',
      '--train.epochs',
      '1',
    ),
  ).toMatchObject({ code: 0 });
  const model = join(out, 'model');
  const report = join(folder, 'report');
  const scored = await rna(
    'evaluate',
    model,
    held,
    '--protocol',
    'ssr-lm',
    '--train',
    train,
    '--baselines',
    '--report',
    report,
    '--json',
  );
  expect(scored, scored.stderr).toMatchObject({ code: 0 });
  const scores = JSON.parse(scored.stdout) as {
    allowNcPairs: boolean;
    strict: { f1: number };
    intervals: { strict: { f1: { mean: number } } };
    pairTypes: Record<string, { pairs: number; f1: number }>;
    lengthWeighted: { intervals: { strict: { f1: Interval } } };
    pairTypeIntervals: Record<string, { f1: Interval }>;
    groups: { by: string; parts: { rnas: number }[] }[];
    baselines: Record<string, { strict: { f1: number }; averagePrecision: number }>;
  };
  expect(scores.allowNcPairs).toBe(true);
  expect(scores.intervals.strict.f1.mean).toBeCloseTo(scores.strict.f1, 10);
  expect(scores.pairTypes['watsonCrick']!.pairs).toBeGreaterThan(10);
  expect(scores.pairTypeIntervals['watsonCrick']!.f1.mean).toBe(scores.pairTypes['watsonCrick']!.f1);
  for (const { low, mean, high } of [
    scores.lengthWeighted.intervals.strict.f1,
    scores.pairTypeIntervals['watsonCrick']!.f1,
  ])
    expect(low <= mean && mean <= high).toBe(true);
  // Short RNAs with clear helices: an engine that works finds most of their pairs.
  for (const name of ['contrafold', 'eternafold']) expect(scores.baselines[name]!.strict.f1).toBeGreaterThan(0.4);
  for (const { parts } of scores.groups) expect(parts.reduce((sum, part) => sum + part.rnas, 0)).toBe(6);
  for (const name of ['f1-by-length.svg', 'precision-recall.svg', 'calibration.svg', 'report.html'])
    expect(existsSync(join(report, name)), name).toBe(true);
  const text = await rna('evaluate', model, held, '--by', 'length,pair-type');
  for (const words of ['Watson-Crick', '95 % of F1']) expect(text.stdout).toContain(words);
  expect(text.stderr).toContain('--by length: all RNAs are in one bin of lengths');
  expect(await rna('evaluate', model, held, '--by', 'similarity')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--train FILES') as string,
  });

  const folded = await rna(
    'predict',
    'secondary-structure',
    model,
    fasta(
      folder,
      rnas.slice(8, 14).map(({ sequence }) => sequence),
    ),
  );
  expect(folded).toMatchObject({ code: 0 });
  expect(folded.stdout.split('\n').filter((line) => line.startsWith('>'))).toHaveLength(6);
});

test('a yes or no has a threshold, tuned on held-out RNAs or given', async () => {
  const folder = mkdtempSync(join(base, 'threshold-'));
  const [train, held] = [
    windows('splice_arabidopsis_donor_100.csv', join(folder, 'train.csv'), 4),
    windows('splice_fly_donor_100.csv', join(folder, 'test.csv'), 10),
  ];
  const out = join(folder, 'run');
  const tuned = await rna(
    'finetune',
    'splice-site',
    '--model.checkpoint',
    pretrained,
    '--out',
    out,
    '--data',
    train,
    '--data.validation',
    held,
    '--head.hidden',
    '8',
    '--train.epochs',
    '2',
    '--train.batchSize',
    '8',
    '--run.evaluateEvery',
    'epoch',
    '--threshold',
    'tuned',
    '--json',
  );
  expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
  expect(readLog(out).filter((entry) => 'evaluation' in entry)).toHaveLength(3);
  const model = join(out, 'model');
  const f1 = async (...argv: string[]): Promise<number> =>
    (JSON.parse((await rna('evaluate', model, held, '--json', ...argv)).stdout) as { f1: number }).f1;
  const kept = await f1();
  expect(kept).toBeCloseTo((JSON.parse(tuned.stdout) as { after: { f1: number } }).after.f1, 10);
  expect(await f1('--validation', held)).toBeCloseTo(kept, 10);
  for (const threshold of ['0.2', '0.5', '0.8']) expect(await f1('--threshold', threshold)).toBeLessThanOrEqual(kept);
  const rows = (await rna('predict', 'splice-site', model, held, '--threshold', '0')).stdout
    .trimEnd()
    .split('\n')
    .slice(1);
  expect(rows.every((row) => row.split(',')[3] === '1')).toBe(true);
  expect(await rna('evaluate', model, held, '--protocol', 'ssr-lm')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--protocol') as string,
  });
  expect(await rna('evaluate', model, held, '--train', train)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--baselines') as string,
  });
  const sites = join(folder, 'sites.csv');
  writeFileSync(
    sites,
    readFileSync(train, 'utf8')
      .split('\n')
      .filter((row) => !row.endsWith(';0'))
      .join('\n'),
  );
  expect(await rna('evaluate', model, held, '--train', sites, '--baselines')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--train: weight matrix') as string,
  });
});

test('the head has as many classes as are asked for, or as the files name', async () => {
  const folder = mkdtempSync(join(base, 'classes-'));
  const table = (name: string, classes: readonly number[]): string => {
    writeFileSync(
      join(folder, name),
      [
        'name,sequence,class_id',
        ...rnas.slice(0, 9).map(({ sequence }, i) => {
          const label = classes[i % classes.length]!;
          return `c${label},${sequence},${label}`;
        }),
        '',
      ].join('\n'),
    );
    return join(folder, name);
  };
  const [train, held] = [table('train.csv', [0, 1, 2]), table('held.csv', [0, 4])];
  for (const [argv, names] of [
    [[], ['c0', 'c1', 'c2', '3', 'c4']],
    [
      ['--head.classes', '6'],
      ['c0', 'c1', 'c2', '3', 'c4', '5'],
    ],
  ] as const) {
    const out = join(folder, `run${argv.length}`);
    expect(
      await rna(
        'finetune',
        'ncrna-family',
        '--model.checkpoint',
        pretrained,
        '--out',
        out,
        '--data',
        train,
        '--data.validation',
        held,
        '--head.hidden',
        '4',
        ...argv,
        '--train.epochs',
        '1',
        '--train.batchSize',
        '9',
      ),
    ).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(join(out, 'model', 'config.json'), 'utf8'))).toMatchObject({
      task_head: { sizes: { classes: names.length, names } },
    });
  }
});

test('what does not fit is refused, with what would', async () => {
  const refused = async (message: string, code: number, ...argv: string[]): Promise<void> => {
    const result = await rna(...argv);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  };
  await refused(
    "there is no task 'splicing'; there are secondary-structure, tertiary-structure, splice-site",
    2,
    'finetune',
    'splicing',
    '--out',
    'x',
  );
  await refused('the first argument must be the task', 2, 'finetune', '--out', 'x');
  await refused("there is no task 'fold'", 2, 'predict', 'fold', pretrained, 'x');
  await refused(
    `${pretrained} has no task head; fine-tune one with rna finetune splice-site`,
    1,
    'predict',
    'splice-site',
    pretrained,
    structures(base, 'few.dbn', rnas.slice(0, 1)),
  );
  const table = join(base, 'bad.csv');
  writeFileSync(table, 'id;sequence;label\na;GGCA;1\nb;GGCA;2\n');
  await refused(
    `${table}:3:`,
    1,
    'finetune',
    'splice-site',
    '--model.checkpoint',
    pretrained,
    '--out',
    join(base, 'none'),
    '--data',
    table,
  );
  expect(existsSync(join(base, 'none'))).toBe(false);
});
