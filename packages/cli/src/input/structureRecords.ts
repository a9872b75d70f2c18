/**
 * RNAs with their structures where the files have them, of every format that is read, held in memory: for commands that
 * draw or compare. Stdin may be dot-bracket too, which its first line of brackets tells.
 */
import { InputError, parseRecords, readable, standardLetters, type FileRecord } from '@rna/structure';
import type { FastaInput } from './fastaInput.ts';
import { inputName, readText, STDIN } from './inputText.ts';
import { listRecordFiles, readRecordFile } from './recordFiles.ts';

export interface StructureRecord {
  readonly id: string;
  /** Upper case, U for T. */
  readonly sequence: string;
  /** [length]; absent where the file has none. */
  readonly partners?: Int32Array;
  readonly file: string;
  readonly line: number;
}

/**
 * All records of files, folders and stdin (`-`), in that order.
 * @throws InputError for what cannot be read, and for an id that two files have; CommandError for what is not there.
 */
export async function readStructureRecords(paths: readonly string[]): Promise<StructureRecord[]> {
  const records: StructureRecord[] = [];
  const places = new Map<string, string>();
  for (const path of await listRecordFiles(paths)) {
    const file = inputName(path);
    for await (const { id, sequence, partners, line } of path === STDIN ? readStdin() : readRecordFile(path)) {
      const earlier = places.get(id);
      if (earlier !== undefined)
        throw new InputError(
          file,
          line,
          `a second record has the id "${readable(id)}" (the first is ${earlier})`,
          'give each record an id of its own',
        );
      places.set(id, `${file}:${line}`);
      records.push({ id, sequence: standardLetters(sequence), ...(partners && { partners }), file, line });
    }
  }
  return records;
}

/** FASTA, or dot-bracket where a line begins as only brackets do. */
async function* readStdin(): AsyncGenerator<FileRecord, void, undefined> {
  let text = '';
  for await (const chunk of readText(STDIN)) text += chunk;
  const isDotBracket = /^[.([{<]/m.test(text);
  // The name's ending says the format; errors name it.
  yield* parseRecords([text], isDotBracket ? 'stdin.dbn' : 'stdin.fasta');
}

/** Records as a command that folds FASTA takes them. */
export function foldingInput(records: readonly StructureRecord[]): FastaInput {
  return {
    name: [...new Set(records.map(({ file }) => file))].join(', '),
    plan: records.map(({ id, sequence, file, line }) => {
      const other = /[^ACGU]/.exec(sequence)?.[0];
      return { id, file, line, length: sequence.length, ...(other !== undefined && { otherLetter: other }) };
    }),
    // Records are read as a stream elsewhere, so the type asks for one.
    records: async function* () {
      for (const { id, sequence, file, line } of records) {
        yield await Promise.resolve({ id, sequence, description: '', file, line });
      }
    },
  };
}

/**
 * The structure that `others` have for each record: by its id, or, of one record each, by position.
 * @throws InputError for a record without one, and for one of another length.
 */
export function matchedStructures(
  records: readonly StructureRecord[],
  others: readonly StructureRecord[],
): Map<string, Int32Array> {
  const byId = new Map(others.map((other) => [other.id, other]));
  const name = [...new Set(others.map(({ file }) => file))].join(', ');
  return new Map(
    records.map((record) => {
      const other = byId.get(record.id) ?? (records.length === 1 && others.length === 1 ? others[0] : undefined);
      if (other?.partners === undefined)
        throw new InputError(
          record.file,
          record.line,
          `"${readable(record.id)}" has no structure in ${name === '' ? 'the other file' : name}`,
          'name the records of both alike',
        );
      if (other.partners.length !== record.sequence.length)
        throw new InputError(
          other.file,
          other.line,
          `"${readable(other.id)}" has ${other.partners.length} nucleotides, and ${record.sequence.length} in ${record.file}`,
          'give structures of the same sequences',
        );
      return [record.id, other.partners] as const;
    }),
  );
}
