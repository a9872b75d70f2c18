/**
 * A task that the project does not have, declared here alone and added to the list, is in every command: help,
 * fine-tuning, predictions and evaluation know it by its declaration.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADS, type Head } from '@rna/model';
import { parseNumber, regressionScores } from '@rna/structure';
import { linear, segmentMean, squaredError, uploadSegments } from '@rna/tensor';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { modelFolder, rna, temporaryFolder } from './harness.ts';
import { rnas } from './training.ts';

/** The share of G and C, in percent: a linear layer on the mean of the tokens. */
const gcContent: Head<object, number, number> = {
  name: 'gc-content',
  title: 'share of G and C',
  kind: 'number',
  sizes: z.strictObject({}),
  scalars: ['gc.mean'],
  parameters: (dim) =>
    new Map([
      ['out.weight', [1, dim]],
      ['out.bias', [1]],
    ]),
  forward: ({ device, representation, cuSeqlens, weight }) =>
    linear(segmentMean(representation, uploadSegments(device, cuSeqlens)), weight('out.weight'), weight('out.bias')),
  fit: (shares) => new Map([['gc.mean', shares.reduce((sum, share) => sum + share, 0) / shares.length]]),
  loss: (output, shares, scalars) =>
    squaredError(
      output,
      Float32Array.from(shares, (share) => share - scalars.get('gc.mean')!),
    ),
  predict: (output, _, scalars) => Array.from(output, (value) => value + scalars.get('gc.mean')!),
  metrics: (predictions, examples) => ({
    ...regressionScores(
      predictions,
      examples.map(({ target }) => target),
    ),
  }),
  best: { metric: 'r2', order: 'largest' },
  columns: { sequence: 'rna', target: 'gc', group: 'set', meaning: 'in percent', parse: parseNumber },
};

const tasks = HEADS as Head[];
beforeAll(() => {
  tasks.push(gcContent);
});
afterAll(() => {
  tasks.splice(tasks.indexOf(gcContent), 1);
});

test.each(['finetune', 'predict', 'evaluate'])('rna %s --help has it, with its columns', async (command) => {
  const { code, stdout } = await rna(command, '--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/gc-content +share of G and C; columns rna and gc \(in percent\)/);
});

test('it is fine-tuned, predicted and evaluated', async () => {
  const folder = temporaryFolder();
  const table = join(folder, 'gc.csv');
  const share = (sequence: string): number => (100 * sequence.replace(/[^GC]/g, '').length) / sequence.length;
  writeFileSync(table, ['rna,gc', ...rnas.map(({ sequence }) => `${sequence},${share(sequence)}`), ''].join('\n'));
  const run = join(folder, 'run');
  const pretrained = ['--model.checkpoint', modelFolder(folder, 'ssrlm-A'), '--model.freeze', 'true'];
  const shared = ['--data.train', table, '--data.validation', table, '--train.epochs', '1'];
  expect(await rna('finetune', 'gc-content', ...pretrained, '--out', run, ...shared)).toMatchObject({ code: 0 });

  const predicted = await rna('predict', 'gc-content', join(run, 'model'), table, '--json');
  expect(predicted.code).toBe(0);
  const { task, scalars, predictions } = JSON.parse(predicted.stdout) as {
    task: string;
    scalars: Record<string, number>;
    predictions: { predicted: number }[];
  };
  expect(task).toBe('gc-content');
  expect(predictions).toHaveLength(rnas.length);
  const mean = rnas.reduce((sum, { sequence }) => sum + share(sequence), 0) / rnas.length;
  expect(scalars['gc.mean']).toBeCloseTo(mean, 4);

  const page = join(folder, 'page');
  const evaluated = await rna('evaluate', join(run, 'model'), table, '--json', '--report', page);
  expect(evaluated.code).toBe(0);
  expect(JSON.parse(evaluated.stdout)).toMatchObject({ task: 'gc-content', rnas: rnas.length });
  expect(readFileSync(join(page, 'report.html'), 'utf8')).toContain('Share of G and C');
});
