/** Reads what was pasted or dropped: FASTA, or one sequence without a header. */
import { InputError, parseFasta, refuseForeignText, standardLetters } from '@rna/structure';

export interface RnaRecord {
  readonly id: string;
  readonly sequence: string;
  /** The number of the header, from 1. */
  readonly line: number;
}

/** The id of a sequence that was given without a header. */
export const UNNAMED = 'RNA';

/** Throws an InputError that names `file` and the line. */
export async function readRecords(text: string, file: string): Promise<RnaRecord[]> {
  refuseForeignText(text.slice(0, 256), file);
  const isBare = /^\s*[^>;\s]/.test(text);
  const given = isBare ? `>${UNNAMED}\n${text}` : text;
  const records: RnaRecord[] = [];
  try {
    for await (const { id, sequence, line } of parseFasta([given], { file }))
      records.push({ id, sequence: standardLetters(sequence), line });
  } catch (error) {
    throw isBare && error instanceof InputError ? oneLineUp(error) : error;
  }
  return records;
}

/** The error as it is without the header that was put before the text. */
function oneLineUp({ file, line, message }: InputError): InputError {
  const [problem, remedy] = splitLast(message.slice(`${file}:${line}: `.length), '; ');
  return new InputError(file, Math.max(1, line - 1), problem, remedy);
}

function splitLast(text: string, separator: string): [string, string] {
  const at = text.lastIndexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
