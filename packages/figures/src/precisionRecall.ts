/**
 * Precision against recall, a curve for each model. The steps are those of average
 * precision, so the area under what is drawn is the number in the legend.
 */

import * as Plot from '@observablehq/plot';
import type { OperatingPoint } from '@rna/structure';
import { emptyNote, figure } from './figure.ts';
import { formatScore } from './format.ts';
import { lineEntry, look } from './look.ts';
import type { Markup } from './markup.ts';
import { plotFigure } from './plot.ts';

/** A curve's points have rising recall. */
export interface PrecisionRecall {
  readonly name: string;
  readonly curve: readonly Pick<OperatingPoint, 'precision' | 'recall'>[];
  /** The area under it, which is drawn nowhere but said. */
  readonly area: number;
  /** Where the model's own threshold lies on it. */
  readonly chosen?: Pick<OperatingPoint, 'precision' | 'recall'>;
}

const width = 460;
const height = 360;
/** Points drawn per curve: about one per pixel. */
const steps = 380;

/**
 * An SVG of curves.
 * @param chance Precision of guessing: the part of the answers that are positive.
 */
export function precisionRecallPlot(title: string, models: readonly PrecisionRecall[], chance?: number): Markup {
  const drawn = models.filter(({ curve }) => curve.length > 0);
  if (drawn.length === 0)
    return figure(
      { width, height: 80, title, description: 'Nothing is positive.' },
      emptyNote(width, 44, 'nothing is positive'),
    );
  const chosen = drawn.flatMap(({ chosen: point }, k) => (point === undefined ? [] : [{ ...point, k }]));
  const said = drawn.map(({ name, area }) => `${name}: area ${formatScore(area)}`);
  const description = `${said.join(', ')}.${chance === undefined ? '' : ` Guessing has a precision of ${formatScore(chance)}.`}`;
  const entries = [
    ...drawn.map(({ name, area }, k) => lineEntry(`${name}, area ${formatScore(area)}`, k)),
    ...(chance === undefined ? [] : [{ label: 'guessing', colour: 'currentColor', shape: 'pale' as const }]),
  ];
  return plotFigure({ width, height, title, description }, entries, {
    x: { domain: [0, 1], label: 'recall', ticks: 5, grid: true, labelAnchor: 'center', labelArrow: 'none' },
    y: { domain: [0, 1], label: 'precision', ticks: 5, grid: true, labelAnchor: 'center', labelArrow: 'none' },
    marks: [
      ...(chance === undefined ? [] : [Plot.ruleY([chance], { stroke: 'currentColor', strokeOpacity: 0.4 })]),
      ...drawn.map(({ curve }, k) => {
        const { colour, dashes } = look(k);
        // The first answer's precision holds from recall 0 on.
        return Plot.line([{ recall: 0, precision: curve[0]!.precision }, ...thinned(curve)], {
          x: 'recall',
          y: 'precision',
          curve: 'step-before',
          stroke: colour,
          strokeWidth: 1.75,
          strokeDasharray: dashes,
        });
      }),
      ...chosen.map(({ k, ...point }) =>
        Plot.dot([point], {
          x: 'recall',
          y: 'precision',
          r: 5,
          fill: look(k).colour,
          stroke: 'currentColor',
          symbol: look(k).marker,
        }),
      ),
    ],
  });
}

/** One point for each step of recall, the last of it. */
function thinned<P extends { readonly recall: number }>(curve: readonly P[]): P[] {
  const stepOf = ({ recall }: P): number => Math.floor(recall * steps);
  return curve.filter((point, n) => n === curve.length - 1 || stepOf(point) !== stepOf(curve[n + 1]!));
}
