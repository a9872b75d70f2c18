/** The work of `rna plot`: reads the logs of runs and draws them over each other. Runs under way can be drawn too. */
import { basename, extname, resolve } from 'node:path';
import { UsageError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';
import { outcomes, renderRuns } from '../../report/runPage.ts';
import { runFigure } from '@rna/figures';
import { textTable } from '../../report/table.ts';
import { note, writeResult } from '../../commandLine/terminal.ts';
import { readRun } from '../../training/readRun.ts';

export interface PlotOptions {
  /** `.svg` or `.html`; without it the SVG goes to stdout. */
  readonly out?: string;
}

/**
 * Throws a CommandError for a folder without a log, an InputError for a bad line in one, a UsageError for a file of
 * another kind.
 */
export async function plot(folders: readonly string[], { out }: PlotOptions): Promise<void> {
  const kind = out === undefined ? '.svg' : extname(out).toLowerCase();
  if (kind !== '.svg' && kind !== '.html') throw new UsageError(`--out ${out}: the name must end in .svg or .html`);
  const names = runNames(folders);
  const runs = await Promise.all(folders.map((folder, i) => readRun(folder, names[i]!)));
  const text = kind === '.html' ? renderRuns(runs) : `${runFigure(runs).markup}\n`;
  if (out === undefined) return writeResult(text);
  await writeAtomically(out, (sink) => sink.write(new TextEncoder().encode(text)));
  await writeResult(textTable(outcomes(runs)));
  note(`${out} is written`);
}

/** The folders' own names where these differ, else their paths as given. */
function runNames(folders: readonly string[]): string[] {
  const names = folders.map((folder) => basename(resolve(folder)));
  return new Set(names).size === names.length ? names : [...folders];
}
