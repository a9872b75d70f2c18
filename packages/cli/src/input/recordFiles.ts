/**
 * Files of RNAs on disk: which of a folder are read, and their records as a
 * stream. Formats are the structure package's; stdin is FASTA.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  parseFasta,
  parseRecords,
  RECORD_FORMATS,
  recordFormat,
  type FileRecord,
  type RecordFileOptions,
} from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';
import { inputName, readText, STDIN } from './inputText.ts';

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
 * Files as they are given (`-` for stdin), and those of known formats in folders, by name.
 * @throws CommandError for what is not there, or has no known extension.
 */
export async function listRecordFiles(paths: readonly string[], known = RECORD_FILES): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (path === STDIN) {
      if (files.includes(path)) throw new CommandError('stdin (-) is named twice, and can be read once');
      files.push(path);
    } else if (!existsSync(path))
      throw new CommandError(
        `${path}: no such file or folder (paths are relative to the working directory, ${process.cwd()})`,
      );
    else if ((await stat(path)).isDirectory()) files.push(...(await listFolder(path, known)));
    else if (!known.isKnown(path))
      throw new CommandError(
        `${path}: no format has this extension; expected one of ${known.extensions}, each also with .gz or .bgz`,
      );
    else files.push(path);
  }
  return files;
}

/**
 * The records of a file, or of FASTA on stdin, one by one. `onRead` is told how many of its bytes were read so far.
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
  const records = file === STDIN ? fastaRecords(text, parsing) : parseRecords(text, file, parsing);
  for await (const record of records) {
    onRead?.(bytes);
    yield record;
  }
}

async function* fastaRecords(
  text: AsyncIterable<string>,
  options: RecordFileOptions,
): AsyncGenerator<FileRecord, void, undefined> {
  for await (const { id, sequence, line } of parseFasta(text, { file: inputName(STDIN), ...options }))
    yield { id, sequence, line, droppedPairs: 0 };
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
