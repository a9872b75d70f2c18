/**
 * How sure a model is of a structure in space: the predicted lDDT of each
 * nucleotide as a bar along the sequence, in AlphaFold's four colours, and over
 * it the base pairs of the model's secondary structure as arcs.
 */

import type { Pair } from './data.ts';
import { figure, legend } from './figure.ts';
import { counted, formatScore } from './format.ts';
import { markup, pathData, type Markup } from './markup.ts';
import { positionTicks } from './ticks.ts';

/** AlphaFold's classes of the predicted lDDT (0 to 1) with the colours of its database, the surest first. */
export const CONFIDENCE_CLASSES: readonly { readonly from: number; readonly label: string; readonly colour: string }[] =
  [
    { from: 0.9, label: '≥ 0.9', colour: '#0053d6' },
    { from: 0.7, label: '0.7–0.9', colour: '#65cbf3' },
    { from: 0.5, label: '0.5–0.7', colour: '#ffdb13' },
    { from: -Infinity, label: '< 0.5', colour: '#ff7d45' },
  ];

/** The colour of a predicted lDDT. */
export const confidenceColour = (plddt: number): string =>
  (CONFIDENCE_CLASSES.find(({ from }) => plddt >= from) ?? CONFIDENCE_CLASSES.at(-1)!).colour;

export interface ConfidenceData {
  readonly id: string;
  readonly sequence: string;
  /** [L], 0 to 1. */
  readonly plddt: ArrayLike<number>;
  readonly pairs: readonly Pair[];
}

const side = 36;
const minimalWidth = 480;
const maximalWidth = 1000;
const tallestArc = 130;
const barsHeight = 120;
/** Least distance of neighbouring positions, in pixels, at which a letter can be read. */
const letterRoom = 6.5;

/** An SVG of one RNA. Throws a RangeError for values that are not as many as nucleotides, or a pair outside of them. */
export function confidenceFigure({ id, sequence, plddt, pairs }: ConfidenceData): Markup {
  const length = sequence.length;
  if (plddt.length !== length)
    throw new RangeError(`confidenceFigure: ${plddt.length} values for ${length} nucleotides of ${id}`);
  const outside = pairs.find(([i, j]) => !(i >= 0 && i < j && j < length));
  if (outside !== undefined) throw new RangeError(`confidenceFigure: the pair ${outside.join('-')} is not of ${id}`);

  const width = Math.min(maximalWidth, Math.max(minimalWidth, length * 8 + 2 * side));
  const room = (width - 2 * side) / Math.max(1, length);
  const x = (position: number): number => side + (position + 0.5) * room;
  const widest = Math.max(0, ...pairs.map(([i, j]) => j - i));
  const flatness = Math.min(1, tallestArc / Math.max(1, (widest * room) / 2));
  const legendHeight = 28;
  const base = legendHeight + (widest * room * flatness) / 2 + 10;
  const hasLetters = room >= letterRoom;
  const top = base + (hasLetters ? 20 : 8);
  const bottom = top + barsHeight;

  const arcs = pairs.map(([i, j]) => {
    const rx = (x(j) - x(i)) / 2;
    const d = pathData`M${x(i)} ${base}A${rx} ${rx * flatness} 0 0 1 ${x(j)} ${base}`;
    return markup`<path d="${d}"><title>${`${sequence[i]!}${i + 1}–${sequence[j]!}${j + 1}`}</title></path>`;
  });
  const bars = Array.from(plddt, (value, i) => {
    const height = barsHeight * Math.min(1, Math.max(0, value));
    const d = pathData`M${x(i) - room / 2} ${bottom}v${-height}h${room}v${height}z`;
    return markup`<path d="${d}" fill="${confidenceColour(value)}"><title>${`${sequence[i]!}${i + 1}, ${formatScore(value)}`}</title></path>`;
  });
  const letters = hasLetters
    ? [...sequence].map((letter, i) => markup`<text x="${x(i)}" y="${base + 13}">${letter}</text>`)
    : [];
  const scale = [0, 0.5, 0.7, 0.9, 1].map((value) => {
    const y = bottom - barsHeight * value;
    return markup`<path d="M${side} ${y}H${width - side}" stroke="currentColor" stroke-opacity="0.18"/>
<text x="${side - 6}" y="${y}" dy="0.35em">${String(value)}</text>`;
  });
  const ticks = positionTicks(length).map(
    (position) => markup`<text x="${x(position - 1)}" y="${bottom + 14}">${String(position)}</text>`,
  );
  const mean = Array.from(plddt).reduce((sum, value) => sum + value, 0) / Math.max(1, length);
  const entries = CONFIDENCE_CLASSES.map(({ label, colour }) => ({ label, colour, shape: 'square' as const }));
  return figure(
    {
      width,
      height: bottom + 24,
      title: `Confidence in the structure of ${id}`,
      description: `Bars are the predicted lDDT of ${counted(length, 'nucleotide')}, ${formatScore(mean)} in the mean. Arcs over them are ${counted(pairs.length, 'base pair')}.`,
    },
    markup`${legend(entries, side, 10)}
<g fill="none" stroke="currentColor" stroke-opacity="0.7" stroke-width="1.2">${arcs}</g>
<g font-family="ui-monospace, monospace" font-size="10" text-anchor="middle">${letters}</g>
<g class="bars">${bars}</g>
<g font-size="10" text-anchor="end" fill-opacity="0.7">${scale}</g>
<g font-size="10" text-anchor="middle" fill-opacity="0.7">${ticks}</g>`,
  );
}
