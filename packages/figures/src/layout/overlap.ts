/**
 * Which parts of a drawing come too near each other. Segments lie in a grid of squares, so that each is compared with
 * what stands around it alone, and the time grows with their number.
 */

/** Half of it is kept free on each side of a segment; neighbours on a backbone are 1 apart. */
export const CLEARANCE = 0.85;

const cell = 2;
/** Long segments are put into the grid in pieces, so that one across does not fill the square round it. */
const piece = 2;

/** Segments by number, each of a part. */
export interface Segments {
  /** Adds a segment between two positions, and says which parts have one that is too near. Shared ends do not count. */
  add(part: number, from: number, to: number): void;
  /** Pairs of parts a < b that are too near each other. */
  readonly conflicts: ReadonlyMap<number, readonly [number, number]>;
}

/**
 * An empty grid over positions whose coordinates are `xs` and `ys`.
 * @param enough After so many pairs of parts no more are looked for.
 */
export function segments(xs: Float64Array, ys: Float64Array, enough = Infinity): Segments {
  const grid = new Map<number, number[]>();
  const froms: number[] = [];
  const tos: number[] = [];
  const parts: number[] = [];
  const conflicts = new Map<number, readonly [number, number]>();

  /** Compares a segment with the others of a square and adds it there. */
  const meet = (segment: number, key: number): void => {
    const there = grid.get(key);
    if (there === undefined) {
      grid.set(key, [segment]);
      return;
    }
    const [from, to, part] = [froms[segment]!, tos[segment]!, parts[segment]!];
    for (const other of there) {
      const otherPart = parts[other]!;
      if (otherPart === part) continue;
      const low = Math.min(part, otherPart);
      const high = Math.max(part, otherPart);
      const name = low * 65_536 + high;
      if (conflicts.has(name)) continue;
      const [otherFrom, otherTo] = [froms[other]!, tos[other]!];
      if (from === otherFrom || from === otherTo || to === otherFrom || to === otherTo) continue;
      if (areNear(xs, ys, from, to, otherFrom, otherTo)) conflicts.set(name, [low, high]);
    }
    if (there.at(-1) !== segment) there.push(segment);
  };

  return {
    conflicts,
    add(part, from, to) {
      if (conflicts.size >= enough) return;
      const segment = froms.length;
      froms.push(from);
      tos.push(to);
      parts.push(part);
      const [x1, y1, x2, y2] = [xs[from]!, ys[from]!, xs[to]!, ys[to]!];
      const pieces = Math.max(1, Math.ceil(Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1)) / piece));
      for (let k = 0; k < pieces; k++) {
        const [ax, bx] = [x1 + ((x2 - x1) * k) / pieces, x1 + ((x2 - x1) * (k + 1)) / pieces];
        const [ay, by] = [y1 + ((y2 - y1) * k) / pieces, y1 + ((y2 - y1) * (k + 1)) / pieces];
        const reach = CLEARANCE / 2;
        const left = Math.floor((Math.min(ax, bx) - reach) / cell);
        const right = Math.floor((Math.max(ax, bx) + reach) / cell);
        const top = Math.floor((Math.min(ay, by) - reach) / cell);
        const bottom = Math.floor((Math.max(ay, by) + reach) / cell);
        for (let column = left; column <= right; column++)
          for (let row = top; row <= bottom; row++) meet(segment, column * 4_194_304 + row);
      }
    },
  };
}

function areNear(xs: Float64Array, ys: Float64Array, a: number, b: number, c: number, d: number): boolean {
  const [ax, ay, bx, by] = [xs[a]!, ys[a]!, xs[b]!, ys[b]!];
  const [cx, cy, dx, dy] = [xs[c]!, ys[c]!, xs[d]!, ys[d]!];
  if (cross(ax, ay, bx, by, cx, cy, dx, dy)) return true;
  const limit = CLEARANCE ** 2;
  return (
    squareDistance(ax, ay, cx, cy, dx, dy) < limit ||
    squareDistance(bx, by, cx, cy, dx, dy) < limit ||
    squareDistance(cx, cy, ax, ay, bx, by) < limit ||
    squareDistance(dx, dy, ax, ay, bx, by) < limit
  );
}

/** Whether the segments ab and cd cross. */
export function cross(
  ax: number,
  ay: number,
  bx: number,
  by: number,
  cx: number,
  cy: number,
  dx: number,
  dy: number,
): boolean {
  const turn = (px: number, py: number, qx: number, qy: number, rx: number, ry: number): number =>
    (qx - px) * (ry - py) - (qy - py) * (rx - px);
  return (
    turn(ax, ay, bx, by, cx, cy) * turn(ax, ay, bx, by, dx, dy) < 0 &&
    turn(cx, cy, dx, dy, ax, ay) * turn(cx, cy, dx, dy, bx, by) < 0
  );
}

/** The square of the distance of p from the segment ab. */
function squareDistance(px: number, py: number, ax: number, ay: number, bx: number, by: number): number {
  const [ux, uy] = [bx - ax, by - ay];
  const square = ux * ux + uy * uy;
  const along = square === 0 ? 0 : Math.min(1, Math.max(0, ((px - ax) * ux + (py - ay) * uy) / square));
  return (px - ax - along * ux) ** 2 + (py - ay - along * uy) ** 2;
}
