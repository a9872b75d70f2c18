/**
 * The report of a run as one HTML file: key figures, result tables, F1 of every RNA, loss curves,
 * drawn structures, and what is needed to repeat it.
 */

import { f1ByFamily, f1ByLength, formatLoss, formatScore, lossCurve, markup, nothing, type Markup } from '@rna/figures';
import type { ReportData } from './data.ts';
import { inFigure, page, repetition, sideBySide } from './page.ts';
import { structuresSection } from './structureCard.ts';
import { htmlTable, lossTable, scoreTable } from './table.ts';

/**
 * A complete HTML document.
 * @throws RangeError if an example's pairs do not fit its sequence.
 */
export function renderReport(data: ReportData): string {
  const lead = markup`<p>${data.summary}</p>
<p class="quiet"><time datetime="${data.date}">${writtenDate(data.date)}</time></p>`;
  const { machine, config, command } = data;
  const facts = [{ title: 'Machine', entries: machine }, ...config];
  return page(data.title, lead, [
    keyFigures(data),
    results(data),
    training(data),
    structuresSection(data.examples),
    repetition(command, facts),
  ]);
}

/** ISO 8601 to the minute: "2026-01-31 12:05 UTC". */
function writtenDate(date: string): string {
  return date.slice(0, 16).replace('T', ' ') + (date.endsWith('Z') ? ' UTC' : '');
}

/** Before and after, for each loss and each set's F1: what a hurried reader looks for. */
function keyFigures({ losses, scores }: ReportData): Markup {
  const sets = [...new Set(scores.map((row) => row.set))].map((set) => scores.filter((row) => row.set === set));
  const figures = [
    ...sets
      .map((all) => all.filter(({ beside }) => beside !== true))
      .map((rows) => ({
        label: `F1 of base pairs, ${rows[0]?.set ?? ''}`,
        from: formatScore(rows.length > 1 ? (rows[0]?.strict.f1 ?? null) : null),
        to: formatScore(rows.at(-1)?.strict.f1 ?? null),
      })),
    ...losses.map(({ what, before, after }) => ({
      label: `Loss: ${what}`,
      from: formatLoss(before),
      to: formatLoss(after),
    })),
  ];
  if (figures.length === 0) return nothing;
  const items = figures.map(
    ({ label, from, to }) => markup`<div><dt>${label}</dt><dd><span class="from">${from} →</span> ${to}</dd></div>`,
  );
  return markup`<dl class="keys">${items}</dl>`;
}

function results({ losses, scores, rnas, notes }: ReportData): Markup {
  return markup`<section><h2>Results</h2>
${scores.length === 0 ? nothing : htmlTable(scoreTable(scores))}
${losses.length === 0 ? nothing : htmlTable(lossTable(losses))}
${notes.map((note) => markup`<p class="quiet">${note}</p>`)}
${rnas.length === 0 ? nothing : sideBySide([titled('F1 by family', f1ByFamily(rnas)), titled('F1 by length', f1ByLength(rnas))])}
</section>`;
}

const titled = (title: string, svg: Markup): Markup => markup`<div><h3>${title}</h3>${inFigure(svg)}</div>`;

function training({ runs }: ReportData): Markup {
  if (runs.length === 0) return nothing;
  const figures = runs.map((run) => titled(`${run.name}: loss by step`, lossCurve(run)));
  return markup`<section><h2>Training</h2>${sideBySide(figures)}</section>`;
}
