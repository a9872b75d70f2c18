/**
 * The plane layout held to what it promises: lengths of bonds, and that nothing crosses, on random structures and on
 * real ones. Crossings are counted here by comparing all segments with all, without the layout's own grid.
 */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { basePairs, nestedPartners, parseDotBracket, parseStructureFile } from '@rna/structure';
import type { Pair } from '../src/data.ts';
import { PAIR_DISTANCE, radialLayout, type Point } from '../src/layout/radialLayout.ts';

const cloverleaf = '(((((((..(((.........))).(((((.......)))))....(((((.......))))))))))))....';

const parsed = (dotBracket: string): Pair[] => basePairs(parseDotBracket(dotBracket));

const distance = (p: Point, q: Point): number => Math.hypot(p.x - q.x, p.y - q.y);

/** The distance of two segments; 0 where they cross. */
function between([a, b]: readonly [Point, Point], [c, d]: readonly [Point, Point]): number {
  const turn = (p: Point, q: Point, r: Point): number => (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x);
  if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return 0;
  const toSegment = (p: Point, q: Point, r: Point): number => {
    const along = ((p.x - q.x) * (r.x - q.x) + (p.y - q.y) * (r.y - q.y)) / distance(q, r) ** 2;
    const t = Math.min(1, Math.max(0, along));
    return distance(p, { x: q.x + t * (r.x - q.x), y: q.y + t * (r.y - q.y) });
  };
  return Math.min(toSegment(a, c, d), toSegment(b, c, d), toSegment(c, a, b), toSegment(d, a, b));
}

/** Segments of backbone and bonds that cross or touch, without those that share an end. */
function crossings(points: readonly Point[], pairs: readonly Pair[]): string[] {
  const segments: Pair[] = [...points.slice(1).map((_, k): Pair => [k, k + 1]), ...pairs];
  const found: string[] = [];
  const boxes = segments.map(([a, b]) => {
    const [p, q] = [points[a]!, points[b]!];
    return [Math.min(p.x, q.x), Math.max(p.x, q.x), Math.min(p.y, q.y), Math.max(p.y, q.y)] as const;
  });
  segments.forEach(([a, b], first) => {
    const box = boxes[first]!;
    segments.slice(first + 1).forEach(([c, d], after) => {
      if (a === c || a === d || b === c || b === d) return;
      const other = boxes[first + 1 + after]!;
      if (box[0] > other[1] + 1 || other[0] > box[1] + 1 || box[2] > other[3] + 1 || other[2] > box[3] + 1) return;
      const apart = between([points[a]!, points[b]!], [points[c]!, points[d]!]);
      if (apart < 0.5) found.push(`${a}-${b} and ${c}-${d}: ${apart}`);
    });
  });
  return found;
}

/** Partners of random nested structures: an opening bracket without a partner is read as unpaired. */
function nested(characters: readonly string[]): Pair[] {
  const open: number[] = [];
  return characters.flatMap((character, k): Pair[] => {
    if (character === '(') open.push(k);
    const start = character === ')' ? open.pop() : undefined;
    return start === undefined ? [] : [[start, k]];
  });
}

/** Helices, bulges, interior loops and multiloops of any size, which random brackets alone seldom give. */
const structure: fc.Arbitrary<string> = fc.letrec<{ part: string; helix: string; loop: string }>((tie) => ({
  loop: fc.oneof(
    { withCrossShrink: true, maxDepth: 6 },
    fc.integer({ min: 0, max: 12 }).map((n) => '.'.repeat(n)),
    tie('part'),
  ),
  helix: fc
    .tuple(fc.integer({ min: 1, max: 8 }), tie('loop'))
    .map(([pairs, inside]) => '('.repeat(pairs) + (inside === '' ? '.' : inside) + ')'.repeat(pairs)),
  part: fc
    .array(fc.tuple(fc.nat({ max: 6 }), tie('helix')), { minLength: 1, maxLength: 4 })
    .chain((branches) =>
      fc
        .nat({ max: 12 })
        .map((tail) => branches.map(([gap, helix]) => '.'.repeat(gap) + helix).join('') + '.'.repeat(tail)),
    ),
})).part;

function check(length: number, pairs: readonly Pair[]): void {
  const points = radialLayout(length, pairs);
  expect(points).toHaveLength(length);
  expect(points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))).toBe(true);
  const partner = new Map(pairs.flatMap(([i, j]) => [[i, j] as const, [j, i] as const]));
  for (const [i, j] of pairs) {
    expect(distance(points[i]!, points[j]!)).toBeCloseTo(PAIR_DISTANCE, 6);
    // Stacked pairs.
    if (i + 1 < j - 1 && partner.get(i + 1) === j - 1) {
      expect(distance(points[i]!, points[i + 1]!)).toBeCloseTo(1, 6);
      expect(distance(points[j]!, points[j - 1]!)).toBeCloseTo(1, 6);
    }
  }
  for (let k = 1; k < length; k++) expect(distance(points[k - 1]!, points[k]!)).toBeGreaterThan(1 - 1e-6);
  expect(crossings(points, pairs)).toEqual([]);
}

describe('radialLayout', () => {
  test('pairs and stacks have constant lengths, and nothing crosses: random brackets', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('(', ')', '.', '.'), { minLength: 1, maxLength: 150 }), (characters) => {
        check(characters.length, nested(characters));
      }),
      { numRuns: 150 },
    );
  });

  test('pairs and stacks have constant lengths, and nothing crosses: branched structures', () => {
    fc.assert(
      fc.property(structure, (text) => {
        fc.pre(text.length <= 500);
        check(text.length, parsed(text));
      }),
      { numRuns: 60 },
    );
  });

  test('every link is 1 long where nothing has to be moved apart', () => {
    for (const text of [cloverleaf, '((((....))))', '..((.((...))))..', '.'.repeat(200), '((((..((....)).))))']) {
      const points = radialLayout(text.length, parsed(text));
      for (let k = 1; k < text.length; k++) expect(distance(points[k - 1]!, points[k]!)).toBeCloseTo(1, 6);
    }
  });

  test('of 60 RNAs of bpRNA few links are longer than 1', () => {
    const file = new URL('../../cli/data/bprna_TS0_60.dbn', import.meta.url);
    let [links, long] = [0, 0];
    for (const { sequence, partners } of parseStructureFile(readFileSync(file, 'utf8'), 'bprna_TS0_60.dbn')) {
      const pairs = basePairs(nestedPartners(partners));
      check(sequence.length, pairs);
      const points = radialLayout(sequence.length, pairs);
      links += sequence.length - 1;
      for (let k = 1; k < sequence.length; k++) if (distance(points[k - 1]!, points[k]!) > 1.001) long++;
    }
    expect(long / links).toBeLessThan(0.01);
  });

  test('a tRNA is a cloverleaf: acceptor above, D arm left, anticodon below, T arm right, nothing overlaps', () => {
    const points = radialLayout(cloverleaf.length, parsed(cloverleaf));
    const at = (k: number) => points[k]!;
    expect(at(0).y).toBeCloseTo(at(69).y, 6);
    expect(at(0).x).toBeLessThan(at(69).x);
    expect(at(16).x).toBeLessThan(at(6).x);
    expect(at(34).y).toBeGreaterThan(at(16).y);
    expect(at(56).x).toBeGreaterThan(at(63).x);
    points.forEach((p, i) => {
      points.slice(i + 1).forEach((q) => {
        expect(distance(p, q)).toBeGreaterThan(0.85);
      });
    });
  });

  test('3,000 nucleotides with 120 branches take at most 4 seconds of a processor', () => {
    const unit = `((((((..(((${cloverleaf}..${cloverleaf})))...((((....))))..))))))....`;
    const text = unit.repeat(Math.ceil(3000 / unit.length));
    const start = process.cpuUsage();
    radialLayout(text.length, parsed(text));
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(4);
  });
});
