/**
 * What the nucleotides of a drawing are filled with: the probability of what is drawn of them, the kind of loop, or
 * which of two structures pairs them. Fills are the same on light and dark pages, and each comes with the ink that is
 * read on it. Orange to blue is told apart with every common colour blindness.
 */

import { colours, type DrawnEntry } from '../figure.ts';
import { markup } from '../markup.ts';
import type { LoopKind } from './loopKinds.ts';

export interface Paint {
  readonly fill: string;
  readonly outline: string;
  readonly ink: string;
}

const darkInk = '#1b1f24';
const lightInk = '#ffffff';

/** Without a colour: paper, with the page's ink. */
export const PLAIN: Paint = { fill: colours.paper, outline: 'currentColor', ink: 'currentColor' };

/** Colours of the probabilities 0, 0.25, 0.5, 0.75 and 1. */
const ramp: readonly (readonly [number, number, number])[] = [
  [0xd5, 0x5e, 0x00],
  [0xf3, 0xb2, 0x7a],
  [0xf4, 0xf1, 0xea],
  [0x8f, 0xc1, 0xe3],
  [0x00, 0x72, 0xb2],
];

const hex = (channels: readonly number[]): string =>
  `#${channels.map((channel) => Math.round(channel).toString(16).padStart(2, '0')).join('')}`;

/** The fill of a probability, 0 … 1. */
export function probabilityPaint(probability: number): Paint {
  const at = Math.min(1, Math.max(0, probability)) * (ramp.length - 1);
  const low = Math.min(ramp.length - 2, Math.floor(at));
  const channels = ramp[low]!.map((value, c) => value + (ramp[low + 1]![c]! - value) * (at - low));
  const luminance = 0.299 * channels[0]! + 0.587 * channels[1]! + 0.114 * channels[2]!;
  // A pale circle needs an outline to be seen on paper.
  const outline = hex(channels.map((value) => value * 0.75));
  return { fill: hex(channels), outline, ink: luminance > 125 ? darkInk : lightInk };
}

const tint = (fill: string, outline: string): Paint => ({ fill, outline, ink: darkInk });

export const LOOP_PAINTS: Readonly<Record<LoopKind, Paint>> = {
  stem: tint('#bfdcf0', '#4f93c0'),
  hairpin: tint('#fbdc9c', '#c9952e'),
  interior: tint('#bde5d3', '#45a07e'),
  multiloop: tint('#f3c6de', '#bf6c9b'),
  exterior: tint('#e4e6ea', '#8c939d'),
  pseudoknot: tint('#f6b79c', '#cf6a3d'),
};

/** In which of two structures a nucleotide's pair is. The first is the one that is laid out. */
export type Membership = 'both' | 'first' | 'second' | 'none';

export const MEMBERSHIP_PAINTS: Readonly<Record<Membership, Paint>> = {
  both: tint('#bfdcf0', '#0072b2'),
  first: tint('#fad0b3', '#d55e00'),
  second: tint('#d9dce1', '#737b87'),
  none: PLAIN,
};

/** A legend's entry for a fill. */
export const paintEntry = (label: string, { fill, outline }: Paint): DrawnEntry => ({
  label,
  swatch: markup`<circle cx="9" cy="0" r="6" fill="${fill}" stroke="${outline}"/>`,
});

const rampSteps = 24;
const rampWidth = 120;

/** The scale of probabilities, from 0 to 1. */
export function probabilityScale(x: number, y: number, label: string) {
  const step = rampWidth / rampSteps;
  const bars = Array.from(
    { length: rampSteps },
    (_, k) =>
      markup`<rect x="${x + 18 + k * step}" y="${y - 6}" width="${step + 0.5}" height="12" fill="${probabilityPaint((k + 0.5) / rampSteps).fill}"/>`,
  );
  return markup`<g class="scale"><text x="${x + 4}" y="${y}" dy="0.35em">0</text>${bars}
<text x="${x + 24 + rampWidth}" y="${y}" dy="0.35em">1</text>
<text x="${x + 44 + rampWidth}" y="${y}" dy="0.35em">${label}</text></g>`;
}
