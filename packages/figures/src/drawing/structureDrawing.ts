/**
 * A secondary structure as a drawing: nucleotides with their letters, numbered every ten, backbone and bonds. A
 * Watson-Crick bond is a line, a wobble one (GU) a dot, any other an open circle; pairs that cross the nested structure
 * are curves. A second structure can be drawn over it, with the differences in colour.
 */

import { basePairs, nestedPartners, partnersFromPairs } from '@rna/structure';
import type { Pair } from '../data.ts';
import { colours, emptyNote, figure, legendRows, moved, type DrawnEntry, type LegendEntry } from '../figure.ts';
import { counted } from '../format.ts';
import { markup, nothing, pathData, type Markup } from '../markup.ts';
import { checkPairs, pairName } from '../pairs.ts';
import { drawnGeometry, type DrawingLayout, type Geometry } from './geometry.ts';
import { loopKinds, LOOP_KINDS, type LoopKind } from './loopKinds.ts';
import {
  LOOP_PAINTS,
  MEMBERSHIP_PAINTS,
  paintEntry,
  PLAIN,
  probabilityPaint,
  probabilityScale,
  type Membership,
  type Paint,
} from './nucleotideColours.ts';
import { pairType } from './rna2d.ts';
import { checkedStructure, drawnProbabilities, type DrawnStructure } from './structure.ts';

export type DrawingColour = 'probability' | 'loop' | 'none';

export interface DrawingOptions {
  /** Default `radial`. */
  readonly layout?: DrawingLayout;
  /** Default `probability` where there are any, else `loop`; with `against` the colours are those of the differences. */
  readonly colour?: DrawingColour;
  /** A second structure of the same sequence, whose differences are marked. */
  readonly against?: { readonly name: string; readonly pairs: readonly Pair[] };
  /** What the legend calls the structure where there is a second. Default its id. */
  readonly name?: string;
  /** Stands over the drawing. */
  readonly heading?: string;
}

const leastWidth = 380;
/** Backbone step in pixels from which letters can be read. */
const letterStep = 8;
const knotColour = '#8c6bb1';

interface Drawn {
  readonly pair: Pair;
  readonly membership: Exclude<Membership, 'none'> | 'alone';
  readonly isNested: boolean;
}

/**
 * An SVG of a structure.
 * @throws RangeError for pairs or probabilities that do not fit the sequence, and for `probability` without any.
 */
export function structureDrawing(structure: DrawnStructure, options: DrawingOptions = {}): Markup {
  const { id, sequence, pairs, probabilities } = checkedStructure(structure);
  const { layout = 'radial', against, name = id, heading } = options;
  const colour = options.colour ?? (probabilities === undefined ? 'loop' : 'probability');
  if (against !== undefined) checkPairs(id, against.name, against.pairs, sequence.length);
  const title = heading ?? `Structure of ${id}`;
  if (sequence.length === 0)
    return figure(
      { width: leastWidth, height: 80, title, description: 'An empty sequence.' },
      emptyNote(leastWidth, 44, 'empty sequence'),
    );

  const partners = partnersFromPairs(pairs, sequence.length);
  const nested = nestedPartners(partners);
  const drawn = drawnPairs(pairs, nested, against?.pairs);
  const isBelow = ({ membership }: Drawn): boolean => membership === 'second';
  const geometry = drawnGeometry(
    layout,
    sequence.length,
    basePairs(nested),
    drawn.filter(({ isNested }) => !isNested).map((each) => ({ pair: each.pair, isBelow: isBelow(each) })),
  );
  const known = new Map((probabilities ?? []).map(([i, j, p]) => [`${i} ${j}`, p]));
  const hint = ({ pair, membership }: Drawn): string => {
    const p = known.get(`${pair[0]} ${pair[1]}`);
    const names = { both: 'in both', first: `only in ${name}`, second: `only in ${against?.name ?? ''}`, alone: '' };
    return [pairName(sequence, pair), names[membership], p === undefined ? '' : `p = ${p.toFixed(2)}`]
      .filter((part) => part !== '')
      .join(', ');
  };
  const { points, step, box } = geometry;
  // 14 px semi-bold letters are about 8.4 px wide.
  const width = Math.max(leastWidth, box.right - box.left, 16 + 8.4 * [...(heading ?? '')].length);
  const painted = paints(structure, nested, drawn, colour, options, width);
  const { paintAt, content: key, height: keyHeight, description } = painted;

  const bond = (each: Drawn): Markup => {
    const [i, j] = each.pair;
    const stroke = bondStroke(each);
    const title = markup`<title>${hint(each)}</title>`;
    if (!geometry.isBond(i, j) || each.membership === 'second') {
      const d = geometry.link(i, j, isBelow(each));
      return markup`<path class="${each.membership}" ${stroke} d="${d}">${title}</path>`;
    }
    return markup`<g class="${each.membership}" ${stroke}>${title}${bondMark(geometry, sequence, i, j)}</g>`;
  };
  const radius = step * 0.43;
  const hasLetters = step >= letterStep;
  const nucleotides = [...sequence].map((letter, k) => {
    const { x, y } = points[k]!;
    const { fill, outline, ink } = paintAt(k);
    const circle = markup`<circle cx="${x}" cy="${y}" r="${radius}" fill="${fill}" stroke="${outline}"/>`;
    const text = hasLetters ? markup`<text x="${x}" y="${y}" dy="0.35em" fill="${ink}">${letter}</text>` : nothing;
    return markup`<g>${circle}${text}<title>${nucleotideHint(sequence, partners, k)}</title></g>`;
  });
  const number = ({ text, at, line: [from, to] }: Geometry['numbers'][number]): Markup => {
    const line = pathData`M${from.x} ${from.y}L${to.x} ${to.y}`;
    return markup`<path d="${line}"/><text x="${at.x}" y="${at.y}" dy="0.35em" stroke="none">${text}</text>`;
  };
  const backbone = `M${points.map(({ x, y }) => pathData`${x} ${y}`).join('L')}`;

  const headingHeight = heading === undefined ? 0 : 24;
  const top = headingHeight + keyHeight;
  const indent = (width - (box.right - box.left)) / 2 - box.left;
  const head =
    heading === undefined ? nothing : markup`<text x="8" y="16" font-size="14" font-weight="600">${heading}</text>`;
  return figure(
    { width, height: top + box.bottom - box.top, title, description },
    markup`${head}${moved(headingHeight, key)}
<g transform="translate(${indent},${top - box.top})">
<path class="backbone" d="${backbone}" fill="none" stroke="currentColor" stroke-opacity="0.4" stroke-width="${Math.max(0.8, step / 14)}"/>
<g class="bonds" fill="none" stroke-width="${Math.max(1, step / 9)}">${drawn.map(bond)}</g>
<g class="nucleotides" font-size="${step * 0.62}" text-anchor="middle" font-weight="500" stroke-width="${step < letterStep ? 0 : 1}">${nucleotides}</g>
<g class="numbers" font-size="11" text-anchor="middle" fill-opacity="0.75" stroke="currentColor" stroke-opacity="0.45">${geometry.numbers.map(number)}</g>
<g class="ends" font-size="13" font-weight="600" text-anchor="middle">${geometry.ends.map(
      ({ text, at }) => markup`<text x="${at.x}" y="${at.y}" dy="0.35em">${text}</text>`,
    )}</g>
</g>`,
  );
}

/** All pairs of both structures once: those of the first, then those that only the second has. */
function drawnPairs(pairs: readonly Pair[], nested: Int32Array, second: readonly Pair[] | undefined): Drawn[] {
  const key = ([i, j]: Pair): string => `${i} ${j}`;
  const [inFirst, inSecond] = [new Set(pairs.map(key)), new Set(second?.map(key))];
  return [
    ...pairs.map((pair): Drawn => ({
      pair,
      membership: second === undefined ? 'alone' : inSecond.has(key(pair)) ? 'both' : 'first',
      isNested: nested[pair[0]] === pair[1],
    })),
    ...(second ?? [])
      .filter((pair) => !inFirst.has(key(pair)))
      .map((pair): Drawn => ({ pair, membership: 'second', isNested: false })),
  ];
}

function bondStroke({ membership, isNested }: Drawn): Markup {
  switch (membership) {
    case 'both':
      return markup`stroke="${colours.good}"`;
    case 'first':
      return markup`stroke="${colours.wrong}"`;
    case 'second':
      return markup`stroke="${colours.absent}" stroke-dasharray="4 3"`;
    case 'alone':
      return isNested
        ? markup`stroke="currentColor" stroke-opacity="0.75"`
        : markup`stroke="${knotColour}" stroke-opacity="0.8"`;
  }
}

/** A bond between neighbours in the plane, whose ends lie under the nucleotides. */
function bondMark({ points, step }: Geometry, sequence: string, i: number, j: number): Markup {
  const [a, b] = [points[i]!, points[j]!];
  const letter = (k: number): string => sequence[k]!.toUpperCase().replace('T', 'U');
  const type = pairType(letter(i), letter(j));
  if (type === 'canonical') return markup`<path d="${pathData`M${a.x} ${a.y}L${b.x} ${b.y}`}"/>`;
  const middle = markup`cx="${(a.x + b.x) / 2}" cy="${(a.y + b.y) / 2}" r="${step * 0.13}"`;
  // A dot is a circle whose outline fills it.
  return type === 'wobble'
    ? markup`<circle ${middle} stroke-width="${step * 0.26}"/>`
    : markup`<circle ${middle} stroke-width="${step * 0.07}"/>`;
}

function nucleotideHint(sequence: string, partners: Int32Array, k: number): string {
  const j = partners[k]!;
  return j < 0 ? `${sequence[k]!}${k + 1}, unpaired` : pairName(sequence, [k, j]);
}

interface Paints {
  readonly paintAt: (position: number) => Paint;
  /** The legend. */
  readonly content: Markup;
  readonly height: number;
  readonly description: string;
}

const kindNames: Readonly<Record<LoopKind, string>> = {
  stem: 'helix',
  hairpin: 'hairpin loop',
  interior: 'interior loop, bulge',
  multiloop: 'multiloop',
  exterior: 'outside',
  pseudoknot: 'pseudoknot',
};

/** How the nucleotides are coloured, with a legend of what occurs. */
function paints(
  structure: DrawnStructure,
  nested: Int32Array,
  drawn: readonly Drawn[],
  colour: DrawingColour,
  { against, name = structure.id }: DrawingOptions,
  width: number,
): Paints {
  const { sequence, pairs } = structure;
  const knots = drawn.filter(({ membership, isNested }) => membership === 'alone' && !isNested).length;
  const about = `${counted(sequence.length, 'nucleotide')} and ${counted(pairs.length, 'pair')}${knots === 0 ? '' : `, ${knots} of them in pseudoknots`}.`;
  const knotEntries: LegendEntry[] =
    knots === 0 ? [] : [{ label: 'pseudoknot', colour: knotColour, shape: 'line' as const }];
  const withRows = (
    paintAt: Paints['paintAt'],
    entries: readonly (LegendEntry | DrawnEntry)[],
    description: string,
  ): Paints => ({ paintAt, ...legendRows(entries, width - 8), description });

  if (against !== undefined) {
    const memberships = new Array<Membership>(sequence.length).fill('none');
    // The first structure's pairs come first in the list, and keep their colour.
    for (const { pair, membership } of [...drawn].reverse())
      for (const k of pair) memberships[k] = membership === 'alone' ? 'none' : membership;
    const count = (wanted: Membership): number => drawn.filter(({ membership }) => membership === wanted).length;
    const [both, first, second] = [count('both'), count('first'), count('second')];
    return withRows(
      (k) => MEMBERSHIP_PAINTS[memberships[k]!],
      [
        { label: `${counted(both, 'pair')} in both`, colour: colours.good, shape: 'line' },
        { label: `${first} only in ${name}`, colour: colours.wrong, shape: 'line' },
        { label: `${second} only in ${against.name}`, colour: colours.absent, shape: 'dashed' },
      ],
      `${about} Compared with ${against.name}: ${both} pairs in both, ${first} only in ${name}, ${second} only in ${against.name}.`,
    );
  }
  if (colour === 'loop') {
    const partners = partnersFromPairs(pairs, sequence.length);
    const kinds = loopKinds(partners, nested);
    const occurring = LOOP_KINDS.filter((kind) => kinds.includes(kind));
    return withRows(
      (k) => LOOP_PAINTS[kinds[k]!],
      occurring.map((kind) => paintEntry(kindNames[kind], LOOP_PAINTS[kind])),
      `${about} Coloured by the kind of loop.`,
    );
  }
  if (colour === 'probability') {
    if (structure.probabilities === undefined)
      throw new RangeError(`${structure.id}: there are no pair probabilities to colour by`);
    const probabilities = drawnProbabilities(structure);
    const below = knots === 0 ? { content: nothing, height: 0 } : legendRows(knotEntries, width - 8);
    return {
      paintAt: (k) => probabilityPaint(probabilities[k]!),
      content: markup`${probabilityScale(4, 10, 'probability of the pair, or of no pair')}${moved(24, below.content)}`,
      height: 30 + below.height,
      description: `${about} Coloured by the probability of each nucleotide's pair, or of its being in none.`,
    };
  }
  return withRows(() => PLAIN, knotEntries, about);
}
