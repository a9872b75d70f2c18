/**
 * How the series of a figure are told from each other: by colour, and on paper
 * without colours by marker, dashes, and how far a bar is filled. The colours are
 * Okabe and Ito's; the first two and the last are the page's own.
 */

import { colours, type DrawnEntry } from './figure.ts';
import { markup } from './markup.ts';

/** Plot's symbols, and their paths for a legend. */
export const markers = {
  circle: 'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z',
  triangle: 'M0 -5l4.5 8h-9z',
  square: 'M-3.6 -3.6h7.2v7.2h-7.2z',
  diamond: 'M0 -5.5l3.6 5.5l-3.6 5.5l-3.6 -5.5z',
  cross: 'M-1.6 -5h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4v-3.2h3.4z',
  star: 'M0 -5.5l1.3 3.7l3.9 .1l-3.1 2.4l1.1 3.7l-3.2 -2.2l-3.2 2.2l1.1 -3.7l-3.1 -2.4l3.9 -.1z',
} as const;

export interface Look {
  readonly colour: string;
  readonly marker: keyof typeof markers;
  readonly dashes: string;
  /** Opacity of a bar's inside; its outline has the colour. */
  readonly filling: number;
}

const seriesMarkers = Object.keys(markers) as (keyof typeof markers)[];
const seriesColours = [
  colours.good,
  colours.wrong,
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8c6bb1',
  colours.absent,
] as const;
const seriesDashes = ['none', '7 3', '2 2', '9 3 2 3'] as const;
const seriesFillings = [1, 0, 0.3, 0.65] as const;

/** The look of series `k`, from 0. Colours come back after eight, a colour with its marker after 24. */
export function look(k: number): Look {
  return {
    colour: seriesColours[k % seriesColours.length]!,
    marker: seriesMarkers[k % seriesMarkers.length]!,
    dashes: seriesDashes[k % seriesDashes.length]!,
    filling: seriesFillings[k % seriesFillings.length]!,
  };
}

export function lineEntry(label: string, k: number): DrawnEntry {
  const { colour, dashes } = look(k);
  return {
    label,
    swatch: markup`<path d="M0 0h18" stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes}"/>`,
  };
}

export function markerEntry(label: string, k: number): DrawnEntry {
  const { colour, marker } = look(k);
  return { label, swatch: markup`<path transform="translate(9,0)" d="${markers[marker]}" fill="${colour}"/>` };
}

export function barEntry(label: string, k: number): DrawnEntry {
  const { colour, filling } = look(k);
  return {
    label,
    swatch: markup`<path d="M2 -5h14v10h-14z" fill="${colour}" fill-opacity="${filling}" stroke="${colour}"/>`,
  };
}
