/** `--constraints`: a line `>id` and a line of constraint characters for each record that has any. */
import { firstWord, InputError, readable } from '@rna/structure';
import type { FastaInput } from '../../input/fastaInput.ts';
import { readLines } from '../../input/inputText.ts';

export interface Constraints {
  readonly file: string;
  readonly text: string;
  /** By id, with the line of each. */
  readonly of: ReadonlyMap<string, { readonly text: string; readonly line: number }>;
}

/**
 * Throws an InputError for a line out of place, an id that the FASTA file does not have, or a constraint of another
 * length.
 */
export async function readConstraints(file: string, fasta: FastaInput): Promise<Constraints> {
  const lines: string[] = [];
  for await (const line of readLines(file)) lines.push(line);
  const lengths = new Map(fasta.plan.map(({ id, length }) => [id, length]));
  const of = new Map<string, { text: string; line: number }>();
  let id: string | undefined;
  for (const [index, raw] of lines.entries()) {
    const line = index + 1;
    const row = raw.trim();
    if (row === '') continue;
    // ">" is a constraint's character too: a header stands where no constraint is due.
    if (id === undefined) {
      if (!row.startsWith('>'))
        throw new InputError(file, line, 'a constraint without a header', 'put a line ">ID" before it');
      id = firstWord(row.slice(1));
      if (!lengths.has(id))
        throw new InputError(
          file,
          line,
          `${fasta.name} has no record "${readable(id)}"`,
          'correct the id or remove its constraint',
        );
      if (of.has(id))
        throw new InputError(
          file,
          line,
          `a second constraint for "${id}" (the first is on line ${of.get(id)!.line})`,
          'remove one of them',
        );
      continue;
    }
    if (row.length !== lengths.get(id))
      throw new InputError(
        file,
        line,
        `a constraint of ${row.length} characters for the ${lengths.get(id)!} nucleotides of "${id}"`,
        'give one character a nucleotide',
      );
    of.set(id, { text: row, line });
    id = undefined;
  }
  if (id !== undefined)
    throw new InputError(file, lines.length, `"${id}" has no constraint`, 'add its line or remove its header');
  return { file, text: lines.join('\n'), of };
}
