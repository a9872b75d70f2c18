/**
 * A plane layout of a secondary structure in which nothing crosses. Helices are ladders that go straight on through
 * bulges and interior loops, and bend only where one side is much longer; other loops are polygons on a circle
 * (Bruccoleri & Heinrich 1988; Hofacker et al. 1994). Neighbours on the backbone are 1 apart and partners 1.5.
 *
 * Loops are laid out from the hairpins outwards. What lies behind a pair is rigid from then on, so that each loop only
 * asks whether its branches, its own positions and the helix that leads to it keep clear of each other. Where they do
 * not, the loop's links are lengthened between those that meet, as RNApuzzler does (Wiegreffe et al. 2018); where that
 * does not help, the branches stand side by side on a level line, which always fits. No library that lays RNA out is
 * kept up, runs without a browser and has a licence that allows it here.
 */

import type { Pair } from '../data.ts';
import {
  circleShape,
  flatShape,
  HALF_PAIR,
  hairpinShape,
  interiorBend,
  interiorRise,
  interiorShape,
  PAIR_DISTANCE,
  placed,
  type LoopShape,
  type Point,
} from './loopShapes.ts';
import { CLEARANCE, segments, type Segments } from './overlap.ts';

export { PAIR_DISTANCE, type Point } from './loopShapes.ts';

/** Pairs stacked without a break; (i, j) is the outermost. */
interface Stem {
  readonly i: number;
  readonly j: number;
  readonly pairs: number;
  /** The loop behind the innermost pair. */
  readonly loop: Loop;
}

interface Loop {
  /** Positions without a partner before the first branch, between branches, and after the last. */
  readonly gaps: readonly (readonly number[])[];
  readonly branches: readonly Stem[];
}

/** What must be free behind a helix's first pair, on either side of its axis, for what leads to it. */
const corridor = HALF_PAIR + 1 + CLEARANCE;
const mostStretchings = 40;
/** The opening of an exterior loop on a circle has room for the names of the ends. */
const exteriorOpening = 4;
/** An exterior loop on a line is at most so wide, or so many times as high. */
const widestLine = 60;
const flattestLine = 2.5;

/**
 * Positions of `length` nucleotides in units of the backbone's step, y downwards: 5' end left, helices downwards from
 * the exterior loop, counter-clockwise round each loop. Partners are 1.5 apart; neighbours 1, or more in a loop that
 * had to be stretched. The two partners of a hairpin without a loop are neighbours and partners, and 1.5 apart.
 * @param nested Pairs that do not cross.
 */
export function radialLayout(length: number, nested: readonly Pair[]): Point[] {
  const { exterior, stems } = stemsOf(length, nested);
  const body = bodies(length, stems);
  for (const stem of stems) body.layOut(stem);
  return body.exterior(exterior);
}

/** The exterior loop, and the stems with those inside another before it. */
function stemsOf(length: number, nested: readonly Pair[]): { exterior: Loop; stems: Stem[] } {
  const partner = new Int32Array(length).fill(-1);
  for (const [i, j] of nested) {
    partner[i] = j;
    partner[j] = i;
  }
  const known = new Map<number, Stem>();
  const loopWithin = (from: number, to: number): Loop => {
    const gaps: number[][] = [[]];
    const branches: Stem[] = [];
    for (let k = from; k < to; k++) {
      const stem = known.get(k);
      if (stem === undefined) gaps.at(-1)!.push(k);
      else {
        branches.push(stem);
        gaps.push([]);
        k = stem.j;
      }
    }
    return { gaps, branches };
  };
  const stems: Stem[] = [];
  for (let i = length - 1; i >= 0; i--) {
    const j = partner[i]!;
    if (j < i || (i > 0 && partner[i - 1] === j + 1)) continue;
    let pairs = 1;
    while (partner[i + pairs] === j - pairs && i + pairs < j - pairs) pairs++;
    const stem = { i, j, pairs, loop: loopWithin(i + pairs, j - pairs + 1) };
    known.set(i, stem);
    stems.push(stem);
  }
  return { exterior: loopWithin(0, length), stems };
}

/** Places of all positions, each in the frame of the stem that was last laid out round it. */
function bodies(length: number, stems: readonly Stem[]) {
  const xs = new Float64Array(length);
  const ys = new Float64Array(length);
  // A trial's places, until it is kept.
  const trialXs = new Float64Array(length);
  const trialYs = new Float64Array(length);
  const order = new Map(stems.map((stem, at) => [stem, at]));

  const keep = (from: number, to: number): void => {
    xs.set(trialXs.subarray(from, to + 1), from);
    ys.set(trialYs.subarray(from, to + 1), from);
  };
  const put = (k: number, { x, y }: Point): void => {
    trialXs[k] = x;
    trialYs[k] = y;
  };

  /** Puts a loop's positions and all that lies behind its branches, `rise` from the frame's origin. */
  const tryShape = ({ gaps, branches }: Loop, shape: LoopShape, rise: number): void => {
    gaps.forEach((gap, g) => {
      gap.forEach((k, at) => {
        const { x, y } = shape.unpaired[g]![at]!;
        put(k, { x, y: y + rise });
      });
    });
    branches.forEach(({ i, j }, b) => {
      const frame = shape.branches[b]!;
      const moved = { ...frame, y: frame.y + rise };
      for (let k = i; k <= j; k++) put(k, placed(moved, xs[k]!, ys[k]!));
    });
  };

  /** Which branches (from 1) of a loop meet each other, the helix that leads to it (0), or its own positions (last). */
  const conflicts = (loop: Loop, stem: Stem | undefined): readonly (readonly [number, number])[] => {
    const found = segments(trialXs, trialYs);
    if (stem !== undefined) addHelix(found, stem);
    addOutline(found, loop.branches.length + 1, loop, stem);
    const closed: [number, number][] = [];
    loop.branches.forEach(({ i, j }, b) => {
      for (let k = i; k < j; k++) {
        found.add(b + 1, k, k + 1);
        if (stem !== undefined && trialYs[k]! < -0.5 && Math.abs(trialXs[k]!) < corridor) closed.push([0, b + 1]);
      }
    });
    const outline = loop.branches.length + 1;
    return [...[...found.conflicts.values()].filter(([a, b]) => a !== 0 || b !== outline), ...closed];
  };

  const isClear = (loop: Loop, stem: Stem | undefined): boolean => conflicts(loop, stem).length === 0;

  /** How far what lies behind a stem's first pair reaches to the left and to the right of its axis. */
  const reach = ({ i, j }: Stem): [number, number] => {
    const within = xs.subarray(i, j + 1);
    return [-within.reduce((a, b) => Math.min(a, b), 0), within.reduce((a, b) => Math.max(a, b), 0)];
  };

  const tryFlat = (stem: Stem): void => {
    const { loop, pairs } = stem;
    const counts = loop.gaps.map((gap) => gap.length);
    const shape =
      loop.branches.length === 0
        ? hairpinShape(counts[0]!)
        : loop.branches.length === 1
          ? interiorShape(counts[0]!, counts[1]!, 0, Math.max(...counts) + 1)
          : flatShape(counts, loop.branches.map(reach));
    tryStem(stem, shape, pairs);
  };

  /** Lays a stem and all within it out on level lines, which holds it above its first pair and clear of itself. */
  const flatten = (stem: Stem): void => {
    const last = order.get(stem)!;
    for (let at = 0; at <= last; at++) {
      const each = stems[at]!;
      if (each.i < stem.i || each.j > stem.j) continue;
      tryFlat(each);
      keep(each.i, each.j);
    }
  };

  const tryStem = (stem: Stem, shape: LoopShape, pairs: number): void => {
    const { i, j, loop } = stem;
    for (let k = 0; k < pairs; k++) {
      put(i + k, { x: -HALF_PAIR, y: k });
      put(j - k, { x: HALF_PAIR, y: k });
    }
    tryShape(loop, shape, pairs - 1);
  };

  const layOutInterior = (stem: Stem): boolean => {
    const { loop, pairs } = stem;
    const [left, right] = loop.gaps.map((gap) => gap.length) as [number, number];
    const [shorter, longer] = [Math.min(left, right), Math.max(left, right)];
    const side = left > right ? -1 : 1;
    const least = interiorRise(shorter);
    for (const extra of [0, 1, 2, 4, 8, 16, 32, 64, 128]) {
      const rise = least + extra;
      const bend = interiorBend(rise, longer) * side;
      // Straight on at last, so that what is kept free behind the branch is so behind this helix as well.
      for (const each of [bend, ...[0.4, -0.4, 0.8, -0.8, 1.2, -1.2].map((more) => bend + more), 0]) {
        tryStem(stem, interiorShape(left, right, each, rise), pairs);
        if (isClear(loop, stem)) return true;
      }
    }
    return false;
  };

  /**
   * Lengthens a loop's links until its branches are clear of each other, and moves branches out of the loop whose
   * insides would reach into it. Shortens again what can be shorter.
   */
  const stretch = (
    loop: Loop,
    stem: Stem | undefined,
    tryShaped: (shape: LoopShape) => void,
    base?: number,
  ): boolean => {
    const parts = loop.branches.length + 1;
    const counts = loop.gaps.map((gap) => gap.length);
    const shares = counts.map((count) => count + 1);
    const links = shares.map(() => 1);
    const necks = loop.branches.map(() => 0);
    const attempt = (): readonly (readonly [number, number])[] => {
      tryShaped(withNecks(circleShape(counts, links, base), necks));
      return conflicts(loop, stem);
    };
    let step = 1.5;
    for (let trial = 0; ; trial++) {
      const found = attempt();
      if (found.length === 0) break;
      if (trial === mostStretchings) return false;
      for (const [a, b] of found) if (b === parts) necks[a - 1]! += step;
      for (const gap of gapsBetween(found, parts)) links[gap]! += step / shares[gap]!;
      balance(links, shares);
      step *= 1.08;
    }
    for (let pass = 0; pass < 3; pass++) {
      for (const [lengths, least] of [
        [links, 1],
        [necks, 0],
      ] as const) {
        for (const [at, before] of lengths.entries()) {
          if (before === least) continue;
          lengths[at] = before < least + 0.1 ? least : (least + before) / 2;
          if (!isBalanced(links, shares) || attempt().length > 0) lengths[at] = before;
        }
      }
    }
    attempt();
    return true;
  };

  const layOutBranched = (stem: Stem): boolean => {
    return stretch(stem.loop, stem, (shape) => {
      tryStem(stem, shape, stem.pairs);
    });
  };

  const layOut = (stem: Stem): void => {
    const { i, j, loop, pairs } = stem;
    const branches = loop.branches.length;
    if (branches === 0) tryStem(stem, hairpinShape(loop.gaps[0]!.length), pairs);
    else {
      const attempt = branches === 1 ? layOutInterior : layOutBranched;
      if (!attempt(stem)) {
        loop.branches.forEach(flatten);
        if (!attempt(stem)) {
          flatten(stem);
          return;
        }
      }
    }
    keep(i, j);
  };

  const exterior = (loop: Loop): Point[] => {
    const counts = loop.gaps.map((gap) => gap.length);
    const line = (): void => {
      const narrow = loop.branches.map((): [number, number] => [HALF_PAIR, HALF_PAIR]);
      tryShape(loop, flatShape(counts, narrow, false), 0);
    };
    line();
    const extent = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b), 0);
    const width = length === 0 ? 0 : 2 * extent(trialXs);
    if (width <= Math.max(widestLine, flattestLine * extent(trialYs)) && isClear(loop, undefined)) return points();
    const onCircle = stretch(
      loop,
      undefined,
      (shape) => {
        tryShape(loop, shape, 0);
      },
      exteriorOpening,
    );
    if (onCircle) return points();
    loop.branches.forEach(flatten);
    tryShape(loop, flatShape(counts, loop.branches.map(reach), false), 0);
    return points();
  };

  const points = (): Point[] => Array.from(trialXs, (x, k) => ({ x, y: trialYs[k]! }));

  return { layOut, exterior };
}

/** The bonds and the backbone of the pairs that lead to a loop. */
function addHelix(found: Segments, { i, j, pairs }: Stem): void {
  for (let k = 0; k < pairs; k++) {
    found.add(0, i + k, j - k);
    if (k + 1 < pairs) {
      found.add(0, i + k, i + k + 1);
      found.add(0, j - k - 1, j - k);
    }
  }
}

/** The backbone of a loop's own positions, and the bonds that begin its branches. */
function addOutline(found: Segments, part: number, { gaps, branches }: Loop, stem: Stem | undefined): void {
  let before = stem && stem.i + stem.pairs - 1;
  gaps.forEach((gap, g) => {
    for (const k of gap) {
      if (before !== undefined) found.add(part, before, k);
      before = k;
    }
    const branch = branches[g];
    if (branch !== undefined) {
      if (before !== undefined) found.add(part, before, branch.i);
      found.add(part, branch.i, branch.j);
      before = branch.j;
    }
  });
  if (stem !== undefined && before !== undefined) found.add(part, before, stem.j - stem.pairs + 1);
}

/** The loop with its branches moved outwards. */
const withNecks = ({ unpaired, branches }: LoopShape, necks: readonly number[]): LoopShape => ({
  unpaired,
  branches: branches.map(({ x, y, forward: [fx, fy] }, b) => ({
    x: x + necks[b]! * fx,
    y: y + necks[b]! * fy,
    forward: [fx, fy],
  })),
});

/** The gaps between branches that meet, or the helix that leads to the loop, the shorter way round. Gap g follows part g. */
function gapsBetween(conflicts: readonly (readonly [number, number])[], parts: number): Set<number> {
  const gaps = new Set<number>();
  for (const [a, b] of conflicts) {
    if (b === parts) continue;
    for (let gap = 0; gap < parts; gap++) {
      const isWithin = gap >= a && gap < b;
      const within = b - a;
      if (isWithin ? within <= parts - within : within >= parts - within) gaps.add(gap);
    }
  }
  return gaps;
}

/** No link may be so long that the others cannot close the loop. */
function isBalanced(links: readonly number[], shares: readonly number[]): boolean {
  const total = links.reduce((sum, link, gap) => sum + link * shares[gap]!, PAIR_DISTANCE * links.length);
  return Math.max(...links) < 0.4 * total;
}

function balance(links: number[], shares: readonly number[]): void {
  while (!isBalanced(links, shares)) {
    const longest = Math.max(...links);
    links.forEach((link, gap) => {
      if (link < longest) links[gap] = Math.min(longest, link * 1.25);
    });
  }
}
