/** `rna finetune`: with the encoder trained or frozen, resumed, and scored by `rna evaluate` as by the run itself. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fasta, rna, rnaProcess, temporaryFolder, tensors, type Result } from './harness.ts';
import { filesUnder, lastEvaluation, readLog, rnas, RUN_ITSELF, structures, tinyModel } from './training.ts';

let base: string;
let pretrained: string;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'rna-finetune-'));
  const corpus = structures(base, 'corpus.dbn', rnas.slice(4));
  const out = join(base, 'pretrained');
  expect(
    await rna(
      'pretrain',
      ...tinyModel,
      '--out',
      out,
      '--data.train',
      corpus,
      '--train.steps',
      '2',
      '--batch.rows',
      '1',
    ),
  ).toMatchObject({ code: 0 });
  pretrained = join(out, 'model');
});
afterAll(() => {
  rmSync(base, { recursive: true });
});

const STEPS = 6;

function tinyRun(folder: string, out: string, ...overrides: string[]): string[] {
  const train = structures(folder, 'train.dbn', rnas.slice(0, 6));
  const validation = structures(folder, 'validation.dbn', rnas.slice(6, 9));
  return [
    'finetune',
    'secondary-structure',
    '--model.checkpoint',
    pretrained,
    '--out',
    out,
    '--data.train',
    train,
    '--data.validation',
    validation,
    '--head.convDim',
    '8',
    '--head.blocks',
    '1',
    '--train.epochs',
    '2',
    '--train.batchSize',
    '2',
    '--optimizer.learningRate',
    '0.02',
    '--run.evaluateEvery',
    '2',
    '--run.checkpointEvery',
    '2',
    ...overrides,
  ];
}

/** The scores that `rna evaluate` prints, under the names of a run's log. */
async function evaluated(model: string, ...argv: string[]): Promise<Record<string, number>> {
  const result = await rna('evaluate', model, ...argv, '--json');
  expect(result, result.stderr).toMatchObject({ code: 0 });
  const { threshold, averagePrecision, strict, flexible } = JSON.parse(result.stdout) as {
    threshold: number;
    averagePrecision: number;
    strict: Record<'precision' | 'recall' | 'f1', number>;
    flexible: Record<'precision' | 'recall' | 'f1', number>;
  };
  return {
    threshold,
    averagePrecision,
    ...strict,
    flexiblePrecision: flexible.precision,
    flexibleRecall: flexible.recall,
    flexibleF1: flexible.f1,
  };
}

describe.each([false, true])('freeze %s', (freeze) => {
  test('trains the head, evaluates as rna evaluate does, and freezes what is to be frozen', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'run');
    const result = await rna(...tinyRun(folder, out, '--model.freeze', String(freeze)));
    expect(result, result.stderr).toMatchObject({ code: 0 });
    for (const text of ['Base pairs of the held-out RNAs', 'AUPRC', 'threshold', `${out}/model`])
      expect(result.stdout).toContain(text);
    const losses = readLog(out).flatMap((entry) => ('loss' in entry ? [entry.loss] : []));
    expect(losses).toHaveLength(STEPS);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);

    const last = join(out, 'checkpoints', 'step-000000006');
    const validation = join(folder, 'validation.dbn');
    const expected = lastEvaluation(out);
    expect(await evaluated(last, validation)).toEqual(expected);
    expect(await evaluated(last, validation, '--validation', validation)).toEqual(expected);
    // No true pair is found in six steps, but other thresholds give other pairs.
    expect((await evaluated(last, validation, '--threshold', '0'))['recall']).toBeGreaterThanOrEqual(
      expected['recall']!,
    );

    const [before, after] = [
      await tensors(join(pretrained, 'model.safetensors')),
      await tensors(join(last, 'model.safetensors')),
    ];
    const changed = [...before]
      .filter(([name, { values }]) => after.get(name)!.values.some((value, i) => value !== values[i]))
      .map(([name]) => name);
    expect(changed.filter((name) => name.startsWith('lm_head'))).toEqual([]);
    if (freeze) expect(changed).toEqual([]);
    else expect(changed).toContain('model.encoder.layer.0.attention.self.query.weight');
    expect([...after.keys()]).toContain('ss_head.projection.weight');

    expect((await rna('fold', join(out, 'model'), fasta(folder, ['GGCAAAGCC']))).stdout).toMatch(
      /^>s0 accuracy=\S+\nGGCAAAGCC\n[.()]{9}\n$/,
    );
  });
});

test('interrupted and resumed, a run ends in the same bits', async () => {
  const folder = temporaryFolder();
  const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
  const run = (out: string): string[] => tinyRun(folder, out, '--train.epochs', '4');
  const [expected, first]: Result[] = [
    await rna(...run(whole)),
    await rnaProcess(run(broken), { interruptWhen: () => existsSync(join(broken, 'checkpoints', 'step-000000002')) }),
  ];
  expect(first!.code).toBe(130);
  const second = await rna(...run(broken));
  expect(second.stderr).toMatch(/rna: resuming from step \d+/);
  expect(second.stdout.replaceAll(broken, whole)).toBe(expected!.stdout);
  const [a, b] = [filesUnder(whole), filesUnder(broken)];
  expect([...b.keys()]).toEqual([...a.keys()]);
  for (const [path, content] of a) if (!RUN_ITSELF.has(path)) expect(b.get(path) === content, path).toBe(true);
});

test('a fine-tuned model is trained further; a head of other sizes is refused', async () => {
  const folder = temporaryFolder();
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  expect(await rna(...tinyRun(folder, one, '--train.epochs', '1'))).toMatchObject({ code: 0 });
  const model = join(one, 'checkpoints', 'step-000000003');
  const further = await rna(...tinyRun(folder, two, '--model.checkpoint', model, '--train.epochs', '1'));
  expect(further.stderr).toContain('has a secondary-structure head, which is trained further');
  const [begun, ended] = [readLog(two)[0]!, lastEvaluation(one)];
  expect('evaluation' in begun && begun.evaluation).toEqual(ended);
  const other = await rna(
    ...tinyRun(folder, join(folder, 'three'), '--model.checkpoint', model, '--head.convDim', '16'),
  );
  expect(other).toMatchObject({ code: 2, stdout: '' });
  expect(other.stderr).toContain('head.convDim is 8, the config asks for 16');
  expect(existsSync(join(folder, 'three'))).toBe(false);
});

test('sequences alone, a structure too short, an unknown model: refused before a run is begun', async () => {
  const folder = temporaryFolder();
  const out = join(folder, 'run');
  const refused = async (code: number, message: string, ...overrides: string[]): Promise<void> => {
    const result = await rna(...tinyRun(folder, out, ...overrides));
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(out)).toBe(false);
  };
  mkdirSync(join(folder, 'bad'));
  const [sequences, short] = [join(folder, 'bad', 'a.fasta'), join(folder, 'bad', 'b.dbn')];
  writeFileSync(sequences, '>a\nGGCAAAGCC\n');
  writeFileSync(short, '>a\nG\n.\n');
  await refused(1, `${sequences}:1: FASTA has no structures`, '--data.train', sequences);
  await refused(1, `${short}:1: record "a" has one nucleotide`, '--data.train', short);
  await refused(1, 'no such file or folder', '--model.checkpoint', join(folder, 'none'));
  await refused(
    2,
    '--model.freez: unknown key model.freez; known are model.checkpoint, model.freeze',
    '--model.freez',
    'true',
  );
  await refused(2, "--model.freeze is 'yes'; expected true or false", '--model.freeze', 'yes');
});
