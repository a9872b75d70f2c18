/** Whole runs in their folders: two processes at one, damage, a longer run, a terminal that is closed, `--data`. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { openRun } from '../src/training/runs.ts';
import { rna, rnaProcess, temporaryFolder } from './harness.ts';
import { filesUnder, readLog, STEPS, tinyRun } from './training.ts';

/** Fewer steps than `tinyRun` has, a checkpoint at the second and at the last. */
const short = (folder: string, steps: number): string[] => [
  ...tinyRun(folder),
  '--train.steps',
  String(steps),
  '--run.evaluateEvery',
  '2',
  '--run.checkpointEvery',
  '2',
];

test('a second process is refused before anything in the folder is changed', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const first = await openRun(run);
  writeFileSync(join(run, 'config.yaml'), 'the config of the first');
  writeFileSync(join(run, '.report.html.1.partial'), 'what the first is writing');
  const before = filesUnder(run);
  const { code, stdout, stderr } = await rna(...tinyRun(folder));
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(`rna: ${run} is in use by process ${process.pid}`);
  expect(filesUnder(run)).toEqual(before);
  first.close();
});

test('a folder of something else is left as it was', async () => {
  const folder = temporaryFolder();
  tinyRun(folder);
  const before = readdirSync(folder);
  const { code, stderr } = await rna(...tinyRun(folder), '--out', folder);
  expect(code).toBe(1);
  expect(stderr).toContain(`${folder} is not empty and holds no run (it has no config.yaml)`);
  expect(readdirSync(folder)).toEqual(before);
});

test('a finished run is made longer by a larger number, and goes on from the one before where its end is damaged', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  expect(await rna(...short(folder, 4))).toMatchObject({ code: 0 });
  const longer = await rna(...short(folder, 6));
  expect(longer).toMatchObject({ code: 0 });
  expect(longer.stderr).toContain('rna: the run is made longer: train.steps was 4, is 6; from here on');
  expect(longer.stderr).toContain('rna: resuming from step 4');
  expect(readLog(run).flatMap((entry) => ('loss' in entry ? [entry.step] : []))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(parse(readFileSync(join(run, 'config.yaml'), 'utf8'))).toMatchObject({ train: { steps: 6 } });

  const shorter = await rna(...short(folder, 5));
  expect(shorter).toMatchObject({ code: 2, stdout: '' });
  expect(shorter.stderr).toContain('  train.steps: then 6, now 5\n');

  const checkpoints = join(run, 'checkpoints');
  const weights = join(checkpoints, 'step-000000006', 'model.safetensors');
  const good = readFileSync(weights);
  const bad = Buffer.from(good);
  bad[bad.length - 5]! ^= 4;
  writeFileSync(weights, bad);
  const again = await rna(...short(folder, 6));
  expect(again).toMatchObject({ code: 0, stdout: longer.stdout });
  expect(again.stderr).toContain(
    `${weights}: damaged: its bytes are not those that were written (they do not match the digest in trainer.json)\n` +
      'rna: step-000000006 is set aside as damaged-step-000000006; going on from step-000000004\n',
  );
  expect(readFileSync(weights).equals(good)).toBe(true);
  expect(existsSync(join(checkpoints, 'damaged-step-000000006'))).toBe(true);

  writeFileSync(join(run, 'log.jsonl'), '{"step":0,"evaluation":{"loss":1}}\nhello\n');
  const log = await rna('plot', run);
  expect(log).toMatchObject({ code: 1, stdout: '' });
  expect(log.stderr).toBe(
    `rna: ${join(run, 'log.jsonl')}:2: not a line of JSON; remove the line, or move the log away\n`,
  );
}, 300_000);

test('a terminal that is closed ends a run after a checkpoint', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const { code } = await rnaProcess([...tinyRun(folder), '--train.steps', '100000'], {
    interruptWhen: () => existsSync(join(run, 'checkpoints', 'step-000000003')),
    signal: 'SIGHUP',
    closeStderr: true,
  });
  expect(code).toBe(130);
  const last = readLog(run).at(-1)!.step;
  expect(readdirSync(join(run, 'checkpoints'))).toContain(`step-${String(last).padStart(9, '0')}`);
  expect(readdirSync(run)).not.toContain('.lock');
}, 120_000);

describe('--data', () => {
  test('takes the place of the files that a config names, which need not be there', async () => {
    const folder = temporaryFolder();
    const [train = '', validation = ''] = ['train.dbn', 'validation.dbn'].map((name) => join(folder, name));
    tinyRun(folder);
    const file = join(folder, 'run.yaml');
    writeFileSync(
      file,
      `out: ${join(folder, 'run')}\ndata: { train: [elsewhere.dbn], other: [], validation: [gone.dbn], window: 7 }\ntrain: { steps: ${STEPS} }\n`,
    );
    const alone = await rna('pretrain', file, '--data', train, '--print-config');
    expect(alone.code).toBe(0);
    expect(parse(alone.stdout)).toMatchObject({ data: { train: [train], validation: [], other: [], window: 7 } });
    expect(alone.stderr).toBe(
      'rna: --data takes the place of all files that the config names; left out: data.validation (gone.dbn)\n',
    );
    const both = await rna('pretrain', file, '--data.validation', validation, '--data', train, '--print-config');
    expect(parse(both.stdout)).toMatchObject({ data: { train: [train], validation: [validation] } });
    // Without it the config is taken at its word.
    const own = await rna('pretrain', file);
    expect(own.code).toBe(1);
    expect(own.stderr).toContain('rna: elsewhere.dbn: no such file or folder');
  });

  test('does not hide a config whose data are no group', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'run.yaml');
    writeFileSync(file, 'out: run\ndata: [a.dbn]\ntrain: { steps: 1 }\n');
    const { code, stderr } = await rna('pretrain', file, '--data', 'b.dbn');
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
