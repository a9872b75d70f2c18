/**
 * From the frames and torsions of a structure module to atoms (TERTIARY section 5): the geometry of `@rna/structure`
 * as a table on the device, and the builder over it.
 */
import { ATOM_COLUMNS, ATOMS_OF_NUCLEOTIDE } from '@rna/kernels';
import { ATOM_NAMES, BASES, geometryOf, type GeometryName } from '@rna/structure';
import { groupFrames, placeAtoms, type AtomTable, type Device, type Tensor } from '@rna/tensor';
import type { TertiarySizes } from './config.ts';

/** The place in `BASES` of each token of RhoFold's alphabet that atoms are built of. */
const BASE_OF = new Map([
  [4, BASES.indexOf('A')],
  [5, BASES.indexOf('U')],
  [6, BASES.indexOf('G')],
  [7, BASES.indexOf('C')],
]);

/** Rows of the geometry's table; a token that is no base has none. */
export const basesOf = (tokens: Uint32Array): Uint32Array<ArrayBuffer> =>
  Uint32Array.from(tokens, (token) => BASE_OF.get(token) ?? BASES.length);

const NAME_OF = { published: 'paper', repaired: 'repaired' } as const satisfies Record<
  TertiarySizes['geometry'],
  GeometryName
>;

/** The name that `@rna/structure` has for the geometry of a model's sizes. */
export const geometryName = (sizes: Pick<TertiarySizes, 'geometry'>): GeometryName => NAME_OF[sizes.geometry];

/** The numbers of a geometry, in the layout of the kernels' table. */
function tableOf(name: GeometryName): { values: Float32Array; groups: number; epsilon: number } {
  const { bases, epsilon } = geometryOf(name);
  const rows = BASES.flatMap((base) => {
    const { groups, local, pucker, torsions, transforms } = bases[base];
    const place = (group: number): number => (group === 0 ? 0 : 1 + torsions.findIndex((each) => each.group === group));
    const turned = torsions.flatMap(({ parent, slot }, k) => {
      const { rotation, translation } = transforms[k]!;
      return [place(parent), slot, ...rotation, ...translation];
    });
    const atoms = Array.from({ length: ATOMS_OF_NUCLEOTIDE }, (_, slot) =>
      slot < ATOM_NAMES[base].length
        ? [
            1,
            place(groups[slot]!),
            ...local.subarray(3 * slot, 3 * slot + 3),
            ...pucker.subarray(6 * slot, 6 * slot + 6),
          ]
        : Array.from({ length: ATOM_COLUMNS }, () => 0),
    ).flat();
    return [...turned, ...atoms];
  });
  return { values: Float32Array.from(rows), groups: 1 + bases.A.torsions.length, epsilon };
}

/** A geometry on the device; the table belongs to the current scope. */
export function atomTable(device: Device, sizes: Pick<TertiarySizes, 'geometry'>): AtomTable {
  const { values, groups, epsilon } = tableOf(geometryName(sizes));
  return { table: device.tensor(values, [BASES.length, values.length / BASES.length]), groups, epsilon };
}

export interface FullAtoms {
  /** [L, 23, 3], Å; 0 in the slots that a base leaves empty. */
  readonly coordinates: Tensor;
  /** The frames of the rigid groups, [L, G, 12]: rotations by rows, then translations in Å. G is 5, or 6 if repaired. */
  readonly groups: Tensor;
}

/**
 * The atoms of a sequence.
 * @param frames [L, 7]: quaternions, and translations in Å
 * @param torsions [L, 6, 2]
 */
export function fullAtoms(
  sizes: Pick<TertiarySizes, 'geometry'>,
  tokens: Uint32Array,
  frames: Tensor,
  torsions: Tensor,
): FullAtoms {
  const { device } = frames;
  return device.scope(() => {
    const table = atomTable(device, sizes);
    const bases = device.tensor(basesOf(tokens));
    const groups = groupFrames(frames, torsions, bases, table);
    return { coordinates: placeAtoms(groups, torsions, bases, table), groups };
  });
}

/** [L, 23]: 1 for each atom that the bases have. */
export function atomMask(tokens: Uint32Array): Uint8Array {
  const mask = new Uint8Array(tokens.length * ATOMS_OF_NUCLEOTIDE);
  basesOf(tokens).forEach((base, l) => {
    mask.fill(1, l * ATOMS_OF_NUCLEOTIDE, l * ATOMS_OF_NUCLEOTIDE + (ATOM_NAMES[BASES[base]!]?.length ?? 0));
  });
  return mask;
}
