/**
 * Training runs drawn over each other by step: training loss (smoothed, over its
 * band where there are more steps than pixels) with the held-out loss, gradient
 * norm, learning rate, and a panel for each held-out score, such as the accuracy
 * by kind of mask. One colour a run; refused steps are ticks at the foot. The panels are one drawing (`runFigure`), or
 * one each, for a page that lays them out itself (`runPanels`).
 */

import * as Plot from '@observablehq/plot';
import type { Measured } from './data.ts';
import { emptyNote, figure, legendRows } from './figure.ts';
import { counted, formatCount, formatLoss, formatRate, formatScore, isMeasured } from './format.ts';
import { look } from './look.ts';
import { markup, type Markup } from './markup.ts';
import { plotContent } from './plot.ts';
import { binned, smoothed } from './series.ts';

/** A line of a run's log. A step that was taken has a loss, one that was refused says why. */
export interface LoggedLine {
  readonly step: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly gradientNorm?: number;
  readonly evaluation?: Readonly<Record<string, number>>;
  readonly refused?: string;
  readonly skippedAtLossScale?: number;
}

/** A run as its log has it; the columns of `steps` are of one length. */
export interface RunCurves {
  readonly name: string;
  readonly steps: readonly number[];
  readonly loss: readonly Measured[];
  readonly learningRate: readonly Measured[];
  readonly gradientNorm: readonly Measured[];
  readonly evaluations: readonly { readonly step: number; readonly metrics: Readonly<Record<string, number>> }[];
  /** Steps that were not taken: not finite, spikes, overflows of a scaled loss. */
  readonly refused: readonly number[];
}

export function runCurves(name: string, log: readonly LoggedLine[]): RunCurves {
  const taken = log.filter((entry) => entry.loss !== undefined);
  return {
    name,
    steps: taken.map(({ step }) => step),
    loss: taken.map(({ loss }) => loss ?? null),
    learningRate: taken.map(({ learningRate }) => learningRate ?? null),
    gradientNorm: taken.map(({ gradientNorm }) => gradientNorm ?? null),
    evaluations: log.flatMap(({ step, evaluation }) =>
      evaluation === undefined ? [] : [{ step, metrics: evaluation }],
    ),
    refused: log.flatMap(({ step, refused, skippedAtLossScale }) =>
      (refused ?? skippedAtLossScale) === undefined ? [] : [step],
    ),
  };
}

/** What an evaluation notes beside scores, has a panel of its own, or says once more. */
const NO_SCORE = /(^|\.)(loss|perplexity)$|^threshold$/;

/** The held-out metrics that are scores, in the order in which the runs have them. */
export function scoreNames(runs: readonly RunCurves[]): string[] {
  const names = runs.flatMap(({ evaluations }) => evaluations.flatMap(({ metrics }) => Object.keys(metrics)));
  return [...new Set(names)].filter((name) => !NO_SCORE.test(name));
}

const panelWidth = 440;
const panelHeight = 220;
const gap = 16;
const margins = { marginLeft: 60, marginRight: 16, marginTop: 30, marginBottom: 32 };
/** Points drawn per curve: about one per pixel of the drawing area. */
const bins = 360;
/** Values that span more than this factor are drawn on a logarithmic axis. */
const logarithmicFrom = 20;

const colourOf = (run: number): string => look(run).colour;

/** An SVG of all runs, two panels in a row. */
export function runFigure(runs: readonly RunCurves[]): Markup {
  const title = `Training of ${runs.map(({ name }) => name).join(', ')}`;
  if (runs.every(({ steps }) => steps.length === 0)) {
    return figure(
      { width: panelWidth, height: 80, title, description: 'No step was logged.' },
      emptyNote(panelWidth, 44, 'no step was logged'),
    );
  }
  const all = runs.flatMap(({ steps, evaluations }) => [...steps, ...evaluations.map(({ step }) => step)]);
  const panels = panelsOf(runs, ends(all));
  const rows = Math.ceil(panels.length / 2);
  const description = runs
    .map(
      (run) =>
        `${run.name}: ${counted(run.steps.length, 'step')} taken, ${run.refused.length} refused; loss from ${formatLoss(run.loss[0] ?? null)} to ${formatLoss(run.loss.at(-1) ?? null)}.`,
    )
    .join(' ');
  const { content: names, height: top } = legendRows(
    runs.map(({ name }, i) => ({ label: name, colour: colourOf(i), shape: 'line' })),
    2 * panelWidth,
  );
  const placed = panels.map(
    ({ content }, i) =>
      markup`<g transform="translate(${(i % 2) * (panelWidth + gap)},${top + Math.floor(i / 2) * (panelHeight + gap)})">${content}</g>`,
  );
  return figure(
    { width: 2 * panelWidth + gap, height: top + rows * (panelHeight + gap), title, description },
    markup`${names}
${placed}`,
  );
}

/** A panel as a drawing of its own; its title and description are in the drawing too. */
export interface RunPanel {
  readonly title: string;
  readonly svg: Markup;
}

/** A drawing for each panel of `runFigure`, over steps 0 to `steps`: what a run under way has of them. */
export function runPanels(runs: readonly RunCurves[], steps: number): RunPanel[] {
  return panelsOf(runs, [0, steps]).map(({ label, content, last }) => {
    const title = label.replace(/^./, (letter) => letter.toUpperCase());
    const description = last.length === 0 ? 'Nothing yet.' : `${last.join('; ')}.`;
    return { title, svg: figure({ width: panelWidth, height: panelHeight, title, description }, content) };
  });
}

interface Panel {
  readonly label: string;
  readonly content: Markup;
  /** The last value of each line, in words. */
  readonly last: readonly string[];
}

function panelsOf(runs: readonly RunCurves[], domain: readonly [number, number]): Panel[] {
  const hasHeldOut = runs.some((run) => heldOut(run, 'loss').length > 0);
  const column = (name: Column, axis: Axis): Panel => ({
    label: axis.label,
    content: columnPanel(runs, name, domain, axis),
    last: runs.flatMap((run) => [
      ...lastOf(
        run.name,
        run.steps.map((step, k) => ({ step, value: run[name][k] ?? null })),
        axis,
      ),
      ...lastOf(`${run.name}, held out`, name === 'loss' ? heldOut(run, 'loss') : [], axis),
    ]),
  });
  return [
    column('loss', { label: `loss${hasHeldOut ? ', held out dashed' : ''}`, tickFormat: formatLoss }),
    column('gradientNorm', { label: 'gradient norm', tickFormat: formatLoss }),
    column('learningRate', { label: 'learning rate', tickFormat: formatRate }),
    ...scoreNames(runs).map((name): Panel => {
      const axis = { label: `held out: ${name}`, tickFormat: formatScore };
      return {
        label: axis.label,
        content: scorePanel(runs, name, domain, axis),
        last: runs.flatMap((run) => lastOf(run.name, heldOut(run, name), axis)),
      };
    }),
  ];
}

function lastOf(
  name: string,
  points: readonly { readonly step: number; readonly value: Measured }[],
  { tickFormat }: Axis,
): string[] {
  const last = points.at(-1);
  return last === undefined
    ? []
    : [`${name} ${isMeasured(last.value) ? tickFormat(last.value) : 'not finite'} at step ${formatCount(last.step)}`];
}

interface Axis {
  readonly label: string;
  readonly tickFormat: (value: number) => string;
}

type Column = 'loss' | 'gradientNorm' | 'learningRate';

function columnPanel(
  runs: readonly RunCurves[],
  column: Column,
  domain: readonly [number, number],
  { label, tickFormat }: Axis,
): Markup {
  const curves = runs.map((run, i) => {
    const values = run[column];
    // A fiftieth of the run shows the trend and still follows a warm-up.
    const window = column === 'learningRate' ? 1 : 2 * Math.floor(values.length / 100) + 1;
    return {
      colour: colourOf(i),
      raw: binned(run.steps, values, bins),
      smooth: binned(run.steps, smoothed(values, window), bins),
      heldOut: column === 'loss' ? heldOut(run, 'loss') : [],
      refused: run.refused,
    };
  });
  const drawn = curves
    .flatMap(({ raw, heldOut: dots }) => [
      ...raw.flatMap(({ min, max }) => [min, max]),
      ...dots.map(({ value }) => value),
    ])
    .filter(isMeasured);
  const least = Math.min(...drawn);
  const isLog = column !== 'learningRate' && least > 0 && Math.max(...drawn) / least > logarithmicFrom;
  return panel(
    domain,
    { type: isLog ? 'log' : 'linear', label, tickFormat, ...(column === 'learningRate' && { zero: true }) },
    curves.flatMap(({ colour, raw, smooth, heldOut: dots, refused }) => [
      ...(column === 'learningRate'
        ? []
        : [Plot.areaY(raw, { x: 'step', y1: 'min', y2: 'max', fill: colour, fillOpacity: 0.15 })]),
      Plot.line(smooth, {
        x: 'step',
        y: 'mean',
        stroke: colour,
        strokeWidth: 1.5,
        marker: smooth.length === 1 ? 'dot' : 'none',
      }),
      Plot.line(dots, { x: 'step', y: 'value', stroke: colour, strokeDasharray: '4 3', marker: 'dot' }),
      ...(column === 'learningRate'
        ? []
        : [
            Plot.tickX(refused.slice(0, bins), {
              x: (step: number) => step,
              stroke: colour,
              insetTop: panelHeight - margins.marginTop - margins.marginBottom - 8,
            }),
          ]),
    ]),
  );
}

function scorePanel(runs: readonly RunCurves[], name: string, domain: readonly [number, number], axis: Axis): Markup {
  return panel(
    domain,
    { type: 'linear', ...axis },
    runs.map((run, i) =>
      Plot.line(heldOut(run, name), { x: 'step', y: 'value', stroke: colourOf(i), strokeWidth: 1.5, marker: 'dot' }),
    ),
  );
}

function panel(
  domain: readonly [number, number],
  y: Plot.ScaleOptions & { readonly tickFormat: (value: number) => string },
  marks: Plot.Markish[],
): Markup {
  return plotContent({
    width: panelWidth,
    height: panelHeight,
    ...margins,
    x: { domain: [...domain], label: 'step', tickFormat: formatCount, ticks: 5 },
    y: { grid: true, nice: true, ticks: 5, ...y, ...(y.type === 'log' && { tickFormat: '~g' }) },
    marks,
  });
}

const heldOut = ({ evaluations }: RunCurves, name: string): { step: number; value: number }[] =>
  evaluations.flatMap(({ step, metrics }) => (name in metrics ? [{ step, value: metrics[name]! }] : []));

/** Least and greatest; a run may have more steps than a call takes arguments. */
const ends = (values: readonly number[]): [number, number] =>
  values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
