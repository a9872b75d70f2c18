/**
 * Files of RNAs: FASTA, dot-bracket (.dbn), CT, BPSEQ, bpRNA's ST and Stockholm
 * are read, whole or as a stream, PDB and mmCIF whole; dot-bracket, CT and BPSEQ
 * are written. Readers take what the field writes (T or U, lower case, titles,
 * energies, comments, CRLF) and refuse, with file and line, what cannot be a
 * structure. They take text: opening files, and unpacking them, is the caller's.
 */

import { InputError } from '../errors.ts';
import { parseFasta } from './fasta.ts';
import { dotBracket } from '../secondary/dotBracket.ts';
import type { Structure } from '../secondary/structure.ts';
import { dotBracketReader, stReader } from './dotBracketFile.ts';
import { extensionOf, fileStem, recordFormat, type RecordFormat } from './fileNames.ts';
import { lineSplitter, splitLines } from './lines.ts';
import { bpseqReader, ctReader } from './rowFiles.ts';
import type { FileRecord, LineReader, Source } from './source.ts';
import { stockholmReader } from './stockholm.ts';

export type { FileRecord } from './source.ts';

export interface RecordFileOptions {
  /** Accept letters outside IUPAC; `tokenize` reads them as `<unk>`. Default false. */
  readonly allowUnknown?: boolean;
  /** Accept records with one id, and so hold no ids. Default false. */
  readonly allowRepeatedIds?: boolean;
}

const readers: Record<Exclude<RecordFormat, 'fasta' | 'coordinates'>, (source: Source) => LineReader> = {
  dotBracket: dotBracketReader,
  ct: ctReader,
  bpseq: bpseqReader,
  st: stReader,
  stockholm: stockholmReader,
};

/**
 * The records of a file's text, in order and one by one: only one record, or
 * one alignment, is held. `file` is the name that errors give; its extension
 * says the format, and its stem is the id where a record has none. Throws an
 * InputError for a file without a record, and for anything malformed or
 * impossible: unbalanced brackets, lengths that differ, a pair out of range,
 * with itself, or named by one side.
 */
export async function* parseRecords(
  chunks: AsyncIterable<string> | Iterable<string>,
  file: string,
  options: RecordFileOptions = {},
): AsyncGenerator<FileRecord, void, undefined> {
  if (recordFormat(file) === 'fasta') {
    for await (const { id, sequence, line } of parseFasta(chunks, { file, ...options }))
      yield { id, sequence, line, droppedPairs: 0 };
    return;
  }
  if (recordFormat(file) === 'coordinates') {
    // The readers of coordinates are loaded where there are some, so that no page waits for them.
    const { coordinateRecords } = await import('./coordinateFile.ts');
    const parts: string[] = [];
    for await (const part of chunks) parts.push(part);
    yield* coordinateRecords(parts.join(''), file);
    return;
  }
  const reading = startReading(file, options);
  for await (const lines of splitLines(chunks, file)) {
    for (const line of lines) reading.accept(line);
    yield* reading.take();
  }
  reading.finish();
  yield* reading.take();
}

/** As `parseRecords`, of a whole file of a format in which every record has a structure: .dbn, .ct, .bpseq or .st. */
export function parseStructureFile(text: string, file: string, options: RecordFileOptions = {}): Structure[] {
  const reading = startReading(file, options);
  const lines = lineSplitter(file);
  for (const line of [...lines.push(text), ...lines.end()]) reading.accept(line);
  reading.finish();
  return reading.take().map(({ id, sequence, partners, line }) => {
    if (partners === undefined)
      throw new InputError(file, line, `"${id}" has no structure`, 'give the alignment a line "#=GC SS_cons"');
    return { id, sequence, partners };
  });
}

/** A file's reader with the records that it has given. */
function startReading(file: string, { allowUnknown = false, allowRepeatedIds = false }: RecordFileOptions) {
  const format = recordFormat(file);
  if (format === undefined || format === 'fasta' || format === 'coordinates') {
    throw new InputError(
      file,
      1,
      `no structure format has the extension "${extensionOf(file).slice(1)}"`,
      'use .dbn, .ct, .bpseq, .st or .sto',
    );
  }
  let records: FileRecord[] = [];
  let [number, count, unnamed] = [0, 0, 0];
  const reader = readers[format]({
    file,
    allowUnknown,
    allowRepeatedIds,
    emit: (record) => {
      count++;
      records.push(record);
    },
    unnamed: () => (++unnamed === 1 ? fileStem(file) : `${fileStem(file)}-${unnamed}`),
    refuse: (line, problem, remedy) => new InputError(file, line?.number ?? 1, problem, remedy),
  });
  return {
    accept(raw: string): void {
      number++;
      const text = raw.trim();
      if (text !== '' || reader.takesBlankLines) reader.accept({ text, number });
    },
    finish(): void {
      reader.finish();
      if (count === 0)
        throw new InputError(
          file,
          1,
          'no structure in the file',
          `give at least one in the ${extensionOf(file)} format`,
        );
    },
    /** The records since it was asked last. */
    take(): FileRecord[] {
      const taken = records;
      records = [];
      return taken;
    },
  };
}

/** What a record's title says beside the id: words that readers pass over. */
export interface Remarked {
  readonly remark?: string;
}

/** A dot-bracket record: `>id`, sequence and brackets on three lines. */
export function writeDotBracket({ id, sequence, partners, remark }: Structure & Remarked): string {
  return `>${remark === undefined ? id : `${id} ${remark}`}\n${sequence}\n${dotBracket(partners)}\n`;
}

/**
 * A CT record, in the very text of RiNALMo's writer: tabs, the id as title, and
 * length + 1, not 0, as the last line's "next".
 */
export function writeCt({ id, sequence, partners, remark }: Structure & Remarked): string {
  const rows = Array.from(partners, (j, i) => [i + 1, sequence[i], i, i + 2, j + 1, i + 1].join('\t'));
  const title = [partners.length, id, ...(remark === undefined ? [] : [remark])].join('\t');
  return `${[title, ...rows].join('\n')}\n`;
}

/** A BPSEQ record, its id in a comment. */
export function writeBpseq({ id, sequence, partners, remark }: Structure & Remarked): string {
  const rows = Array.from(partners, (j, i) => `${i + 1} ${sequence[i]!} ${j + 1}`);
  return `${[`#Name: ${id}`, ...(remark === undefined ? [] : [`#${remark}`]), ...rows].join('\n')}\n`;
}

/**
 * `>id`, sequence, brackets (RNAfold's energy after them is passed over); or bpRNA's form, with `#Name: id` for the
 * header.
 */
