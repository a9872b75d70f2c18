/**
 * Files of RNAs: FASTA, dot-bracket (.dbn), CT, BPSEQ, bpRNA's ST and Stockholm
 * are read, whole or as a stream; dot-bracket, CT and BPSEQ are written. Readers
 * take what the field writes (T or U, lower case, titles, energies, comments,
 * CRLF) and refuse, with file and line, what cannot be a structure. They take
 * text: opening files, and unpacking them, is the caller's.
 */

import { InputError } from '../errors.ts';
import { parseFasta } from './fasta.ts';
import { splitLines } from './lines.ts';
import { dotBracket, parseDotBracket } from '../secondary/dotBracket.ts';
import { checkLetters, firstWord, type FileRecord, type Line, type LineReader, type Source } from './source.ts';
import { stockholmReader } from './stockholm.ts';
import { partnerProblem, type Structure } from '../secondary/structure.ts';

export type { FileRecord } from './source.ts';

export interface RecordFileOptions {
  /** Accept letters outside IUPAC; `tokenize` reads them as `<unk>`. Default false. */
  readonly allowUnknown?: boolean;
  /** Accept records with one id, and so hold no ids. Default false. */
  readonly allowRepeatedIds?: boolean;
}

/** Formats of files by their extensions. Stockholm's text is latin-1, all else UTF-8. */
export const RECORD_FORMATS = {
  fasta: ['.fasta', '.fa', '.fna', '.fas', '.ffn', '.frn'],
  dotBracket: ['.dbn', '.dot', '.db', '.dotbracket', '.vienna'],
  ct: ['.ct'],
  bpseq: ['.bpseq'],
  st: ['.st'],
  stockholm: ['.sto', '.stk', '.stockholm', '.seed'],
} as const;

export type RecordFormat = keyof typeof RECORD_FORMATS;

/** The format of a file by its name, of which a last `.gz` is no part; undefined where none is known. */
export function recordFormat(file: string): RecordFormat | undefined {
  const extension = extensionOf(file);
  return (Object.keys(RECORD_FORMATS) as RecordFormat[]).find((format) =>
    (RECORD_FORMATS[format] as readonly string[]).includes(extension),
  );
}

const readers: Record<Exclude<RecordFormat, 'fasta'>, (source: Source) => LineReader> = {
  dotBracket: dotBracketReader,
  ct: ctReader,
  bpseq: bpseqReader,
  st: stReader,
  stockholm: stockholmReader,
};

/**
 * The records of a file's text, in order and one by one: only one record, or
 * one alignment, is held. `file` is the name that errors give; its extension
 * says the format, and its stem is the id where the format has none. Throws an
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
  const reading = startReading(file, options);
  for await (const lines of splitLines(chunks)) {
    for (const line of lines) reading.accept(line);
    yield* reading.take();
  }
  reading.finish();
  yield* reading.take();
}

/** As `parseRecords`, of a whole file of a format in which every record has a structure: .dbn, .ct, .bpseq or .st. */
export function parseStructureFile(text: string, file: string, options: RecordFileOptions = {}): Structure[] {
  const reading = startReading(file, options);
  for (const line of text.split(/\r?\n/)) reading.accept(line);
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
  if (format === undefined || format === 'fasta') {
    throw new InputError(
      file,
      1,
      `no structure format has the extension "${extensionOf(file).slice(1)}"`,
      'use .dbn, .ct, .bpseq, .st or .sto',
    );
  }
  let records: FileRecord[] = [];
  let [number, count] = [0, 0];
  const reader = readers[format]({
    file,
    allowUnknown,
    allowRepeatedIds,
    emit: (record) => {
      count++;
      records.push(record);
    },
    refuse: (line, problem, remedy) => new InputError(file, line?.number ?? 1, problem, remedy),
  });
  return {
    accept(raw: string): void {
      number++;
      const text = (number === 1 ? raw.replace(/^\uFEFF/, '') : raw).trim();
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

/** A dot-bracket record: `>id`, sequence and brackets on three lines. */
export function writeDotBracket({ id, sequence, partners }: Structure): string {
  return `>${id}\n${sequence}\n${dotBracket(partners)}\n`;
}

/**
 * A CT record, in the very text of RiNALMo's writer: tabs, the id as title, and
 * length + 1, not 0, as the last line's "next".
 */
export function writeCt({ id, sequence, partners }: Structure): string {
  const rows = Array.from(partners, (j, i) => [i + 1, sequence[i], i, i + 2, j + 1, i + 1].join('\t'));
  return `${[`${partners.length}\t${id}`, ...rows].join('\n')}\n`;
}

/** A BPSEQ record, its id in a comment. */
export function writeBpseq({ id, sequence, partners }: Structure): string {
  const rows = Array.from(partners, (j, i) => `${i + 1} ${sequence[i]!} ${j + 1}`);
  return `${[`#Name: ${id}`, ...rows].join('\n')}\n`;
}

/**
 * `>id`, sequence, brackets (RNAfold's energy after them is passed over); or bpRNA's form, with `#Name: id` for the
 * header.
 */
function dotBracketReader(source: Source): LineReader {
  const lineOfId = new Map<string, number>();
  let header: { id: string; line: Line } | undefined;
  let sequence: Line | undefined;
  const checkComplete = (): void => {
    if (header)
      throw source.refuse(
        header.line,
        `record "${header.id}" is not complete`,
        'give its sequence and its brackets on one line each',
      );
  };
  return {
    accept(line) {
      const name = line.text.startsWith('>') ? line.text.slice(1) : commentedName(line);
      if (name === undefined && line.text.startsWith('#')) return;
      if (name !== undefined) {
        checkComplete();
        const id = firstWord(name);
        if (!id) throw source.refuse(line, 'a header without an id', 'write the id after ">"');
        const earlier = lineOfId.get(id);
        if (earlier !== undefined)
          throw source.refuse(
            line,
            `a second record has the id "${id}" (the first is on line ${earlier})`,
            'give each record an id of its own',
          );
        if (!source.allowRepeatedIds) lineOfId.set(id, line.number);
        header = { id, line };
      } else if (!header) {
        throw source.refuse(line, 'a record without a header', 'put a line ">ID" before its sequence');
      } else if (!sequence) {
        sequence = line;
      } else {
        const brackets = { ...line, text: line.text.replace(/\s+\(?\s*[-+]?\d+(\.\d*)?\s*\)?$/, '') };
        emitBrackets(source, header, sequence, brackets);
        header = undefined;
        sequence = undefined;
      }
    },
    finish: checkComplete,
  };
}

/** `#` lines, sequence, brackets; the annotation lines after them repeat what the brackets say. */
function stReader(source: Source): LineReader {
  let name: string | undefined;
  const lines: Line[] = [];
  return {
    accept(line) {
      if (line.text.startsWith('#')) name ??= commentedName(line);
      else if (lines.length < 2) lines.push(line);
    },
    finish() {
      const [sequence, brackets] = lines;
      if (!sequence) return;
      if (!brackets) throw source.refuse(sequence, 'a sequence without brackets', 'give the dot-bracket line after it');
      emitBrackets(source, { id: firstWord(name ?? '') || stem(source.file), line: sequence }, sequence, brackets);
    },
  };
}

function emitBrackets(source: Source, header: { id: string; line: Line }, sequence: Line, brackets: Line): void {
  checkLetters(source, sequence, sequence.text);
  if (sequence.text.length !== brackets.text.length) {
    throw source.refuse(
      brackets,
      `"${header.id}" has ${sequence.text.length} letters but ${brackets.text.length} brackets and dots`,
      'make them equal',
    );
  }
  const partners = parseDotBracket(brackets.text, { file: source.file, line: brackets.number });
  source.emit({ id: header.id, sequence: sequence.text, partners, line: header.line.number, droppedPairs: 0 });
}

/** `N [ENERGY = x] title`, then N rows `i base i-1 i+1 partner natural`; further structures may follow. */
function ctReader(source: Source): LineReader {
  let header: { line: Line; length: number; title: string } | undefined;
  let rows: Line[] = [];
  return {
    accept(line) {
      if (line.text.startsWith('#')) return;
      if (header === undefined) {
        header = ctHeader(source, line);
        return;
      }
      rows.push(line);
      if (rows.length < header.length) return;
      const id = firstWord(header.title.replace(/^(ENERGY|dG)\s*=\s*\S*/i, '')) || stem(source.file);
      // Columns are counted from the left: mfold writes two more on the right.
      emitRows(source, id, header.line, rows, 4, 6);
      header = undefined;
      rows = [];
    },
    finish() {
      if (header)
        throw source.refuse(
          rows.at(-1) ?? header.line,
          `the file ends after ${rows.length} of ${header.length} rows`,
          'correct the number in the first line or add the missing rows',
        );
    },
  };
}

function ctHeader(source: Source, line: Line): { line: Line; length: number; title: string } {
  const [, digits, title = ''] = /^(\d+)(?:\s+(.*))?$/.exec(line.text) ?? [];
  if (digits === undefined || /^\d+\s+\S\s+\d+\s+\d+\s+\d+\s+\d+$/.test(line.text)) {
    throw source.refuse(
      line,
      'not the first line of a CT structure',
      'write the number of rows and a title, and as many rows after it',
    );
  }
  if (Number(digits) === 0) throw source.refuse(line, 'a structure of 0 rows', 'give at least one');
  return { line, length: Number(digits), title };
}

/** Rows `i base partner`; `#` comments, and free text before the first row (as CRW writes it). */
function bpseqReader(source: Source): LineReader {
  let name: string | undefined;
  const rows: Line[] = [];
  return {
    accept(line) {
      if (line.text.startsWith('#')) name ??= commentedName(line);
      else if (rows.length > 0 || /^\d/.test(line.text)) rows.push(line);
    },
    finish() {
      if (rows.length > 0) emitRows(source, firstWord(name ?? '') || stem(source.file), rows[0]!, rows, 2, 3);
    },
  };
}

/** A structure of rows that begin `i base` and have the partner, 1-based or 0, in `partnerColumn`. */
function emitRows(
  source: Source,
  id: string,
  first: Line,
  rows: readonly Line[],
  partnerColumn: number,
  columns: number,
): void {
  const partners = new Int32Array(rows.length);
  let sequence = '';
  for (const [i, row] of rows.entries()) {
    const fields = row.text.split(/\s+/);
    const partner = fields[partnerColumn];
    if (fields.length < columns || !/^\d+$/.test(partner!)) {
      throw source.refuse(
        row,
        `not a row of ${columns} columns with a partner in column ${partnerColumn + 1}`,
        'correct the row',
      );
    }
    if (fields[0] !== String(i + 1))
      throw source.refuse(row, `row ${fields[0]!} stands where row ${i + 1} is due`, 'number the rows from 1');
    if (fields[1]!.length !== 1)
      throw source.refuse(row, `"${fields[1]!}" is not one letter`, 'give one nucleotide in each row');
    checkLetters(source, row, fields[1]!);
    sequence += fields[1]!;
    partners[i] = Number(partner) - 1;
  }
  for (const [i, row] of rows.entries()) {
    const problem = partnerProblem(partners, i);
    if (problem) throw source.refuse(row, problem, 'correct the partners');
  }
  source.emit({ id, sequence, partners, line: first.number, droppedPairs: 0 });
}

function commentedName(line: Line): string | undefined {
  return /^#\s*Name:(.*)$/i.exec(line.text)?.[1];
}

/** The extension, with its dot and in lower case, without a `.gz` behind it. */
function extensionOf(file: string): string {
  return /(\.[^./\\]+)?$/.exec(file.toLowerCase().replace(/\.gz$/, ''))![0];
}

function stem(file: string): string {
  return file
    .replace(/^.*[/\\]/, '')
    .replace(/\.gz$/i, '')
    .replace(/\.[^.]*$/, '');
}
