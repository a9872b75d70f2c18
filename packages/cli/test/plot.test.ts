/** `rna plot`: what is drawn of runs' logs, as SVG and as a page. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogEntry } from '@rna/train';
import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { runCurves, runFigure } from '@rna/figures';
import { outcomes } from '../src/report/runPage.ts';
import { rna, temporaryFolder } from './harness.ts';

const step = (n: number, loss: number): LogEntry => ({
  step: n,
  epoch: 0,
  loss,
  learningRate: 1e-4,
  gradientNorm: 2,
  tokens: 10,
});
const evaluation = (n: number, metrics: Record<string, number>): LogEntry => ({ step: n, evaluation: metrics });

const log = (steps: number, offset = 0): LogEntry[] => [
  evaluation(0, { loss: 3, accuracy: 0.1, 'ssmStem.accuracy': 0.2, 'ssmStem.loss': 2 }),
  ...Array.from({ length: steps }, (_, i) =>
    i === 4
      ? { step: 5, epoch: 0, refused: 'spike' as const, values: { loss: 99, gradientNorm: null, usualNorm: 1 } }
      : step(i + 1, 3 - i / steps + offset),
  ),
  evaluation(steps, { loss: 2 + offset, accuracy: 0.5, 'ssmStem.accuracy': 0.25, 'ssmStem.loss': 1 }),
];

/** Writes a run's folder. */
function runFolder(folder: string, name: string, entries: readonly LogEntry[], config?: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'log.jsonl'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  if (config !== undefined) writeFileSync(join(path, 'config.yaml'), config);
  return path;
}

interface Page {
  querySelectorAll(selector: string): { readonly textContent: string }[];
}
const parse = (text: string): Page => (parseHTML(text) as unknown as { document: Page }).document;
const texts = (page: Page, selector: string): string[] =>
  [...page.querySelectorAll(selector)].map(({ textContent }) => textContent.trim());

describe('runFigure', () => {
  test('has a panel for loss, gradient norm, learning rate and each held-out score, and a colour a run', () => {
    const runs = [runCurves('mlm', log(40)), runCurves('ssm', log(60, -0.5))];
    expect(runs[0]!.refused).toEqual([5]);
    const text = runFigure(runs).markup;
    const labels = texts(parse(text), '[aria-label="y-axis label"]');
    expect(labels.map((label) => label.replace(/^. /, ''))).toEqual([
      'loss, held out dashed',
      'gradient norm',
      'learning rate',
      'held out: accuracy',
      'held out: ssmStem.accuracy',
    ]);
    for (const colour of ['--rna-good', '--rna-wrong']) expect(text).toContain(colour);
    expect(text).toContain('mlm: 39 steps taken, 1 refused; loss from 3.000 to 2.025.');
    expect(text).not.toMatch(/NaN|undefined/);
  });

  test('says so where nothing was logged, and draws one step', () => {
    expect(runFigure([runCurves('a', [])]).markup).toContain('no step was logged');
    expect(runFigure([runCurves('a', [step(1, 2)])]).markup).not.toMatch(/NaN|undefined/);
  });
});

test('outcomes: the last evaluation and the mean of the last steps', () => {
  const { columns, rows } = outcomes([runCurves('a', log(40)), runCurves('b', [step(1, 2)])]);
  expect(columns.map(({ header }) => header)).toEqual([
    'run',
    'steps taken',
    'refused',
    'training loss',
    'held-out loss',
    'accuracy',
    'ssmStem.accuracy',
  ]);
  expect(rows).toEqual([
    ['a', '39', '1', '2.037', '2.000', '0.500', '0.250'],
    ['b', '1', '0', '2.000', '–', '–', '–'],
  ]);
});

describe('rna plot', () => {
  test('writes an SVG to stdout or a file, and a page with table and configs', async () => {
    const folder = temporaryFolder();
    const runs = [runFolder(folder, 'one', log(30), 'seed: 3 # <b>\n'), runFolder(folder, 'two', log(30, 1))];
    const svg = await rna('plot', ...runs);
    expect(svg).toMatchObject({ code: 0, stderr: '' });
    expect(svg.stdout).toMatch(/^<svg .*<\/svg>\n$/s);
    const out = join(folder, 'both.html');
    const page = await rna('plot', ...runs, '--out', out);
    expect(page.code).toBe(0);
    expect(page.stdout).toMatch(/one +29 +1 .*\n *two +29 +1 /);
    const document = parse(readFileSync(out, 'utf8'));
    expect(texts(document, 'h1')).toEqual(['2 training runs']);
    expect(texts(document, 'pre')).toEqual(['seed: 3 # <b>']);
    expect(document.querySelectorAll('svg.figure')).toHaveLength(1);
  });

  test('draws a run under way, whose last line is not finished, and tells runs of one name apart', async () => {
    const folder = temporaryFolder();
    const runs = ['a', 'b'].map((parent) => runFolder(join(folder, parent), 'run', log(10)));
    writeFileSync(join(runs[0]!, 'log.jsonl'), '{"step":11,"epo', { flag: 'a' });
    const { code, stdout } = await rna('plot', ...runs);
    expect(code).toBe(0);
    for (const run of runs) expect(stdout).toContain(`${run}: 9 steps taken`);
  });

  test.each([
    [['nowhere'], 1, /^rna: .*nowhere holds no training run: it has no log\.jsonl\n$/],
    [['broken'], 1, /^rna: .*broken\/log\.jsonl:\d+: not a line of JSON; remove the line, or move the log away\n$/],
    [['fine', '--out', 'a.png'], 2, /a\.png: the name must end in \.svg or \.html\n$/],
    [[], 2, /missing required argument 'run'/],
  ])('%j is an error', async ([name, ...rest], code, message) => {
    const folder = temporaryFolder();
    runFolder(folder, 'fine', log(3));
    writeFileSync(join(runFolder(folder, 'broken', log(1)), 'log.jsonl'), 'hello\n', { flag: 'a' });
    const result = await rna('plot', ...(name === undefined ? [] : [join(folder, name), ...rest]));
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
  });
});
