/** A training run read from its folder, also while it is under way: what its curves are drawn from, and its config. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCurves } from '@rna/figures';
import type { LogEntry } from '@rna/train';
import { CommandError } from '../commandLine/errors.ts';
import type { ReportedRun } from '../report/runPage.ts';
import { CONFIG_FILE, LOG_FILE } from './runFiles.ts';

/** Reads a run's log and config. A last line that a running process has not finished is left out. */
export async function readRun(folder: string, name: string): Promise<ReportedRun> {
  const path = join(folder, LOG_FILE);
  const text = await textOf(path);
  if (text === undefined) throw new CommandError(`${folder} holds no training run: it has no ${LOG_FILE}`);
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
  const config = await textOf(join(folder, CONFIG_FILE));
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
