/**
 * The true structure laid out in the plane, with the prediction on it: found pairs as solid bonds,
 * missed ones dashed, wrong ones as thin lines across. It shows at a glance which helices were
 * found; the arc diagram beside it is exact about every pair.
 */

import { basePairs, nestedPartners, partnersFromPairs } from '@rna/structure';
import type { StructureExample } from './data.ts';
import { colours, emptyNote, figure } from './figure.ts';
import { radialLayout, type Point } from './layout/radialLayout.ts';
import { markup, nothing, pathData, type Markup } from './markup.ts';
import { checkedExample, classifyPairs, countClasses, pairName, type ClassifiedPair, type PairClass } from './pairs.ts';

const size = 440;
const margin = 26;
/** Backbone step in pixels: never larger than this, and with letters from `letterStep` on. */
const largestStep = 17;
const letterStep = 8.5;

const bond: Record<PairClass, Markup> = {
  correct: markup`stroke="${colours.good}" stroke-width="3"`,
  missed: markup`stroke="${colours.absent}" stroke-width="2" stroke-dasharray="3 2"`,
  wrong: markup`stroke="${colours.wrong}" stroke-width="1.5"`,
  unscored: markup`stroke="currentColor" stroke-width="2"`,
};

const nucleotideFill: Record<PairClass, string> = {
  correct: colours.good,
  missed: colours.absent,
  wrong: colours.paper,
  unscored: colours.absent,
};

/** An SVG of the example's true structure with the predicted pairs on it. */
export function structureMap(example: StructureExample): Markup {
  const { id, sequence, truth, prediction } = checkedExample(example);
  const nested = basePairs(nestedPartners(partnersFromPairs(truth, sequence.length)));
  const knotted = truth.length - nested.length;
  const classified = classifyPairs(truth, prediction);
  const counts = countClasses(classified);
  const frame = { width: size, title: `Structure of ${id}` };
  if (sequence.length === 0) {
    return figure({ ...frame, height: 80, description: 'An empty sequence.' }, emptyNote(size, 44, 'empty sequence'));
  }

  const layout = radialLayout(sequence.length, nested);
  const left = Math.min(...layout.map((p) => p.x));
  const top = Math.min(...layout.map((p) => p.y));
  const wide = Math.max(...layout.map((p) => p.x)) - left;
  const high = Math.max(...layout.map((p) => p.y)) - top;
  const step = Math.min(largestStep, (size - 2 * margin) / Math.max(1, wide, high));
  const height = high * step + 2 * margin;
  const indent = (size - wide * step) / 2;
  const place = (k: number): Point => {
    const { x, y } = layout[k] ?? { x: 0, y: 0 };
    return { x: indent + (x - left) * step, y: margin + (y - top) * step };
  };

  const inNest = new Set(nested.map(([i]) => i));
  const line = ({ pair, class: pairClass }: ClassifiedPair) => {
    const [i, j] = pair;
    const isBond = pairClass !== 'wrong' && inNest.has(i);
    // A pseudoknot's bonds run across the picture: thin, so that they do not cover it.
    const thin = pairClass !== 'wrong' && !isBond ? markup` style="stroke-width:1"` : nothing;
    const d = isBond ? straight(place(i), place(j)) : bent(place(i), place(j));
    const hint = `${pairName(sequence, pair)} ${pairClass}`;
    return markup`<path class="${pairClass}" ${bond[pairClass]}${thin} d="${d}"><title>${hint}</title></path>`;
  };
  const classAt = new Map<number, PairClass>();
  for (const { pair, class: pairClass } of classified) {
    if (pairClass !== 'wrong') pair.forEach((position) => classAt.set(position, pairClass));
  }
  const hasLetters = step >= letterStep;
  const nucleotides = [...sequence].map((base, k) => {
    const { x, y } = place(k);
    const pairClass = classAt.get(k);
    const [fill, outline, opacity, ink] =
      pairClass === undefined
        ? [colours.paper, 'currentColor', 0.35, 'currentColor']
        : [nucleotideFill[pairClass], nucleotideFill[pairClass], 1, colours.paper];
    const paint = markup`fill="${fill}" stroke="${outline}" stroke-opacity="${opacity}"`;
    const circle = markup`<circle cx="${x}" cy="${y}" r="${step * 0.4}" ${paint}/>`;
    const letter = markup`<text x="${x}" y="${y}" dy="0.35em" fill="${ink}">${base}</text>`;
    return hasLetters ? markup`${circle}${letter}` : circle;
  });
  const backbone = `M${layout.map((_, k) => pathData`${place(k).x} ${place(k).y}`).join('L')}`;
  // The ends' names stand where the chain would go on.
  const last = sequence.length - 1;
  const endLabel = (k: number, before: number, label: string) => {
    const end = place(k);
    const angle =
      last === 0 ? (label === '5′' ? Math.PI : 0) : Math.atan2(end.y - place(before).y, end.x - place(before).x);
    const distance = step * 0.4 + 10;
    const [x, y] = [end.x + distance * Math.cos(angle), end.y + distance * Math.sin(angle)];
    return markup`<text x="${x}" y="${y}" dy="0.35em" fill-opacity="0.7">${label}</text>`;
  };
  const ends = [endLabel(0, Math.min(1, last), '5′'), endLabel(last, Math.max(0, last - 1), '3′')];

  const knots = knotted === 0 ? '' : ` ${knotted} pairs are pseudoknots, drawn as lines.`;
  const scored =
    prediction === null ? '' : ` Predicted: ${counts.correct} correct, ${counts.missed} missed, ${counts.wrong} wrong.`;
  return figure(
    {
      ...frame,
      height,
      description: `${truth.length} true pairs of ${sequence.length} nucleotides in a plane layout.${knots}${scored}`,
    },
    markup`<g fill="none">
<path d="${backbone}" stroke="currentColor" stroke-opacity="0.35"/>
${classified.filter((pair) => pair.class !== 'wrong').map(line)}
</g>
<g font-size="${step * 0.6}" text-anchor="middle">${nucleotides}</g>
<g fill="none">${classified.filter((pair) => pair.class === 'wrong').map(line)}</g>
<g text-anchor="middle">${ends}</g>`,
  );
}

function straight(a: Point, b: Point): string {
  return pathData`M${a.x} ${a.y}L${b.x} ${b.y}`;
}

/** A line bowed by a tenth of its length, so that it can be told from bonds and backbone. */
function bent(a: Point, b: Point): string {
  const middle = { x: (a.x + b.x) / 2 + (b.y - a.y) * 0.1, y: (a.y + b.y) / 2 - (b.x - a.x) * 0.1 };
  return pathData`M${a.x} ${a.y}Q${middle.x} ${middle.y} ${b.x} ${b.y}`;
}
