/**
 * The report of training runs as one HTML file: their curves, a table of where
 * they ended, and their configs. It holds no date and no times, so a run that was
 * killed and resumed has the same report as an undisturbed one.
 */

import {
  formatCount,
  formatLoss,
  formatScore,
  markup,
  nothing,
  type Markup,
  runFigure,
  scoreNames,
  type RunCurves,
} from '@rna/figures';
import { inFigure, page } from './page.ts';
import { htmlTable, type Column, type Table } from './table.ts';

export interface ReportedRun extends RunCurves {
  /** The whole config as YAML, if the run has one. */
  readonly config?: string;
}

/** A complete HTML document. */
export function renderRuns(runs: readonly ReportedRun[]): string {
  const title = runs.length === 1 ? `Training run ${runs[0]!.name}` : `${runs.length} training runs`;
  return page(title, nothing, [inFigure(runFigure(runs)), htmlTable(outcomes(runs)), ...runs.map(configOf)]);
}

/** Where each run ended: its last steps, and its last evaluation. */
export function outcomes(runs: readonly RunCurves[]): Table {
  const scores = scoreNames(runs);
  const number = (header: string): Column => ({ header, group: '', align: 'right' });
  return {
    caption: 'Where the runs ended',
    columns: [
      { header: 'run', group: '', align: 'left' },
      ...['steps taken', 'refused', 'training loss', 'held-out loss', ...scores].map(number),
    ],
    rowHeaders: 1,
    rows: runs.map(({ name, steps, refused, loss, evaluations }) => {
      const last = evaluations.at(-1)?.metrics ?? {};
      // One step says little: the last twentieth of the run.
      const end = loss.slice(-Math.ceil(loss.length / 20)).filter((value) => value !== null);
      const mean = end.length === 0 ? null : end.reduce((sum, value) => sum + value, 0) / end.length;
      return [
        name,
        formatCount(steps.length),
        formatCount(refused.length),
        formatLoss(mean),
        formatLoss(last['loss'] ?? null),
        ...scores.map((score) => formatScore(last[score] ?? null)),
      ];
    }),
  };
}

export const configOf = ({ name, config }: ReportedRun): Markup =>
  config === undefined ? nothing : markup`<h2>${name}: config</h2><pre>${config}</pre>`;
