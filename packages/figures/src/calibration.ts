/**
 * Whether a probability is one: of the answers given with about 0.8, eight in ten
 * should be right. Each bin is a point at its mean prediction with the part that is
 * true and its 95 % interval (Wilson 1927); how many answers a bin has stands below.
 */

import * as Plot from '@observablehq/plot';
import { calibrationError, type CalibrationBin } from '@rna/structure';
import { emptyNote, figure, legendRows, moved } from './figure.ts';
import { formatCount, formatScore } from './format.ts';
import { look, markerEntry } from './look.ts';
import { markup, type Markup } from './markup.ts';
import { plotContent } from './plot.ts';

export interface Calibration {
  readonly name: string;
  readonly bins: readonly CalibrationBin[];
}

const width = 460;
const height = 330;
const countHeight = 120;
const margins = { width, marginLeft: 56, marginRight: 16 };

/**
 * An SVG of the bins of each model.
 * @param answers What is counted, in the plural: "pairs", "sites".
 */
export function calibrationPlot(title: string, answers: string, models: readonly Calibration[]): Markup {
  const drawn = models.map(({ name, bins }, k) => ({
    name,
    bins,
    ...look(k),
    filled: bins.filter(({ count }) => count > 0).map(withInterval),
  }));
  const all = drawn.flatMap(({ filled }) => filled);
  if (all.length === 0)
    return figure(
      { width, height: 80, title, description: 'There is no answer.' },
      emptyNote(width, 44, `there are no ${answers}`),
    );
  const entries = drawn.map(({ name, bins }, k) =>
    markerEntry(`${name}, ECE ${formatScore(calibrationError(bins))}`, k),
  );
  const { content, height: top } = legendRows(
    [...entries, { label: 'predicted = true', colour: 'currentColor', shape: 'pale' }],
    width,
  );
  const reliability = plotContent({
    ...margins,
    height,
    marginTop: 28,
    marginBottom: 24,
    x: { domain: [0, 1], label: null, ticks: 5, grid: true },
    y: {
      domain: [0, 1],
      label: `part of the ${answers} that are true`,
      ticks: 5,
      grid: true,
      labelAnchor: 'center',
      labelArrow: 'none',
    },
    marks: [
      Plot.line([0, 1], {
        x: (end: number) => end,
        y: (end: number) => end,
        stroke: 'currentColor',
        strokeOpacity: 0.4,
      }),
      ...drawn.flatMap(({ filled, colour, marker, dashes }) => [
        Plot.ruleX(filled, { x: 'predicted', y1: 'low', y2: 'high', stroke: colour }),
        Plot.line(filled, { x: 'predicted', y: 'observed', stroke: colour, strokeDasharray: dashes }),
        Plot.dot(filled, { x: 'predicted', y: 'observed', r: 4, fill: colour, symbol: marker }),
      ]),
    ],
  });
  const counts = plotContent({
    ...margins,
    height: countHeight,
    marginTop: 18,
    marginBottom: 40,
    x: { domain: [0, 1], label: 'predicted probability', ticks: 5, labelAnchor: 'center', labelArrow: 'none' },
    y: {
      type: 'log',
      domain: [0.8, Math.max(10, ...all.map(({ count }) => count))],
      label: answers,
      ticks: decades(Math.max(...all.map(({ count }) => count))),
      tickFormat: '~s',
      grid: true,
    },
    marks: drawn.map(({ filled, colour, filling }, k) => {
      const share = 1 / drawn.length;
      const x =
        (part: number) =>
        ({ from, to }: Filled) =>
          from + (to - from) * (0.06 + 0.88 * part);
      return Plot.rect(filled, {
        x1: x(k * share),
        x2: x((k + 1) * share),
        y1: 0.8,
        y2: 'count',
        fill: colour,
        fillOpacity: filling,
        stroke: colour,
      });
    }),
  });
  const said = drawn.map(
    ({ name, bins }) =>
      `${name}: ${formatCount(bins.reduce((sum, { count }) => sum + count, 0))} ${answers}, expected calibration error (ECE) ${formatScore(calibrationError(bins))}`,
  );
  return figure(
    { width, height: top + height + countHeight, title, description: `${said.join('; ')}.` },
    markup`${content}
${moved(top, reliability)}
${moved(top + height, counts)}`,
  );
}

/** Powers of ten up to a number, four at most. */
function decades(most: number): number[] {
  const last = Math.max(1, Math.floor(Math.log10(most)));
  const step = Math.ceil(last / 3);
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, k) => 10 ** (k * step));
}

interface Filled {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly predicted: number;
  readonly observed: number;
  readonly low: number;
  readonly high: number;
}

function withInterval({ low: from, high: to, count, predicted, observed }: CalibrationBin): Filled {
  const z = 1.96;
  const centre = (observed + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const reach = (z * Math.sqrt((observed * (1 - observed)) / count + z ** 2 / (4 * count ** 2))) / (1 + z ** 2 / count);
  return { from, to, count, predicted, observed, low: Math.max(0, centre - reach), high: Math.min(1, centre + reach) };
}
