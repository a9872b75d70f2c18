/**
 * One process at a time makes a file that several want: a lock beside it, whose
 * holder touches it while it works. Others wait. A lock that nobody has touched
 * for a while is a killed process's and is taken away, on whatever machine it
 * was that shares the folder.
 */
import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';

/** In milliseconds: between two touches, until an untouched lock is nobody's, and between two looks of who waits. */
const [TOUCH, STALE, LOOK] = [5_000, 30_000, 100];

const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs `task` while no other process runs one under the same lock, however long it has to wait for that. */
export async function withFileLock<T>(lock: string, task: () => Promise<T>): Promise<T> {
  const own = randomUUID();
  while (!(await tryCreate(lock, own))) {
    if (await isStale(lock)) await takeAway(lock);
    else await sleep(LOOK);
  }
  const touching = setInterval(() => {
    const now = new Date();
    // A lock that somebody else removed is made good by nothing; the work goes on.
    utimes(lock, now, now).catch(() => undefined);
  }, TOUCH);
  touching.unref();
  try {
    return await task();
  } finally {
    clearInterval(touching);
    if ((await readFile(lock, 'utf8').catch(() => undefined)) === own) await rm(lock, { force: true });
  }
}

async function tryCreate(lock: string, text: string): Promise<boolean> {
  try {
    const handle = await open(lock, 'wx');
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (code(error) === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(lock: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(lock)).mtimeMs > STALE;
  } catch (error) {
    if (code(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Removes a stale lock, unless another process was quicker and the file is its own by now. */
async function takeAway(lock: string): Promise<void> {
  const doomed = `${lock}-${randomUUID()}`;
  try {
    await rename(lock, doomed);
  } catch (error) {
    if (code(error) === 'ENOENT') return;
    throw error;
  }
  if (!(await isStale(doomed))) await link(doomed, lock).catch(() => undefined);
  await rm(doomed, { force: true });
}
