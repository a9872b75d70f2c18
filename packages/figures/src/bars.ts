/**
 * Scores as bars in groups, with their confidence intervals: a model beside the
 * same without pre-training and a baseline, task by task, family by family. The
 * bars lie, so that names of groups have room; the numbers stand beside them.
 */

import type { Interval } from '@rna/structure';
import * as Plot from '@observablehq/plot';
import { colours, emptyNote, figure } from './figure.ts';
import { formatScore } from './format.ts';
import { barEntry, look } from './look.ts';
import type { Markup } from './markup.ts';
import { plotFigure } from './plot.ts';

/** What is drawn of it: a score without low and high has no whiskers. */
export type BarScore = Interval | Pick<Interval, 'mean'>;

export interface BarGroup {
  readonly name: string;
  /** By series; one that is absent was not measured. */
  readonly scores: Readonly<Record<string, BarScore>>;
}

const narrowest = 460;
/** Room for the bars and their numbers. */
const barsWidth = 290;
const barHeight = 16;
const groupGap = 10;
const marginTop = 12;
const marginBottom = 40;

/** An SVG of groups from the top down; each has its series in the order in which they first come up. */
export function scoreBars(title: string, axis: string, groups: readonly BarGroup[]): Markup {
  const series = [...new Set(groups.flatMap(({ scores }) => Object.keys(scores)))];
  const bars = groups.flatMap(({ name: group, scores }) =>
    series.flatMap((each) => {
      const score = scores[each];
      if (score === undefined || !Number.isFinite(score.mean)) return [];
      const { mean, low, high } = { low: NaN, high: NaN, ...score };
      return [{ group, series: each, mean, low, high }];
    }),
  );
  if (bars.length === 0)
    return figure(
      { width: narrowest, height: 80, title, description: 'There is no score.' },
      emptyNote(narrowest, 44, 'there is no score'),
    );
  const ends = bars.flatMap(({ mean, low, high }) => [mean, low, high]).filter((value) => Number.isFinite(value));
  const marginLeft = 16 + 6.6 * Math.max(...groups.map(({ name }) => [...name].length));
  const whiskers = bars.filter(({ low, high }) => Number.isFinite(low) && Number.isFinite(high));
  const description = bars
    .map(
      ({ group, series: each, mean, low, high }) =>
        `${group}, ${each}: ${formatScore(mean)}${Number.isFinite(low) ? ` (${formatScore(low)} to ${formatScore(high)})` : ''}.`,
    )
    .join(' ');
  const width = Math.max(narrowest, marginLeft + barsWidth);
  const height = groups.length * (series.length * barHeight + groupGap) + marginTop + marginBottom;
  return plotFigure({ width, height, title, description }, series.length > 1 ? series.map(barEntry) : [], {
    marginTop,
    marginLeft,
    marginRight: 52,
    marginBottom,
    x: {
      domain: [Math.min(0, ...ends), Math.max(1, ...ends)],
      label: axis,
      ticks: 5,
      grid: true,
      labelAnchor: 'center',
      labelArrow: 'none',
    },
    y: { domain: series, axis: null, padding: 0.12 },
    fy: {
      domain: groups.map(({ name }) => name),
      axis: 'left',
      label: null,
      padding: groupGap / (series.length * barHeight + groupGap),
    },
    marks: [
      ...series.map((each, k) => {
        const { colour, filling } = look(k);
        return Plot.barX(
          bars.filter((bar) => bar.series === each),
          { x: 'mean', y: 'series', fy: 'group', fill: colour, fillOpacity: filling, stroke: colour },
        );
      }),
      // Light below dark, to be seen on a full bar and on an empty one.
      ...[
        { stroke: colours.paper, strokeWidth: 4 },
        { stroke: 'currentColor', strokeWidth: 1.5 },
      ].flatMap((line) => [Plot.ruleY(whiskers, { x1: 'low', x2: 'high', y: 'series', fy: 'group', ...line })]),
      Plot.ruleX([0], { stroke: 'currentColor', strokeOpacity: 0.5 }),
      Plot.text(bars, {
        frameAnchor: 'right',
        dx: 44,
        y: 'series',
        fy: 'group',
        text: ({ mean }: { mean: number }) => formatScore(mean),
        textAnchor: 'end',
        fill: 'currentColor',
        fontSize: 11,
      }),
    ],
  });
}
