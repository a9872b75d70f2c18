/**
 * Files as the model package writes them: sinks that leave either a whole file
 * or none. Formats are not known here.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { ByteSink } from '@rna/model';

export { makeFolder, openFileSource, type FileSource } from '@rna/inference/node';

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
