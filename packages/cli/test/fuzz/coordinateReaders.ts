/** Readers of coordinates for the fuzzer: PDB and mmCIF, with chains that are drawn and written by the library. */
import type { RandomStream } from '@rna/kernels';
import {
  ATOM_NAMES,
  ATOM_SLOTS,
  isBase,
  readCoordinates,
  rnaChains,
  writeMmcif,
  writePdb,
  type RnaChain,
  type WrittenChain,
} from '@rna/structure';
import type { Reader } from './engine.ts';

/** One or two chains of up to three nucleotides, an atom missing here and there. */
function drawChains(random: RandomStream): (WrittenChain & { readonly mask: Uint8Array })[] {
  return Array.from({ length: 1 + random.below(2) }, (_, k) => {
    const sequence = Array.from({ length: 1 + random.below(3) }, () => 'AGUC'[random.below(4)]!).join('');
    const mask = Uint8Array.from({ length: sequence.length * ATOM_SLOTS }, (_, at) => {
      const letter = sequence[Math.floor(at / ATOM_SLOTS)]!;
      const slot = at % ATOM_SLOTS;
      // C1' and O2' stay: without them a residue is a ligand's or DNA's.
      if (slot === 1 || slot === 6) return 1;
      return isBase(letter) && slot < ATOM_NAMES[letter].length && random.below(5) > 0 ? 1 : 0;
    });
    const coordinates = Array.from(mask, () => [0, 1, 2].map(() => (random.below(200_000) - 100_000) / 1000)).flat();
    return { id: 'AB'[k]!, sequence, mask, coordinates };
  });
}

const counts = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0);
const summary = (chains: readonly { id: string; sequence: string; mask: Uint8Array }[]) =>
  chains.map(({ id, sequence, mask }) => `${id} ${sequence} ${counts(mask)}`);

function problemOf(chains: readonly RnaChain[]): string | undefined {
  for (const { sequence, coordinates, mask, numbers, names } of chains) {
    if (!/^[AGUCN]+$/.test(sequence)) return `the sequence "${sequence}"`;
    if (coordinates.length !== 69 * sequence.length || mask.length !== 23 * sequence.length)
      return 'arrays of other sizes';
    if (numbers.length !== sequence.length || names.length !== sequence.length) return 'names of another number';
    if (!coordinates.every(Number.isFinite)) return 'a coordinate that is not finite';
  }
  return undefined;
}

const reader = (
  name: string,
  write: (chains: readonly WrittenChain[]) => string,
  spoil: (text: string) => string,
): Reader => ({
  name,
  make(random) {
    const chains = drawChains(random);
    return { bytes: Buffer.from(write(chains)), expected: summary(chains) };
  },
  spoil: (random) => Buffer.from(spoil(write(drawChains(random)))),
  read: (bytes) =>
    Promise.resolve().then(() => {
      const file = readCoordinates(Buffer.from(bytes).toString(), 'a.coordinates');
      const chains = rnaChains(file);
      const problem = problemOf(chains);
      return problem === undefined ? summary(chains) : { problem };
    }),
  check: (result) => (Array.isArray(result) ? undefined : (result as { problem: string }).problem),
});

export const COORDINATE_READERS: readonly Reader[] = [
  // A strand twice under one name.
  reader('PDB', writePdb, (text) => `${text}${text}`),
  // A row that lacks its last value.
  reader(
    'mmCIF',
    (chains) => writeMmcif(chains, 'drawn'),
    (text) => text.replace(/^(ATOM .*) \S+$/m, '$1'),
  ),
];
