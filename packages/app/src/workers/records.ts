/**
 * Reads what was pasted or dropped: FASTA, one sequence without a header, or RNAs with known structures (dot-bracket,
 * CT, bpseq, ST), with which predictions are compared.
 */
import {
  dotBracket,
  InputError,
  parseFasta,
  parseRecords,
  recordFormat,
  refuseForeignText,
  standardLetters,
  type RecordFormat,
} from '@rna/structure';
import type { Folded } from '../fold/protocol.ts';

export interface RnaRecord {
  readonly id: string;
  readonly sequence: string;
  /** The number of the header, from 1. */
  readonly line: number;
  /** The rest of a FASTA header. */
  readonly description?: string;
  /** The structure that came with it: partners [length]. */
  readonly known?: Int32Array;
}

/** The id of a sequence that was given without a header. */
export const UNNAMED = 'RNA';

/** Files of RNAs with their structures, by what their names end in. */
const WITH_STRUCTURES: Partial<Record<RecordFormat, string>> = {
  dotBracket: '.dbn',
  ct: '.ct',
  bpseq: '.bpseq',
  st: '.st',
};
/** A line of dots and brackets, which no FASTA has; RNAfold writes an energy behind it. */
const BRACKETS = /^[.(][.()[\]{}<>]*[ \t]*(?:\([-\d. ]+\))?\r?$/m;

/** Throws an InputError that names `file` and the line. */
export async function readRecords(text: string, file: string): Promise<RnaRecord[]> {
  refuseForeignText(text, file);
  const ending = WITH_STRUCTURES[recordFormat(file) ?? 'fasta'] ?? (BRACKETS.test(text) ? '.dbn' : undefined);
  const isBare = ending === undefined && /^\s*[^>;\s]/.test(text);
  const records: RnaRecord[] = [];
  try {
    if (ending !== undefined)
      for await (const { id, sequence, line, partners } of parseRecords([text], `${UNNAMED}${ending}`))
        records.push({ id, sequence: standardLetters(sequence), line, ...(partners && { known: partners }) });
    else
      for await (const { id, description, sequence, line } of parseFasta([isBare ? `>${UNNAMED}\n${text}` : text], {
        file,
      }))
        records.push({ id, sequence: standardLetters(sequence), line, ...(description !== '' && { description }) });
  } catch (error) {
    throw error instanceof InputError ? restated(error, file, isBare ? 1 : 0) : error;
  }
  return records;
}

/** The error for the text as it was given: with the file's own name, and without a line that was put before it. */
function restated(error: InputError, file: string, before: number): InputError {
  const text = error.message.slice(`${error.file}:${error.line}: `.length);
  const at = text.lastIndexOf('; ');
  return new InputError(file, Math.max(1, error.line - before), text.slice(0, at), text.slice(at + 2));
}

/** A known structure as a prediction that is sure of all its pairs; undefined where none came with the record. */
export function knownStructure({ id, sequence, known }: RnaRecord): Folded | undefined {
  if (known === undefined) return undefined;
  const i = Uint32Array.from([...known.keys()].filter((k) => known[k]! > k));
  return {
    id,
    sequence,
    partners: known,
    dotBracket: dotBracket(known),
    accuracy: NaN,
    pairs: { i, j: i.map((k) => known[k]!), probability: new Float32Array(i.length).fill(1) },
  };
}
