/** A training run read from its folder, also while it is under way: what its curves are drawn from, and its config. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCurves } from '@rna/figures';
import { parseLog, RUN_FILES } from '@rna/train';
import { CommandError } from '../commandLine/errors.ts';
import type { ReportedRun } from '../report/runPage.ts';

/** Reads a run's log and config. A last line that a running process has not finished is left out. */
export async function readRun(folder: string, name: string): Promise<ReportedRun> {
  const path = join(folder, RUN_FILES.log);
  const text = await textOf(path);
  if (text === undefined) throw new CommandError(`${folder} holds no training run: it has no ${RUN_FILES.log}`);
  const config = await textOf(join(folder, RUN_FILES.config));
  return { ...runCurves(name, parseLog(text, path)), ...(config !== undefined && { config }) };
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
