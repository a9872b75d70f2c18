/**
 * Which class was taken for which: a row for each true class, a column for each
 * predicted one, the darker the larger the part of the row. Counts are written
 * into the cells while they can be read.
 */

import { colours, emptyNote, figure } from './figure.ts';
import { counted, formatCount } from './format.ts';
import { markup, nothing, type Markup } from './markup.ts';

const top = 10;
const mostCounts = 15;

/**
 * An SVG of classes in the given order; those that occur on neither side are left out.
 * @param truth Numbers of classes, as `predicted`
 */
export function confusionMatrix(
  title: string,
  names: readonly string[],
  truth: readonly number[],
  predicted: readonly number[],
): Markup {
  const classes = [...new Set([...truth, ...predicted])].sort((a, b) => a - b);
  if (classes.length === 0)
    return figure(
      { width: 440, height: 80, title, description: 'There is no prediction.' },
      emptyNote(440, 44, 'there is no prediction'),
    );
  const place = new Map(classes.map((each, k) => [each, k]));
  const counts = classes.map(() => classes.map(() => 0));
  truth.forEach((each, i) => counts[place.get(each)!]![place.get(predicted[i]!)!]!++);
  const labels = classes.map((each) => names[each] ?? String(each));

  const cell = Math.max(9, Math.min(42, 340 / classes.length));
  const fontSize = Math.min(12, cell * 0.9);
  const side = cell * classes.length;
  const reach = 12 + 0.58 * fontSize * Math.max(...labels.map((label) => [...label].length));
  const left = 24 + reach;
  const [right, bottom] = [left + side, top + side];
  const cells = counts.flatMap((row, r) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, c) =>
      count === 0
        ? []
        : [
            markup`<rect x="${left + c * cell}" y="${top + r * cell}" width="${cell}" height="${cell}" fill="${colours.good}" fill-opacity="${Math.max(0.06, count / total)}"><title>${labels[r]!} taken for ${labels[c]!}: ${formatCount(count)} of ${formatCount(total)}</title></rect>${
              classes.length > mostCounts
                ? nothing
                : markup`<text x="${left + (c + 0.5) * cell}" y="${top + (r + 0.5) * cell}" dy="0.35em" text-anchor="middle" font-size="${countSize(count, cell)}" fill="${count / total > 0.55 ? colours.paper : 'currentColor'}">${String(count)}</text>`
            }`,
          ],
    );
  });
  const lines = classes
    .slice(1)
    .map((_, k) => `M${left} ${top + (k + 1) * cell}h${side}M${left + (k + 1) * cell} ${top}v${side}`)
    .join('');
  const found = counts.reduce((sum, row, k) => sum + row[k]!, 0);
  const worst = counts
    .flatMap((row, r) => row.map((count, c) => ({ count, r, c })))
    .filter(({ r, c }) => r !== c)
    .sort((a, b) => b.count - a.count)
    .slice(0, 3)
    .filter(({ count }) => count > 0);
  const description = `${formatCount(found)} of ${counted(truth.length, 'RNA')} in their class.${worst.length === 0 ? '' : ` Most often mistaken: ${worst.map(({ count, r, c }) => `${labels[r]!} for ${labels[c]!} (${count})`).join(', ')}.`}`;
  return figure(
    { width: right + 16, height: bottom + reach + 28, title, description },
    markup`<g shape-rendering="crispEdges">${cells}</g>
<path d="${lines}" stroke="currentColor" stroke-opacity="0.08"/>
<path d="M${left} ${top}H${right}V${bottom}H${left}z" fill="none" stroke="currentColor" stroke-opacity="0.4"/>
<g font-size="${fontSize}" text-anchor="end">${labels.map((label, k) => markup`<text x="${left - 6}" y="${top + (k + 0.5) * cell}" dy="0.35em">${label}</text><text transform="translate(${left + (k + 0.5) * cell},${bottom + 8}) rotate(-90)" dy="0.35em">${label}</text>`)}</g>
<text x="${left + side / 2}" y="${bottom + reach + 18}" text-anchor="middle">predicted class</text>
<text transform="translate(14,${top + side / 2}) rotate(-90)" text-anchor="middle">true class</text>`,
  );
}

/** A count that does not fit is written smaller. */
function countSize(count: number, cell: number): number {
  return Math.min(12, (1.6 * (cell - 4)) / String(count).length);
}
