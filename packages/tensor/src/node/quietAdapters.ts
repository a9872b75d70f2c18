/**
 * Dawn writes two warnings about limits to the process's stderr whenever it lists software adapters, and has no switch
 * for them. They are written while `requestAdapter` is called, before it returns, so for that moment file descriptor 2
 * is a temporary file; whatever else was written there is handed on. This is done where stderr can be opened anew
 * (Linux; a terminal, a pipe, or a file that is appended to); elsewhere the warnings stay.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STDERR = 2;
const O_APPEND = 0o2000;
const ARTIFICIALLY_REDUCED = /^Warning: maxDynamic\w+PerPipelineLayout artificially reduced .*\n?/gm;

/** Calls a function that returns at once, without Dawn's warnings about limits. */
export function withoutLimitWarnings<T>(call: () => T): T {
  if (!canBeReopened()) return call();
  const path = join(tmpdir(), `.rna-${randomUUID()}`);
  let file: number;
  try {
    file = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  } catch {
    // Where no file can be made, the warnings are seen.
    return call();
  }
  const stderr = openSync(named(STDERR), 'a');
  replaceStderr(file);
  try {
    return call();
  } finally {
    const text = readFileSync(named(file), 'utf8').replace(ARTIFICIALLY_REDUCED, '');
    replaceStderr(stderr);
    closeSync(stderr);
    closeSync(file);
    if (text !== '') writeSync(STDERR, text);
  }
}

const named = (descriptor: number): string => `/proc/self/fd/${descriptor}`;

/** Makes descriptor 2 the file of another one: the least free number is given out. */
function replaceStderr(descriptor: number): void {
  closeSync(STDERR);
  openSync(named(descriptor), 'a');
}

/** Whether opening stderr once more gives descriptor 2 again, and the same place to write to. */
function canBeReopened(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    // Those below 2 must be taken.
    const [, , stderr] = [0, 1, STDERR].map((descriptor) => fstatSync(descriptor));
    if (stderr!.isFile()) {
      const [, flags = '0'] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${STDERR}`, 'utf8')) ?? [];
      if ((parseInt(flags, 8) & O_APPEND) === 0) return false;
    }
    closeSync(openSync(named(STDERR), 'a'));
    return true;
  } catch {
    // Closed, or a socket, which cannot be opened by its name.
    return false;
  }
}
