/**
 * A FASTA file as commands read it: twice. The first pass checks every record,
 * so that bad input is refused before any work; the second hands the records
 * out. Neither holds more than one. What cannot be read twice (stdin, a pipe)
 * is copied to a temporary file first.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InputError, parseFasta, type FastaRecord } from '@rna/structure';

export interface FastaInput {
  /** The name that errors give. */
  readonly name: string;
  /** What the first pass kept of each record, in order: the letters are not held. */
  readonly plan: readonly PlannedRecord[];
  /** The records once more. Throws an InputError where they are no longer those of the plan. */
  records(): AsyncGenerator<FastaRecord, void, undefined>;
}

export interface PlannedRecord {
  readonly id: string;
  readonly line: number;
  /** Nucleotides. */
  readonly length: number;
}

export interface FastaInputOptions {
  readonly allowUnknown?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Opens `path` (`-` is stdin), reads it through once and runs `task` on it.
 * Throws an InputError as `parseFasta` does, before `task` is called.
 */
export async function withFasta<T>(
  path: string,
  options: FastaInputOptions,
  task: (input: FastaInput) => Promise<T>,
): Promise<T> {
  const name = path === '-' ? 'stdin' : path;
  const rereadable = path !== '-' && (await stat(path)).isFile();
  const spool = rereadable ? undefined : await mkdtemp(join(tmpdir(), 'rna-'));
  try {
    const file = spool === undefined ? path : join(spool, 'input.fasta');
    if (spool !== undefined) {
      const source: Readable = path === '-' ? process.stdin : createReadStream(path);
      await pipeline(source, createWriteStream(file), options.signal ? { signal: options.signal } : {}).catch(
        (error: unknown) => {
          options.signal?.throwIfAborted();
          throw error;
        },
      );
    }
    const read = (): AsyncGenerator<FastaRecord, void, undefined> =>
      parseFasta(createReadStream(file, 'utf8') as AsyncIterable<string>, {
        file: name,
        allowUnknown: options.allowUnknown ?? false,
      });
    const plan: PlannedRecord[] = [];
    for await (const { id, line, sequence } of read()) plan.push({ id, line, length: sequence.length });
    return await task({ name, plan, records: () => follow(read(), plan, name) });
  } finally {
    if (spool !== undefined) await rm(spool, { recursive: true });
  }
}

async function* follow(
  records: AsyncIterable<FastaRecord>,
  plan: readonly PlannedRecord[],
  name: string,
): AsyncGenerator<FastaRecord, void, undefined> {
  let index = 0;
  for await (const record of records) {
    const planned = plan[index++];
    if (planned?.id !== record.id || planned.length !== record.sequence.length) break;
    yield record;
    if (index === plan.length) return;
  }
  throw new InputError(
    name,
    plan[index - 1]?.line ?? 1,
    'the file was changed while it was being read',
    'run the command again',
  );
}
