/**
 * Errors about what a person gave: a file or a batch. A command line prints
 * their message as it stands, without a stack trace. Errors about a
 * programmer's call (a wrong length, a negative rate) are RangeErrors instead.
 */

/** Bad input in a file. The message reads `FILE:LINE: what is wrong; what to do`. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;

  constructor(file: string, line: number, problem: string, remedy: string) {
    super(`${file}:${line}: ${problem}; ${remedy}`);
    this.file = file;
    this.line = line;
  }
}
