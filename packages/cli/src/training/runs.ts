/**
 * A training run's folder: `log.jsonl`, `timings.jsonl`, and `checkpoints/` with
 * one folder per checkpoint, itself a model that `rna embed` and `rna fold` read. A checkpoint
 * is written under a temporary name, flushed to disk and renamed, so that a
 * process killed at any moment leaves complete ones only. What is in them is
 * `@rna/train`'s business. One process at a time has the folder (runLock.ts).
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  type CheckpointStore,
  type Progress,
  type TrainingLog,
  checkpointStep,
  parseLogLine,
  RUN_FILES,
} from '@rna/train';
import { makeFolder, openFileSource, writeAtomically, type FileSource } from '../files/files.ts';
import { CommandError } from '../commandLine/errors.ts';
import { lockFolder } from './runLock.ts';
import { CheckpointError } from '@rna/model';
import { checkOutputFolder } from '../files/outputPaths.ts';

export interface Run {
  readonly store: CheckpointStore;
  readonly log: TrainingLog;
  /**
   * Notes now and then how fast the run is and what memory it takes: what differs from time to time has no place in the
   * log.
   */
  readonly time: (progress: Progress) => void;
  /** The folder of a checkpoint. */
  readonly path: (checkpoint: string) => string;
  readonly close: () => void;
}

const WRITING = '.writing-';
const REMOVING = '.removing-';
const DAMAGED = 'damaged-';

/**
 * Opens a run's folder, making it if it is not there, and clears what a killed process left half done. Rejects with a
 * CommandError where another process has it open.
 */
export async function openRun(folder: string): Promise<Run> {
  return openClaimed(folder, await claimFolder(folder));
}

/**
 * Makes a folder if it is not there and takes it for this process; the function that is returned gives it back. Nothing
 * else in it is touched. Rejects with a CommandError where another process has it, or where it cannot be written to.
 */
export async function claimFolder(folder: string): Promise<() => void> {
  await checkOutputFolder(folder);
  await makeFolder(folder);
  return lockFolder(folder);
}

/** Opens the run in a folder that was claimed, which the run's `close` gives back; so does a failure here. */
export async function openClaimed(folder: string, unlock: () => void): Promise<Run> {
  try {
    const checkpoints = join(folder, RUN_FILES.checkpoints);
    await makeFolder(checkpoints);
    for (const name of await readdir(checkpoints)) {
      if (name.startsWith(WRITING) || name.startsWith(REMOVING)) await rm(join(checkpoints, name), { recursive: true });
    }
    const log = openLog(join(folder, RUN_FILES.log));
    const timings = openTimings(join(folder, RUN_FILES.timings));
    return {
      store: folderStore(checkpoints, log.flush),
      log,
      time: timings.time,
      path: (checkpoint) => join(checkpoints, checkpoint),
      close: () => {
        timings.close();
        log.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * The checkpoints of a run that another process has open: this one reads them. Rejects with a CommandError where the
 * folder is not to be seen here.
 */
export async function openCheckpoints(folder: string): Promise<Pick<Run, 'store' | 'path'>> {
  const checkpoints = join(folder, RUN_FILES.checkpoints);
  try {
    await readdir(checkpoints);
  } catch (cause) {
    throw new CommandError(
      `${folder} is not to be seen on ${hostname()}: the processes of a run need a file system that they share`,
      { cause },
    );
  }
  return { store: folderStore(checkpoints, () => undefined), path: (checkpoint) => join(checkpoints, checkpoint) };
}

/** Checkpoints as folders. `beforeSave` makes durable what must not be older than a checkpoint. */
function folderStore(folder: string, beforeSave: () => void): CheckpointStore {
  return {
    async names() {
      return (await readdir(folder)).filter((name) => checkpointStep(name) !== undefined).sort();
    },
    async save(name, write) {
      const temporary = join(folder, WRITING + name);
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary);
      await write({ file: (file, content) => writeAtomically(join(temporary, file), content) });
      await flushFolder(temporary);
      beforeSave();
      await rename(temporary, join(folder, name));
      await flushFolder(folder);
    },
    open(name) {
      const sources: FileSource[] = [];
      return Promise.resolve({
        name: join(folder, name),
        open: async (file: string) => {
          const path = join(folder, name, file);
          const source = await openFileSource(path).catch((cause: unknown) => {
            if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
            throw new CheckpointError(path, 'is missing', { cause });
          });
          sources.push(source);
          return source;
        },
        close: async () => {
          await Promise.all(sources.map((source) => source.close()));
        },
      });
    },
    async remove(name) {
      // Renamed first: half a checkpoint must never stand under its name.
      const doomed = join(folder, REMOVING + name);
      await rename(join(folder, name), doomed);
      await rm(doomed, { recursive: true });
    },
    async setAside(name) {
      const aside = join(folder, DAMAGED + name);
      await rm(aside, { recursive: true, force: true });
      await rename(join(folder, name), aside);
    },
  };
}

/** Makes the names in a folder durable. Windows has no such call and needs none. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function openLog(path: string): TrainingLog & { readonly flush: () => void; readonly close: () => void } {
  const descriptor = openSync(path, 'a');
  return {
    // oxlint-disable-next-line typescript/require-await -- a fault of the log is the promise's rejection
    async rewind(step) {
      ftruncateSync(descriptor, lengthUpTo(readFileSync(path), step, path));
    },
    append: (entry) => {
      writeSync(descriptor, `${JSON.stringify(entry)}\n`);
    },
    flush: () => {
      fsyncSync(descriptor);
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}

const TIMING_INTERVAL_MS = 5000;

/** A line every few seconds, and one at the end. */
function openTimings(path: string): { readonly time: (progress: Progress) => void; readonly close: () => void } {
  const descriptor = openSync(path, 'a');
  let last = -Infinity;
  return {
    time({ step, steps, tokensPerSecond, flopsPerSecond, dataWait, exchangeWait, memory }) {
      const now = Date.now();
      if (step !== steps && now - last < TIMING_INTERVAL_MS) return;
      last = now;
      writeSync(
        descriptor,
        `${JSON.stringify({ time: new Date(now).toISOString(), step, tokensPerSecond, flopsPerSecond, dataWait, exchangeWait, liveBytes: memory.live, peakBytes: memory.peak })}\n`,
      );
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}

/**
 * Bytes of the log's entries up to `step`. A last line without its end, which a killed process leaves, does not count.
 */
function lengthUpTo(bytes: Uint8Array, step: number, path: string): number {
  let begin = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, begin);
    if (end < 0) return begin;
    const text = new TextDecoder().decode(bytes.subarray(begin, end));
    if (parseLogLine(text, path, line).step > step) return begin;
    begin = end + 1;
  }
}
