/** RNAs of `rna contacts`: which of them say anything about contacts, and the loop over them that every command has. */
import { CONTACT_SEPARATION } from '@rna/model';
import { type Structure } from '@rna/structure';
import { DeviceError, MemoryBudgetError } from '@rna/tensor';
import { CommandError } from '../../commandLine/errors.ts';
import { counted } from '@rna/figures';
import { note, progressBar } from '../../commandLine/terminal.ts';
import { readStructures, type StructureRecord } from '../../input/trainingInput.ts';

export interface RnaOptions {
  readonly files: readonly string[];
  readonly maxLength?: number;
}

/**
 * RNAs of files with at least one pair `separation` apart; how many are left out is said.
 * Throws an InputError or CommandError for bad files, and where no RNA is left.
 */
export async function readRnas(
  { files, maxLength = Infinity }: RnaOptions,
  separation = CONTACT_SEPARATION,
): Promise<StructureRecord[]> {
  const all = await readStructures(files);
  const short = all.filter(({ sequence }) => sequence.length <= maxLength);
  const rnas = short.filter(({ partners }) => truePairs(partners, separation) > 0);
  if (short.length < all.length)
    note(`left out: ${counted(all.length - short.length, 'RNA')} of more than ${maxLength} nucleotides (--max-length)`);
  if (rnas.length < short.length)
    note(`left out: ${counted(short.length - rnas.length, 'RNA')} without a pair ${separation} or more apart`);
  if (rnas.length === 0)
    throw new CommandError(
      `${files.join(', ')}: no RNA is left; give RNAs with base pairs at least ${separation} apart`,
    );
  return rnas;
}

/** Pairs at least `separation` apart. */
export const truePairs = (partners: Int32Array, separation: number): number =>
  partners.reduce((count, j, i) => count + (j - i >= separation ? 1 : 0), 0);

/** Runs a task on each RNA with a bar; an RNA that the adapter cannot run is named with the file that it is of. */
export async function eachRna<R extends Structure, T>(
  label: string,
  rnas: readonly R[],
  source: (rna: R) => string,
  signal: AbortSignal,
  task: (rna: R) => Promise<T>,
): Promise<T[]> {
  const bar = progressBar(label, rnas.length, 'RNAs');
  const results: T[] = [];
  try {
    for (const rna of rnas) {
      signal.throwIfAborted();
      results.push(
        await task(rna).catch((error: unknown) => {
          if (!(error instanceof MemoryBudgetError || error instanceof DeviceError)) throw error;
          throw new CommandError(
            `${source(rna)}: record "${rna.id}" of ${rna.sequence.length} nucleotides cannot be run on this adapter: ${error.message}; leave it out, or use a machine with more memory`,
            { cause: error },
          );
        }),
      );
      bar.update(results.length);
    }
  } finally {
    bar.stop();
  }
  return results;
}
