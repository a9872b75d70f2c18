/** `rna pretrain`: killed and resumed, refused configs and input, and how a run ends. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '@rna/kernels';
import { HEADS } from '@rna/model';
import { pretrainConfig } from '@rna/train';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { fasta, rna, rnaProcess, temporaryFolder, tensors } from './harness.ts';
import { config, filesUnder, readLog, RUN_ITSELF, STEPS, tinyRun } from './training.ts';

const program = fileURLToPath(new URL('../bin/rna.js', import.meta.url));

/**
 * `rna …` as a process that is killed `delay` ms after its log has `lines` lines; true if it was killed before its end.
 */
function killed(
  argv: readonly string[],
  log: string,
  moment: { readonly lines: number; readonly delay: number },
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...argv], { stdio: 'ignore' });
    const lines = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);
    const before = lines();
    const watch = setInterval(() => {
      // A resumed run first shortens its log.
      if (lines() < moment.lines || lines() === before) return;
      clearInterval(watch);
      setTimeout(() => child.kill('SIGKILL'), moment.delay);
    }, 2);
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      clearInterval(watch);
      resolve(signal === 'SIGKILL');
    });
  });
}

test('killed with SIGKILL at any moment and resumed, a run ends in the same bits', async () => {
  const folder = temporaryFolder();
  const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
  const result = await rna(...tinyRun(folder, whole));
  expect(result).toMatchObject({ code: 0 });
  expect(result.stdout).toContain('held-out RNAs');
  expect(result.stdout).toContain(`${whole}/model`);

  const seed = Date.now();
  const random = new RandomStream(seed);
  let kills = 0;
  for (const least of [1, 8]) {
    const moment = { lines: least + random.below(10), delay: random.below(40) };
    if (await killed(tinyRun(folder, broken), join(broken, 'log.jsonl'), moment)) kills++;
  }
  expect(kills, `moments drawn from ${seed}`).toBeGreaterThan(0);
  const last = await rna(...tinyRun(folder, broken));
  expect(last.stderr).toMatch(/rna: (resuming from step \d+ \(.*step-\d+\)|a new run in )/);
  expect(last.stdout.replaceAll(broken, whole)).toBe(result.stdout);

  const [expected, actual] = [filesUnder(whole), filesUnder(broken)];
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  expect([...expected.keys()]).toContain('/model/model.safetensors');
  for (const [path, content] of expected) {
    if (!RUN_ITSELF.has(path))
      expect(actual.get(path) === content, `${path} is the same (moments drawn from ${seed})`).toBe(true);
  }
  expect(readLog(whole)).toHaveLength(STEPS + 5);

  const json = await rna(...tinyRun(folder, broken), '--json');
  expect(json.stderr).toContain(`resuming from step ${STEPS}`);
  const figures = JSON.parse(json.stdout) as { modelStep: number; before: { loss: number }; after: { loss: number } };
  const evaluations = readLog(whole).flatMap((entry) =>
    'evaluation' in entry ? [{ step: entry.step, loss: entry.evaluation['loss']! }] : [],
  );
  const best = evaluations.reduce((a, b) => (b.loss < a.loss ? b : a));
  expect(figures).toMatchObject({
    modelStep: best.step,
    before: { loss: evaluations[0]!.loss },
    after: { loss: best.loss },
  });
  expect(best.loss).toBeLessThan(evaluations[0]!.loss);
  // model/ is the best checkpoint, and a model like any other.
  const checkpoint = `/checkpoints/step-${String(best.step).padStart(9, '0')}/model.safetensors`;
  expect(expected.get('/model/model.safetensors') === expected.get(checkpoint)).toBe(true);
  const out = join(folder, 'embedded.safetensors');
  expect(await rna('embed', join(broken, 'model'), fasta(folder, ['GGCAAAGCC']), '--out', out)).toMatchObject({
    code: 0,
  });
  expect((await tensors(out)).get('s0')!.shape).toEqual([11, 16]);

  // Another config in the folder of a run; how often it is looked at may change.
  const other = await rna(...tinyRun(folder, broken), '--seed', '4', '--optimizer.maxGradientNorm', '1');
  expect(other).toMatchObject({ code: 2, stdout: '' });
  expect(other.stderr).toContain('  seed: then 3, now 4\n  optimizer.maxGradientNorm: then absent, now 1\n');
  expect(await rna(...tinyRun(folder, broken), '--run.keep', '3')).toMatchObject({ code: 0 });
  const data = ['--data.train', join(folder, 'train.dbn'), '--data.validation', join(folder, 'train.dbn')];
  const finetune = await rna(
    'finetune',
    'secondary-structure',
    '--out',
    broken,
    '--model.checkpoint',
    join(broken, 'model'),
    ...data,
  );
  expect(finetune.code).toBe(1);
  expect(finetune.stderr).toContain(
    'the folder holds no run of rna finetune secondary-structure; choose another --out',
  );
}, 300_000);

test('SIGINT ends a run with 130, after a checkpoint of the step at hand, and says where it is', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const interruptWhen = (): boolean => existsSync(join(run, 'checkpoints', 'step-000000003'));
  const { code, stdout, stderr } = await rnaProcess([...tinyRun(folder), '--train.steps', '100000'], { interruptWhen });
  expect(code).toBe(130);
  expect(stdout).toBe('');
  const [, checkpoint] = /^rna: interrupted\. The last checkpoint is (.*); the same command resumes from it\.$/m.exec(
    stderr,
  )!;
  expect(readdirSync(checkpoint!).sort()).toEqual([
    'config.json',
    'model.safetensors',
    'optimizer.safetensors',
    'trainer.json',
  ]);
  expect(existsSync(join(run, 'model'))).toBe(false);
  const last = readLog(run).at(-1)!.step;
  expect(checkpoint).toMatch(new RegExp(`step-0*${last}$`));
  expect(existsSync(join(run, '.lock'))).toBe(false);
}, 120_000);

test('a loss that is not finite is one message, and the last checkpoint stays', async () => {
  const folder = temporaryFolder();
  const { code, stdout, stderr } = await rna(
    ...tinyRun(folder),
    '--optimizer.learningRate',
    '1e30',
    '--run.checkpointEvery',
    '1',
  );
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(
    /^rna: step \d+: .*\nThe last checkpoint is .*step-\d+; the same command resumes from it\.\n$/m,
  );
  expect(stderr).not.toMatch(/^\s+at /m);
});

describe('wrong usage is code 2 and names what is wrong', () => {
  test.each<[string[], string]>([
    [
      ['--train.stepz', '3'],
      '--train.stepz: unknown key train.stepz; known are train.steps, train.precision, train.dropout',
    ],
    [['--train.steps', 'many'], "--train.steps is 'many'; expected a whole number above 0"],
    [['--train.steps=0'], 'train.steps is 0; expected a whole number above 0'],
    [['--train.steps'], '--train.steps: a value is missing'],
    [['--masking.scheme', 'bert'], 'masking.scheme is "bert"; expected one of mlm, sm, ssm'],
    [['--optimizer.learningRate', '-1'], 'optimizer.learningRate is -1; expected a number at least 0'],
    [['--model', 'ssr-lm-s'], '--model is a group; name one of its fields: --model.preset'],
    [['--model.heads', '5'], 'model: 5 heads over a hidden size of 16'],
    [['--jsn'], '--jsn: unknown key jsn'],
    [['stray'], "'stray' is no override"],
  ])('%j', async (argv, message) => {
    const folder = temporaryFolder();
    const result = await rna(...tinyRun(folder), ...argv);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  test('required fields, and faults in a file with its line', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'run.yaml');
    expect((await rna('pretrain')).stderr).toContain(
      'config: out is missing; expected a text\nconfig: data.train is missing',
    );
    writeFileSync(file, 'out: x\nmodel: [1, 2\nseed: 3\n');
    const malformed = await rna('pretrain', file);
    expect(malformed.code).toBe(2);
    expect(malformed.stderr).toContain(`rna: ${file}:3: not valid YAML: `);
    writeFileSync(file, 'out: *nowhere\n');
    expect((await rna('pretrain', file)).stderr).toMatch(/^rna: .*run\.yaml: not valid YAML: .*nowhere\n$/);
    const bomb = ['a: &a [x]', ...[...'bcdef'].map((name, i) => `${name}: &${name} [${`*${'abcde'[i]!},`.repeat(9)}]`)];
    writeFileSync(file, bomb.join('\n'));
    expect((await rna('pretrain', file)).stderr).toMatch(/^rna: .*run\.yaml: not valid YAML: .*[Aa]lias.*\n$/);
    for (const deep of [
      '['.repeat(9000),
      '- '.repeat(9000),
      '? '.repeat(9000),
      `a: ${'{b: '.repeat(9000)}`,
      `[${'a: '.repeat(9000)}]`,
    ]) {
      writeFileSync(file, `seed: 1\n${deep}`);
      expect((await rna('pretrain', file)).stderr).toMatch(/^rna: .*run\.yaml:2: nested more than 100 levels deep/);
    }
    writeFileSync(file, '{"out": "x", "data": {"train": ["a"]}, "train": {"steps": 2.5}, "sed": 1}');
    const { code, stderr } = await rna('pretrain', file);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}: train.steps is 2.5; expected a whole number above 0`);
    expect(stderr).toContain(`${file}: unknown key sed; known are seed, out`);
    expect(await rna('pretrain', join(folder, 'none.yaml'))).toMatchObject({
      code: 1,
      stderr: `rna: ${join(folder, 'none.yaml')}: no such file or directory\n`,
    });
  });
});

describe('bad input is code 1 with file and line, and no run is begun', () => {
  const cases: [string, string, string][] = [
    ['impossible.dbn', '>a\nGGCAAAGCC\n(((...)))\n>b\nGGCAAAGCC\n((....)))\n', 'impossible.dbn:6: '],
    ['far.ct', '2 far\n1 G 0 2 7 1\n2 C 1 3 0 2\n', 'far.ct:2: position 1 is paired with 7, outside 1 … 2'],
    ['letter.fasta', '>a\nGGCA\n>b\nGG!A\n', 'letter.fasta:4: "!" in record "b"'],
    ['rnas.txt', 'GGCA\n', 'rnas.txt: no format has this extension; expected one of .fasta '],
  ];
  test.each(cases)('%s', async (name, text, message) => {
    const folder = temporaryFolder();
    const path = join(folder, name);
    writeFileSync(path, text);
    const { code, stdout, stderr } = await rna(...tinyRun(folder), '--data.train', path);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  test('an unknown file, a folder without RNAs, a folder that holds something else', async () => {
    const folder = temporaryFolder();
    const run = tinyRun(folder);
    expect((await rna(...run, '--data.train', 'none.dbn')).stderr).toContain('rna: none.dbn: no such file or folder');
    mkdirSync(join(folder, 'empty'));
    expect((await rna(...run, '--data.train', join(folder, 'empty'))).stderr).toContain(
      'has no file of sequences or structures',
    );
    const { code, stderr } = await rna(...run, '--out', folder);
    expect(code).toBe(1);
    expect(stderr).toContain(`${folder} is not empty and holds no run`);
  });
});

test('folders of all formats are read by name, what is no RNA is said', async () => {
  const folder = temporaryFolder();
  const sets = join(folder, 'sets');
  mkdirSync(join(sets, 'more'), { recursive: true });
  writeFileSync(join(sets, 'README.md'), 'no RNA');
  writeFileSync(join(sets, '.hidden'), 'nothing');
  writeFileSync(join(sets, 'b.fasta'), '>b\nggcaaagcct\n');
  writeFileSync(join(sets, 'a.dbn'), '>a\nGGCAAAGCC\n(((...)))\n');
  writeFileSync(join(sets, 'more', 'c.bpseq'), '1 G 3\n2 A 0\n3 C 1\n');
  const { code, stderr } = await rna(...tinyRun(folder), '--data.train', sets, '--train.steps', '2');
  expect(code).toBe(0);
  expect(stderr).toContain(`rna: ${sets}: 1 file of another kind is not read (${join(sets, 'README.md')})`);
  expect(stderr).toContain('rna: 3 RNAs to train on, 2 with a structure; 4 held out');
});

test('--help lists every field, --print-config gives a config that is read back the same', async () => {
  const help = await rna('pretrain', '--help');
  expect(help.code).toBe(0);
  for (const text of [
    'optimizer.learningRate: a number at least 0; default 0.0001',
    'Rate at the end of the warm-up',
    'out: a text; required',
    'Exit codes',
  ]) {
    expect(help.stdout).toContain(text);
  }
  const folder = temporaryFolder();
  const printed = await rna(...tinyRun(folder), '--print-config');
  expect(printed).toMatchObject({ code: 0, stderr: '' });
  expect(parse(printed.stdout)).toMatchObject({
    seed: 3,
    model: { dim: 16 },
    train: { steps: STEPS },
    masking: { scheme: 'ssm', rate: 0.15 },
  });
  const file = join(folder, 'printed.yaml');
  writeFileSync(file, printed.stdout);
  expect((await rna('pretrain', file, '--print-config')).stdout).toBe(printed.stdout);
  expect((await rna('pretrain', file, '--seed', '9', '--print-config')).stdout).toBe(
    printed.stdout.replace('seed: 3', 'seed: 9'),
  );
});

test('the configs that come with the package are valid, and those named after presets have their model', async () => {
  const names = readdirSync(config('.'));
  expect(names).toHaveLength(36);
  for (const name of names) {
    const isFinetune = name.startsWith('finetune-');
    const command = isFinetune
      ? ['finetune', HEADS.find(({ name: task }) => name.startsWith(`finetune-${task}-`))?.name ?? 'of no task']
      : ['pretrain'];
    const given = name.endsWith('small.yaml')
      ? []
      : ['--out', 'run', '--data.train', 'a.dbn', ...(isFinetune ? ['--model.checkpoint', 'm'] : [])];
    const result = await rna(...command, config(name), ...given, '--print-config');
    expect(result, name).toMatchObject({ code: 0, stderr: '' });
    if (!/^(finetune|pretrain)/.test(name))
      expect(pretrainConfig.parse(parse(result.stdout)).model.preset).toBe(name.replace('.yaml', ''));
  }
});
