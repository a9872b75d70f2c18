/**
 * Predicted against measured values, with the line on which they would agree.
 * Above some thousand points single ones cannot be seen: hexagons then say by
 * their darkness how many lie in them.
 */

import * as Plot from '@observablehq/plot';
import { colours, emptyNote, figure, type LegendEntry } from './figure.ts';
import { counted, formatCount } from './format.ts';
import type { Markup } from './markup.ts';
import { plotFigure } from './plot.ts';

export interface Predicted {
  readonly measured: number;
  readonly predicted: number;
}

const width = 440;
const height = 420;
const mostDots = 1500;

/**
 * An SVG with both axes alike.
 * @param quantity What is predicted, with its unit.
 * @param scores Written into the corner, such as "R² 0.62".
 * @param what a point stands for.
 */
export function scatter(
  title: string,
  quantity: string,
  points: readonly Predicted[],
  scores: readonly string[] = [],
  what = 'RNA',
): Markup {
  const finite = points.filter(({ measured, predicted }) => Number.isFinite(measured) && Number.isFinite(predicted));
  if (finite.length === 0)
    return figure(
      { width, height: 80, title, description: 'There is no prediction.' },
      emptyNote(width, 44, 'there is no prediction'),
    );
  const undrawn = points.length - finite.length;
  const [low, high] = finite.reduce<[number, number]>(
    ([least, most], { measured, predicted }) => [
      Math.min(least, measured, predicted),
      Math.max(most, measured, predicted),
    ],
    [Infinity, -Infinity],
  );
  const domain = low < high ? [low, high] : [low - 1, high + 1];
  const isDense = finite.length > mostDots;
  const place = { x: 'measured', y: 'predicted' };
  const n = `${formatCount(finite.length)} ${what}s`;
  const description = `${n}; ${[...scores, `values from ${domain.map((end) => end.toPrecision(3)).join(' to ')}`].join(', ')}.${undrawn === 0 ? '' : ` Not drawn: ${counted(undrawn, 'prediction')} that are not finite.`}`;
  const entries: LegendEntry[] = [{ label: 'predicted = measured', colour: 'currentColor', shape: 'pale' }];
  if (isDense) entries.push({ label: `the darker, the more ${what}s`, colour: colours.good, shape: 'square' });
  return plotFigure({ width, height, title, description }, entries, {
    x: {
      domain,
      label: `measured ${quantity}`,
      ticks: 6,
      grid: true,
      nice: true,
      labelAnchor: 'center',
      labelArrow: 'none',
    },
    y: {
      domain,
      label: `predicted ${quantity}`,
      ticks: 6,
      grid: true,
      nice: true,
      labelAnchor: 'center',
      labelArrow: 'none',
    },
    opacity: { type: 'sqrt', range: [0.08, 1] },
    marks: [
      isDense
        ? Plot.dot(
            finite,
            Plot.hexbin(
              { fillOpacity: 'count' },
              { ...place, binWidth: 9, fill: colours.good, symbol: 'hexagon', r: 4.9 },
            ),
          )
        : Plot.dot(finite, { ...place, r: 2.5, fill: colours.good, fillOpacity: finite.length > 300 ? 0.4 : 0.7 }),
      Plot.line(domain, {
        x: (end: number) => end,
        y: (end: number) => end,
        stroke: 'currentColor',
        strokeOpacity: 0.4,
      }),
      Plot.text([[n, ...scores].join('\n')], {
        frameAnchor: 'top-left',
        dx: 8,
        dy: 6,
        lineHeight: 1.3,
        fill: 'currentColor',
        stroke: colours.paper,
        strokeWidth: 4,
      }),
    ],
  });
}
