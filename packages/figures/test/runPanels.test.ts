import { expect, test } from 'vitest';
import { runCurves, runPanels, type LoggedLine } from '../src/runFigure.ts';
import { all, parseFigure } from './markupReader.ts';

const step = (number: number, loss: number): LoggedLine => ({
  step: number,
  loss,
  learningRate: 1e-3,
  gradientNorm: 2,
});
const log: readonly LoggedLine[] = [
  { step: 0, evaluation: { loss: 1.5, accuracy: 0.25, 'mlm.accuracy': 0.5 } },
  step(1, 1.4),
  step(2, 1.25),
  { step: 2, evaluation: { loss: 1.3, accuracy: 0.5, 'mlm.accuracy': 0.75 } },
];

test('a drawing for each panel, which says the last values to those who do not see it', () => {
  const panels = runPanels([runCurves('tiny', log)], 60);
  expect(panels.map(({ title }) => title)).toEqual([
    'Loss, held out dashed',
    'Gradient norm',
    'Learning rate',
    'Held out: accuracy',
    'Held out: mlm.accuracy',
  ]);
  const figures = panels.map(({ svg }) => parseFigure(svg));
  expect(figures.map((figure) => figure.querySelector('title')!.textContent)).toEqual(panels.map(({ title }) => title));
  expect(figures.map((figure) => figure.querySelector('desc')!.textContent)).toEqual([
    'tiny 1.250 at step 2; tiny, held out 1.300 at step 2.',
    'tiny 2.000 at step 2.',
    'tiny 1e-3 at step 2.',
    'tiny 0.500 at step 2.',
    'tiny 0.750 at step 2.',
  ]);
  // The axis is that of the whole run.
  const ticks = all(figures[0]!, '[aria-label="x-axis tick label"] text').map(({ textContent }) => textContent);
  expect([ticks[0], ticks.at(-1)]).toEqual(['0', '60']);
});

test('a run without a step or an evaluation has empty panels', () => {
  const panels = runPanels([runCurves('tiny', [])], 60);
  expect(panels.map(({ svg }) => parseFigure(svg).querySelector('desc')!.textContent)).toEqual(
    Array(3).fill('Nothing yet.'),
  );
  expect(panels.map(({ svg }) => svg.markup).join('')).not.toMatch(/NaN|Infinity|undefined/);
});
