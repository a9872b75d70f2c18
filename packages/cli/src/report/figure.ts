/**
 * What all figures share: the SVG frame with title and description, a legend, the colours, and
 * Observable Plot run without a browser. A figure is one self-contained SVG: put in a page it takes
 * the page's colours (the custom properties below) and text colour, alone it has light ones.
 *
 * The colours are from Okabe and Ito's palette, told apart with every common colour blindness;
 * dashes and position repeat what they say.
 */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { markup, trusted } from './markup.ts';
import type { Markup } from './markup.ts';

export const colours = {
  /** Found, trained: what the model gets right. */
  good: 'var(--rna-good, #0072b2)',
  /** Wrong: predicted and not true. */
  wrong: 'var(--rna-wrong, #d55e00)',
  /** Missed, untrained: what is absent. */
  absent: 'var(--rna-absent, #737b87)',
  /** What drawn things stand on. */
  paper: 'var(--rna-paper, #ffffff)',
} as const;

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** The figure's name, for those who do not see it. */
  readonly title: string;
  /** What the figure shows, in words. */
  readonly description: string;
}

/** An SVG element of `width` × `height` CSS pixels that shrinks with its container. */
export function figure({ width, height, title, description }: Frame, body: Markup): Markup {
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img"
 viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"
 font-family="system-ui, sans-serif" font-size="12" fill="currentColor">
<title>${title}</title>
<desc>${description}</desc>
${body}
</svg>`;
}

export interface LegendEntry {
  readonly label: string;
  readonly colour: string;
  readonly shape: 'line' | 'pale' | 'dashed' | 'dot' | 'ring' | 'band' | 'square';
}

const swatchWidth = 18;

function swatch({ colour, shape }: LegendEntry): Markup {
  switch (shape) {
    case 'line':
      return markup`<path d="M0 0h18" stroke="${colour}" stroke-width="2"/>`;
    case 'pale':
      return markup`<path d="M0 0h18" stroke="${colour}" stroke-opacity="0.4"/>`;
    case 'dashed':
      return markup`<path d="M0 0h18" stroke="${colour}" stroke-width="2" stroke-dasharray="4 3"/>`;
    case 'band':
      return markup`<path d="M0 -5h18v10h-18z" fill="${colour}" fill-opacity="0.25"/>`;
    case 'square':
      return markup`<path d="M4 -5h10v10h-10z" fill="${colour}"/>`;
    case 'dot':
      return markup`<circle cx="9" cy="0" r="4" fill="${colour}"/>`;
    case 'ring':
      return markup`<circle cx="9" cy="0" r="3.5" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  }
}

/**
 * Entries in a row from (x, y), y the middle of the text. Text cannot be measured without a
 * browser, so 6.4 px a character is taken, which is generous for 12 px system fonts.
 */
export function legend(entries: readonly LegendEntry[], x: number, y: number): Markup {
  let left = x;
  const items = entries.map((entry) => {
    const label = markup`<text x="${swatchWidth + 6}" dy="0.35em">${entry.label}</text>`;
    const item = markup`<g transform="translate(${left},${y})">${swatch(entry)}${label}</g>`;
    left += swatchWidth + 6 + [...entry.label].length * 6.4 + 16;
    return item;
  });
  return markup`<g class="legend" text-anchor="start">${items}</g>`;
}

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
  const root = Plot.plot({ ...options, document, style: { fontSize: '12px' } }) as unknown as PlotRoot;
  root.querySelector('style')?.remove();
  const content = root.innerHTML.replace(/\d+\.\d{3,}(?=[^<>]*>)/g, (digits) =>
    String(Number(Number(digits).toFixed(2))),
  );
  return markup`<g text-anchor="middle">${trusted(content)}</g>`;
}

/** Markup moved down by `y`. */
export function moved(y: number, content: Markup): Markup {
  return markup`<g transform="translate(0,${y})">${content}</g>`;
}

/** A centred remark, for a figure that has nothing to draw. */
export function emptyNote(width: number, y: number, note: string): Markup {
  return markup`<text x="${width / 2}" y="${y}" text-anchor="middle" fill-opacity="0.7">${note}</text>`;
}
