/**
 * Where the nucleotides of a drawing stand and how a pair is drawn between them, in three layouts: in the plane, on a
 * line with arcs, and on a circle with chords.
 */

import type { Pair } from '../data.ts';
import { radialLayout, type Point } from '../layout/radialLayout.ts';
import { pathData } from '../markup.ts';
import { positionTicks } from '../ticks.ts';
import { numbered, placeLabels, type Label } from './labels.ts';

export type DrawingLayout = 'radial' | 'arcs' | 'circle';

/** All lengths in pixels. */
export interface Geometry {
  readonly points: readonly Point[];
  /** The backbone's; letters are drawn from a certain size on. */
  readonly step: number;
  readonly numbers: readonly Label[];
  /** Names of the ends. */
  readonly ends: readonly Label[];
  /** SVG path data of a pair. `below` asks for the other side of a line. */
  readonly link: (i: number, j: number, isBelow: boolean) => string;
  /** Whether the link of a pair is a short bond between neighbours in the plane. */
  readonly isBond: (i: number, j: number) => boolean;
  readonly box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

/**
 * @param nested Pairs that do not cross, which the plane layout is made of.
 * @param others All other pairs that will be drawn.
 */
export function drawnGeometry(
  layout: DrawingLayout,
  length: number,
  nested: readonly Pair[],
  others: readonly { readonly pair: Pair; readonly isBelow: boolean }[],
): Geometry {
  switch (layout) {
    case 'radial':
      return radialGeometry(length, nested);
    case 'circle':
      return circleGeometry(length);
    case 'arcs':
      return arcsGeometry(length, nested, others);
  }
}

const radialStep = 18;

const scaledPoint =
  (step: number) =>
  ({ x, y }: Point): Point => ({ x: x * step, y: y * step });

const scaledLabel =
  (step: number) =>
  ({ at, line: [from, to], ...rest }: Label): Label => {
    const scale = scaledPoint(step);
    return { ...rest, at: scale(at), line: [scale(from), scale(to)] };
  };

function radialGeometry(length: number, nested: readonly Pair[]): Geometry {
  const units = radialLayout(length, nested);
  const last = length - 1;
  const wanted = [
    { position: 0, text: '5′' },
    ...(last > 0 ? [{ position: last, text: '3′' }] : []),
    ...numbered(length),
  ];
  const labels = placeLabels(units, nested, length === 0 ? [] : wanted).map(scaledLabel(radialStep));
  const points = units.map(scaledPoint(radialStep));
  const bonds = new Set(nested.map(([i]) => i));
  const partner = new Map(nested);
  const isBond = (i: number, j: number): boolean => bonds.has(i) && partner.get(i) === j;
  const all = [...points, ...labels.map(({ at }) => at)];
  return {
    points,
    step: radialStep,
    numbers: labels.filter(({ text }) => !text.endsWith('′')),
    ends: labels.filter(({ text }) => text.endsWith('′')),
    link: (i, j) => (isBond(i, j) ? straight(points[i]!, points[j]!) : bent(points[i]!, points[j]!)),
    isBond,
    box: boxOf(all, 18),
  };
}

const boxOf = (points: readonly Point[], margin: number): Geometry['box'] => {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return points.length === 0
    ? { left: 0, top: 0, right: 0, bottom: 0 }
    : { left: left - margin, top: top - margin, right: right + margin, bottom: bottom + margin };
};

const straight = (a: Point, b: Point): string => pathData`M${a.x} ${a.y}L${b.x} ${b.y}`;

/** A curve bowed by a sixth of its length, so that it can be told from bonds and backbone. */
function bent(a: Point, b: Point): string {
  const bow = Math.min(0.16, 60 / (Math.hypot(b.x - a.x, b.y - a.y) + 1));
  const middle = { x: (a.x + b.x) / 2 + (b.y - a.y) * 2 * bow, y: (a.y + b.y) / 2 - (b.x - a.x) * 2 * bow };
  return pathData`M${a.x} ${a.y}Q${middle.x} ${middle.y} ${b.x} ${b.y}`;
}

const largestCircle = 1100;

function circleGeometry(length: number): Geometry {
  // The ends keep apart, so that the circle is seen to be open at the top.
  const slots = length + 6;
  const step = Math.min(radialStep * 0.9, (largestCircle * Math.PI) / slots);
  const radius = Math.max((step * slots) / (2 * Math.PI), 20);
  const at = (k: number, distance: number): Point => {
    const angle = -Math.PI / 2 - (2 * Math.PI * (k + 3.5)) / slots;
    return { x: distance * Math.cos(angle), y: distance * Math.sin(angle) };
  };
  const points = Array.from({ length }, (_, k) => at(k, radius));
  const label = (position: number, text: string): Label => ({
    position,
    text,
    at: at(position, radius + step * 0.5 + 16),
    line: [at(position, radius + step * 0.5 + 1), at(position, radius + step * 0.5 + 6)],
  });
  const edge = radius + step * 0.5 + 34;
  return {
    points,
    step,
    numbers: ticksOf(length, 40).map((position) => label(position - 1, String(position))),
    ends: endsOf(length, (position, text) => {
      const side = text === '5′' ? -1 : 1;
      const place = at(position + side * Math.max(1.1, 11 / step), radius);
      return { position, text, at: { x: place.x, y: place.y - 2 }, line: [place, place] };
    }),
    link: (i, j) => {
      const [a, b] = [points[i]!, points[j]!];
      // Towards the centre, the more the farther apart the partners are.
      const pull = 1 - Math.hypot(a.x - b.x, a.y - b.y) / (2 * radius);
      const middle = { x: ((a.x + b.x) / 2) * pull, y: ((a.y + b.y) / 2) * pull };
      return pathData`M${a.x} ${a.y}Q${middle.x} ${middle.y} ${b.x} ${b.y}`;
    },
    isBond: () => false,
    box: { left: -edge, top: -edge, right: edge, bottom: edge },
  };
}

const widestArcs = 1600;
const tallestArc = 320;

function arcsGeometry(
  length: number,
  nested: readonly Pair[],
  others: readonly { readonly pair: Pair; readonly isBelow: boolean }[],
): Geometry {
  const step = Math.min(14, widestArcs / Math.max(1, length));
  const points = Array.from({ length }, (_, k) => ({ x: k * step, y: 0 }));
  const span = (pairs: readonly Pair[]): number => pairs.reduce((most, [i, j]) => Math.max(most, j - i), 0);
  const above = span([...nested, ...others.filter(({ isBelow }) => !isBelow).map(({ pair }) => pair)]);
  const below = span(others.filter(({ isBelow }) => isBelow).map(({ pair }) => pair));
  // Half circles while they fit, else ellipses of one ratio, so that nesting stays visible.
  const flatness = Math.min(1, tallestArc / Math.max(1, (Math.max(above, below) * step) / 2));
  const gap = step * 0.5 + 1;
  const numberRoom = 20;
  const height = (positions: number): number => (positions * step * flatness) / 2;
  const label = (position: number, text: string): Label => ({
    position,
    text,
    at: { x: position * step, y: gap + 11 },
    line: [
      { x: position * step, y: gap },
      { x: position * step, y: gap + 4 },
    ],
  });
  return {
    points,
    step,
    numbers: ticksOf(length, Math.max(4, (length * step) / 60)).map((position) =>
      label(position - 1, String(position)),
    ),
    ends: endsOf(length, (position, text) => {
      const at = { x: position * step + (text === '5′' ? -1 : 1) * (step * 0.5 + 12), y: 0 };
      return { position, text, at, line: [at, at] };
    }),
    link: (i, j, isBelow) => {
      const rx = ((j - i) * step) / 2;
      const y = isBelow ? gap + numberRoom : -gap;
      return pathData`M${i * step} ${y}A${rx} ${rx * flatness} 0 0 ${isBelow ? 0 : 1} ${j * step} ${y}`;
    },
    isBond: () => false,
    box: {
      left: -30,
      right: Math.max(0, length - 1) * step + 30,
      top: -gap - height(above) - 6,
      bottom: gap + numberRoom + height(below) + 6,
    },
  };
}

/** Numbers at round positions, so many that about `most` stand on the line: every tenth where there is room. */
function ticksOf(length: number, most: number): number[] {
  if (length / 10 <= most) return numbered(length).map(({ position }) => position + 1);
  return positionTicks(length).slice(1);
}

const endsOf = (length: number, label: (position: number, text: string) => Label): Label[] =>
  length === 0 ? [] : [label(0, '5′'), ...(length > 1 ? [label(length - 1, '3′')] : [])];
