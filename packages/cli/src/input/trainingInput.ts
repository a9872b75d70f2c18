/**
 * What a training or an evaluation reads: the config, from a YAML or JSON file
 * and `--key value` overrides, and RNAs, from files of sequences or structures
 * or folders of them. Bad input is refused with file and line before any work.
 * The RNAs are held in memory, in upper case with U for T, as `rna fold` reads
 * them.
 */
import { readFile } from 'node:fs/promises';
import { InputError, RECORD_FORMATS, recordFormat, standardLetters, type Structure } from '@rna/structure';
import { applyOverrides, ConfigError, configFields, validateConfig, type CorpusRecord } from '@rna/train';
import { LineCounter, parseDocument } from 'yaml';
import type { ZodType } from 'zod';
import { listRecordFiles, readRecordFile } from './recordFiles.ts';
import { UsageError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';

const STRUCTURES = Object.values({ ...RECORD_FORMATS, fasta: [] }).flat();

/** An RNA of a file. `partners` is missing where the format has no structures. */
export interface InputRecord extends CorpusRecord {
  readonly id: string;
  readonly file: string;
  readonly line: number;
}

export interface StructureRecord extends Structure {
  readonly file: string;
  readonly line: number;
}

/** What a training command was told of its config. */
export interface ConfigOptions {
  /** YAML or JSON file of the config. */
  readonly config?: string;
  /** `--key value` arguments. */
  readonly overrides: readonly string[];
  /** Files of `--data`, to train on in place of all that the config names. */
  readonly data?: readonly string[];
}

/**
 * A whole config from a file, if one is given, with overrides laid over it. What the file says of data is left out where
 * `data` is given, and a note says so: paths of another machine or task must not stand in the way.
 * @throws UsageError for a file that is not YAML or JSON, and for keys and values that the schema refuses.
 */
export async function readConfig<T>(schema: ZodType<T>, { config: file, overrides, data }: ConfigOptions): Promise<T> {
  const written = file === undefined ? {} : parseYaml(await readFile(file, 'utf8'), file);
  const asked = data === undefined ? written : withoutDataFiles(written);
  const given = data === undefined ? [] : ['--data.train', data.join(',')];
  return asUsage(() =>
    validateConfig(schema, applyOverrides(schema, asked, [...overrides, ...given]), file ?? 'config'),
  );
}

// The fields of a config that name files of RNAs.
const DATA_FILES = ['train', 'other', 'validation'];

function withoutDataFiles(config: unknown): unknown {
  const { data, ...rest } = (config ?? {}) as { readonly data?: unknown };
  // What is no group is left for the schema to refuse.
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return config;
  const fields = Object.entries(data);
  const left = fields.filter(([name, files]) => DATA_FILES.includes(name) && name !== 'train' && !isEmpty(files));
  if (left.length > 0)
    note(
      `--data takes the place of all files that the config names; left out: ${left.map(([name, files]) => `data.${name} (${String(files)})`).join(', ')}`,
    );
  return { ...rest, data: Object.fromEntries(fields.filter(([name]) => !DATA_FILES.includes(name))) };
}

const isEmpty = (files: unknown): boolean => Array.isArray(files) && files.length === 0;

/** Runs `check`, whose ConfigError is the caller's wrong usage. */
export function asUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The value of YAML text, of which JSON is a part; null if it is empty. */
export function parseYaml(text: string, file: string): unknown {
  const deep = deepLine(text);
  if (deep !== undefined)
    throw new UsageError(`${file}:${deep}: nested more than ${DEEPEST} levels deep; a config has two or three`);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined)
    throw new UsageError(`${file}:${lineCounter.linePos(fault.pos[0]).line}: not valid YAML: ${fault.message}`, {
      cause: fault,
    });
  try {
    return document.toJS();
  } catch (cause) {
    // An alias without its anchor, or aliases of aliases that would come to more than a config ever has.
    if (!(cause instanceof ReferenceError)) throw cause;
    throw new UsageError(`${file}: not valid YAML: ${cause.message}`, { cause });
  }
}

const DEEPEST = 100;

/**
 * The first line that is nested too deep, if any. The parser calls itself for each level, and where V8 compiles a
 * regular expression near the end of its stack it ends the process.
 */
function deepLine(text: string): number | undefined {
  let depth = 0;
  for (const [k, line] of text.split(/\r\n?|\n/).entries()) {
    const start = line.search(/[^\s?:-]/);
    if (start > 2 * DEEPEST || (start < 0 && line.trim().length > 2 * DEEPEST)) return k + 1;
    if (line[start] === '#') continue;
    // Keys in a row, as in [a: b: c: 1], are a level each.
    let keys = 0;
    for (const character of line) {
      if (character === '[' || character === '{') depth++;
      else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
      else if (character === ':' || character === '?') keys++;
      if (',[]{}'.includes(character)) keys = 0;
      if (depth + keys > DEEPEST) return k + 1;
    }
  }
  return undefined;
}

/** The fields of a config for `--help`: one to a paragraph, with what it takes and its default. */
export function fieldsHelp(schema: ZodType): string {
  const lines = configFields(schema).flatMap(({ path, expected, required, description, ...rest }) => {
    const fallback =
      rest.default === undefined ? (required ? 'required' : 'optional') : `default ${JSON.stringify(rest.default)}`;
    return [`  ${path}: ${expected}; ${fallback}`, `      ${description}`];
  });
  return `\nFields of the config, in groups by the dots; each is also an override (--FIELD VALUE, lists with commas):\n${lines.join('\n')}`;
}

/**
 * All RNAs of files and folders, in that order; a folder's files are taken by name.
 * @throws InputError or CommandError for a file that cannot be read as what its extension says.
 */
export async function readRecords(paths: readonly string[]): Promise<InputRecord[]> {
  const records: InputRecord[] = [];
  for (const file of await listRecordFiles(paths)) {
    for await (const { id, sequence, partners, line } of readRecordFile(file)) {
      records.push({ id, file, line, sequence: standardLetters(sequence), ...(partners && { partners }) });
    }
  }
  return records;
}

/** As `readRecords`, of files with structures alone. An RNA too short to have a pair is refused. */
export async function readStructures(paths: readonly string[]): Promise<StructureRecord[]> {
  return (await readRecords(paths)).map(({ id, file, line, sequence, partners }) => {
    if (partners === undefined)
      throw new InputError(
        file,
        line,
        recordFormat(file) === 'fasta' ? 'FASTA has no structures' : `record "${id}" has no structure`,
        `give files of structures (${STRUCTURES.join(' ')})`,
      );
    if (sequence.length < 2)
      throw new InputError(file, line, `record "${id}" has one nucleotide, and a pair needs two`, 'remove it');
    return { id, file, line, sequence, partners };
  });
}
