/**
 * Errors about what a person gave: a file or a batch. A command line prints
 * their message as it stands, without a stack trace. Errors about a
 * programmer's call (a wrong length, a negative rate) are RangeErrors instead.
 */

/** Bad input in a file. The message reads `FILE:LINE: what is wrong; what to do`, on one line and without control characters. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;

  constructor(file: string, line: number, problem: string, remedy: string) {
    // What stands in a file must not steer the terminal that the message is printed on.
    super(readable(`${file}:${line}: ${problem}; ${remedy}`, Infinity));
    this.file = file;
    this.line = line;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text as a message shows it: cut where it is longer than `longest`, what cannot be seen written out. */
export function readable(text: string, longest = 40): string {
  const start = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return start.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => ESCAPES[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
