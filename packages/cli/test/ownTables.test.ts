/**
 * Tasks of a user's own, from a table of theirs: columns by any name, labels as text, missing ones, names and titles
 * that come from the table and stay with the model; from `rna finetune` to `rna predict` and `rna evaluate`.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enlarge, modelFolder, rna } from './harness.ts';
import { rnas } from './training.ts';

let base: string;
let pretrained: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'rna-own-'));
  pretrained = modelFolder(base, 'ssrlm-A');
});
afterAll(() => {
  rmSync(base, { recursive: true });
});

const count = (sequence: string, letter: string): number => sequence.split(letter).length - 1;

function table(name: string, header: string, row: (sequence: string, i: number) => string): string {
  const path = join(base, name);
  writeFileSync(path, [header, ...rnas.map(({ sequence }, i) => row(sequence, i)), ''].join('\n'));
  return path;
}

const small = [
  '--head.channels',
  '4',
  '--head.blocks',
  '0',
  '--train.batchSize',
  '5',
  '--optimizer.learningRate',
  '0.01',
];

const finetune = (task: string, data: string, out: string, ...more: string[]) =>
  rna('finetune', task, '--model.checkpoint', pretrained, '--data', data, '--out', out, ...small, ...more);

interface Task {
  readonly task: string;
  readonly sizes: Readonly<Record<string, unknown>>;
}

const headOf = (run: string): Task =>
  (JSON.parse(readFileSync(join(run, 'model', 'config.json'), 'utf8')) as { task_head: Task }).task_head;

/** Cells of a CSV text without quoted ones. */
const rowsOf = (text: string): string[][] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));

describe('regression', () => {
  let data: string;
  let run: string;
  beforeAll(async () => {
    data = table('numbers.csv', 'name,seq,purines,length,note', (sequence, i) =>
      [
        `r${i}`,
        sequence,
        i % 4 === 0 ? '' : count(sequence, 'A') + count(sequence, 'G'),
        i % 5 === 0 ? 'NA' : sequence.length,
        'x',
      ].join(','),
    );
    run = join(base, 'numbers');
    const columns = ['--columns', 'id=name,sequence=seq,target=purines,target=length'];
    const tuned = await finetune('regression', data, run, ...columns, '--data.validation', data, '--train.epochs', '4');
    expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
    // Before the first step's line, since it takes as long as many steps.
    expect(tuned.stderr).toMatch(/compiling the kernels for the first step\n[^]*rna: step 1\//);
    // Every twentieth has neither.
    expect(tuned.stderr).toContain('1 of 20 RNAs are left out: their label is missing');
  });

  test('learns several columns, whose names and scales are kept with the model', async () => {
    expect(headOf(run)).toEqual({
      task: 'regression',
      sizes: { channels: 4, blocks: 0, idColumn: 'name', sequenceColumn: 'seq', targets: ['purines', 'length'] },
    });
    const { stdout } = await rna('predict', 'regression', join(run, 'model'), data, '--json');
    const { scalars } = JSON.parse(stdout) as { scalars: Record<string, number> };
    const known = rnas.filter((_, i) => i % 5 !== 0).map(({ sequence }) => sequence.length);
    const mean = known.reduce((sum, length) => sum + length, 0) / known.length;
    const deviation = Math.sqrt(known.reduce((sum, length) => sum + (length - mean) ** 2, 0) / known.length);
    expect(scalars['target.1.mean']).toBeCloseTo(mean, 4);
    expect(scalars['target.1.deviation']).toBeCloseTo(deviation, 4);
  });

  test("predictions keep the input's ids and columns", async () => {
    const { stdout, code } = await rna('predict', 'regression', join(run, 'model'), data);
    expect(code).toBe(0);
    const [header, first] = rowsOf(stdout);
    expect(header).toEqual([
      ...['id', 'length', 'predicted(purines)', 'predicted(length)'],
      ...['seq', 'purines', 'input length', 'note'],
    ]);
    expect(first).toEqual([
      'r0',
      String(rnas[0]!.sequence.length),
      expect.any(String),
      expect.any(String),
      rnas[0]!.sequence,
      '',
      'NA',
      'x',
    ]);
  });

  test('is scored column by column, beside ridge regression, in a report', async () => {
    const [report, csv] = [join(base, 'report'), join(base, 'scores.csv')];
    const scored = await rna(
      ...[
        'evaluate',
        join(run, 'model'),
        data,
        '--baselines',
        '--train',
        data,
        '--report',
        report,
        '--csv',
        csv,
        '--json',
      ],
    );
    expect(scored, scored.stderr).toMatchObject({ code: 0 });
    const scores = JSON.parse(scored.stdout) as Record<string, number> & { baselines: Record<string, unknown> };
    expect(scores['rnas']).toBe(19);
    expect(scores['r2']).toBeCloseTo((scores['r2 (purines)']! + scores['r2 (length)']!) / 2, 10);
    expect(Object.keys(scores.baselines)).toEqual(['ridge regression']);
    const [header, ...rows] = rowsOf(readFileSync(csv, 'utf8'));
    expect(header!.slice(4)).toEqual(['label(purines)', 'label(length)', 'predicted(purines)', 'predicted(length)']);
    // The mean absolute error by hand, over what is known.
    const errors = rows.filter((row) => row[5] !== 'nan').map((row) => Math.abs(Number(row[5]) - Number(row[7])));
    expect(scores['mae (length)']).toBeCloseTo(errors.reduce((sum, error) => sum + error, 0) / errors.length, 4);
    expect(readFileSync(join(report, 'report.html'), 'utf8')).toContain('measured length');
  });

  test('is not scored where its numbers overflow', async () => {
    const model = join(base, 'overflowing');
    cpSync(join(run, 'model'), model, { recursive: true });
    enlarge(join(model, 'model.safetensors'), /layers\.1\..*down_proj\.weight$/);
    const { code, stdout, stderr } = await rna('evaluate', model, data);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/numbers\.csv:3: record "r1": the numbers overflow in block 2 of \d/);
  });

  test('is plotted with every score of its log', async () => {
    const { stdout, code } = await rna('plot', run);
    expect(code).toBe(0);
    for (const score of ['r2', 'pearson (length)', 'mae (purines)']) expect(stdout).toContain(`held out: ${score}`);
  });

  test('a finished run is made longer by the same command with more epochs', async () => {
    const columns = ['--columns', 'id=name,sequence=seq,target=purines,target=length'];
    const longer = await finetune(
      'regression',
      data,
      run,
      ...columns,
      '--data.validation',
      data,
      '--train.epochs',
      '5',
    );
    expect(longer, longer.stderr).toMatchObject({ code: 0 });
    expect(longer.stderr).toContain('the run is made longer: train.epochs was 4, is 5');
    expect(longer.stderr).toContain('resuming from step 16');
  });

  test('JSON lines are a table too', async () => {
    const path = join(base, 'numbers.jsonl');
    writeFileSync(
      path,
      rnas
        .slice(0, 3)
        .map(({ sequence }, i) => `${JSON.stringify({ name: i, seq: sequence, purines: null, length: 3 })}\n`)
        .join(''),
    );
    const scored = await rna('evaluate', join(run, 'model'), path, '--json');
    expect(scored, scored.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(scored.stdout)).toMatchObject({ rnas: 3, 'mae (length)': expect.any(Number) as number });
    writeFileSync(path, '{"seq": "ACGU", "purines": {"a": 1}}\n');
    expect(await rna('evaluate', join(run, 'model'), path)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('numbers.jsonl:1: "purines" holds an object') as string,
    });
  });

  test.each([
    [
      'another column',
      ['--columns', 'sequence=seq'],
      'expected a header with the columns "seq", "target", got "name", "seq"',
    ],
    [
      'text',
      ['--columns', 'sequence=seq,target=note'],
      ':2: the label (note) cannot be read: expected a number, got "x"',
    ],
    ['no pair', ['--columns', 'sequence'], 'Expected pairs such as sequence=seq,target=halflife'],
  ])('%s is refused before a run is begun', async (_, columns, message) => {
    const out = join(base, 'refused');
    const refused = await finetune('regression', data, out, ...columns);
    expect(refused.code).toBeGreaterThan(0);
    expect(refused.stderr).toContain(message);
    expect(() => readFileSync(join(out, 'config.yaml'))).toThrow('ENOENT');
  });
});

describe('classification', () => {
  let data: string;
  let run: string;
  const family = (sequence: string, i: number): string =>
    i === 3 ? 'rare one' : count(sequence, 'A') > count(sequence, 'G') ? 'with A' : 'with G';
  beforeAll(async () => {
    data = table('classes.tsv', 'id\tsequence\tfamily', (sequence, i) => `r${i}\t${sequence}\t${family(sequence, i)}`);
    run = join(base, 'classes');
    const options = [
      '--columns',
      'target=family',
      '--drop-rare',
      '2',
      '--head.classWeights',
      'balanced',
      '--train.epochs',
      '8',
    ];
    const tuned = await finetune('classification', data, run, ...options, '--data.validation', data);
    expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
    expect(tuned.stderr).toContain(
      '1 of 20 RNAs are left out: their label is missing, or of a class that is too rare to be learnt (rare one)',
    );
  });

  test('names its classes by the table, without the rare ones', () => {
    expect(headOf(run).sizes).toEqual({
      channels: 4,
      blocks: 0,
      idColumn: 'id',
      sequenceColumn: 'sequence',
      targets: ['family'],
      names: ['with A', 'with G'],
      dropRare: 2,
      dropped: ['rare one'],
      classWeights: 'balanced',
    });
  });

  test('predicts them by name and is scored on them', async () => {
    const predicted = await rna('predict', 'classification', join(run, 'model'), data);
    const [header, ...rows] = rowsOf(predicted.stdout);
    expect(header).toEqual([
      'id',
      'length',
      'predicted',
      'probability',
      'p(with A)',
      'p(with G)',
      'sequence',
      'family',
    ]);
    expect(rows.map(([id]) => id)).toEqual(rnas.map((_, i) => `r${i}`));
    const right = rows.filter((row, i) => i !== 3 && row[2] === row[7]).length;

    const scored = await rna('evaluate', join(run, 'model'), data, '--json');
    expect(scored, scored.stderr).toMatchObject({ code: 0 });
    const scores = JSON.parse(scored.stdout) as Record<string, number>;
    expect(Object.keys(scores)).toEqual(expect.arrayContaining(['accuracy', 'macroF1', 'mcc', 'auroc', 'intervals']));
    expect(scores['rnas']).toBe(19);
    expect(scores['accuracy']).toBeCloseTo(right / 19, 10);
  });

  test('a model is trained further with its names, and not with others', async () => {
    const again = (file: string, ...more: string[]) =>
      rna(
        ...['finetune', 'classification', '--model.checkpoint', join(run, 'model'), '--data', file, ...small],
        ...more,
      );
    const further = await again(
      data,
      '--columns',
      'target=family',
      '--out',
      join(base, 'further'),
      '--train.epochs',
      '1',
    );
    expect(further, further.stderr).toMatchObject({ code: 0 });
    expect(headOf(join(base, 'further')).sizes).toMatchObject({ names: ['with A', 'with G'], dropped: ['rare one'] });
    const others = table(
      'others.csv',
      'sequence,family',
      (sequence, i) => `${sequence},${i % 2 === 0 ? 'tRNA' : 'with A'}`,
    );
    const refused = await again(others, '--columns', 'target=family', '--out', join(base, 'others'));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'others.csv:2: the label (family) cannot be read: expected one of the classes with A, with G, got "tRNA"',
    );
  });

  test.each([
    [
      'names that the config does not have',
      ['--columns', 'target=family', '--head.names', 'a,b'],
      'expected one of the classes a, b, got "with',
    ],
    ['numbers', ['--columns', 'target=sequence'], '20 labels of 20 names'],
    [
      'two columns',
      ['--columns', 'target=family,target=id'],
      'classification has one column of labels, not 2 (family, id)',
    ],
    ['classes that are all rare', ['--columns', 'target=family', '--drop-rare', '100'], 'the labels have 0 classes'],
  ])('%s: refused', async (_, options, message) => {
    const refused = await finetune('classification', data, join(base, 'refused-classes'), ...options);
    expect(refused.stderr).toContain(message);
    expect(refused.code).toBeGreaterThan(0);
  });
});

describe('multi-label', () => {
  test('learns names in one column, and is scored label by label', async () => {
    const tags = (sequence: string): string =>
      [...(sequence.includes('GG') ? ['has GG'] : []), ...(sequence.includes('AAA') ? ['has AAA'] : [])].join('; ');
    const data = table(
      'tags.csv',
      'sequence,labels',
      (sequence, i) => `${sequence},${i === 0 ? 'nan' : tags(sequence)}`,
    );
    const run = join(base, 'tags');
    const tuned = await finetune('multi-label', data, run, '--data.validation', data, '--train.epochs', '1');
    expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
    expect(tuned.stderr).toContain('1 of 20 RNAs are left out');
    expect(headOf(run).sizes).toMatchObject({ names: ['has AAA', 'has GG'] });
    const predicted = await rna('predict', 'multi-label', join(run, 'model'), data, '--json');
    const { predictions } = JSON.parse(predicted.stdout) as { predictions: Record<string, unknown>[] };
    for (const each of predictions) {
      const expected = ['has AAA', 'has GG'].filter((name) => (each[`p(${name})`] as number) > 0.5);
      expect(each['predicted']).toBe(expected.join(';'));
    }
    const csv = join(base, 'tags-scores.csv');
    const scored = await rna('evaluate', join(run, 'model'), data, '--csv', csv, '--json');
    const scores = JSON.parse(scored.stdout) as Record<string, number>;
    expect(scores['auprc']).toBeCloseTo((scores['auprc (has AAA)']! + scores['auprc (has GG)']!) / 2, 10);
    const rows = rowsOf(readFileSync(csv, 'utf8')).slice(1);
    expect(rows.map((row) => row.slice(4, 6))).toEqual(
      rnas
        .slice(1)
        .map(({ sequence }) => [Number(sequence.includes('AAA')), Number(sequence.includes('GG'))].map(String)),
    );
  });
});

describe('nucleotides', () => {
  const rdat = fileURLToPath(new URL('../../structure/test/fixtures/rdat/TRNAPH_DCP_RENORM.rdat', import.meta.url));

  test('reactivities of an RDAT file, to two modifiers', async () => {
    const run = join(base, 'reactivities');
    const [columns, more] = [
      ['--columns', 'target=1M7,target=DMS'],
      ['--data.validation', rdat, '--train.epochs', '1'],
    ];
    const several = await finetune('nucleotide-regression', rdat, run, ...more);
    expect(several.code).toBe(1);
    expect(several.stderr).toContain(
      'the reactivities are to several modifiers (1M7, DMS); name those to learn, as with --columns target=1M7',
    );
    const tuned = await finetune('nucleotide-regression', rdat, run, ...columns, ...more);
    expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
    expect(tuned.stderr).toContain('1 RNAs to train on, 1 held out');
    expect(headOf(run).sizes).toMatchObject({ targets: ['1M7', 'DMS'] });

    const csv = join(base, 'reactivities.csv');
    const scored = await rna('evaluate', join(run, 'model'), rdat, '--csv', csv, '--json');
    expect(scored, scored.stderr).toMatchObject({ code: 0 });
    const [header, row] = rowsOf(readFileSync(csv, 'utf8'));
    expect(header!.slice(4)).toEqual(['label(1M7)', 'label(DMS)', 'predicted(1M7)', 'predicted(DMS)']);
    const [labels, predicted] = [4, 6].map((at) => row![at]!.split(';').map(Number)) as [number[], number[]];
    // The tRNA and its flanks have 133 nucleotides, of which the last 20 have no value.
    expect([labels.length, predicted.length, labels.findIndex(Number.isNaN)]).toEqual([133, 133, 113]);
    const errors = labels.slice(0, 113).map((value, i) => Math.abs(value - predicted[i]!));
    const scores = JSON.parse(scored.stdout) as Record<string, number>;
    expect(scores['mae (1M7)']).toBeCloseTo(errors.reduce((sum, error) => sum + error, 0) / 113, 4);
    const others = table('dms.jsonl', '', (sequence) =>
      JSON.stringify({ sequence, SHAPE: [...sequence].map(() => null) }),
    );
    expect((await rna('evaluate', join(run, 'model'), others)).stderr).toContain(
      'dms.jsonl:2: the table has no column "1M7"',
    );
    expect((await rna('evaluate', join(run, 'model'), rdat, '--columns', 'target=SHAPE,target=DMS')).code).toBe(0);
  });

  test('classes in a list or a character each, of which some are not known', async () => {
    const list = (sequence: string): string =>
      [...sequence].map((letter, k) => (k === 0 ? 'nan' : letter === 'A' ? 'A' : '.')).join(';');
    const data = table('sites.csv', 'sequence,labels', (sequence, i) =>
      [sequence, i % 2 === 0 ? sequence.replace(/[^A]/g, '.') : list(sequence)].join(','),
    );
    const run = join(base, 'sites');
    const options = ['--head.classWeights', 'balanced', '--train.epochs', '10'];
    const tuned = await finetune('nucleotide-classification', data, run, '--data.validation', data, ...options);
    expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
    expect(headOf(run).sizes).toMatchObject({ names: ['.', 'A'] });
    const csv = join(base, 'sites-scores.csv');
    const baselines = ['--baselines', '--train', data];
    const scored = await rna('evaluate', join(run, 'model'), data, '--csv', csv, '--json', ...baselines);
    expect(scored, scored.stderr).toMatchObject({ code: 0 });
    const scores = JSON.parse(scored.stdout) as Record<string, number> & {
      baselines: Record<string, Record<string, number>>;
    };
    // An A is an A by its letter alone.
    expect(scores.baselines['naive Bayes']!['accuracy']).toBe(1);
    // The letter is in the token, and so easily learnt.
    expect(scores['auroc']).toBeGreaterThan(0.9);
    expect(scores['auprc (A)']).toBeGreaterThan(0.8);
    let [right, known] = [0, 0];
    for (const [, , , , label, predicted] of rowsOf(readFileSync(csv, 'utf8')).slice(1)) {
      const called = predicted!.split(';');
      label!.split(';').forEach((each, k) => {
        if (each === 'nan') return;
        known++;
        right += Number(each === called[k]);
      });
    }
    expect(known).toBe(rnas.reduce((sum, { sequence }, i) => sum + sequence.length - (i % 2), 0));
    expect(scores['accuracy']).toBeCloseTo(right / known, 10);
  });

  test('as many values as nucleotides are asked for, by line', async () => {
    const data = table('short.csv', 'sequence,reactivity', (sequence, i) =>
      [
        sequence,
        [...sequence]
          .map(() => 1)
          .slice(i === 2 ? 1 : 0)
          .join(';'),
      ].join(','),
    );
    const refused = await finetune('nucleotide-regression', data, join(base, 'refused-short'));
    const { length } = rnas[2]!.sequence;
    expect(refused.stderr).toContain(
      `short.csv:4: the label (reactivity) cannot be read: expected ${length} values, one for each nucleotide, got ${length - 1}`,
    );
  });
});

test('a class of a published task that is called otherwise in a file is refused', async () => {
  const named = table(
    'named.csv',
    'sequence,class_id,name',
    (sequence, i) => `${sequence},${i % 2},${['riboswitch', 'tRNA'][i % 2]!}`,
  );
  const refused = await finetune2(named, 'Hammerhead_3,IRE_I');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    'named.csv:2: class 0 is called "riboswitch" here, and "Hammerhead_3" in the model or its config',
  );

  async function finetune2(data: string, names: string) {
    return rna(
      ...['finetune', 'ncrna-family', '--model.checkpoint', pretrained, '--data', data, '--out', join(base, 'ncrna')],
      ...['--head.classes', '2', '--head.names', names, '--head.hidden', '4'],
    );
  }
});

test('--columns is refused where there is no table', async () => {
  const own = ['--columns', 'sequence=seq'];
  const message = '--columns is for tables';
  for (const argv of [
    ['predict', 'secondary-structure', pretrained, 'x.fasta', ...own],
    ['evaluate', pretrained, 'x.fasta', ...own],
    ['finetune', 'secondary-structure', '--model.checkpoint', pretrained, '--data', 'x.dbn', '--out', base, ...own],
  ])
    expect(await rna(...argv)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
});

test('--drop-rare is refused where a table names no classes', async () => {
  const refused = await rna('finetune', 'splice-site', '--drop-rare', '3', '--data', 'x.csv');
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      '--drop-rare is for tasks whose classes are named by the table; splice-site is none',
    ) as string,
  });
});
