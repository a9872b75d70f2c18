/**
 * The report read back: what is drawn is counted in the parsed document and compared with what was
 * put in, so a lost arc, a wrong cell or an unescaped id fails here. How it looks is not tested.
 */

import { describe, expect, test } from 'vitest';
import type { Pair, StructureExample, TrainingRun } from '@rna/figures';
import type { ReportData } from '../src/report/data.ts';
import { renderReport } from '../src/report/report.ts';
import { scoreTable, textTable } from '../src/report/table.ts';
import { all, parse, type Node } from './pageReader.ts';

function example(
  sequence: string,
  truth: readonly Pair[],
  predicted: readonly Pair[] | null,
  more: Partial<StructureExample> = {},
): StructureExample {
  return {
    id: 'example',
    family: 'tRNA',
    sequence,
    truth,
    prediction: predicted,
    scores: null,
    probabilities: null,
    ...more,
  };
}

function run(losses: readonly (number | null)[], more: Partial<TrainingRun> = {}): TrainingRun {
  return {
    name: 'pre-training',
    lossUnit: 'nats per masked token',
    steps: losses.map((_, k) => k + 1),
    loss: losses,
    learningRate: losses.map(() => 1e-3),
    evaluations: [],
    ...more,
  };
}

const hairpin = example(
  'GGGGAAAACCCCAAAA',
  [
    [0, 11],
    [1, 10],
    [2, 9],
  ],
  [
    [0, 11],
    [1, 10],
    [3, 8],
    [12, 15],
  ],
  {
    probabilities: [
      [0, 11, 0.96],
      [1, 10, 0.5],
      [3, 8, 0.04],
      [12, 15, 0.51],
    ],
  },
);

const data: ReportData = {
  title: 'A run',
  summary: 'What was done.',
  date: '2026-01-02T03:04:05Z',
  command: 'npm start -- --seed 1',
  machine: [{ label: 'adapter', value: 'llvmpipe' }],
  config: [{ title: 'Model', entries: [{ label: 'layers', value: '4' }] }],
  losses: [{ what: 'masked-token loss', unit: 'nats per masked token', before: 1.38629, after: 0.98 }],
  scores: ['untrained', 'trained'].map((model, k) => ({
    set: 'kept apart',
    model,
    rnas: 1234,
    strict: { precision: 0.1 + k / 2, recall: 0.2 + k / 2, f1: 0.1333 + k / 2 },
    tolerant: { precision: 0.15 + k / 2, recall: 0.25 + k / 2, f1: NaN },
  })),
  runs: [run([1.4, 1.2, null, 1])],
  rnas: [
    { id: 'a', family: 'tRNA', length: 76, f1Untrained: 0.1, f1Trained: 0.9 },
    { id: 'b', family: '5S', length: 120, f1Untrained: null, f1Trained: 0.5 },
  ],
  examples: [hairpin],
  notes: ['A note.'],
};

describe('renderReport', () => {
  const page = parse(renderReport(data));
  const cells = (row: Node) => all(row, 'th, td').map((cell) => cell.textContent);

  test('shows the tables as they were given', () => {
    const [scores, losses] = all(page, 'main table');
    expect(scores && all(scores, 'tbody tr').map(cells)).toEqual([
      ['kept apart', 'untrained', '1,234', '0.100', '0.200', '0.133', '0.150', '0.250', '–'],
      ['kept apart', 'trained', '1,234', '0.600', '0.700', '0.633', '0.650', '0.750', '–'],
    ]);
    expect(losses && all(losses, 'tbody tr').map(cells)).toEqual([
      ['masked-token loss', 'nats per masked token', '1.386', '0.9800'],
    ]);
    expect(all(page, '.keys dd').map((key) => key.textContent)).toEqual(['0.133 → 0.633', '1.386 → 0.9800']);
  });

  test('tables have captions and scoped headers, figures a title and a description', () => {
    for (const table of all(page, 'table')) {
      expect(table.querySelector('caption')?.textContent).not.toBe('');
      expect(all(table, 'th').every((header) => header.getAttribute('scope') !== null)).toBe(true);
    }
    const figures = all(page, 'svg');
    expect(figures).toHaveLength(1 + 2 + 3);
    for (const figure of figures) {
      expect(figure.getAttribute('role')).toBe('img');
      expect(figure.querySelector('title')?.textContent).not.toBe('');
      expect(figure.querySelector('desc')?.textContent).not.toBe('');
    }
  });

  test('asks for nothing from elsewhere', () => {
    const html = renderReport(data).replaceAll('xmlns="http://www.w3.org/2000/svg"', '');
    expect(html).not.toMatch(/https?:|<script|<link|<img|src=|href=|url\(|@import/i);
  });

  test('an id is text, not markup', () => {
    const id = '<script>alert("1")</script>&\'\u0007';
    const html = renderReport({
      ...data,
      title: id,
      notes: [id],
      rnas: data.rnas.map((rna) => ({ ...rna, id, family: id })),
      examples: [{ ...hairpin, id, family: id }],
      runs: data.runs.map((each) => ({ ...each, name: id })),
      scores: data.scores.map((row) => ({ ...row, set: id })),
    });
    const hostile = parse(html);
    expect(all(hostile, 'script')).toHaveLength(0);
    expect(html).not.toContain('<script');
    expect(hostile.querySelector('h1')?.textContent).toBe('<script>alert("1")</script>&\'\ufffd');
    expect(hostile.querySelector('article h3')?.textContent).toContain('<script>');
  });

  test.each([
    [
      'nothing at all',
      { losses: [], scores: [], runs: [], rnas: [], examples: [], notes: [], machine: [], config: [], command: '' },
    ],
    ['one nucleotide', { examples: [example('A', [], [])] }],
    ['an empty sequence', { examples: [example('', [], null)] }],
    ['no pairs', { examples: [example('ACGUACGUACGU', [], [], { probabilities: [] })] }],
    ['no prediction', { examples: [example('GGGAAACCC', [[0, 8]], null)] }],
    [
      'losses that are not finite',
      { runs: [run([NaN, NaN])], losses: [{ what: 'l', unit: 'u', before: NaN, after: null }] },
    ],
    ['no F1', { rnas: [{ id: 'a', family: 'f', length: 3, f1Untrained: null, f1Trained: null }] }],
    ['one RNA', { rnas: data.rnas.slice(0, 1) }],
  ])('draws %s without an undefined coordinate', (_, part) => {
    expect(renderReport({ ...data, ...part })).not.toMatch(/NaN|Infinity|undefined/);
  });

  test.each([
    ['a pair beyond the end', { ...hairpin, truth: [[0, 16] as const] }, /example: true pair 0–16; .*j < 16/],
    ['a pair the wrong way round', { ...hairpin, prediction: [[5, 2] as const] }, /example: predicted pair 5–2/],
    ['a position paired twice', { ...hairpin, truth: [[0, 9] as const, [0, 8] as const] }, /two true pairs share/],
    ['a probability that is none', { ...hairpin, probabilities: [[0, 5, NaN] as const] }, /0–5 is NaN/],
  ])('refuses %s', (_, broken, message) => {
    expect(() => renderReport({ ...data, examples: [broken] })).toThrow(message);
  });

  test('writes the structures as dot-brackets under the sequence', () => {
    const lines = page
      .querySelector('article pre')
      ?.textContent.split('\n')
      .map((line) => line.slice(10));
    expect(lines).toEqual(['        10', 'GGGGAAAACCCCAAAA', '(((......)))....', '((.(....).))(..)', '']);
  });

  test('the same data gives the same page', () => {
    expect(renderReport(data)).toBe(renderReport(JSON.parse(JSON.stringify(data)) as ReportData));
  });
});

describe('textTable', () => {
  const scores = { precision: 0.5, recall: 0.25, f1: NaN };
  const row = (set: string) => ({ set, model: 'trained', rnas: 1234, strict: scores, tolerant: scores });

  test('aligns words left and numbers right', () => {
    expect(textTable(scoreTable([row('tRNA'), row('5S rRNA')])).split('\n')).toEqual([
      'Base pairs of RNAs that were kept apart',
      '',
      '                         exact pairs ─────────  within ±1 ───────────',
      'RNAs     model    count  precision  recall  F1  precision  recall  F1',
      '───────  ───────  ─────  ─────────  ──────  ──  ─────────  ──────  ──',
      'tRNA     trained  1,234      0.500   0.250   –      0.500   0.250   –',
      '5S rRNA  trained  1,234      0.500   0.250   –      0.500   0.250   –',
      '',
    ]);
  });

  test('a terminal sequence in an id does not reach the terminal', () => {
    const text = textTable(scoreTable([row('\u001b[31mred\u001b[0m\r\nnext\u0007')]));
    expect(text).toContain('red next');
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });
});
