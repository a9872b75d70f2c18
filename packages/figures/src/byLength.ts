/**
 * A score against the length of the RNA: every RNA of the first model a dot, and
 * for each model the mean of each bin of lengths with its bootstrap interval.
 */

import * as Plot from '@observablehq/plot';
import { bootstrap, lengthBins } from '@rna/structure';
import { emptyNote, figure } from './figure.ts';
import { formatScore } from './format.ts';
import { lineEntry, look } from './look.ts';
import type { Markup } from './markup.ts';
import { plotFigure } from './plot.ts';

export interface ScoredLengths {
  readonly name: string;
  /** Lengths in nucleotides. */
  readonly rnas: readonly { readonly length: number; readonly score: number }[];
}

const width = 460;
const height = 320;

/** An SVG of scores from 0 to 1; `axis` says which. */
export function scoreByLength(title: string, axis: string, models: readonly ScoredLengths[]): Markup {
  const all = models[0]?.rnas ?? [];
  if (all.length === 0)
    return figure(
      { width, height: 80, title, description: 'There is no RNA.' },
      emptyNote(width, 44, 'there is no RNA'),
    );
  const longest = Math.max(...all.map(({ length }) => length));
  const bins = models.map(({ rnas }, k) =>
    lengthBins(rnas, ({ length }) => length).map(({ label, low, high, items }) => {
      const to = Math.min(high, longest + 1);
      // Whiskers of models stand beside each other.
      const centre = low + (to - low) * (0.5 + 0.1 * (k - (models.length - 1) / 2));
      return { label, from: low, to, centre, count: items.length, ...bootstrap(items.map(({ score }) => score)) };
    }),
  );
  const words = (bins[0] ?? [])
    .map(({ label, mean, count }) => `${label} nt ${formatScore(mean)} (${count})`)
    .join(', ');
  const description = `Means of ${models[0]!.name} by length, with the number of RNAs: ${words}.`;
  const entries = [
    ...models.map(({ name }, k) => lineEntry(`${name}, mean`, k)),
    { label: models.length > 1 ? `RNAs, ${models[0]!.name}` : 'RNAs', colour: look(0).colour, shape: 'dot' as const },
  ];
  return plotFigure({ width, height, title, description }, entries, {
    x: { domain: [0, longest + 1], label: 'length (nt)', ticks: 6, labelAnchor: 'center', labelArrow: 'none' },
    y: { domain: [0, 1], label: axis, ticks: 5, grid: true, labelAnchor: 'center', labelArrow: 'none' },
    marks: [
      Plot.dot(all, {
        x: 'length',
        y: 'score',
        r: 2.5,
        fill: look(0).colour,
        fillOpacity: all.length > 300 ? 0.2 : 0.4,
      }),
      ...bins.flatMap((each, k) => {
        const { colour, dashes } = look(k);
        return [
          Plot.ruleY(each, {
            x1: 'from',
            x2: 'to',
            y: 'mean',
            stroke: colour,
            strokeWidth: 2.5,
            strokeDasharray: dashes,
          }),
          Plot.ruleX(each, { x: 'centre', y1: 'low', y2: 'high', stroke: colour, strokeWidth: 1.5 }),
        ];
      }),
    ],
  });
}
