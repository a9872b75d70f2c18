/**
 * What all figures share: the SVG frame with title and description, a legend, and the colours. A
 * figure is one self-contained SVG: put in a page it takes the page's colours (the custom properties
 * below) and text colour, alone it has light ones.
 *
 * The colours are from Okabe and Ito's palette, told apart with every common colour blindness;
 * dashes and position repeat what they say.
 */

import { markup, type Markup } from './markup.ts';

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

/** A drawn figure. */
export interface Figure {
  /** Its file is `NAME.svg`. */
  readonly name: string;
  /** What a reader must know beside what is drawn. */
  readonly caption: string;
  readonly svg: Markup;
  /** Needs a page's whole width. */
  readonly wide?: boolean;
}

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

/** An entry whose swatch, 18 px wide around y = 0, is drawn elsewhere. */
export interface DrawnEntry {
  readonly label: string;
  readonly swatch: Markup;
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

/** A legend's text cannot be measured without a browser: 6.4 px a character is generous for 12 px system fonts. */
function entryWidth({ label }: { readonly label: string }): number {
  return swatchWidth + 6 + [...label].length * 6.4 + 16;
}

/** Entries in a row from (x, y), y the middle of the text. */
export function legend(entries: readonly (LegendEntry | DrawnEntry)[], x: number, y: number): Markup {
  let left = x;
  const items = entries.map((entry) => {
    const label = markup`<text x="${swatchWidth + 6}" dy="0.35em">${entry.label}</text>`;
    const drawn = 'swatch' in entry ? entry.swatch : swatch(entry);
    const item = markup`<g transform="translate(${left},${y})">${drawn}${label}</g>`;
    left += entryWidth(entry);
    return item;
  });
  return markup`<g class="legend" text-anchor="start">${items}</g>`;
}

const legendRow = 20;

/** A legend in as many rows as a width asks for, and the height that it takes. */
export function legendRows(
  entries: readonly (LegendEntry | DrawnEntry)[],
  width: number,
): { readonly content: Markup; readonly height: number } {
  const rows: (LegendEntry | DrawnEntry)[][] = [];
  let room = 0;
  for (const entry of entries) {
    const needed = entryWidth(entry);
    if (needed > room) {
      rows.push([]);
      room = width;
    }
    rows.at(-1)!.push(entry);
    room -= needed;
  }
  const content = markup`${rows.map((row, r) => legend(row, 4, 10 + r * legendRow))}`;
  return { content, height: rows.length === 0 ? 0 : rows.length * legendRow + 8 };
}

const ink = '#1b1f24';

/**
 * The figure as a file of its own: colours are written out, as drawing programs and typesetters
 * know no custom properties.
 */
export function figureFile({ svg }: Figure): string {
  const tags = svg.markup.replace(/<[^>]*>/g, (tag) =>
    tag.replace(/var\(--[\w-]+, *(#[0-9a-f]{6})\)/g, '$1').replaceAll('currentColor', ink),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${tags}\n`;
}

/** Markup moved down by `y`. */
export function moved(y: number, content: Markup): Markup {
  return markup`<g transform="translate(0,${y})">${content}</g>`;
}

/** A centred remark, for a figure that has nothing to draw. */
export function emptyNote(width: number, y: number, note: string): Markup {
  return markup`<text x="${width / 2}" y="${y}" text-anchor="middle" fill-opacity="0.7">${note}</text>`;
}
