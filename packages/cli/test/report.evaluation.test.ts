/** An evaluation's page read back: its sections hold what was put in, and nothing that was not. */
import { describe, expect, test } from 'vitest';
import { confusionMatrix, scoreBars } from '@rna/figures';
import { renderEvaluation, type EvaluationReport } from '../src/report/evaluationPage.ts';
import { all, parse } from './pageReader.ts';

describe('renderEvaluation', () => {
  const report: EvaluationReport = {
    title: 'Base pairs of TS0',
    task: 'base pairs',
    model: 'models/small',
    summary: 'What was scored.',
    keys: [{ label: 'F1', value: '0.713', interval: '0.70 – 0.73' }],
    tables: [
      {
        caption: 'Scores',
        columns: [
          { header: 'model', group: '', align: 'left' },
          { header: 'F1', group: '', align: 'right' },
        ],
        rowHeaders: 1,
        rows: [['small', '0.713']],
      },
    ],
    notes: ['A note.'],
    figures: [
      { name: 'bars', caption: 'Some bars.', svg: scoreBars('t', 'F1', [{ name: 'g', scores: { m: { mean: 0.5 } } }]) },
      { name: 'matrix', caption: 'Wide.', wide: true, svg: confusionMatrix('c', [], [0], [0]) },
    ],
    examples: [
      {
        id: 'one',
        family: 'tRNA',
        sequence: 'GGGAAACCC',
        truth: [[0, 8]],
        prediction: [[0, 8]],
        scores: null,
        probabilities: null,
      },
    ],
    run: {
      name: 'finetune',
      steps: [1, 2],
      loss: [2, 1],
      learningRate: [1e-3, 1e-3],
      gradientNorm: [1, 1],
      evaluations: [],
      refused: [],
      config: 'task: secondary-structure\n',
    },
    command: 'rna evaluate models/small TS0',
    facts: [{ title: 'Protocol', entries: [{ label: 'threshold', value: '0.13' }] }],
  };
  const page = parse(renderEvaluation(report));

  test('has scores, figures with captions, structures, the run and how to repeat it', () => {
    expect(all(page, 'h2').map(({ textContent }) => textContent)).toEqual([
      'Scores',
      'Figures',
      'Structures',
      'Training',
      'How to repeat it',
      'finetune: config',
    ]);
    expect(page.querySelector('.keys dd')?.textContent).toBe('0.713 0.70 – 0.73');
    expect(all(page, 'section:nth-of-type(2) figcaption').map(({ textContent }) => textContent)).toEqual([
      'Some bars.',
      'Wide.',
    ]);
    expect(all(page, '.figures figure svg').length).toBeGreaterThan(0);
    expect(page.querySelector('article h3')?.textContent).toBe('one');
    expect(all(page, 'pre').map(({ textContent }) => textContent)).toContain('rna evaluate models/small TS0');
  });

  test('leaves out what there is nothing for', () => {
    const { title, task, model, summary, tables } = report;
    const html = renderEvaluation({
      title,
      task,
      model,
      summary,
      tables,
      keys: [],
      figures: [],
      examples: [],
      notes: [],
      facts: [],
      command: '',
    });
    expect(all(parse(html), 'h2').map(({ textContent }) => textContent)).toEqual(['Scores', 'How to repeat it']);
  });

  test('asks for nothing from elsewhere, and holds ids as text', () => {
    const id = '<script>alert("1")</script>';
    const html = renderEvaluation({
      ...report,
      title: id,
      model: id,
      summary: id,
      notes: [id],
      figures: report.figures.map((figure) => ({ ...figure, caption: id })),
    });
    expect(html.replaceAll('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(
      /https?:|<script|<link|<img|src=|href=|url\(|@import|NaN|undefined/i,
    );
    expect(parse(html).querySelector('h1')?.textContent).toBe(id);
  });
});
