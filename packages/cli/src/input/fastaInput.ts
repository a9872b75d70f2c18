/**
 * FASTA as commands read it, from files or stdin: twice. The first pass checks
 * every record, so that bad input is refused (or left out, where that is asked
 * for) before any work; the second hands the records out. Neither holds more
 * than one. What cannot be read twice (stdin, a pipe) is copied to a temporary
 * file first.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RecordRange } from '@rna/model';
import {
  InputError,
  parseFasta,
  parseRecords,
  readable,
  recordFormat,
  type FastaRecord,
  type FileRecord,
} from '@rna/structure';
import { CommandError, UsageError } from '../commandLine/errors.ts';
import { corpusText, isCorpusFile } from './corpusText.ts';
import { openRecords, type FastaIndex } from './fastaIndex.ts';
import { inputName, readText, STDIN } from './inputText.ts';
import { note } from '../commandLine/terminal.ts';

/** A record and the name that errors give its file. */
export interface FastaFileRecord extends FastaRecord {
  readonly file: string;
}

export interface FastaInput {
  /** The inputs as errors name them. */
  readonly name: string;
  /** What the first pass kept of each record, in order: the letters are not held. */
  readonly plan: readonly PlannedRecord[];
  /** The records once more. Throws an InputError where they are no longer those of the plan. */
  records(): AsyncGenerator<FastaFileRecord, void, undefined>;
}

export interface PlannedRecord {
  readonly id: string;
  readonly file: string;
  readonly line: number;
  /** Nucleotides. */
  readonly length: number;
  /** The first letter that is not A, C, G, T or U, in any case. */
  readonly otherLetter?: string;
}

export interface FastaInputOptions {
  readonly allowUnknown?: boolean;
  /** Read lines before the first header as records of their own. */
  readonly allowUnnamed?: boolean;
  /** Leave out records that cannot be read, and say which. By default the first is refused. */
  readonly skipBad?: boolean;
  /** Read these records of the one input, and nothing else of it. */
  readonly part?: FastaPart;
  readonly signal?: AbortSignal;
}

/** Some of the records of an indexed file. */
export interface FastaPart {
  readonly index: FastaIndex;
  readonly range: RecordRange;
}

/** An input that can be read twice. */
interface Rereadable {
  readonly name: string;
  readonly text: () => AsyncIterable<string>;
  readonly firstLine: number;
  /** Whether it is a file of structures, of which the sequences alone are read. */
  readonly hasStructures: boolean;
}

/**
 * Opens FASTA (`-` is stdin; gzipped or not), a corpus, or the sequences of files of structures, one input or several,
 * reads it through once and runs `task` on it.
 * Throws an InputError as `parseFasta` does and for an id that two inputs have, before `task` is called.
 */
export async function withFasta<T>(
  paths: string | readonly string[],
  options: FastaInputOptions,
  task: (input: FastaInput) => Promise<T>,
): Promise<T> {
  const inputs = typeof paths === 'string' ? [paths] : paths;
  if (inputs.filter((path) => path === STDIN).length > 1)
    throw new UsageError('stdin (-) is named twice, and can be read once');
  const name = inputs.map(inputName).join(', ');
  let spool: string | undefined;
  try {
    const files: Rereadable[] = [];
    for (const [k, path] of inputs.entries()) {
      if (options.part !== undefined) {
        files.push({
          name: inputName(path),
          hasStructures: false,
          ...(await openRecords(options.part.index, options.part.range)),
        });
        continue;
      }
      if (isCorpusFile(path)) {
        files.push({ name: path, hasStructures: false, text: () => corpusText(path), firstLine: 1 });
        continue;
      }
      const isRereadable = path !== STDIN && (await stat(path)).isFile();
      if (!isRereadable) spool ??= await mkdtemp(join(tmpdir(), 'rna-'));
      const file = isRereadable ? path : await copied(path, join(spool!, String(k)), options.signal);
      const format = path === STDIN ? 'fasta' : (recordFormat(path) ?? 'fasta');
      files.push({
        name: inputName(path),
        text: () => readText(file, format === 'stockholm' ? 'latin1' : 'utf8'),
        firstLine: 1,
        hasStructures: format !== 'fasta',
      });
    }
    for (const file of files)
      if (file.hasStructures) note(`${file.name}: its structures are not used, its sequences are`);
    const bad: InputError[] = [];
    const plan: PlannedRecord[] = [];
    for await (const { id, file, line, sequence } of readAll(files, options, (error) => bad.push(error))) {
      options.signal?.throwIfAborted();
      const other = /[^ACGTU]/i.exec(sequence)?.[0];
      plan.push({ id, file, line, length: sequence.length, ...(other !== undefined && { otherLetter: other }) });
    }
    for (const { message } of bad) note(`left out: ${message}`);
    if (bad.length > 0) note(`${bad.length} of ${bad.length + plan.length} records are left out (--skip-bad)`);
    // A shard may have bad records alone; the others go on.
    if (plan.length === 0 && options.part === undefined) throw new CommandError(`${name}: no record is left`);
    return await task({
      name,
      plan,
      records: () =>
        follow(
          readAll(files, options, () => undefined),
          plan,
          name,
        ),
    });
  } finally {
    if (spool !== undefined) await rm(spool, { recursive: true });
  }
}

/** Says once that other letters than A, C, G, T and U have no partners, and names the first. */
export function noteOtherLetters({ plan }: FastaInput): void {
  const records = plan.filter(({ otherLetter }) => otherLetter !== undefined);
  const [first] = records;
  if (first !== undefined)
    note(
      `letters other than A, C, G, T and U stay unpaired: ${records.length} of ${plan.length} records have some; the first is "${first.otherLetter!}" in record "${readable(first.id)}" (${first.file}:${first.line})`,
    );
}

async function copied(path: string, to: string, signal: AbortSignal | undefined): Promise<string> {
  const source: Readable = path === STDIN ? process.stdin : createReadStream(path);
  await pipeline(source, createWriteStream(to), signal ? { signal } : {}).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
  return to;
}

/** The records of all inputs. What is bad goes to `onBad` where `skipBad` is set, and is thrown where it is not. */
async function* readAll(
  files: readonly Rereadable[],
  { allowUnknown = false, allowUnnamed = false, skipBad = false }: FastaInputOptions,
  onBad: (error: InputError) => void,
): AsyncGenerator<FastaFileRecord, void, undefined> {
  const places = new Map<string, string>();
  for (const { name, text, firstLine, hasStructures } of files) {
    const records = hasStructures
      ? sequences(parseRecords(text(), name, { allowUnknown }))
      : parseFasta(text(), {
          file: name,
          firstLine,
          allowUnknown,
          allowUnnamed,
          ...(skipBad && { onBadRecord: onBad }),
        });
    for await (const record of records) {
      const { id, line } = record;
      const earlier = places.get(id);
      if (earlier !== undefined) {
        const error = new InputError(
          name,
          line,
          `a second record has the id "${readable(id)}" (the first is ${earlier})`,
          'give each record an id of its own',
        );
        if (!skipBad) throw error;
        onBad(error);
        continue;
      }
      // One file's ids are held by its reader.
      if (files.length > 1) places.set(id, `${name}:${line}`);
      yield { ...record, file: name };
    }
  }
}

async function* sequences(records: AsyncIterable<FileRecord>): AsyncGenerator<FastaRecord, void, undefined> {
  for await (const { id, sequence, line } of records) yield { id, sequence, line, description: '' };
}

async function* follow(
  records: AsyncIterable<FastaFileRecord>,
  plan: readonly PlannedRecord[],
  name: string,
): AsyncGenerator<FastaFileRecord, void, undefined> {
  if (plan.length === 0) return;
  let index = 0;
  for await (const record of records) {
    const planned = plan[index++];
    if (planned?.id !== record.id || planned.length !== record.sequence.length) break;
    yield record;
    if (index === plan.length) return;
  }
  const { file, line } = plan[index - 1] ?? { file: name, line: 1 };
  throw new InputError(file, line, 'the file was changed while it was being read', 'run the command again');
}
