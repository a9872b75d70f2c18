/**
 * The result tables, built once and shown twice: `textTable` aligns one for the terminal,
 * `htmlTable` writes it as an HTML table with row and column headers. The terminal's form has no
 * colours and no box, so it reads the same in a pipe and in a log. Column widths count code points:
 * East Asian wide characters, which no RNA id has, would not line up.
 */

import { stripVTControlCharacters } from 'node:util';
import { type ScoreRow, formatCount, formatLoss, formatScore, markup, nothing, type Markup } from '@rna/figures';
import type { LossRow } from './data.ts';

export interface Column {
  readonly header: string;
  /** A heading over this and its neighbours of the same group; '' for none. */
  readonly group: string;
  readonly align: 'left' | 'right';
}

/** Cells are ready to print. The first `rowHeaders` cells of a row name it. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rowHeaders: number;
  readonly rows: readonly (readonly string[])[];
}

function text(header: string): Column {
  return { header, group: '', align: 'left' };
}

function number(header: string, group = ''): Column {
  return { header, group, align: 'right' };
}

/** Losses before and after training. */
export function lossTable(losses: readonly LossRow[]): Table {
  return {
    caption: 'Loss before and after training',
    columns: [text('loss'), text('unit'), number('before'), number('after')],
    rowHeaders: 1,
    rows: losses.map(({ what, unit, before, after }) => [what, unit, formatLoss(before), formatLoss(after)]),
  };
}

/** Precision, recall and F1 by set and model, strict and with the ±1 tolerance. */
export function scoreTable(scores: readonly ScoreRow[]): Table {
  const measures = ['precision', 'recall', 'F1'];
  return {
    caption: 'Base pairs of RNAs that were kept apart',
    columns: [
      text('RNAs'),
      text('model'),
      number('count'),
      ...measures.map((measure) => number(measure, 'exact pairs')),
      ...measures.map((measure) => number(measure, 'within ±1')),
    ],
    rowHeaders: 2,
    rows: scores.map(({ set, model, rnas, strict, tolerant }) => [
      set,
      model,
      formatCount(rnas),
      ...[strict, tolerant].flatMap(({ precision, recall, f1 }) => [precision, recall, f1].map(formatScore)),
    ]),
  };
}

interface Span {
  readonly group: string;
  readonly columns: number;
}

function groupSpans(columns: readonly Column[]): Span[] {
  const spans: Span[] = [];
  for (const { group } of columns) {
    const last = spans.at(-1);
    if (last !== undefined && last.group === group) spans[spans.length - 1] = { group, columns: last.columns + 1 };
    else spans.push({ group, columns: 1 });
  }
  return spans;
}

function width(cell: string): number {
  return [...cell].length;
}

function aligned(cell: string, to: number, align: Column['align']): string {
  const space = ' '.repeat(Math.max(0, to - width(cell)));
  return align === 'left' ? cell + space : space + cell;
}

/**
 * The table as lines for a terminal, each ending in a newline. Terminal control sequences in a
 * cell (an id may hold anything) are taken out, line breaks become spaces.
 */
export function textTable(table: Table): string {
  const clean = (cell: string) => stripVTControlCharacters(cell).replace(/\p{Cc}+/gu, ' ');
  const rows = table.rows.map((row) => row.map(clean));
  const gap = '  ';
  const widths = table.columns.map(({ header }, c) =>
    Math.max(width(header), ...rows.map((row) => width(row[c] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    table.columns
      .map(({ align }, c) => aligned(cells[c] ?? '', widths[c] ?? 0, align))
      .join(gap)
      .trimEnd();

  const lines = [table.caption, ''];
  const spans = groupSpans(table.columns);
  if (spans.some(({ group }) => group !== '')) {
    let column = 0;
    const cells = spans.map(({ group, columns }) => {
      const inner = widths.slice(column, column + columns).reduce((sum, w) => sum + w, 0) + gap.length * (columns - 1);
      column += columns;
      const rule = '─'.repeat(Math.max(0, inner - width(group) - 1));
      return group === '' ? ' '.repeat(inner) : `${group} ${rule}`;
    });
    lines.push(cells.join(gap).trimEnd());
  }
  lines.push(line(table.columns.map(({ header }) => header)));
  lines.push(widths.map((w) => '─'.repeat(w)).join(gap));
  lines.push(...rows.map(line));
  return lines.map((entry) => `${entry}\n`).join('');
}

/** The table as HTML, in a box that scrolls sideways where the page is narrow. */
export function htmlTable({ caption, columns, rowHeaders, rows }: Table): Markup {
  const spans = groupSpans(columns);
  const grouped = spans.some(({ group }) => group !== '');
  const groups = markup`<tr>${spans.map(({ group, columns: span }) =>
    group === ''
      ? markup`<td colspan="${span}"></td>`
      : markup`<th colspan="${span}" scope="colgroup" class="group">${group}</th>`,
  )}</tr>`;
  const header = columns.map((column) => markup`<th scope="col" class="${column.align}">${column.header}</th>`);
  const body = rows.map((row, r) => {
    const newSet = r > 0 && rowHeaders > 1 && rows[r - 1]?.[0] !== row[0];
    const cells = columns.map(({ align }, c) =>
      c < rowHeaders
        ? markup`<th scope="row" class="${align}">${row[c] ?? ''}</th>`
        : markup`<td class="${align}">${row[c] ?? ''}</td>`,
    );
    return markup`<tr${newSet ? markup` class="break"` : nothing}>${cells}</tr>`;
  });
  return markup`<div class="scroll"><table><caption>${caption}</caption><thead>${
    grouped ? groups : nothing
  }<tr>${header}</tr></thead><tbody>${body}</tbody></table></div>`;
}
