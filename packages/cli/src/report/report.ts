/**
 * The report of a run as one HTML file: key figures, result tables, F1 of every RNA, loss curves,
 * drawn structures, and what is needed to repeat it. It asks for nothing from elsewhere (no script,
 * no font, no image), so it can be mailed, archived and opened from disk.
 */

import { dotBracket, partnersFromPairs } from '@rna/model';
import { arcDiagram } from './arcDiagram.ts';
import type { Fact, Pair, ReportData, StructureExample } from './data.ts';
import { f1ByFamily, f1ByLength } from './f1.ts';
import { formatCount, formatLoss, formatScore } from './format.ts';
import { lossCurve } from './lossCurve.ts';
import { markup, nothing, trusted } from './markup.ts';
import type { Markup } from './markup.ts';
import { pairMatrix } from './pairMatrix.ts';
import { structureMap } from './structureMap.ts';
import { style } from './style.ts';
import { htmlTable, lossTable, scoreTable } from './table.ts';

/**
 * A complete HTML document.
 * @throws RangeError if an example's pairs do not fit its sequence.
 */
export function renderReport(data: ReportData): string {
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${data.title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header>
<h1>${data.title}</h1>
<p>${data.summary}</p>
<p class="quiet"><time datetime="${data.date}">${writtenDate(data.date)}</time></p>
</header>
<main>
${[keyFigures(data), results(data), training(data), structures(data), repetition(data)]}
</main>
</body>
</html>
`;
  return page.markup;
}

/** ISO 8601 to the minute: "2026-01-31 12:05 UTC". */
function writtenDate(date: string): string {
  return date.slice(0, 16).replace('T', ' ') + (date.endsWith('Z') ? ' UTC' : '');
}

/** Before and after, for each loss and each set's F1: what a hurried reader looks for. */
function keyFigures({ losses, scores }: ReportData): Markup {
  const sets = [...new Set(scores.map((row) => row.set))].map((set) => scores.filter((row) => row.set === set));
  const figures = [
    ...sets.map((rows) => ({
      label: `F1 of base pairs, ${rows[0]?.set ?? ''}`,
      from: formatScore(rows.length > 1 ? (rows[0]?.strict.f1 ?? null) : null),
      to: formatScore(rows.at(-1)?.strict.f1 ?? null),
    })),
    ...losses.map(({ what, before, after }) => ({ label: what, from: formatLoss(before), to: formatLoss(after) })),
  ];
  if (figures.length === 0) return nothing;
  const items = figures.map(
    ({ label, from, to }) => markup`<div><dt>${label}</dt><dd><span class="from">${from} →</span> ${to}</dd></div>`,
  );
  return markup`<dl class="keys">${items}</dl>`;
}

function inFigure(content: Markup, caption = ''): Markup {
  const words = caption === '' ? nothing : markup`<figcaption>${caption}</figcaption>`;
  return markup`<figure><div class="scroll">${content}</div>${words}</figure>`;
}

function sideBySide(figures: readonly Markup[]): Markup {
  return markup`<div class="figures">${figures}</div>`;
}

function results({ losses, scores, rnas, notes }: ReportData): Markup {
  return markup`<section><h2>Results</h2>
${scores.length === 0 ? nothing : htmlTable(scoreTable(scores))}
${losses.length === 0 ? nothing : htmlTable(lossTable(losses))}
${notes.map((note) => markup`<p class="quiet">${note}</p>`)}
${rnas.length === 0 ? nothing : sideBySide([inFigure(f1ByFamily(rnas)), inFigure(f1ByLength(rnas))])}
</section>`;
}

function training({ runs }: ReportData): Markup {
  if (runs.length === 0) return nothing;
  const figures = runs.map((run) => markup`<div><h3>${run.name}</h3>${inFigure(lossCurve(run))}</div>`);
  return markup`<section><h2>Training</h2>${sideBySide(figures)}</section>`;
}

function structures({ examples }: ReportData): Markup {
  if (examples.length === 0) return nothing;
  return markup`<section><h2>Structures</h2>
<p class="quiet">True and predicted base pairs of RNAs that the model was not trained on.
Point at a pair for its positions.</p>
${examples.map(structureCard)}
</section>`;
}

function structureCard(example: StructureExample): Markup {
  const { id, family, sequence, scores } = example;
  const facts = [family, `${formatCount(sequence.length)} nt`];
  if (scores !== null) {
    const { precision, recall, f1 } = scores;
    facts.push(`precision ${formatScore(precision)}`, `recall ${formatScore(recall)}`, `F1 ${formatScore(f1)}`);
  }
  const map = inFigure(
    structureMap(example),
    'The true structure: blue pairs were found, grey ones missed; orange lines are predicted pairs that are not in it.',
  );
  const matrix = inFigure(pairMatrix(example), 'Probabilities of pairs above the diagonal, true pairs below it.');
  return markup`<article>
<h3 class="id">${id}</h3>
<p class="quiet">${facts.join(' · ')}</p>
<div class="wide">${inFigure(arcDiagram(example))}</div>
${sideBySide([map, matrix])}
${alignedStrings(example)}
</article>`;
}

/** Sequence and dot-brackets under a ruler, in text that can be copied. */
function alignedStrings({ sequence, truth, prediction }: StructureExample): Markup {
  const labelled = (label: string, text: string) => markup`<span class="label">${label.padEnd(10)}</span>${text}\n`;
  const brackets = (pairs: readonly Pair[]) => dotBracket(partnersFromPairs(pairs, sequence.length));
  let ruler = '';
  for (let position = 10; position <= sequence.length; position += 10) {
    ruler += String(position).padStart(10, ' ');
  }
  return markup`<pre tabindex="0" aria-label="Sequence and structures">${[
    markup`<span class="label">${' '.repeat(10)}${ruler}</span>\n`,
    labelled('sequence', sequence),
    labelled('true', brackets(truth)),
    ...(prediction === null ? [] : [labelled('predicted', brackets(prediction))]),
  ]}</pre>`;
}

function factTable(title: string, facts: readonly Fact[]): Markup {
  if (facts.length === 0) return nothing;
  const rows = facts.map(({ label, value }) => markup`<tr><th scope="row">${label}</th><td>${value}</td></tr>`);
  return markup`<table><caption>${title}</caption><tbody>${rows}</tbody></table>`;
}

function repetition({ machine, config, command }: ReportData): Markup {
  const tables = [factTable('Machine', machine), ...config.map(({ title, entries }) => factTable(title, entries))];
  return markup`<section><h2>How to repeat it</h2>
${command === '' ? nothing : markup`<pre tabindex="0" aria-label="Command">${command}</pre>`}
<div class="facts">${tables}</div>
</section>`;
}
