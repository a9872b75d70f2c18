/**
 * A plane layout of a secondary structure, radial as in RNAplot's simple mode (Bruccoleri & Heinrich
 * 1988; Hofacker et al. 1994): every loop is a regular polygon with sides of 1, so a stack of two
 * pairs is a square and a helix a ladder. No library that lays RNA out is kept up and runs without
 * a browser, and this much needs none. Large structures may overlap themselves: nothing is moved apart.
 */

import type { Pair } from './data.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Positions of `length` nucleotides in units of the backbone's step, y downwards, counter-clockwise
 * round each loop. `nested` must not cross.
 */
export function radialLayout(length: number, nested: readonly Pair[]): Point[] {
  const partner = new Map<number, number>(nested);
  const points = new Array<Point>(length);
  // The exterior loop is closed by a pair of two positions beyond the ends, which is not drawn.
  const open: { pair: Pair; from: Point; to: Point }[] = [
    { pair: [-1, length], from: { x: 0, y: 0 }, to: { x: 1, y: 0 } },
  ];
  for (let loop = open.pop(); loop !== undefined; loop = open.pop()) {
    const [i, j] = loop.pair;
    const vertices: number[] = [];
    for (let k = i + 1; k < j;) {
      const end = partner.get(k);
      vertices.push(k, ...(end === undefined ? [] : [end]));
      k = (end ?? k) + 1;
    }
    // Walk round the polygon from i, turning by the same angle at each vertex.
    const turn = (2 * Math.PI) / (vertices.length + 2);
    let direction = Math.atan2(loop.from.y - loop.to.y, loop.from.x - loop.to.x);
    let { x, y } = loop.from;
    for (const vertex of vertices) {
      direction -= turn;
      x += Math.cos(direction);
      y += Math.sin(direction);
      points[vertex] = { x, y };
    }
    for (const vertex of vertices) {
      const end = partner.get(vertex);
      const from = points[vertex];
      const to = end === undefined ? undefined : points[end];
      if (end !== undefined && from !== undefined && to !== undefined) open.push({ pair: [vertex, end], from, to });
    }
  }
  return points;
}

/**
 * The layout turned so that the pair that spans most is level, 5' end left, and its helix runs down
 * from it: a tRNA comes out as the cloverleaf of the textbooks. Without pairs it stays as it is.
 */
export function endsUp(points: readonly Point[], nested: readonly Pair[]): Point[] {
  const widest = nested.reduce<Pair | undefined>(
    (best, pair) => (best === undefined || pair[1] - pair[0] > best[1] - best[0] ? pair : best),
    undefined,
  );
  const from = widest && points[widest[0]];
  const to = widest && points[widest[1]];
  if (from === undefined || to === undefined) return [...points];
  const angle = -Math.atan2(to.y - from.y, to.x - from.x);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return points.map(({ x, y }) => ({ x: x * cos - y * sin, y: x * sin + y * cos }));
}
