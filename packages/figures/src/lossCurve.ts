/**
 * The loss curve of one training run: every logged step (as a band from least to greatest where
 * there are more steps than pixels), a smoothed line, the evaluations, and the learning rate in a
 * panel of its own below, on the same steps. Steps whose loss was not finite are gaps with a mark.
 */

import * as Plot from '@observablehq/plot';
import type { TrainingRun } from './data.ts';
import { colours, emptyNote, figure, legend, moved, type LegendEntry } from './figure.ts';
import { counted, formatCount, formatLoss, formatRate, isMeasured } from './format.ts';
import { markup, type Markup } from './markup.ts';
import { plotContent } from './plot.ts';
import { binned, smoothed } from './series.ts';

const width = 460;
const marginLeft = 56;
const marginRight = 32;
const lossHeight = 270;
const rateHeight = 110;
const legendHeight = 28;
/** Points drawn per curve: about one per pixel of the drawing area. */
const bins = 380;

/** Losses that span more than this factor are drawn on a logarithmic axis. */
const logarithmicFrom = 20;

function lossScale(values: readonly number[]): 'linear' | 'log' {
  const least = Math.min(...values);
  return least > 0 && Math.max(...values) / least > logarithmicFrom ? 'log' : 'linear';
}

/** An SVG of the run's losses and learning rates by step. */
export function lossCurve({ name, lossUnit, steps, loss, learningRate, evaluations }: TrainingRun): Markup {
  const title = `Loss of ${name} by step`;
  const frame = { width, height: legendHeight + lossHeight + rateHeight, title };
  const finite = loss.filter(isMeasured);
  const drawnEvaluations = evaluations.flatMap(({ step, loss: value }) =>
    isMeasured(value) ? [{ step, loss: value }] : [],
  );
  if (finite.length === 0) {
    const note = steps.length === 0 ? 'no step was logged' : 'no step had a finite loss';
    return figure({ ...frame, height: 80, description: `${name}: ${note}.` }, emptyNote(width, 44, `${name}: ${note}`));
  }

  // A fiftieth of the run shows the trend and still follows a warm-up.
  const window = 2 * Math.floor(loss.length / 100) + 1;
  const raw = binned(steps, loss, bins);
  const smooth = binned(steps, smoothed(loss, window), bins);
  const rates = binned(steps, learningRate, bins);
  const broken = steps.filter((_, k) => !isMeasured(loss[k] ?? null));
  const isBand = steps.length > bins;

  const drawn = [
    ...raw.flatMap(({ min, max }) => [min, max]).filter(isMeasured),
    ...drawnEvaluations.map((e) => e.loss),
  ];
  const yType = lossScale(drawn);
  const allSteps = [...raw.map((b) => b.step), ...drawnEvaluations.map((e) => e.step)];
  const stepDomain = [Math.min(...allSteps), Math.max(...allSteps)];
  const ticks = Math.min(5, steps.length);
  const shared = { width, marginLeft, marginRight };

  const lossPanel = plotContent({
    ...shared,
    height: lossHeight,
    marginTop: 28,
    x: { domain: stepDomain, label: null, tickFormat: formatCount, ticks },
    y: {
      type: yType,
      label: `loss (${lossUnit})`,
      grid: true,
      ticks: 6,
      tickFormat: yType === 'log' ? '~g' : '~f',
      nice: true,
    },
    marks: [
      isBand
        ? Plot.areaY(raw, { x: 'step', y1: 'min', y2: 'max', fill: colours.good, fillOpacity: 0.25 })
        : Plot.line(raw, {
            x: 'step',
            y: 'mean',
            stroke: colours.good,
            strokeOpacity: 0.4,
            strokeWidth: 1,
            marker: raw.length === 1 ? 'dot' : 'none',
          }),
      Plot.line(smooth, { x: 'step', y: 'mean', stroke: colours.good, strokeWidth: 2 }),
      Plot.dot(drawnEvaluations, {
        x: 'step',
        y: 'loss',
        r: 4,
        fill: colours.wrong,
        stroke: colours.paper,
        strokeWidth: 1,
      }),
      Plot.tickX(broken.slice(0, bins), {
        x: (step: number) => step,
        stroke: colours.wrong,
        strokeOpacity: 0.5,
        insetTop: lossHeight - 70,
      }),
    ],
  });
  const ratePanel = plotContent({
    ...shared,
    height: rateHeight,
    marginBottom: 36,
    x: { domain: stepDomain, label: 'optimiser step', tickFormat: formatCount, ticks },
    y: { label: 'learning rate', ticks: 2, zero: true, grid: true, tickFormat: formatRate },
    marks: [
      Plot.line(rates, {
        x: 'step',
        y: 'mean',
        stroke: 'currentColor',
        strokeWidth: 1.5,
        marker: rates.length === 1 ? 'dot' : 'none',
      }),
    ],
  });

  const entries: LegendEntry[] = [
    {
      label: isBand ? 'training, min to max' : 'training, each step',
      colour: colours.good,
      shape: isBand ? 'band' : 'pale',
    },
    { label: `mean of ${counted(window, 'step')}`, colour: colours.good, shape: 'line' },
  ];
  if (drawnEvaluations.length > 0) entries.push({ label: 'held out', colour: colours.wrong, shape: 'dot' });

  const brokenNote = broken.length === 0 ? '' : `${counted(broken.length, 'step')} had no finite loss.`;
  const [first, last] = [smooth[0]?.mean ?? null, smooth.at(-1)?.mean ?? null].map(formatLoss);
  const description =
    `${counted(steps.length, 'step')}; training loss (smoothed) from ${first ?? ''} to ${last ?? ''} ` +
    `${lossUnit}. ${brokenNote}`;
  const noteAt = markup`x="${width - marginRight}" y="${legendHeight + 14}"`;
  return figure(
    { ...frame, description },
    markup`${legend(entries, 4, 10)}
${moved(legendHeight, lossPanel)}
${moved(legendHeight + lossHeight, ratePanel)}
<text ${noteAt} text-anchor="end" fill="${colours.wrong}">${brokenNote}</text>`,
  );
}
