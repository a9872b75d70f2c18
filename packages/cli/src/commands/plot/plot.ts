/** The work of `rna plot`: reads the logs of runs and draws them over each other. Runs under way can be drawn too. */
import { readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import type { LogEntry } from '@rna/train';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';
import { outcomes, renderRuns, type ReportedRun } from '../../report/runPage.ts';
import { runCurves, runFigure } from '@rna/figures';
import { textTable } from '../../report/table.ts';
import { note, writeResult } from '../../commandLine/terminal.ts';

export interface PlotOptions {
  /** `.svg` or `.html`; without it the SVG goes to stdout. */
  readonly out?: string;
}

/** Throws a CommandError for a folder without a log, a UsageError for a file of another kind. */
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

/** Reads a run's log and config. A last line that a running process has not finished is left out. */
export async function readRun(folder: string, name: string): Promise<ReportedRun> {
  const path = join(folder, 'log.jsonl');
  const text = await textOf(path);
  if (text === undefined) throw new CommandError(`${folder} holds no training run: it has no log.jsonl`);
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
  const config = await textOf(join(folder, 'config.yaml'));
  return {
    ...runCurves(
      name,
      lines.map((line, i) => parseEntry(line, `${path}:${i + 1}`)),
    ),
    ...(config !== undefined && { config }),
  };
}

function parseEntry(line: string, where: string): LogEntry {
  try {
    const entry = JSON.parse(line) as LogEntry;
    if (typeof entry.step === 'number') return entry;
  } catch (cause) {
    throw new CommandError(`${where}: not a line of JSON; remove it`, { cause });
  }
  throw new CommandError(`${where}: no log entry of a run ("step" is missing); remove it`);
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

/** The folders' own names where these differ, else their paths as given. */
function runNames(folders: readonly string[]): string[] {
  const names = folders.map((folder) => basename(resolve(folder)));
  return new Set(names).size === names.length ? names : [...folders];
}
