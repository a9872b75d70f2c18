/**
 * One process at a time in a run's folder: a file that names who has it. A
 * killed process leaves its file behind, which the next one takes over when no
 * such process lives on this machine any more. Of another machine nothing can be
 * known, so its lock is refused, and the message names the file.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../commandLine/errors.ts';

const LOCK = '.lock';

// A process id is given out again; what this process holds is known without it.
const held = new Set<string>();

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/**
 * Takes the folder's lock and returns the function that gives it back. Throws a CommandError where another process has
 * it.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, LOCK);
  const own = `${JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder)}\n`;
  for (;;) {
    if (tryCreate(path, own)) {
      held.add(path);
      return () => {
        held.delete(path);
        rmSync(path, { force: true });
      };
    }
    const text = readLock(path);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder === undefined || isAlive(holder, path)) {
      const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
      throw new CommandError(
        `${folder} is in use by ${who}; wait until it has ended. If there is no such process, delete ${path}`,
      );
    }
    takeAway(path, text);
  }
}

/** Creates the file with its content at once, so that nobody reads half of it. */
function tryCreate(path: string, text: string): boolean {
  const temporary = `${path}-${randomUUID()}`;
  writeFileSync(temporary, text);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary);
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    // Not a lock of ours: then nobody can say that it is free.
    return undefined;
  }
}

function isAlive({ pid, host }: Holder, path: string): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Removes a dead process's lock, unless another process was quicker and the file is its own by now. */
function takeAway(path: string, text: string): void {
  const doomed = `${path}-${randomUUID()}`;
  try {
    renameSync(path, doomed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(doomed, 'utf8') !== text) tryRestore(doomed, path);
  rmSync(doomed, { force: true });
}

function tryRestore(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
