/**
 * The pair-probability matrix as vector graphics: the model's probabilities above the diagonal, the
 * true pairs below it. Probabilities are drawn in ten steps, one path per step and neighbouring
 * cells of a row as one rectangle, which keeps a dense matrix small; longer RNAs are drawn in bins
 * of neighbouring positions, each with its greatest probability, so that no pair is averaged away.
 */

import type { StructureExample } from './data.ts';
import { colours, figure } from './figure.ts';
import { formatCount } from './format.ts';
import { markup, nothing, pathData, type Markup } from './markup.ts';
import { checkedExample } from './pairs.ts';
import { positionTicks } from './ticks.ts';

const width = 440;
const left = 44;
const top = 24;
const side = 380;
const right = left + side;
const bottom = top + side;
const levels = 10;
/** Most cells a side; more are narrower than a pixel and a half. */
const mostCells = 256;

/** The level 0 … `levels` of each cell above the diagonal, row by row. */
function cellLevels(
  cells: number,
  cellOf: (position: number) => number,
  probabilities: readonly (readonly [number, number, number])[],
): Uint8Array[] {
  const rows = Array.from({ length: cells }, () => new Uint8Array(cells));
  for (const [i, j, p] of probabilities) {
    const row = rows[cellOf(i)];
    const column = cellOf(j);
    if (row !== undefined) row[column] = Math.max(row[column] ?? 0, Math.round(p * levels));
  }
  return rows;
}

/** One path per level from 1 on, in cells. */
function levelPaths(rows: readonly Uint8Array[]): string[] {
  const paths = Array.from({ length: levels + 1 }, () => '');
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length;) {
      const level = row[x] ?? 0;
      let end = x + 1;
      while (end < row.length && row[end] === level) end++;
      if (level > 0) paths[level] = `${paths[level] ?? ''}M${x} ${y}h${end - x}v1h${x - end}z`;
      x = end;
    }
  });
  return paths;
}

/** An SVG of the example's pair probabilities (above the diagonal) and true pairs (below). */
export function pairMatrix(example: StructureExample): Markup {
  const { id, sequence, truth, prediction, probabilities } = checkedExample(example);
  const length = sequence.length;
  const cells = Math.max(1, Math.min(mostCells, length));
  const cellOf = (position: number) => Math.floor((position * cells) / Math.max(1, length));
  // Without probabilities the decoded pairs are all that is known.
  const shown = probabilities ?? prediction?.map(([i, j]) => [i, j, 1] as const) ?? [];
  const what =
    probabilities !== null ? 'predicted probability' : prediction !== null ? 'predicted pairs' : 'no prediction';

  const paths = levelPaths(cellLevels(cells, cellOf, shown)).map((d, level) =>
    d === ''
      ? nothing
      : markup`<path class="p${level}" fill="${colours.good}" fill-opacity="${level / levels}" d="${d}"/>`,
  );
  const truePath = truth.map(([i, j]) => `M${cellOf(i)} ${cellOf(j)}h1v1h-1z`).join('');
  const axis = positionTicks(length).map((position) => {
    const at = ((position - 0.5) * side) / Math.max(1, length);
    const ticks = markup`<path d="M${left + at} ${bottom}v5M${left} ${top + at}h-5" stroke="currentColor" stroke-opacity="0.5"/>`;
    return markup`${ticks}
<text x="${left + at}" y="${bottom + 17}" text-anchor="middle">${String(position)}</text>
<text x="${left - 8}" y="${top + at}" dy="0.35em" text-anchor="end">${String(position)}</text>`;
  });
  const note = (x: number, y: number, text: string, anchor: 'start' | 'end') =>
    markup`<text x="${x}" y="${y}" text-anchor="${anchor}" fill-opacity="0.8">${text}</text>`;
  const rampLeft = right - 12 * levels;
  const ramp = Array.from({ length: levels }, (_, k) => {
    const d = pathData`M${rampLeft + 12 * k} ${bottom + 46}h12v10h-12z`;
    return markup`<path fill="${colours.good}" fill-opacity="${(k + 1) / levels}" d="${d}"/>`;
  });
  const scale = markup`${note(rampLeft - 8, bottom + 55, 'p = 0', 'end')}${ramp}${note(right + 6, bottom + 55, '1', 'start')}`;
  const binNote = cells < length ? `, ${formatCount(length)} positions in ${cells} bins, greatest of each` : '';
  return figure(
    {
      width,
      height: bottom + 62,
      title: `Pair probabilities of ${id}`,
      description: `Above the diagonal the ${what}${binNote}; below it the ${truth.length} true pairs.`,
    },
    markup`<g transform="translate(${left},${top}) scale(${scaleFactor(side / cells)})" shape-rendering="crispEdges">
<path d="M0 0H${cells}V${cells}" fill="currentColor" fill-opacity="0.03"/>
${paths}
<path class="truth" fill="currentColor" fill-opacity="0.85" d="${truePath}"/>
</g>
<path d="M${left} ${top}H${right}V${bottom}H${left}zL${right} ${bottom}" fill="none" stroke="currentColor" stroke-opacity="0.3"/>
<g font-size="10" fill-opacity="0.7">${axis}</g>
${note(left, top - 9, '◣ true pairs', 'start')}
${note(right, top - 9, `${what} ◥`, 'end')}
${note(left, bottom + 54, 'position (nt)', 'start')}
${probabilities === null ? nothing : scale}`,
  );
}

/** A scale factor needs more digits than a coordinate. */
function scaleFactor(factor: number): string {
  return factor.toPrecision(8);
}
