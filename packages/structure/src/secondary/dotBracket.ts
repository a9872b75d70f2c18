/**
 * Dot-bracket text to partners and back. Crossing pairs (pseudoknots) use
 * further kinds of brackets: () [] {} <> and then the letters Aa … Zz. This
 * file knows one line of brackets; records with names are in files.ts.
 */

import { InputError } from '../errors.ts';
import { intervalDepths } from './intervalDepths.ts';
import { basePairs, checkPartners } from './structure.ts';

const OPENING = '([{<ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const CLOSING = ')]}>abcdefghijklmnopqrstuvwxyz';
// What PseudoBase and WUSS write for positions without a partner, beside the dot.
const UNPAIRED = '.:,-_~';

/** Kinds of brackets that dot-bracket has. */
export const BRACKET_KINDS = OPENING.length;
// Pairs may be so tangled that they need more kinds than there are. Then the kinds with the most pairs are written,
// which are looked for among so many.
const MOST_LEVELS = 4 * BRACKET_KINDS;

/**
 * Partners [length] of a line of brackets. Throws an InputError, for the file
 * and line given, for an unbalanced bracket or an unknown character.
 */
export function parseDotBracket(
  text: string,
  source: { file: string; line: number } = { file: 'dot-bracket', line: 1 },
): Int32Array {
  const refuse = (problem: string, remedy: string) => new InputError(source.file, source.line, problem, remedy);
  const partners = new Int32Array(text.length).fill(-1);
  const open: number[][] = Array.from(OPENING, () => []);
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    const opening = OPENING.indexOf(character);
    const closing = CLOSING.indexOf(character);
    if (opening >= 0) open[opening]!.push(i);
    else if (closing >= 0) {
      const j = open[closing]!.pop();
      if (j === undefined)
        throw refuse(`"${character}" at position ${i + 1} closes no "${OPENING[closing]!}"`, 'correct the brackets');
      partners[i] = j;
      partners[j] = i;
    } else if (!UNPAIRED.includes(character)) {
      throw refuse(
        `"${String.fromCodePoint(text.codePointAt(i)!)}" at position ${i + 1} is no dot-bracket character`,
        'use . ( ) [ ] { } < > or letter pairs Aa',
      );
    }
  }
  const unclosed = open.flat().sort((a, b) => a - b)[0];
  if (unclosed !== undefined)
    throw refuse(`"${text[unclosed]!}" at position ${unclosed + 1} is never closed`, 'correct the brackets');
  return partners;
}

/**
 * A line of brackets for partners [length]; parsing it gives the partners back, but for pairs so tangled that the 30
 * kinds of brackets do not suffice: those of `pairsLeftOut` are dots. Throws a RangeError for partners that do not
 * agree.
 */
export function dotBracket(partners: Int32Array): string {
  const levels = bracketLevels(partners);
  const text = new Array<string>(partners.length).fill('.');
  for (const [i, j] of basePairs(partners)) {
    const level = levels[i]!;
    if (level < 0) continue;
    text[i] = OPENING[level]!;
    text[j] = CLOSING[level]!;
  }
  return text.join('');
}

/** The pairs that `dotBracket` has no kind of bracket for, in the order of i: those of the kinds with the fewest pairs. */
export function pairsLeftOut(partners: Int32Array): [number, number][] {
  const levels = bracketLevels(partners);
  return basePairs(partners).filter(([i]) => levels[i]! < 0);
}

/**
 * Which kind of bracket each position takes [length]: 0 for round ones, 1 for
 * square ones …, -1 if it is unpaired or its pair is left out. Stems are placed
 * longest first, each on the lowest level where it crosses none, so round
 * brackets hold the main structure and the others its pseudoknots; of more than
 * 30 levels those with the most pairs are taken. (On the 1,197 knotted
 * structures of bpRNA's TR0, VL0 and TS0, 89 % get the very round brackets of
 * the data set.)
 */
export function bracketLevels(partners: Int32Array): Int32Array {
  const placed = placedStems(partners, MOST_LEVELS, 'bracketLevels');
  const pairs = placed.map((level) => level.reduce((sum, stem) => sum + stem.length, 0));
  const kinds = [...placed.keys()]
    .sort((a, b) => pairs[b]! - pairs[a]!)
    .slice(0, BRACKET_KINDS)
    .sort((a, b) => a - b);
  const levels = new Int32Array(partners.length).fill(-1);
  for (const [kind, level] of kinds.entries())
    for (const stem of placed[level]!) for (const [i, j] of stem) levels[i] = levels[j] = kind;
  return levels;
}

/** The pairs of the main structure alone: those that dot-bracket writes with round brackets. */
export function nestedPartners(partners: Int32Array): Int32Array {
  const nested = new Int32Array(partners.length).fill(-1);
  for (const stem of placedStems(partners, 1, 'nestedPartners')[0] ?? []) {
    for (const [i, j] of stem) {
      nested[i] = j;
      nested[j] = i;
    }
  }
  return nested;
}

type Stem = readonly (readonly [number, number])[];

/**
 * The stems of each level, of at most `most` levels. A level takes, longest first, what crosses none that it has; the
 * others are for the levels above it. That is the lowest level for each stem, at a cost of n log n a level.
 */
function placedStems(partners: Int32Array, most: number, caller: string): Stem[][] {
  checkPartners(partners, caller);
  let left: Stem[] = stems(partners).sort((a, b) => b.length - a.length);
  const levels: Stem[][] = [];
  const depths = intervalDepths(partners.length);
  while (left.length > 0 && levels.length < most) {
    depths.clear();
    const level: Stem[] = [];
    left = left.filter((stem) => {
      // All pairs of a stem cross the same pairs, so its first speaks for them.
      const [i, j] = stem[0]!;
      if (!depths.isBalanced(i + 1, j)) return true;
      depths.add(i, j);
      level.push(stem);
      return false;
    });
    levels.push(level);
  }
  return levels;
}

/**
 * Pairs grouped into stems, bulges and internal loops included: no other pair's end lies between a pair and the next.
 */
function stems(partners: Int32Array): [number, number][][] {
  const isFree = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (partners[i] !== -1) return false;
    return true;
  };
  const result: [number, number][][] = [];
  for (const [i, j] of basePairs(partners)) {
    const stem = result.at(-1);
    const outer = stem?.at(-1);
    if (stem && outer && j < outer[1] && isFree(outer[0] + 1, i) && isFree(j + 1, outer[1])) stem.push([i, j]);
    else result.push([[i, j]]);
  }
  return result;
}
