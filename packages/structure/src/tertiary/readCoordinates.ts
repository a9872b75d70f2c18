/** Reading a coordinate file of either format, told apart by what its text begins with. */

import type { CoordinateFile } from './atoms.ts';
import { readMmcif } from './mmcif.ts';
import { readPdb } from './pdb.ts';

/**
 * The flat table of atoms of a PDB or mmCIF text, unpacked. mmCIF begins with a data block, after comments; all else is
 * read as PDB. Throws an InputError as `readPdb` and `readMmcif` do.
 */
export function readCoordinates(text: string, file: string): CoordinateFile {
  return /^\uFEFF?(?:\s*#[^\n]*\n)*\s*data_/i.test(text.slice(0, 2 ** 16))
    ? readMmcif(text, file)
    : readPdb(text, file);
}
