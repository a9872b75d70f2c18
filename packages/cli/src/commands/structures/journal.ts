/**
 * What an interrupted `rna structures` had done: a hidden file beside the
 * output, a line of JSON a record, in the order of the input. Its name carries
 * a digest of all that decides the results but the input, so that another
 * setting begins anew, and its records are held against the input's. It becomes
 * the output when all records are in it.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FoldedSequence } from '../../folding/pool.ts';

/** A record's line; with --json also its line of the output. */
export interface FoldedRecord {
  readonly id: string;
  readonly sequence: string;
  readonly structure: string;
  readonly logZ: number;
  readonly pairs?: FoldedSequence['pairs'];
}

export const journalPath = (out: string, digest: string): string =>
  join(dirname(out), `.${basename(out)}.${digest.slice(0, 12)}.partial`);

export interface Journal {
  /** Adds a record. What a killed process had begun to write is found out by the missing line end. */
  append(record: FoldedRecord): Promise<void>;
  close(): Promise<void>;
}

/** Opens a journal behind the first `bytes` bytes; what stands behind them is cut off. */
export async function openJournal(path: string, bytes: number): Promise<Journal> {
  const handle = await open(path, bytes > 0 ? 'r+' : 'w');
  await handle.truncate(bytes);
  let position = bytes;
  return {
    async append(record) {
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      await handle.write(line, 0, line.length, position);
      position += line.length;
    },
    async close() {
      await handle.sync();
      await handle.close();
    },
  };
}

/** The records of a journal with the bytes up to the end of each; what is cut off or damaged ends them. */
export async function* readJournal(
  path: string,
): AsyncGenerator<{ readonly record: FoldedRecord; readonly end: number }, void, undefined> {
  let end = 0;
  const { size } = await stat(path);
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    end += Buffer.byteLength(line) + 1;
    // A last line without its end was not written whole.
    if (end > size) return;
    const record = parseRecord(line);
    if (record === undefined) return;
    yield { record, end };
  }
}

function parseRecord(line: string): FoldedRecord | undefined {
  try {
    const record = JSON.parse(line) as FoldedRecord;
    return record.structure.length === record.sequence.length ? record : undefined;
  } catch {
    // A line that a crash of the machine left half on the disk; its record is folded again.
    return undefined;
  }
}
