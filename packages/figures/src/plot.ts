/**
 * Observable Plot run without a browser. It is apart from what all figures share, so that a page that
 * draws structures alone does not load it.
 */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { figure, legendRows, moved, type DrawnEntry, type Frame, type LegendEntry } from './figure.ts';
import { markup, trusted, type Markup } from './markup.ts';

/** What Plot builds into. Its type and Plot's are the DOM's, which this project is typed without. */
const { document } = parseHTML('<!doctype html><html><body></body></html>') as { document: unknown };

/** The part of a plot's root element that is used. */
interface PlotRoot {
  querySelector(selector: string): { remove(): void } | null;
  readonly innerHTML: string;
}

/**
 * A plot's content, to be put into a `figure`. Plot's own style sheet is left out (it sizes the
 * element that is thrown away) and its coordinates are rounded.
 */
export function plotContent(options: Plot.PlotOptions): Markup {
  const root = Plot.plot({
    ...options,
    document: document as never,
    style: { fontSize: '12px' },
  }) as unknown as PlotRoot;
  root.querySelector('style')?.remove();
  const content = root.innerHTML.replace(/\d+\.\d{3,}(?=[^<>]*>)/g, (digits) =>
    String(Number(Number(digits).toFixed(2))),
  );
  return markup`<g text-anchor="middle">${trusted(content)}</g>`;
}

/** A plot under its legend, as a figure; the height in the frame is the plot's. */
export function plotFigure(
  { width, height, title, description }: Frame,
  entries: readonly (LegendEntry | DrawnEntry)[],
  options: Plot.PlotOptions,
): Markup {
  const { content, height: top } = legendRows(entries, width);
  const plot = plotContent({
    marginTop: 28,
    marginLeft: 56,
    marginRight: 16,
    marginBottom: 40,
    ...options,
    width,
    height,
  });
  return figure({ width, height: top + height, title, description }, markup`${content}${moved(top, plot)}`);
}
