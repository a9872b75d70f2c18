/**
 * Files as the model package reads and writes them: sources by range, and
 * sinks that leave either a whole file or none. Formats are not known here.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError, checkRange, type ByteSink, type ByteSource } from '@rna/model';

export interface FileSource extends ByteSource {
  readonly close: () => Promise<void>;
}

/** Opens a file for reading by range; the caller closes it. Rejects as node does if it cannot be opened. */
export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    name: path,
    size,
    async read(offset, length) {
      checkRange({ name: path, size }, offset, length);
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) {
          throw new CheckpointError(
            path,
            `ends at byte ${offset + filled}, but ${offset + length} were expected: it is cut off or was changed`,
          );
        }
        filled += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/**
 * Makes a folder and those above it that are missing. Throws as node does, with the folder that could not be made. Node's
 * own recursive form says of a disk that cannot be written to that there is no such file.
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    await mkdir(folder).catch((error: unknown) => {
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
  if (!(await stat(path)).isDirectory()) await mkdir(path);
}

// ---- partial files ---------------------------------------------------------

// A partial file's name says whose it is: of which output, which machine and which process. So the next run for the
// same output knows which are left from a process that was killed.
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const partialName = (path: string): string =>
  `.${basename(path)}.${HOST}-${process.pid}-${randomUUID().slice(0, 8)}.partial`;
/** A partial file of another machine that shares the folder is left alone for so long after its last change. */
const ABANDONED_AFTER = 24 * 3600 * 1000;

/** A new folder for the parts of an output, which the next run removes if this one is killed. The caller removes it. */
export async function partialFolder(path: string): Promise<string> {
  await removeAbandoned(path);
  const folder = join(dirname(path), partialName(path));
  await mkdir(folder);
  return folder;
}

// A folder is listed once: a run may write thousands of files into it.
const listed = new Map<string, Promise<string[]>>();

/** Removes what killed processes left of an output. */
async function removeAbandoned(path: string): Promise<void> {
  const [folder, prefix] = [resolve(dirname(path)), `.${basename(path)}.`];
  let partials = listed.get(folder);
  if (partials === undefined) {
    partials = readdir(folder).then((names) => names.filter((name) => name.endsWith('.partial')));
    listed.set(folder, partials);
    partials.catch(() => listed.delete(folder));
  }
  for (const name of await partials) {
    if (!name.startsWith(prefix)) continue;
    const [, host, pid] = /^([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.partial$/.exec(name.slice(prefix.length)) ?? [];
    if (host === undefined) continue;
    const left = join(folder, name);
    const abandoned =
      host === HOST
        ? !isRunning(Number(pid))
        : existsSync(left) && Date.now() - (await stat(left)).mtimeMs > ABANDONED_AFTER;
    if (abandoned) await rm(left, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Writes a file that others see only when it is complete: under a temporary
 * name in the same folder, flushed to disk, then renamed over `path`. If
 * `write` rejects, the temporary file is removed and what stood at `path` stays; of a process that is killed, the next
 * one that writes the same file removes it.
 */
export async function writeAtomically(path: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
  await removeAbandoned(path);
  const temporary = join(dirname(path), partialName(path));
  const handle = await open(temporary, 'wx');
  try {
    try {
      await write({
        async write(bytes) {
          let written = 0;
          while (written < bytes.byteLength) {
            written += (await handle.write(bytes, written, bytes.byteLength - written)).bytesWritten;
          }
        },
      });
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
