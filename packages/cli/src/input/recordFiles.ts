/**
 * Files of RNAs on disk: which of a folder are read, and their records as a
 * stream, unpacked where they are gzipped. Formats are the model package's.
 */
import { createReadStream, existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  parseRecords,
  RECORD_FORMATS,
  recordFormat,
  splitLines,
  type FileRecord,
  type RecordFileOptions,
} from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';

/** The files that a command reads: what is in them and their extensions, for messages, and whether a file is one. */
export interface KnownFiles {
  readonly content: string;
  readonly extensions: string;
  readonly isKnown: (path: string) => boolean;
}

export const RECORD_FILES: KnownFiles = {
  content: 'sequences or structures',
  extensions: Object.values(RECORD_FORMATS).flat().join(' '),
  isKnown: (path) => recordFormat(path) !== undefined,
};

/**
 * Files as they are given, and those of known formats in folders, by name.
 * @throws CommandError for what is not there, or has no known extension.
 */
export async function listRecordFiles(paths: readonly string[], known = RECORD_FILES): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (!existsSync(path))
      throw new CommandError(
        `${path}: no such file or folder (paths are relative to the working directory, ${process.cwd()})`,
      );
    if ((await stat(path)).isDirectory()) files.push(...(await listFolder(path, known)));
    else if (!known.isKnown(path))
      throw new CommandError(
        `${path}: no format has this extension; expected one of ${known.extensions}, each also with .gz`,
      );
    else files.push(path);
  }
  return files;
}

/**
 * The records of a file, one by one. `onRead` is told how many of its bytes were read so far.
 * @throws InputError for bad text, CommandError for a gzip file that cannot be unpacked.
 */
export async function* readRecordFile(
  file: string,
  options: RecordFileOptions & { readonly onRead?: (bytes: number) => void } = {},
): AsyncGenerator<FileRecord, void, undefined> {
  const { onRead, ...parsing } = options;
  let bytes = 0;
  const text = readText(file, recordFormat(file) === 'stockholm' ? 'latin1' : 'utf8', (read) => {
    bytes = read;
  });
  for await (const record of parseRecords(text, file, parsing)) {
    onRead?.(bytes);
    yield record;
  }
}

/** The lines of any text file, unpacked where it is gzipped. */
export async function* readLines(file: string): AsyncGenerator<string, void, undefined> {
  for await (const lines of splitLines(readText(file))) yield* lines;
}

/** The text of a file in chunks, unpacked where it is gzipped. */
export async function* readText(
  file: string,
  encoding: BufferEncoding = 'utf8',
  onRead?: (bytes: number) => void,
): AsyncGenerator<string, void, undefined> {
  const raw = createReadStream(file);
  let text: Readable = raw;
  if (file.toLowerCase().endsWith('.gz')) {
    text = createGunzip();
    // Whoever reads the text is told of errors there.
    pipeline(raw, text as NodeJS.WritableStream & Readable, () => undefined);
  }
  text.setEncoding(encoding);
  try {
    for await (const chunk of text as AsyncIterable<string>) {
      onRead?.(raw.bytesRead);
      yield chunk;
    }
  } catch (error) {
    throw gzipFault(file, error);
  } finally {
    raw.destroy();
  }
}

/** The name of a file without folders and extension, `.gz` being no part of it. */
export const fileStem = (file: string): string =>
  basename(file)
    .replace(/\.gz$/i, '')
    .replace(/\.[^.]*$/, '');

function gzipFault(file: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) return error;
  return new CommandError(`${file}: not a whole gzip file (${error.message}); download or copy it again`, {
    cause: error,
  });
}

/** The files of known formats under a folder. What else is there is said, not read; hidden files are neither. */
async function listFolder(folder: string, { content, extensions, isKnown }: KnownFiles): Promise<string[]> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) =>
        !path
          .slice(folder.length)
          .split(/[/\\]/)
          .some((part) => part.startsWith('.')),
    )
    .sort();
  const [files, others] = [entries.filter(isKnown), entries.filter((path) => !isKnown(path))];
  if (files.length === 0)
    throw new CommandError(`${folder}: the folder has no file of ${content} (${extensions}, each also with .gz)`);
  if (others.length > 0)
    note(
      `${folder}: ${others.length === 1 ? `1 file of another kind is not read (${others[0]!})` : `${others.length} files of other kinds are not read (${others[0]!}, …)`}`,
    );
  return files;
}
