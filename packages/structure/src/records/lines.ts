/** Text that comes in chunks of any size, cut into lines (LF, CRLF or CR) for the readers of files. */

import { InputError } from '../errors.ts';
import { FOREIGN_TEXT_START, refuseForeignText } from './foreign.ts';

/** Characters of a line, and of a record: half of what a string can hold. A chromosome has fewer. */
export const LONGEST_LINE = 2 ** 28;

export interface LineSplitter {
  /** The lines that a chunk completes. */
  push(chunk: string): string[];
  /** The last line, if it has no end. */
  end(): string[];
}

/**
 * Cuts the text of `file` into lines without their ends; a byte-order mark before the first is dropped. Throws an
 * InputError for what is no text (`refuseForeignText`), and for a line longer than LONGEST_LINE.
 */
export function lineSplitter(file: string): LineSplitter {
  // Pieces of an unfinished line are joined once, so that a genome on one line does not cost quadratic time.
  let pending: string[] = [];
  let pendingLength = 0;
  let number = 1;
  let endedInReturn = false;
  // The start of the text, until it is long enough to be judged.
  let start: string | undefined = '';

  const cut = (chunk: string): string[] => {
    let text = endedInReturn && chunk.startsWith('\n') ? chunk.slice(1) : chunk;
    if (chunk !== '') endedInReturn = chunk.endsWith('\r');
    if (text.includes('\r')) text = text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
    const lines = text.split('\n');
    const unfinished = lines.pop()!;
    if (lines.length > 0) {
      lines[0] = pending.join('') + lines[0]!;
      pending = [];
      pendingLength = 0;
      number += lines.length;
    }
    pending.push(unfinished);
    pendingLength += unfinished.length;
    if (pendingLength > LONGEST_LINE)
      throw new InputError(file, number, `a line of more than ${LONGEST_LINE} characters`, 'wrap or remove it');
    return lines;
  };
  const judged = (text: string): string[] => {
    start = undefined;
    refuseForeignText(text, file);
    return cut(text.startsWith('\uFEFF') ? text.slice(1) : text);
  };
  return {
    push(chunk) {
      if (start === undefined) return cut(chunk);
      start += chunk;
      return start.length < FOREIGN_TEXT_START ? [] : judged(start);
    },
    end() {
      const lines = start === undefined ? [] : judged(start);
      const last = pending.join('');
      pending = [];
      return last === '' ? lines : [...lines, last];
    },
  };
}

/** Lines of a chunked text, without their ends: those that each chunk completes. Throws as `lineSplitter` does. */
export async function* splitLines(
  chunks: AsyncIterable<string> | Iterable<string>,
  file: string,
): AsyncGenerator<string[], void, undefined> {
  const splitter = lineSplitter(file);
  for await (const chunk of chunks as AsyncIterable<string>) {
    const lines = splitter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const last = splitter.end();
  if (last.length > 0) yield last;
}
