/**
 * An arc diagram: the sequence as a line, the true pairs as arcs above it, the predicted ones below.
 * Colour and dashes say which pairs were found, missed and wrongly predicted; pseudoknots are arcs
 * that cross. Letters are drawn while there is room for them.
 */

import type { StructureExample } from './data.ts';
import { colours, figure, legend, type LegendEntry } from './figure.ts';
import { markup, nothing, pathData, type Markup } from './markup.ts';
import { checkedExample, classifyPairs, countClasses, pairName, type ClassifiedPair, type PairClass } from './pairs.ts';
import { positionTicks } from './ticks.ts';

const side = 24;
const minimalWidth = 480;
const maximalWidth = 1000;
const tallestArc = 150;
/** Least distance of neighbouring positions, in pixels, at which a letter can be read. */
const letterRoom = 6.5;

const stroke: Record<PairClass, Markup> = {
  correct: markup`stroke="${colours.good}"`,
  missed: markup`stroke="${colours.absent}" stroke-dasharray="4 3"`,
  wrong: markup`stroke="${colours.wrong}"`,
  unscored: markup`stroke="currentColor"`,
};

/** An SVG of the example's true (above) and predicted (below) pairs. */
export function arcDiagram(example: StructureExample): Markup {
  const { id, sequence, truth, prediction, probabilities } = checkedExample(example);
  const length = sequence.length;
  const classified = classifyPairs(truth, prediction);
  const counts = countClasses(classified);

  const width = Math.min(maximalWidth, Math.max(minimalWidth, length * 8 + 2 * side));
  const room = (width - 2 * side) / Math.max(1, length - 1);
  const hasLetters = room >= letterRoom;
  const x = (position: number) => (length === 1 ? width / 2 : side + position * room);
  const widest = Math.max(0, ...classified.map(({ pair: [i, j] }) => j - i));
  // Half circles while they fit, else ellipses of one ratio, so that nesting stays visible.
  const flatness = Math.min(1, tallestArc / Math.max(1, (widest * room) / 2));
  const tallest = (pairs: readonly ClassifiedPair[]) =>
    Math.max(0, ...pairs.map(({ pair: [i, j] }) => ((j - i) * room * flatness) / 2));
  const upper = classified.filter((pair) => pair.class !== 'wrong');
  const lower = classified.filter((pair) => pair.class === 'correct' || pair.class === 'wrong');

  const legendHeight = 34;
  const middle = legendHeight + Math.max(20, tallest(upper)) + 12;
  const gap = hasLetters ? 9 : 4;
  const scaleHeight = 18;
  const bottom = middle + gap + scaleHeight + Math.max(20, tallest(lower));

  const known = new Map((probabilities ?? []).map(([i, j, p]) => [`${i} ${j}`, p]));
  const arc = ({ pair, class: pairClass }: ClassifiedPair, isAbove: boolean) => {
    const [i, j] = pair;
    const rx = (x(j) - x(i)) / 2;
    const y = isAbove ? middle - gap : middle + gap + scaleHeight;
    const p = known.get(`${i} ${j}`);
    const judged = pairClass === 'unscored' ? '' : ` ${pairClass}`;
    const hint = `${pairName(sequence, pair)}${judged}${p === undefined ? '' : `, p = ${p.toFixed(2)}`}`;
    const d = pathData`M${x(i)} ${y}A${rx} ${rx * flatness} 0 0 ${isAbove ? 1 : 0} ${x(j)} ${y}`;
    return markup`<path class="${pairClass}" ${stroke[pairClass]} d="${d}"><title>${hint}</title></path>`;
  };
  const letters = [...sequence].map((base, k) => markup`<text x="${x(k)}" y="${middle + 3.5}">${base}</text>`);
  const chain = hasLetters
    ? markup`<g font-family="ui-monospace, monospace" font-size="10" text-anchor="middle">${letters}</g>`
    : markup`<path d="${pathData`M${x(0)} ${middle}H${x(length - 1)}`}" stroke="currentColor"/>`;
  const ticks = positionTicks(length).map((position) => {
    const at = x(position - 1);
    const label = markup`<text x="${at}" y="${middle + gap + 14}">${String(position)}</text>`;
    return markup`<path d="M${at} ${middle + gap}v4" stroke="currentColor" stroke-opacity="0.5"/>${label}`;
  });

  const entries: LegendEntry[] = [
    { label: `${counts.correct} correct`, colour: colours.good, shape: 'line' },
    { label: `${counts.missed} missed`, colour: colours.absent, shape: 'dashed' },
    { label: `${counts.wrong} wrong`, colour: colours.wrong, shape: 'line' },
  ];
  const label = (y: number, text: string) =>
    markup`<text x="${side - 14}" y="${y}" text-anchor="start" fill-opacity="0.7">${text}</text>`;
  const name = (what: string, pairs: number) => (pairs === 0 ? `${what}: no pairs` : what);
  const below = prediction === null ? 'there is no prediction' : `the ${prediction.length} predicted ones`;
  return figure(
    {
      width,
      height: bottom + 22,
      title: `Base pairs of ${id}`,
      description:
        `Arcs above the sequence are the ${truth.length} true pairs, below ${below}. ` +
        `${counts.correct} correct, ${counts.missed} missed, ${counts.wrong} wrong.`,
    },
    markup`${prediction === null ? nothing : legend(entries, side - 14, 10)}
${label(legendHeight + 12, name('true', truth.length))}
${label(bottom + 12, prediction === null ? 'not predicted' : name('predicted', prediction.length))}
<g fill="none" stroke-width="1.5">
${upper.map((pair) => arc(pair, true))}
${lower.map((pair) => arc(pair, false))}
</g>
${chain}
<g font-size="10" text-anchor="middle" fill-opacity="0.7">${ticks}</g>`,
  );
}
