/** The comparison of pre-training objectives: its data, its table, and the whole of it at the least size. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseStructureFile, writeDotBracket } from '@rna/structure';
import { prepareData } from '../objectives/data.ts';
import { resultTable } from '../objectives/table.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rna-objectives-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const record = (id: string, sequence: string) => ({ id, sequence, partners: new Int32Array(sequence.length).fill(-1) });

test('the corpus has no sequence of the validation and test sets, and none twice or too long', async () => {
  const path = (name: string): string => join(folder, name);
  await writeFile(
    path('corpus.fasta'),
    '>a\nACGU\n>b same as a\nacgt\n>c in the test set\nGGGAAACCC\n>d too long\nACGUACGUACGU\n>e\nUUUU\n>f in the validation set, which is longer than the limit\nGGGGGAAAAACCCCC\n',
  );
  await writeFile(
    path('train.dbn'),
    ['AAAAA', 'CCCCC', 'GGGGG'].map((sequence, i) => writeDotBracket(record(`t${i}`, sequence))).join(''),
  );
  await writeFile(
    path('validation.dbn'),
    writeDotBracket(record('v', 'GGGGGAAAAACCCCC')) + writeDotBracket(record('w', 'GGAACC')),
  );
  await writeFile(path('test.dbn'), writeDotBracket(record('x', 'GGGAAACCC')));
  const files = {
    corpus: [path('corpus.fasta')],
    train: [path('train.dbn')],
    validation: [path('validation.dbn')],
    test: [path('test.dbn')],
    maxLength: 10,
    maxTrain: 2,
  };
  const prepared = await prepareData(files, path('data'));
  expect(prepared.counts).toEqual({
    corpus: 1,
    heldOut: 1,
    corpusDuplicates: 3,
    corpusTooLong: 1,
    train: 2,
    validation: 1,
    test: 1,
  });
  const written = [prepared.corpus, prepared.heldOut].map(
    async (file) => (await readFile(file, 'utf8')).split('\n')[1],
  );
  expect((await Promise.all(written)).sort()).toEqual(['ACGU', 'UUUU']);
  expect(parseStructureFile(await readFile(prepared.train, 'utf8'), prepared.train)).toHaveLength(2);
  await expect(prepareData({ ...files, maxLength: 5 }, path('none'))).rejects.toThrow(
    'of --validation no RNA is left (--max-length 5)',
  );
  // Found again, not drawn again.
  expect(await prepareData(files, path('data'))).toEqual(prepared);
});

test('the table has means and standard deviations over seeds', () => {
  const scores = { precision: 0.5, recall: 0.5, auprc: 0.25 };
  expect(
    resultTable([
      { objective: 'mlm', seed: 1, f1: 0.2, ...scores },
      { objective: 'ssm', seed: 1, f1: 0.4, ...scores },
      { objective: 'mlm', seed: 2, f1: 0.4, ...scores },
    ])
      .split('\n')
      .slice(2, 4),
  ).toEqual([
    '| MLM | 2 | 0.300 ± 0.141 | 0.500 ± 0.000 | 0.500 ± 0.000 | 0.250 ± 0.000 |',
    '| SSM | 1 | 0.400 | 0.500 | 0.500 | 0.250 |',
  ]);
});

test('runs from files to the table, and a second call finds it done', async () => {
  const data = (name: string): string => join('packages/cli/data', name);
  const args = [
    '--import',
    'tsx',
    'benchmarks/objectives/objectives.ts',
    '--corpus',
    data('demo_train.dbn'),
    '--train',
    data('demo_train.dbn'),
    '--validation',
    data('demo_valid.dbn'),
    '--test',
    data('demo_test.dbn'),
    '--max-length',
    '78',
    '--max-train',
    '4',
    '--max-validation',
    '2',
    '--max-test',
    '3',
    '--objectives',
    'none,ssm',
    '--pretrain-steps',
    '2',
    '--finetune-epochs',
    '1',
    '--out',
    join(folder, 'run'),
  ];
  const run = promisify(execFile);
  const first = await run(process.execPath, args);
  expect(first.stdout).toMatch(/^\| no pre-training \| 1 \| [01]\.\d{3} \|.*\n\| SSM \| 1 \| [01]\.\d{3} \|/m);
  const second = await run(process.execPath, args);
  expect(second.stdout).toBe(first.stdout);
  expect(second.stderr).not.toMatch(/\$ rna/);
  await expect(run(process.execPath, [...args, '--size', 'full'])).rejects.toThrow(/other settings/);
});
