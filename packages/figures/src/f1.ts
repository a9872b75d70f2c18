/**
 * F1 of each scored RNA, before and after training: by family, every RNA a dot, and by length. A
 * mean hides that a model folds tRNAs and nothing else; these two show it.
 */

import * as Plot from '@observablehq/plot';
import type { RnaScore } from './data.ts';
import { colours, emptyNote, figure, legend, moved, type LegendEntry } from './figure.ts';
import { counted, formatScore, isMeasured } from './format.ts';
import { markup, type Markup } from './markup.ts';
import { plotContent } from './plot.ts';

const width = 460;
const legendHeight = 28;
const radius = 3;
const tallestRow = 96;

interface Dot {
  readonly id: string;
  readonly family: string;
  readonly length: number;
  readonly f1: number;
}

function dots(rnas: readonly RnaScore[], of: 'f1Trained' | 'f1Untrained'): Dot[] {
  return rnas.flatMap(({ id, family, length, [of]: f1 }) => (isMeasured(f1) ? [{ id, family, length, f1 }] : []));
}

const entries: readonly LegendEntry[] = [
  { label: 'trained', colour: colours.good, shape: 'dot' },
  { label: 'untrained', colour: colours.absent, shape: 'ring' },
];

const undrawn = (rnas: readonly RnaScore[]) => rnas.length - dots(rnas, 'f1Trained').length;

function describe(rnas: readonly RnaScore[]): string {
  const missing = undrawn(rnas);
  return missing === 0 ? '' : ` Not drawn: ${counted(missing, 'RNA')} without an F1.`;
}

function noScores(title: string): Markup {
  return figure(
    { width, height: 80, title, description: 'No RNA has an F1.' },
    emptyNote(width, 44, 'no RNA has an F1'),
  );
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** The most dots that fall on one spot of the F1 axis, where they are stacked. */
function tallestStack(scored: readonly Dot[], axisWidth: number): number {
  const stacks = new Map<string, number>();
  for (const { family, f1 } of scored) {
    const spot = `${Math.round((f1 * axisWidth) / (2 * radius))} ${family}`;
    stacks.set(spot, (stacks.get(spot) ?? 0) + 1);
  }
  return Math.max(1, ...stacks.values());
}

/** An SVG strip per family, largest family first: one dot per RNA, a tick at the trained mean. */
export function f1ByFamily(rnas: readonly RnaScore[]): Markup {
  const title = 'F1 of each RNA by family';
  const trained = dots(rnas, 'f1Trained');
  const untrained = dots(rnas, 'f1Untrained');
  if (trained.length === 0) return noScores(title);

  const counts = new Map<string, number>();
  for (const { family } of trained) counts.set(family, (counts.get(family) ?? 0) + 1);
  const families = [...counts.keys()].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || (a < b ? -1 : 1));
  const marginLeft = Math.min(200, 24 + 6.6 * Math.max(...families.map((f) => f.length + 5)));
  const axisWidth = width - marginLeft - 16;
  const stack = tallestStack(
    [...trained, ...untrained.map((d) => ({ ...d, family: `${d.family} untrained` }))],
    axisWidth,
  );
  const needed = stack * (2 * radius + 1) + 10;
  const isStacked = needed <= tallestRow;
  const height = families.length * (isStacked ? Math.max(30, needed) : 40) + 50;
  const means = families.map((family) => ({
    family,
    f1: mean(trained.filter((d) => d.family === family).map((d) => d.f1)),
  }));

  // Dots of one spot are stacked; where too many would be, they are drawn over one another, pale.
  const swarm = (data: readonly Dot[], style: Plot.DotOptions) => {
    const options = { x: 'f1', fy: 'family', r: radius, ...style };
    return isStacked
      ? Plot.dot(data, Plot.dodgeY({ anchor: 'middle', padding: 1, ...options }))
      : Plot.dot(data, { ...options, fillOpacity: 0.3, strokeOpacity: 0.3 });
  };
  const content = plotContent({
    width,
    height,
    marginLeft,
    marginRight: 16,
    marginBottom: 40,
    x: { domain: [0, 1], label: 'F1 (exact pairs)', grid: true, ticks: 5 },
    fy: {
      domain: families,
      label: null,
      axis: 'left',
      padding: 0.1,
      tickFormat: (family: string) => `${family} (${counts.get(family) ?? 0})`,
    },
    marks: [
      swarm(untrained, { stroke: colours.absent }),
      swarm(trained, { fill: colours.good }),
      Plot.tickX(means, { x: 'f1', fy: 'family', stroke: 'currentColor', strokeWidth: 2 }),
    ],
  });
  const meansInWords = means.map(({ family, f1 }) => `${family} ${formatScore(f1)}`).join(', ');
  const description = `Mean F1 after training: ${meansInWords}.${describe(rnas)}`;
  const meanEntry: LegendEntry = { label: 'trained, mean', colour: 'currentColor', shape: 'line' };
  return figure(
    { width, height: legendHeight + height, title, description },
    markup`${legend([...entries, meanEntry], 4, 10)}${moved(legendHeight, content)}`,
  );
}

/** An SVG scatter plot of F1 over the RNA's length. */
export function f1ByLength(rnas: readonly RnaScore[]): Markup {
  const title = 'F1 of each RNA by length';
  const trained = dots(rnas, 'f1Trained');
  if (trained.length === 0) return noScores(title);
  const height = 280;
  const content = plotContent({
    width,
    height,
    marginTop: 28,
    marginLeft: 56,
    marginRight: 16,
    marginBottom: 40,
    x: { label: 'length (nt)', nice: true, ticks: 6 },
    y: { domain: [0, 1], label: 'F1 (exact pairs)', grid: true, ticks: 5 },
    marks: [
      Plot.dot(dots(rnas, 'f1Untrained'), { x: 'length', y: 'f1', r: radius, stroke: colours.absent }),
      Plot.dot(trained, { x: 'length', y: 'f1', r: radius, fill: colours.good, fillOpacity: 0.7 }),
    ],
  });
  const lengths = trained.map((d) => d.length).sort((a, b) => a - b);
  const span = `${lengths[0] ?? 0} to ${lengths.at(-1) ?? 0} nucleotides`;
  const description = `${counted(trained.length, 'RNA')} of ${span}.${describe(rnas)}`;
  return figure(
    { width, height: legendHeight + height, title, description },
    markup`${legend(entries, 4, 10)}${moved(legendHeight, content)}`,
  );
}
