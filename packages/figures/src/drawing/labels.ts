/**
 * Where the numbers of a drawing stand: beside their nucleotide, in the direction that is freest. A number that finds
 * no room near it is moved away a little, with a line that leads to it.
 */

import type { Point } from '../layout/loopShapes.ts';

export interface Label {
  readonly position: number;
  readonly text: string;
  readonly at: Point;
  /** Ends of the line from the nucleotide to the label. */
  readonly line: readonly [Point, Point];
}

/** In units of the backbone's step. */
const nucleotideRadius = 0.45;
const letterWidth = 0.42;
const halfHeight = 0.36;
const distances = [1.25, 1.7, 2.3, 3];
const directions = 24;
/** Room round a label beyond which more is no better. */
const enoughRoom = 0.55;

const cellOf = (x: number, y: number): number => Math.floor(x) * 4_194_304 + Math.floor(y);

/**
 * Labels of positions, placed one after the other.
 * @param points All positions, in units of the backbone's step.
 * @param pairs Bonds, which labels keep clear of as of the backbone.
 */
export function placeLabels(
  points: readonly Point[],
  pairs: readonly (readonly [number, number])[],
  wanted: readonly { readonly position: number; readonly text: string }[],
): Label[] {
  const grid = new Map<number, Point[]>();
  const occupy = (point: Point): void => {
    const key = cellOf(point.x, point.y);
    const there = grid.get(key);
    if (there === undefined) grid.set(key, [point]);
    else there.push(point);
  };
  const occupyLine = (a: Point, b: Point): void => {
    const steps = Math.ceil(2 * Math.hypot(b.x - a.x, b.y - a.y));
    for (let k = 1; k < steps; k++) occupy({ x: a.x + ((b.x - a.x) * k) / steps, y: a.y + ((b.y - a.y) * k) / steps });
  };
  points.forEach(occupy);
  points.slice(1).forEach((point, k) => {
    occupyLine(points[k]!, point);
  });
  for (const [i, j] of pairs) occupyLine(points[i]!, points[j]!);

  /** Distance of the nearest obstacle from a box, no more than asked for. */
  const room = ({ x, y }: Point, halfWidth: number, height: number, own: Point): number => {
    let least = 2;
    for (let column = Math.floor(x - halfWidth - 1.5); column <= x + halfWidth + 1.5; column++) {
      for (let row = Math.floor(y - height - 1.5); row <= y + height + 1.5; row++) {
        for (const other of grid.get(column * 4_194_304 + row) ?? []) {
          if (other === own) continue;
          const dx = Math.max(0, Math.abs(other.x - x) - halfWidth);
          const dy = Math.max(0, Math.abs(other.y - y) - height);
          least = Math.min(least, Math.hypot(dx, dy));
        }
      }
    }
    return least;
  };

  return wanted.map(({ position, text }) => {
    const own = points[position]!;
    const halfWidth = ([...text].length * letterWidth) / 2;
    let best: { score: number; label: Label } | undefined;
    for (const distance of distances) {
      for (let k = 0; k < directions; k++) {
        const angle = (2 * Math.PI * k) / directions;
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        const reach = distance + halfWidth * Math.abs(cos) - letterWidth / 2;
        const at = { x: own.x + reach * cos, y: own.y + reach * sin };
        const line = [
          { x: own.x + (nucleotideRadius + 0.1) * cos, y: own.y + (nucleotideRadius + 0.1) * sin },
          { x: own.x + (distance - 0.45) * cos, y: own.y + (distance - 0.45) * sin },
        ] as const;
        const middle = { x: (line[0].x + line[1].x) / 2, y: (line[0].y + line[1].y) / 2 };
        const clear = Math.min(
          room(at, halfWidth, halfHeight, own) - nucleotideRadius,
          room(middle, 0, 0, own) - 0.2,
          room(line[1], 0, 0, own) - 0.2,
        );
        // Near is better than far, as long as nothing is covered.
        const score = Math.min(clear, enoughRoom) - distance * 0.25;
        if (best === undefined || score > best.score) best = { score, label: { position, text, at, line } };
      }
    }
    const { label } = best!;
    for (let k = -1; k <= 1; k++) occupy({ x: label.at.x + k * halfWidth, y: label.at.y });
    occupyLine(own, label.at);
    return label;
  });
}

/** The positions that have a number: every tenth, or fewer of a long RNA where each is small. */
export function numbered(length: number, every = 10): { position: number; text: string }[] {
  return Array.from({ length: Math.floor(length / every) }, (_, k) => ({
    position: (k + 1) * every - 1,
    text: String((k + 1) * every),
  }));
}
