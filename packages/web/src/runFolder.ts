/**
 * A run in the browser's private file system (OPFS), laid out as the folder of
 * `rna pretrain` is: `log.jsonl`, and `checkpoints/` with a folder per
 * checkpoint. Folders cannot be renamed here, so a checkpoint counts as
 * complete by a marker that is written after its files and lists their sizes;
 * a tab closed at any moment leaves complete checkpoints only. One tab holds a
 * run at a time. Works in pages and workers.
 */
import { type ByteSink, blobSource, CheckpointError } from '@rna/model';
import {
  CHECKPOINT_FILES,
  checkpointName,
  checkpointStep,
  parseLog,
  parseState,
  RUN_FILES,
  type CheckpointStore,
  type LogEntry,
  type TrainingLog,
} from '@rna/train';
import { z } from 'zod';
import { childFile, childFolder, fileNames, folderNames, readText, removeEntry, writeFile } from './opfs.ts';

/** A run's log can also be read as a whole, for plots of what was before. */
export interface RunLog extends TrainingLog {
  /** All entries, those not yet on disk included. */
  entries(): Promise<LogEntry[]>;
}

export interface RunFolder {
  readonly folder: FileSystemDirectoryHandle;
  readonly store: CheckpointStore;
  readonly log: RunLog;
  /** Runs `action` while no checkpoint appears or goes. */
  readonly undisturbed: <T>(action: () => Promise<T>) => Promise<T>;
  /** Writes the log's last entries and lets other tabs have the run. */
  readonly close: () => Promise<void>;
}

const MARKER = '.complete';
// A tab that was just closed or loaded again lets go of its runs within moments.
const LOCK_PATIENCE_MS = 5000;

const marker = z.strictObject({ sizes: z.record(z.string(), z.int().nonnegative()) });

/**
 * Opens a run's folder, made if it is not there, and clears what a closed tab left half done. Rejects if another tab
 * has it.
 */
export async function openRunFolder(runs: FileSystemDirectoryHandle, name: string): Promise<RunFolder> {
  const unlock = await lock(`rna run ${name}`, `the run '${name}' is open in another tab; close it there first`);
  try {
    const folder = await runs.getDirectoryHandle(name, { create: true });
    const checkpoints = await folder.getDirectoryHandle(RUN_FILES.checkpoints, { create: true });
    for (const each of await folderNames(checkpoints)) {
      if (!(await isComplete(checkpoints, each))) await removeEntry(checkpoints, each);
    }
    const log = openLog(folder);
    const undisturbed = createQueue();
    return {
      folder,
      log,
      undisturbed,
      store: checkpointStore(checkpoints, undisturbed, log.flush),
      async close() {
        await undisturbed(log.flush);
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** The complete checkpoints of a run's folder, the oldest first. */
export async function checkpointNames(checkpoints: FileSystemDirectoryHandle): Promise<string[]> {
  const names = (await folderNames(checkpoints)).filter((name) => checkpointStep(name) !== undefined);
  const complete = await Promise.all(names.map((name) => isComplete(checkpoints, name)));
  return names.filter((_, i) => complete[i]).sort();
}

/** The checkpoint of a run's best evaluation, which is kept, or where there was none its newest. */
export async function bestCheckpoint(checkpoints: FileSystemDirectoryHandle, newest: string): Promise<string> {
  const text = await readText(await checkpoints.getDirectoryHandle(newest), CHECKPOINT_FILES.state);
  if (text === undefined) return newest;
  const { best } = (await parseState(text, `${newest}/${CHECKPOINT_FILES.state}`)).state;
  const name = best === undefined ? newest : checkpointName(best.step);
  return (await checkpointNames(checkpoints)).includes(name) ? name : newest;
}

/** Names of a complete checkpoint's files. */
export const checkpointFiles = async (checkpoint: FileSystemDirectoryHandle): Promise<string[]> =>
  (await fileNames(checkpoint)).filter((name) => name !== MARKER).sort();

/** Makes a checkpoint count once `write` has written its files into the folder that it is given. */
export async function saveComplete(
  checkpoints: FileSystemDirectoryHandle,
  name: string,
  write: (folder: FileSystemDirectoryHandle) => Promise<void>,
): Promise<void> {
  await removeCheckpoint(checkpoints, name);
  const folder = await checkpoints.getDirectoryHandle(name, { create: true });
  await write(folder);
  const sizes = Object.fromEntries(
    await Promise.all(
      (await checkpointFiles(folder)).map(async (file) => [file, (await childFile(folder, file)).size] as const),
    ),
  );
  await writeFile(folder, MARKER, (sink) => sink.write(new TextEncoder().encode(JSON.stringify({ sizes }))));
}

function checkpointStore(
  checkpoints: FileSystemDirectoryHandle,
  undisturbed: RunFolder['undisturbed'],
  beforeComplete: () => Promise<void>,
): CheckpointStore {
  return {
    names: () => checkpointNames(checkpoints),
    save: (name, write) =>
      undisturbed(() =>
        saveComplete(checkpoints, name, async (folder) => {
          await write({ file: (file, content: (sink: ByteSink) => Promise<void>) => writeFile(folder, file, content) });
          // The log must not be older than the checkpoint.
          await beforeComplete();
        }),
      ),
    async open(name) {
      const folder = await checkpoints.getDirectoryHandle(name);
      return {
        name,
        async open(file) {
          if (!(await fileNames(folder)).includes(file)) throw new CheckpointError(`${name}/${file}`, 'is missing');
          return blobSource(`${name}/${file}`, await childFile(folder, file));
        },
        close: () => Promise.resolve(),
      };
    },
    remove: (name) => undisturbed(() => removeCheckpoint(checkpoints, name)),
    // Folders cannot be renamed here, and a person could not look at one anyway.
    setAside: (name) => undisturbed(() => removeCheckpoint(checkpoints, name)),
  };
}

/** The marker goes first: half a checkpoint must never count. */
export async function removeCheckpoint(checkpoints: FileSystemDirectoryHandle, name: string): Promise<void> {
  const folder = await childFolder(checkpoints, name);
  if (folder === undefined) return;
  await removeEntry(folder, MARKER);
  await removeEntry(checkpoints, name);
}

async function isComplete(checkpoints: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  const folder = await checkpoints.getDirectoryHandle(name);
  const text = await readText(folder, MARKER);
  if (text === undefined) return false;
  const parsed = marker.safeParse(JSON.parse(text));
  if (!parsed.success) return false;
  const names = await fileNames(folder);
  const fits = await Promise.all(
    Object.entries(parsed.data.sizes).map(
      async ([file, size]) => names.includes(file) && (await childFile(folder, file)).size === size,
    ),
  );
  return fits.every(Boolean);
}

/** Entries gather in memory and go to disk with each checkpoint; those after it would be written again anyway. */
function openLog(folder: FileSystemDirectoryHandle): RunLog & { readonly flush: () => Promise<void> } {
  let unwritten: LogEntry[] = [];
  const stored = async (): Promise<string> => (await readText(folder, RUN_FILES.log)) ?? '';
  const parse = (text: string): LogEntry[] => parseLog(text, `${folder.name}/${RUN_FILES.log}`);
  const write = (text: string): Promise<void> =>
    writeFile(folder, RUN_FILES.log, (sink) => sink.write(new TextEncoder().encode(text)));
  return {
    async rewind(step) {
      unwritten = [];
      await write(toLines(parse(await stored()).filter((entry) => entry.step <= step)));
    },
    append: (entry) => {
      unwritten.push(entry);
    },
    async flush() {
      const entries = unwritten;
      if (entries.length === 0) return;
      unwritten = [];
      await write((await stored()) + toLines(entries));
    },
    entries: async () => [...parse(await stored()), ...unwritten],
  };
}

const toLines = (entries: readonly LogEntry[]): string => entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

/** Gives the function that runs actions one after the other. */
function createQueue(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const result = last.then(action);
    // The next action does not depend on how this one ended.
    last = result.catch(() => undefined);
    return result;
  };
}

/** Takes a lock that all tabs share and gives the function that lets it go. */
function lock(name: string, refusal: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const request = navigator.locks.request(
      name,
      { signal: AbortSignal.timeout(LOCK_PATIENCE_MS) },
      () =>
        new Promise<void>((release) => {
          resolve(release);
        }),
    );
    request.catch((cause: unknown) => {
      reject(new Error(refusal, { cause }));
    });
  });
}
