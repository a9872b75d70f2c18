/**
 * The four live plots of a run, by Observable Plot: loss, learning rate,
 * gradient norm, and accuracy on the held-out RNAs by kind of mask. What is
 * drawn follows from the log's entries alone.
 */
import { dot, gridY, lineY, plot, ruleY, type Markish } from '@observablehq/plot';
import type { LogEntry } from '@rna/train';

interface Point {
  readonly step: number;
  readonly value: number;
}

interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Few points that are marked each. */
  readonly sparse?: boolean;
}

/** Metrics of evaluation as people name them. */
const MASKS: Readonly<Record<string, string>> = {
  accuracy: 'all',
  'mlm.accuracy': 'MLM',
  'sm.accuracy': 'SM',
  'ssmStem.accuracy': 'SSM, stems',
  'ssmLoop.accuracy': 'SSM, loops',
};
const COLORS = ['var(--accent)', 'var(--second)', 'var(--third)', 'var(--fourth)'];
/** Width from which the style sheet has two plots abreast, and what is between them, in pixels. */
const [TWO_ABREAST, GAP] = [784, 16];
/** Points of a line at most; more are drawn as means of neighbours. */
const MAX_POINTS = 400;

/** Draws all plots of a log into `container`, in place of what was there. `steps` is the width of the axis. */
export function drawPlots(container: HTMLElement, entries: readonly LogEntry[], steps: number): void {
  const taken = entries.filter((entry) => 'loss' in entry);
  const evaluations = entries.filter((entry) => 'evaluation' in entry);
  const metric = (name: string): Point[] =>
    evaluations.flatMap(({ step, evaluation }) =>
      evaluation[name] === undefined ? [] : [{ step, value: evaluation[name] }],
    );
  const accuracies = [...new Set(evaluations.flatMap(({ evaluation }) => Object.keys(evaluation)))].filter((name) =>
    /(^|\.)accuracy$/.test(name),
  );
  const width = container.clientWidth < TWO_ABREAST ? container.clientWidth : (container.clientWidth - GAP) / 2;
  container.replaceChildren(
    figure(
      'Loss, nats per masked token',
      [
        { name: 'training', points: thin(taken.map(({ step, loss }) => ({ step, value: loss }))) },
        { name: 'held-out RNAs', points: metric('loss'), sparse: true },
      ],
      steps,
      width,
    ),
    figure(
      'Accuracy on held-out RNAs',
      accuracies.map((name) => ({ name: MASKS[name] ?? name, points: metric(name), sparse: true })),
      steps,
      width,
    ),
    figure(
      'Gradient norm',
      [
        {
          name: 'before clipping',
          points: thin(taken.map(({ step, gradientNorm }) => ({ step, value: gradientNorm }))),
        },
      ],
      steps,
      width,
    ),
    figure(
      'Learning rate',
      [{ name: '', points: thin(taken.map(({ step, learningRate }) => ({ step, value: learningRate }))) }],
      steps,
      width,
      '.1e',
    ),
  );
}

function figure(
  title: string,
  series: readonly Series[],
  steps: number,
  width: number,
  tickFormat?: string,
): HTMLElement {
  const drawn = series
    .filter(({ points }) => points.length > 0)
    .map((each, i) => ({ ...each, color: COLORS[i % COLORS.length]! }));
  const marks: Markish[] = drawn.flatMap(({ points, sparse, color }) => [
    lineY(points, { x: 'step', y: 'value', stroke: color, strokeWidth: 1.5, clip: true }),
    ...(sparse ? [dot(points, { x: 'step', y: 'value', fill: color, r: 2.5 })] : []),
  ]);
  const caption = document.createElement('figcaption');
  caption.append(title, ...drawn.filter(({ name }) => name !== '').map(({ name, color }) => legend(name, color)));
  const element = document.createElement('figure');
  const drawing = plot({
    width,
    height: 210,
    marginLeft: 48,
    marginBottom: 34,
    style: { background: 'transparent', color: 'inherit' },
    x: { label: 'step', domain: [0, steps], ticks: 5 },
    y: { label: null, nice: true, ticks: 5, ...(tickFormat !== undefined && { tickFormat }) },
    marks: [
      gridY({ stroke: 'var(--line)', strokeOpacity: 1, ticks: 5 }),
      ruleY(drawn.length === 0 ? [0] : [], { stroke: 'none' }),
      ...marks,
    ],
  });
  drawing.setAttribute('role', 'img');
  drawing.setAttribute('aria-label', describe(title, drawn));
  element.append(caption, drawing);
  return element;
}

function legend(name: string, color: string): HTMLElement {
  const [item, swatch] = [document.createElement('span'), document.createElement('i')];
  swatch.style.background = color;
  item.append(swatch, name);
  return item;
}

/** What a person who cannot see the plot is told: each line's last value. */
const describe = (title: string, series: readonly Series[]): string =>
  `${title}: ${series.length === 0 ? 'nothing yet' : series.map(({ name, points }) => `${name} ${points.at(-1)!.value.toPrecision(3)} at step ${points.at(-1)!.step}`).join(', ')}`;

function thin(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  if (size <= 1) return [...points];
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const part = points.slice(i * size, (i + 1) * size);
    return { step: part.at(-1)!.step, value: part.reduce((sum, { value }) => sum + value, 0) / part.length };
  });
}
