/**
 * The report of an evaluation as one HTML file: the scores with their intervals,
 * figures, structures beside the truth, and how to repeat it. What is in it was
 * computed before; the figures are written as files too, by the names they have
 * here. It holds no date, so the same evaluation gives the same page.
 */

import { type StructureExample, type Figure, markup, nothing, type Markup, runFigure } from '@rna/figures';
import type { ConfigGroup } from './data.ts';
import { inFigure, page, repetition, sideBySide } from './page.ts';
import { configOf, type ReportedRun } from './runPage.ts';
import { structuresSection } from './structureCard.ts';
import { htmlTable, type Table } from './table.ts';

/** A score at the head of the page, ready to print. */
export interface KeyScore {
  readonly label: string;
  readonly value: string;
  /** Its interval, such as "0.69 – 0.73". */
  readonly interval?: string;
}

export interface EvaluationReport {
  readonly title: string;
  /** A few words for people: the head's title. */
  readonly task: string;
  readonly model: string;
  /** One short paragraph: what was scored, on which RNAs, by whose protocol. */
  readonly summary: string;
  readonly keys: readonly KeyScore[];
  readonly tables: readonly Table[];
  /** What a reader must know to read the numbers. */
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
  readonly examples: readonly StructureExample[];
  /** The fine-tuning behind the model, where its log is there. */
  readonly run?: ReportedRun;
  /** The command that repeats it. */
  readonly command: string;
  /** Protocol, threshold, files, adapter, versions. */
  readonly facts: readonly ConfigGroup[];
}

/**
 * A complete HTML document.
 * @throws RangeError if an example's pairs do not fit its sequence.
 */
export function renderEvaluation({
  title,
  task,
  model,
  summary,
  keys,
  tables,
  notes,
  figures,
  examples,
  run,
  command,
  facts,
}: EvaluationReport): string {
  const lead = markup`<p>${summary}</p>
<p class="quiet">${task} · ${model}</p>`;
  return page(title, lead, [
    keyScores(keys),
    markup`<section><h2>Scores</h2>
${tables.map(htmlTable)}
${notes.map((note) => markup`<p class="quiet">${note}</p>`)}
</section>`,
    figures.length === 0
      ? nothing
      : markup`<section><h2>Figures</h2>
${sideBySide(figures.filter(({ wide }) => wide !== true).map(drawn))}
${figures.filter(({ wide }) => wide === true).map(drawn)}
</section>`,
    structuresSection(examples),
    run === undefined
      ? nothing
      : markup`<section><h2>Training</h2>
${inFigure(runFigure([run]))}
</section>`,
    repetition(command, facts),
    run === undefined ? nothing : configOf(run),
  ]);
}

const drawn = ({ svg, caption }: Figure): Markup => inFigure(svg, caption);

function keyScores(keys: readonly KeyScore[]): Markup {
  if (keys.length === 0) return nothing;
  const items = keys.map(
    ({ label, value, interval }) =>
      markup`<div><dt>${label}</dt><dd>${value}${interval === undefined ? nothing : markup` <span class="from">${interval}</span>`}</dd></div>`,
  );
  return markup`<dl class="keys">${items}</dl>`;
}
