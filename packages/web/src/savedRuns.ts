/**
 * The runs that this browser keeps: their list, and what each is, its config as
 * `config.yaml` (in the JSON that is part of YAML).
 */
import { checkpointStep, pretrainConfig, RUN_FILES, validateConfig, type PretrainConfig } from '@rna/train';
import { childFolder, folderNames, openRuns, readText, removeEntry, writeFile } from './opfs.ts';
import { checkpointNames } from './runFolder.ts';
import { readTuning } from './tuning.ts';

/** A run in the list of those kept here. */
export interface SavedRun {
  readonly name: string;
  /** Updates that its newest checkpoint has done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** The task that it fine-tunes a model for; undefined for a pre-training. */
  readonly task?: string;
}

/** All runs with a checkpoint, by name. */
export async function savedRuns(): Promise<SavedRun[]> {
  const runs = await openRuns();
  const found: SavedRun[] = [];
  for (const name of await folderNames(runs)) {
    const folder = await runs.getDirectoryHandle(name);
    const checkpoints = await childFolder(folder, RUN_FILES.checkpoints);
    const newest = checkpoints && (await checkpointNames(checkpoints)).at(-1);
    if (newest === undefined) continue;
    const tuning = await readTuning(folder);
    const steps = tuning?.steps ?? (await readConfig(folder)).train.steps;
    found.push({ name, step: checkpointStep(newest)!, steps, ...(tuning && { task: tuning.task }) });
  }
  return found;
}

/** Deletes a run with all it keeps. */
export async function deleteRun(name: string): Promise<void> {
  await removeEntry(await openRuns(), name);
}

export async function readConfig(folder: FileSystemDirectoryHandle): Promise<PretrainConfig> {
  const text = await readText(folder, RUN_FILES.config);
  if (text === undefined)
    throw new Error(`the run '${folder.name}' has no ${RUN_FILES.config}; delete it and begin anew`);
  return validateConfig(pretrainConfig, JSON.parse(text), `${folder.name}/${RUN_FILES.config}`);
}

export async function writeConfig(folder: FileSystemDirectoryHandle, config: PretrainConfig): Promise<void> {
  await writeFile(folder, RUN_FILES.config, (sink) =>
    sink.write(new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)),
  );
}
