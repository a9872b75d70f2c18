/** How many sequences may be folded at once on this machine, known before the first of them is begun. */
import { totalmem } from 'node:os';
import { foldingMemory, InputError, LONGEST_FOLDED, type FoldingArithmetic } from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';

/** What of the machine's memory, or of its container's, the threads may take together. */
const SHARE = 0.75;
const memoryLimit = (): number => SHARE * Math.min(totalmem(), process.constrainedMemory() || Infinity);

export interface LongRecord {
  readonly id: string;
  /** Nucleotides. */
  readonly length: number;
  /** Where it stands, if it came from a file. */
  readonly file?: string;
  readonly line?: number;
}

/**
 * Throws an InputError where the machine has not the memory to fold a record, or no one could; a CommandError where it
 * has no file.
 */
export function refuseTooLong(
  { id, length, file, line }: LongRecord,
  arithmetic: FoldingArithmetic,
  limit: number = memoryLimit(),
): void {
  const needed = foldingMemory(length, arithmetic);
  if (length <= LONGEST_FOLDED && needed <= limit) return;
  const problem = `folding the ${length} nucleotides of "${id}" takes ${gigabytes(needed)} of memory; ${
    needed > limit ? `this machine has ${gigabytes(limit)} for it` : `at most ${LONGEST_FOLDED} can be folded`
  }`;
  const remedy = 'fold overlapping pieces of it, or leave it out';
  throw file === undefined || line === undefined
    ? new CommandError(`${problem}; ${remedy}`)
    : new InputError(file, line, problem, remedy);
}

/**
 * `wanted` threads, or as many as have the memory to fold records as long as the longest, which a note says. Throws as
 * `refuseTooLong` does where not even one thread has.
 */
export function foldingThreads(
  records: readonly LongRecord[],
  arithmetic: FoldingArithmetic,
  wanted: number,
  limit: number = memoryLimit(),
): number {
  const longest = records.reduce((most, record) => (record.length > most.length ? record : most));
  refuseTooLong(longest, arithmetic, limit);
  const needed = foldingMemory(longest.length, arithmetic);
  const threads = Math.min(wanted, Math.floor(limit / needed));
  if (threads < wanted)
    note(`folding on ${threads} of ${wanted} threads: "${longest.id}" takes ${gigabytes(needed)} of memory on each`);
  return threads;
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;
