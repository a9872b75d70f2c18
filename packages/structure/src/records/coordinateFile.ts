/**
 * PDB and mmCIF as files of secondary structures: the sequences of their RNA
 * chains with the canonical base pairs that the coordinates show.
 */

import { InputError } from '../errors.ts';
import { canonicalPartners, findBasePairs } from '../tertiary/basePairs.ts';
import { rnaChains } from '../tertiary/chains.ts';
import { readCoordinates } from '../tertiary/readCoordinates.ts';
import { chainRecordId } from './fileNames.ts';
import type { FileRecord } from './source.ts';

/**
 * A record for each RNA chain of the first model. Nucleotides without atoms have a place and no pair; one of unknown base is an N. Throws an InputError for what
 * `readCoordinates` refuses, and for a file without RNA.
 */
export function coordinateRecords(text: string, file: string): FileRecord[] {
  const chains = rnaChains(readCoordinates(text, file));
  if (chains.length === 0)
    throw new InputError(
      file,
      1,
      'the file has no RNA chain',
      'give a structure that holds RNA, or leave the file out',
    );
  return chains.map((chain) => ({
    id: chainRecordId(file, chain.id, chains.length),
    sequence: chain.sequence,
    partners: canonicalPartners(findBasePairs(chain), chain.sequence.length),
    line: 1,
    droppedPairs: 0,
  }));
}
