/**
 * What every single substitution does: a column for each nucleotide of the wild
 * type, a row for each letter, blue where the variant is more likely than the
 * wild type and orange where it is less. Long sequences are cut into lines.
 */
import { colours, emptyNote, figure } from './figure.ts';
import { formatCount } from './format.ts';
import { markup, type Markup } from './markup.ts';

/** One substitution and its score. */
export interface ScoredMutation {
  /** From 0. */
  readonly position: number;
  readonly to: string;
  /** Log-likelihood of the variant less that of the wild type, in nats. */
  readonly score: number;
}

const letters = ['A', 'C', 'G', 'U'] as const;
const cell = 12;
const columnsPerLine = 60;
const left = 28;
const lineHeight = cell * (letters.length + 1) + 34;
const legendHeight = 46;

/** An SVG of all scores. Cells of the wild type's own letters have a dot. */
export function mutationMap(title: string, wildType: string, scores: readonly ScoredMutation[]): Markup {
  const finite = scores.filter(({ score }) => Number.isFinite(score));
  if (finite.length === 0)
    return figure(
      { width: 440, height: 80, title, description: 'No substitution was scored.' },
      emptyNote(440, 44, 'no substitution was scored'),
    );
  const most = Math.max(1e-9, ...finite.map(({ score }) => Math.abs(score)));
  const byPlace = new Map(finite.map((each) => [`${each.position}${each.to}`, each.score]));
  const lines = Math.ceil(wildType.length / columnsPerLine);
  const width = left + cell * Math.min(columnsPerLine, wildType.length) + 24;
  const drawn = Array.from({ length: lines }, (_, line) => {
    const first = line * columnsPerLine;
    const part = [...wildType.slice(first, first + columnsPerLine)];
    const top = line * lineHeight + 16;
    const columns = part.map((from, k) => {
      const [position, x] = [first + k, left + k * cell];
      const cells = letters.map((to, row) => {
        const y = top + (row + 1) * cell;
        const score = byPlace.get(`${position}${to}`);
        if (score === undefined)
          return from === to
            ? markup`<circle cx="${x + cell / 2}" cy="${y + cell / 2}" r="1.8" fill-opacity="0.5"/>`
            : markup``;
        const colour = score >= 0 ? colours.good : colours.wrong;
        return markup`<rect x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" fill="${colour}" fill-opacity="${Math.abs(score) / most}"><title>${`${from}${position + 1}${to}: ${score.toFixed(2)}`}</title></rect>`;
      });
      const number =
        (position + 1) % 10 === 0
          ? markup`<text x="${x + cell / 2}" y="${top - 4}" text-anchor="middle" font-size="9" fill-opacity="0.7">${String(position + 1)}</text>`
          : markup``;
      return markup`${number}<text x="${x + cell / 2}" y="${top + cell - 2}" text-anchor="middle" font-size="10">${from}</text>${cells}`;
    });
    const names = letters.map(
      (name, row) =>
        markup`<text x="${left - 8}" y="${top + (row + 2) * cell - 2}" text-anchor="end" font-size="10">${name}</text>`,
    );
    return markup`<g>${names}${columns}</g>`;
  });
  const foot = lines * lineHeight + 12;
  const scale = Array.from({ length: 9 }, (_, k) => {
    const value = (k - 4) / 4;
    return markup`<rect x="${left + k * 18}" y="${foot}" width="18" height="10" fill="${value >= 0 ? colours.good : colours.wrong}" fill-opacity="${Math.abs(value)}"/>`;
  });
  const marks = [
    [left, (-most).toFixed(1)],
    [left + 81, '0'],
    [left + 162, most.toFixed(1)],
  ] as const;
  const worst = finite.reduce((a, b) => (b.score < a.score ? b : a));
  return figure(
    {
      width: Math.max(width, 320),
      height: lines * lineHeight + legendHeight,
      title,
      description: `${formatCount(finite.length)} substitutions of ${formatCount(wildType.length)} nucleotides. The least likely is ${wildType[worst.position] ?? ''}${worst.position + 1}${worst.to}, ${worst.score.toFixed(2)} nats below the wild type.`,
    },
    markup`${drawn}${scale}${marks.map(
      ([x, text]) => markup`<text x="${x}" y="${foot + 24}" text-anchor="middle" font-size="10">${text}</text>`,
    )}<text x="${left + 176}" y="${foot + 10}" font-size="11">nats, variant less wild type</text>`,
  );
}
