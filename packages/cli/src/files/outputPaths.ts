/** Checks of where results go, made before the work, so that an hour's run does not end in a mistyped path. */
import { existsSync } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError, basePairs, BRACKET_KINDS, pairsLeftOut, readable, type Structure } from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import type { PlannedRecord } from '../input/fastaInput.ts';
import { note } from '../commandLine/terminal.ts';

/** Throws a CommandError unless a file can be made at `path`; one that is there may be replaced. */
export async function checkOutputFile(path: string): Promise<void> {
  const folder = dirname(path);
  if (!existsSync(folder)) throw new CommandError(`${path}: the folder ${folder} does not exist; make it first`);
  if (existsSync(path) && (await stat(path)).isDirectory())
    throw new CommandError(`${path} is a folder; give the name of a file`);
}

/**
 * The folder, or the nearest above it that is there. Throws a CommandError unless it can be written to, and for a file
 * on the way.
 */
export async function checkOutputFolder(path: string): Promise<string> {
  let existing = resolve(path);
  while (!existsSync(existing)) existing = dirname(existing);
  if (!(await stat(existing)).isDirectory()) throw new CommandError(`${existing} is a file; give the name of a folder`);
  await access(existing, constants.W_OK).catch((error: unknown) => {
    throw new CommandError(`${existing} cannot be written to; choose another folder`, { cause: error });
  });
  return existing;
}

const LONGEST_NAME = 200;
// Windows and macOS take A.dbn and a.dbn for one file.
const ignoresCase = process.platform === 'win32' || process.platform === 'darwin';

/**
 * A file name, without extension, for each record: its id with everything but
 * letters, digits and `. _ + = @ -` replaced by `_`. `others` are the names of
 * what is written beside a record's file. Throws an InputError where two records
 * would share a file or a name is too long for one.
 */
export function fileNames(
  plan: readonly PlannedRecord[],
  others: (name: string) => readonly string[] = () => [],
): Map<string, string> {
  const recordOfName = new Map<string, PlannedRecord>();
  return new Map(
    plan.map((record) => {
      const { id, file, line } = record;
      const name = id.replace(/[^\w.+=@-]/g, '_').replace(/^\./, '_');
      if (name.length > LONGEST_NAME)
        throw new InputError(
          file,
          line,
          `an id of ${name.length} characters is too long for the name of a file`,
          `shorten it to ${LONGEST_NAME}`,
        );
      for (const written of [name, ...others(name)]) {
        const key = ignoresCase ? written.toLowerCase() : written;
        const earlier = recordOfName.get(key);
        if (earlier !== undefined)
          throw new InputError(
            file,
            line,
            `record "${id}" and the one ${earlier.file === file ? `on line ${earlier.line}` : `of ${earlier.file}:${earlier.line}`} would both be written to files named "${written}"`,
            'rename one of them',
          );
        recordOfName.set(key, record);
      }
      return [id, name];
    }),
  );
}

const PAIRS_SHOWN = 10;

/** Says which pairs of a structure dot-bracket has no brackets for, if there are any. */
export function notePairsLeftOut(structure: Structure & Pick<PlannedRecord, 'file' | 'line'>): void {
  const { id, partners, file, line } = structure;
  const left = pairsLeftOut(partners);
  if (left.length === 0) return;
  const shown = left.slice(0, PAIRS_SHOWN).map(([i, j]) => `${i + 1}-${j + 1}`);
  note(
    `${file}:${line}: the pairs of record "${readable(id)}" cross more often than the ${BRACKET_KINDS} kinds of brackets can show; its dot-bracket leaves out ${left.length} of ${basePairs(partners).length} (${shown.join(', ')}${left.length > shown.length ? ', …' : ''}), CT and bpseq have all`,
  );
}
