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

/**
 * A whole config from a file, if one is given, with overrides laid over it.
 * @throws UsageError for a file that is not YAML or JSON, and for keys and values that the schema refuses.
 */
export async function readConfig<T>(
  schema: ZodType<T>,
  file: string | undefined,
  overrides: readonly string[],
): Promise<T> {
  const written = file === undefined ? {} : parseYaml(await readFile(file, 'utf8'), file);
  return asUsage(() => validateConfig(schema, applyOverrides(schema, written, overrides), file ?? 'config'));
}

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
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined)
    throw new UsageError(`${file}:${lineCounter.linePos(fault.pos[0]).line}: not valid YAML: ${fault.message}`, {
      cause: fault,
    });
  return document.toJS();
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
