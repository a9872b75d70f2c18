/** The RNA chains of a coordinate file, as the 3D view shows them beside predictions. */
import {
  ATOM_SLOTS,
  canonicalPartners,
  findBasePairs,
  InputError,
  nitrogenDistances,
  readCoordinates,
  rnaChains,
  type RnaChain,
} from '@rna/structure';
import type { SpatialChain } from '../calls/modelCalls.ts';

/** Nucleotides of a chain whose distances are shown; those of a ribosome would take a hundred megabytes. */
const MOST_DISTANCES = 1500;

/** Throws an InputError that names file and line for what cannot be read, and for a file without RNA. */
export function readChains(text: string, file: string): SpatialChain[] {
  const read = rnaChains(readCoordinates(text, file), { unresolved: false });
  if (read.length === 0)
    throw new InputError(
      file,
      1,
      'there is no RNA in the file',
      'open a PDB or mmCIF file that has chains of A, C, G and U',
    );
  return read.map((chain): SpatialChain => {
    const { id, sequence, coordinates, mask } = chain;
    const plddt = confidenceIn(chain);
    return {
      id: read.length === 1 ? file : `${file}, chain ${id}`,
      sequence,
      coordinates: Float32Array.from(coordinates),
      mask: Uint8Array.from(mask),
      partners: Int32Array.from(canonicalPartners(findBasePairs(chain), sequence.length)),
      distances: sequence.length > MOST_DISTANCES ? new Float32Array() : Float32Array.from(nitrogenDistances(chain)),
      ...(plddt && { plddt }),
    };
  });
}

/**
 * The plDDT that programs write as 100 times it into the B-factors: alike within each nucleotide, and not in all of them
 * the same. Those that a crystal was measured with differ from atom to atom.
 */
function confidenceIn({ sequence, mask, bFactors }: RnaChain): Float32Array<ArrayBuffer> | undefined {
  const values = new Float32Array(sequence.length);
  for (let i = 0; i < sequence.length; i++) {
    const from = i * ATOM_SLOTS;
    const own = bFactors.subarray(from, from + ATOM_SLOTS).filter((_, slot) => mask[from + slot] === 1);
    const [first = 0] = own;
    if (first < 0 || first > 100 || own.some((each) => each !== first)) return undefined;
    values[i] = first / 100;
  }
  return values.some((value) => value !== values[0]) ? values : undefined;
}
