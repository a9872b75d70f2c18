/** Text that comes in chunks of any size, cut into lines (LF or CRLF) for the readers of files. */

/** Lines of a chunked text, without their ends: those that each chunk completes. */
export async function* splitLines(
  chunks: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<string[], void, undefined> {
  // Pieces of an unfinished line are joined once, so that a genome on one line does not cost quadratic time.
  let pending: string[] = [];
  for await (const chunk of chunks) {
    const pieces = chunk.split('\n');
    const unfinished = pieces.pop()!;
    if (pieces.length > 0) {
      pieces[0] = pending.join('') + pieces[0]!;
      pending = [];
      yield pieces.map(stripCarriageReturn);
    }
    pending.push(unfinished);
  }
  const last = pending.join('');
  if (last !== '') yield [stripCarriageReturn(last)];
}

function stripCarriageReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
