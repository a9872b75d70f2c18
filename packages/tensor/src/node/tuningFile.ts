/**
 * Where Node keeps the autotuner's answers: a JSON file in the user's cache
 * folder, one for all adapters. It may be copied, kept with a run (`RNA_TUNING`
 * names it then), edited or deleted.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseTuningRecord, type TuningStorage } from '../tuning.ts';
import { cacheFolder } from './driver.ts';

export interface TuningFile extends TuningStorage {
  readonly path: string;
  /** Deletes the file. Does nothing where there is none. */
  clear(): Promise<void>;
}

/**
 * The file that devices are opened with: `RNA_TUNING` where it names one, undefined where it is `off`, else
 * `rna/tuning.json` in the user's cache folder.
 */
export function keptTuning(): TuningFile | undefined {
  const named = process.env['RNA_TUNING'];
  if (named === 'off') return undefined;
  return tuningFile(named !== undefined && named !== '' ? named : join(cacheFolder(), 'tuning.json'));
}

export function tuningFile(path: string): TuningFile {
  return {
    path,
    async load() {
      const text = await readFile(path, 'utf8').catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      });
      return text === undefined ? undefined : parseTuningRecord(text, path);
    },
    async save(record) {
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${randomUUID()}.partial`;
      try {
        await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    clear: () => rm(path, { force: true }),
  };
}
