/**
 * The report read back: what is drawn is counted in the parsed document and compared with what was
 * put in, so a lost arc, a wrong cell or an unescaped id fails here. How it looks is not tested.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  arcDiagram,
  f1ByFamily,
  f1ByLength,
  lossCurve,
  pairMatrix,
  structureMap,
  type Pair,
  type StructureExample,
  type TrainingRun,
} from '@rna/figures';
import type { ReportData } from '../src/report/data.ts';
import { renderReport } from '../src/report/report.ts';
import { all, parse, parseFigure, type Node } from './markupReader.ts';

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

describe('arcDiagram', () => {
  test('draws correct pairs twice, missed ones above and wrong ones below', () => {
    const figure = parseFigure(arcDiagram(hairpin));
    expect(all(figure, 'path.correct')).toHaveLength(4);
    expect(all(figure, 'path.missed')).toHaveLength(1);
    expect(all(figure, 'path.wrong')).toHaveLength(2);
    expect(all(figure, '.legend text').map((label) => label.textContent)).toEqual(['2 correct', '1 missed', '2 wrong']);
    expect(figure.querySelector('path.missed title')?.textContent).toBe('G3–C10 missed');
    expect(figure.querySelector('path.wrong title')?.textContent).toBe('G4–C9 wrong, p = 0.04');
  });

  test('draws as many arcs as there are pairs, whatever the pairs', () => {
    const length = 40;
    const positions = Array.from({ length }, (_, k) => k);
    const pairs = fc.shuffledSubarray(positions).map((list) =>
      list.slice(0, list.length / 2).map((a, k): Pair => {
        const b = list.at(-1 - k) ?? 0;
        return a < b ? [a, b] : [b, a];
      }),
    );
    fc.assert(
      fc.property(pairs, pairs, (truth, predicted) => {
        const figure = parseFigure(arcDiagram(example('A'.repeat(length), truth, predicted)));
        const count = (pairClass: string) => all(figure, `path.${pairClass}`).length;
        expect(count('correct') / 2 + count('missed')).toBe(truth.length);
        expect(count('correct') / 2 + count('wrong')).toBe(predicted.length);
      }),
      { numRuns: 20 },
    );
  });

  test('without a prediction no pair is called missed', () => {
    const figure = parseFigure(
      arcDiagram(
        example(
          'GGGAAACCC',
          [
            [0, 8],
            [1, 7],
          ],
          null,
        ),
      ),
    );
    expect(all(figure, 'path.unscored')).toHaveLength(2);
    expect(all(figure, 'path.missed')).toHaveLength(0);
    expect(figure.querySelector('.legend')).toBeNull();
  });

  test('leaves letters out where they cannot be read', () => {
    expect(arcDiagram(example('A'.repeat(1000), [[0, 999]], [])).markup).not.toContain('monospace');
    expect(all(parseFigure(arcDiagram(hairpin)), 'g[font-family*=monospace] text')).toHaveLength(16);
  });
});

describe('structureMap', () => {
  test('draws every nucleotide, bonds by class, and pseudoknots too', () => {
    const truth: Pair[] = [
      [0, 20],
      [1, 19],
      [2, 18],
      [8, 30],
      [9, 29],
    ];
    const figure = parseFigure(
      structureMap(
        example('ACGU'.repeat(8), truth, [
          [0, 20],
          [8, 30],
          [3, 15],
        ]),
      ),
    );
    expect(all(figure, 'circle')).toHaveLength(32);
    expect(all(figure, 'path.correct')).toHaveLength(2);
    expect(all(figure, 'path.missed')).toHaveLength(3);
    expect(all(figure, 'path.wrong')).toHaveLength(1);
    expect(figure.querySelector('desc')?.textContent).toContain('2 pairs are pseudoknots');
  });
});

/** Columns that a path of cells covers, by row: `M x y h width …`. */
function coveredCells(d: string): string[] {
  return [...d.matchAll(/M(\d+) (\d+)h(\d+)/g)].flatMap(([, x, y, width]) =>
    Array.from({ length: Number(width) }, (_, k) => `${y},${Number(x) + k}`),
  );
}

describe('pairMatrix', () => {
  test('has probabilities above and the truth below the diagonal', () => {
    const figure = parseFigure(pairMatrix(hairpin));
    const level = (k: number) => coveredCells(figure.querySelector(`path.p${k}`)?.getAttribute('d') ?? '');
    expect(level(10)).toEqual(['0,11']);
    expect(level(5)).toEqual(['1,10', '12,15']);
    expect(level(0)).toEqual([]);
    expect(coveredCells(figure.querySelector('path.truth')?.getAttribute('d') ?? '')).toEqual(['11,0', '10,1', '9,2']);
  });

  test('keeps the greatest probability of a bin, and stays small', () => {
    const length = 1000;
    const noise = Array.from({ length: 200_000 }, (_, k) => [k % 500, 500 + (k % 499), 0.1] as const);
    const figure = pairMatrix(example('A'.repeat(length), [], [], { probabilities: [...noise, [0, 999, 1]] }));
    expect(coveredCells(parseFigure(figure).querySelector('path.p10')?.getAttribute('d') ?? '')).toEqual(['0,255']);
    expect(figure.markup.length).toBeLessThan(500_000);
  });

  test('draws decoded pairs where there are no probabilities', () => {
    const figure = parseFigure(pairMatrix({ ...hairpin, probabilities: null }));
    expect(coveredCells(figure.querySelector('path.p10')?.getAttribute('d') ?? '')).toHaveLength(4);
    expect(figure.querySelector('desc')?.textContent).toContain('predicted pairs');
  });
});

describe('lossCurve', () => {
  test('says how many steps were not finite, null and NaN alike', () => {
    const figure = parseFigure(lossCurve(run([1.4, null, NaN, 1.1, 1])));
    expect(figure.querySelector('desc')?.textContent).toContain('2 steps had no finite loss');
    expect(all(figure, '[aria-label=tick] line')).toHaveLength(2);
  });

  test('draws an evaluation as a dot, one that is not finite as none', () => {
    const evaluations = [
      { step: 1, loss: 1.3 },
      { step: 2, loss: NaN },
      { step: 3, loss: 1.2 },
    ];
    expect(all(parseFigure(lossCurve(run([1.4, 1.3, 1.2], { evaluations }))), '[aria-label=dot] circle')).toHaveLength(
      2,
    );
  });

  test('100,000 steps stay small, and a spike of one step stays visible', () => {
    const losses = Array.from({ length: 100_000 }, (_, k) => (k === 77_777 ? 9 : 1));
    const { markup } = lossCurve(run(losses));
    expect(markup.length).toBeLessThan(60_000);
    expect(markup).toContain('>9<');
  });

  test.each([
    ['no step', []],
    ['one step', [1]],
    ['no finite step', [NaN, null]],
    ['equal losses', [0, 0, 0]],
  ])('draws %s without an undefined coordinate', (_, losses) => {
    expect(lossCurve(run(losses)).markup).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('F1 figures', () => {
  test('have a dot per RNA and say what is missing', () => {
    const rnas = [...data.rnas, { id: 'c', family: '5S', length: 119, f1Untrained: 0.2, f1Trained: NaN }];
    for (const figure of [f1ByFamily(rnas), f1ByLength(rnas)].map(parseFigure)) {
      expect(all(figure, '[aria-label=dot] circle')).toHaveLength(2 + 2);
      expect(figure.querySelector('desc')?.textContent).toContain('1 RNA without an F1');
    }
    expect(f1ByFamily(rnas).markup).toContain('>5S (1)<');
  });

  test('draw thousands of RNAs within bounds', () => {
    const rnas = Array.from({ length: 4000 }, (_, k) => ({
      id: `r${k}`,
      family: 'tRNA',
      length: 76,
      f1Untrained: 0,
      f1Trained: 0.5,
    }));
    expect(Number(parseFigure(f1ByFamily(rnas)).querySelector('svg')?.getAttribute('height'))).toBeLessThan(200);
  });
});

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
