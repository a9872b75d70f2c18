/**
 * Dawn writes two warnings about limits to the process's stderr whenever it lists software adapters, and has no switch
 * for them. They are written while `requestAdapter` is called, before it returns. Where stderr can be opened anew
 * (Linux; a terminal, a pipe, or a file that is appended to), file descriptor 2 is a temporary file for that moment,
 * and whatever else was written there is handed on. A file that is written at a position, as a shell's `2> file`, would
 * be opened anew at its start, so there the warnings are cut out of the file afterwards and the position is set back.
 * Elsewhere the warnings stay.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setPosition } from './filePosition.ts';

const STDERR = 2;
const O_APPEND = 0o2000;
const ARTIFICIALLY_REDUCED = /^Warning: maxDynamic\w+PerPipelineLayout artificially reduced .*\n?/gm;

/** Calls a function that returns at once, without Dawn's warnings about limits. */
export function withoutLimitWarnings<T>(call: () => T): T {
  switch (kindOfStderr()) {
    case 'reopened':
      return withStderrAside(call);
    case 'positioned':
      return withWarningsCutOut(call);
    case 'other':
      return call();
  }
}

function withStderrAside<T>(call: () => T): T {
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

function withWarningsCutOut<T>(call: () => T): T {
  const start = positionOfStderr();
  try {
    return call();
  } finally {
    cutWarnings(start);
  }
}

/** Takes the warnings out of what was written to stderr's file since it was at `start`, if nothing stands behind it. */
function cutWarnings(start: number): void {
  const end = positionOfStderr();
  let file: number;
  try {
    file = openSync(named(STDERR), 'r+');
  } catch {
    // What may not be read stays as it is.
    return;
  }
  try {
    if (end <= start || fstatSync(file).size !== end) return;
    const written = Buffer.alloc(end - start);
    readSync(file, written, 0, written.length, start);
    const kept = Buffer.from(written.toString('latin1').replace(ARTIFICIALLY_REDUCED, ''), 'latin1');
    if (kept.length === written.length || !setPosition(STDERR, start + kept.length)) return;
    writeSync(file, kept, 0, kept.length, start);
    ftruncateSync(file, start + kept.length);
  } finally {
    closeSync(file);
  }
}

/** A number of the kernel's table about descriptor 2. */
function stderrInfo(field: 'flags' | 'pos', radix: number): number {
  const [, digits = '0'] =
    new RegExp(`^${field}:\\s*(\\d+)$`, 'm').exec(readFileSync(`/proc/self/fdinfo/${STDERR}`, 'utf8')) ?? [];
  return parseInt(digits, radix);
}

const positionOfStderr = (): number => stderrInfo('pos', 10);

/**
 * Whether opening stderr once more gives descriptor 2 again and the same place to write to, or it is a file with a
 * position of its own.
 */
function kindOfStderr(): 'reopened' | 'positioned' | 'other' {
  if (process.platform !== 'linux') return 'other';
  try {
    // Those below 2 must be taken.
    const [, , stderr] = [0, 1, STDERR].map((descriptor) => fstatSync(descriptor));
    if (stderr!.isFile() && (stderrInfo('flags', 8) & O_APPEND) === 0) return 'positioned';
    closeSync(openSync(named(STDERR), 'a'));
    return 'reopened';
  } catch {
    // Closed, or a socket, which cannot be opened by its name.
    return 'other';
  }
}
