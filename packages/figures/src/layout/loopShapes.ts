/**
 * Shapes of single loops, each in the frame of the pair that closes it: its 5' end at (-HALF_PAIR, 0), its 3' end at
 * (HALF_PAIR, 0), the loop on the side of growing y. The unit is the backbone's step. A shape gives the places of the
 * loop's own positions and, for each branch, the frame of the pair that begins it.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Distance of two paired nucleotides; of two neighbours on the backbone it is 1. */
export const PAIR_DISTANCE = 1.5;
export const HALF_PAIR = PAIR_DISTANCE / 2;

/** Where a branch begins: the middle of its pair, and the direction in which its helix runs. */
export interface Frame extends Point {
  /** [x, y] of a unit vector. */
  readonly forward: readonly [number, number];
}

/** `unpaired[g]` are the places in gap g: before the first branch, between branches, after the last. */
export interface LoopShape {
  readonly unpaired: readonly (readonly Point[])[];
  readonly branches: readonly Frame[];
}

/** A point of a frame in the coordinates of the frame's surroundings. */
export const placed = ({ x, y, forward: [fx, fy] }: Frame, px: number, py: number): Point => ({
  x: x + fy * px + fx * py,
  y: y - fx * px + fy * py,
});

const forwardOf = (angle: number): [number, number] => [Math.cos(angle), Math.sin(angle)];

/** The root of a function that falls from positive to negative in an interval. */
function rootOfFalling(f: (x: number) => number, low: number, high: number): number {
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (f(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Half the angle that each of `chords` equal chords takes of a circle, where they span `base` chord lengths. */
function halfAngle(base: number, chords: number): number {
  if (chords === 1 || base >= chords) return 0;
  return rootOfFalling((delta) => Math.sin(chords * delta) / Math.sin(delta) - base, 1e-9, Math.PI / chords);
}

/**
 * The `count` points of an arc of equal chords from `a` to `b`, bowed to the right of that direction where y grows
 * downwards seen from above, which is the outside of a loop walked from its 5' end. The chords are 1 long, or longer
 * where the ends are too far apart.
 */
export function arc(a: Point, b: Point, count: number): Point[] {
  const base = Math.hypot(b.x - a.x, b.y - a.y);
  const chords = count + 1;
  const chord = Math.max(1, base / chords);
  const delta = halfAngle(base / chord, chords);
  let direction = Math.atan2(b.y - a.y, b.x - a.x) + (chords - 1) * delta;
  let { x, y } = a;
  return Array.from({ length: count }, () => {
    x += chord * Math.cos(direction);
    y += chord * Math.sin(direction);
    direction -= 2 * delta;
    return { x, y };
  });
}

/** The angle between an arc's base and its first chord. */
const arcOpening = (base: number, count: number): number => count * halfAngle(base, count + 1);

export const hairpinShape = (unpaired: number): LoopShape => ({
  unpaired: [arc({ x: -HALF_PAIR, y: 0 }, { x: HALF_PAIR, y: 0 }, unpaired)],
  branches: [],
});

/** An arc that opens wider comes near the helix before it. */
const widestOpening = (105 * Math.PI) / 180;

/**
 * The bend, in radians, that an interior loop or a bulge needs so that its longer side keeps clear of the helices, where
 * its shorter side is `rise` long.
 */
export function interiorBend(rise: number, longer: number): number {
  const excess = (bend: number): number =>
    arcOpening(rise + 2 * PAIR_DISTANCE * Math.sin(bend / 2), longer) - bend / 2 - widestOpening;
  return excess(0) <= 0 ? 0 : rootOfFalling(excess, 0, Math.PI);
}

/** The distance of the two pairs of a symmetric interior loop, whose positions lie on a circle; 1 for stacked pairs. */
export function interiorRise(unpaired: number): number {
  if (unpaired === 0) return 1;
  const radius = circleRadius([PAIR_DISTANCE, PAIR_DISTANCE, ...new Array<number>(2 * unpaired + 2).fill(1)]);
  return 2 * Math.sqrt(radius ** 2 - HALF_PAIR ** 2);
}

/**
 * An interior loop or a bulge. The helix goes straight on, or bends by `bend` to the left (5' side), to the right where
 * it is negative; the shorter side has the length `rise`.
 */
export function interiorShape(left: number, right: number, bend: number, rise: number): LoopShape {
  const size = Math.abs(bend);
  const side = bend < 0 ? -1 : 1;
  // Drawn for a bend to the left, and mirrored for the other.
  const [sin, cos] = [Math.sin(size / 2), Math.cos(size / 2)];
  const inner = { x: -HALF_PAIR - rise * sin, y: rise * cos };
  const outer = { x: inner.x + PAIR_DISTANCE * Math.cos(size), y: inner.y + PAIR_DISTANCE * Math.sin(size) };
  const [leftEnd, rightEnd] =
    side > 0
      ? [inner, outer]
      : [
          { x: -outer.x, y: outer.y },
          { x: -inner.x, y: inner.y },
        ];
  return {
    unpaired: [arc({ x: -HALF_PAIR, y: 0 }, leftEnd, left), arc(rightEnd, { x: HALF_PAIR, y: 0 }, right)],
    branches: [
      {
        x: (leftEnd.x + rightEnd.x) / 2,
        y: (leftEnd.y + rightEnd.y) / 2,
        forward: [-side * Math.sin(size), Math.cos(size)],
      },
    ],
  };
}

/** The radius of the circle on which chords of these lengths close. The longest must be shorter than the others' sum. */
function circleRadius(chords: readonly number[]): number {
  const longest = Math.max(...chords);
  const half = (chord: number, radius: number): number => Math.asin(Math.min(1, chord / 2 / radius));
  const sum = (radius: number): number => chords.reduce((total, chord) => total + half(chord, radius), 0);
  const total = chords.reduce((a, b) => a + b, 0);
  // The centre lies beyond the longest chord where the others are too short to go round it.
  const isBeyond = sum(longest / 2) < Math.PI;
  const excess = isBeyond
    ? (radius: number): number => 2 * half(longest, radius) - sum(radius)
    : (radius: number): number => sum(radius) - Math.PI;
  return rootOfFalling(excess, longest / 2, isBeyond ? 1e4 * total : total);
}

/**
 * A loop of several branches as a polygon on a circle, walked from the closing pair's 5' end to its 3' end.
 * `counts[g]` positions are unpaired in gap g, whose links are `links[g]` long.
 * @param base The distance of the loop's ends: that of a pair, or the opening of the exterior loop.
 */
export function circleShape(counts: readonly number[], links: readonly number[], base = PAIR_DISTANCE): LoopShape {
  const chords: number[] = [];
  counts.forEach((count, gap) => {
    if (gap > 0) chords.push(PAIR_DISTANCE);
    for (let k = 0; k <= count; k++) chords.push(links[gap]!);
  });
  const all = [base, ...chords];
  const radius = circleRadius(all);
  const longest = Math.max(...all);
  const angle = (chord: number): number => 2 * Math.asin(Math.min(1, chord / 2 / radius));
  const others = all.reduce((sum, chord) => sum + angle(chord), 0) - angle(longest);
  const isBeyond = others < Math.PI;
  let beyondLeft = isBeyond && longest !== base;
  const height = Math.sqrt(Math.max(0, radius ** 2 - (base / 2) ** 2)) * (isBeyond && longest === base ? -1 : 1);
  let at = Math.atan2(-height, -base / 2);
  const step = (chord: number): void => {
    const isLongest = beyondLeft && chord === longest;
    if (isLongest) beyondLeft = false;
    at -= isLongest ? 2 * Math.PI - angle(chord) : angle(chord);
  };
  const here = (): Point => ({ x: radius * Math.cos(at), y: height + radius * Math.sin(at) });
  const branches: Frame[] = [];
  const unpaired = counts.map((count, gap) => {
    if (gap > 0) {
      const before = at;
      const from = here();
      step(PAIR_DISTANCE);
      const to = here();
      branches.push({ x: (from.x + to.x) / 2, y: (from.y + to.y) / 2, forward: forwardOf((before + at) / 2) });
    }
    const places = Array.from({ length: count }, () => {
      step(links[gap]!);
      return here();
    });
    step(links[gap]!);
    return places;
  });
  return { unpaired, branches };
}

/**
 * A loop laid out on a level line, its branches side by side and parallel. `widths[b]` says how far branch b reaches to
 * the left and to the right of its helix, so that the branches cannot touch. Links may be longer than 1. The line of a
 * loop that is `closed` by a pair is as far from it as leaves the long links to its ends clear of the line.
 */
export function flatShape(
  counts: readonly number[],
  widths: readonly (readonly [number, number])[],
  closed = true,
): LoopShape {
  const places: number[][] = [];
  const middles: number[] = [];
  let x = 0;
  counts.forEach((count, gap) => {
    places.push(Array.from({ length: count }, (_, k) => x + k));
    x += count;
    const width = widths[gap];
    if (width === undefined) return;
    middles.push(x + width[0]);
    x += width[0] + width[1] + 1;
  });
  // From the first to the last place; the step after the last is none.
  const shift = (x - 1) / 2;
  const height = closed ? Math.max(1, shift / 1.5) : 0;
  return {
    unpaired: places.map((gap) => gap.map((at) => ({ x: at - shift, y: height }))),
    branches: middles.map((at) => ({ x: at - shift, y: height, forward: [0, 1] as const })),
  };
}
