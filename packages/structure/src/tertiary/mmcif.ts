/** Reading mmCIF (PDBx), as the PDB, its mirrors, viewers and prediction programs write it. */

import { InputError, readable } from '../errors.ts';
import { refuseForeignText } from '../records/foreign.ts';
import { atomTable, elementOf, type Atom, type CoordinateFile, type SequenceResidue } from './atoms.ts';
import { parseCif, type CifBlock, type CifCategory } from './cif.ts';
import { standardAtomName } from './nucleotides.ts';

const WANTED = new Set([
  'atom_site',
  'chem_comp',
  'em_3d_reconstruction',
  'entity_poly_seq',
  'entry',
  'exptl',
  'pdbx_poly_seq_scheme',
  'pdbx_struct_mod_residue',
  'refine',
  'reflns',
  'struct_asym',
]);

/**
 * Reads mmCIF's text: the first data block that has atoms. Chains and residue numbers are the author's where the file
 * states them. Throws an InputError, with the line, the atom and the residue, for what is malformed or no number, and
 * for a file without atoms.
 */
export function readMmcif(text: string, file: string): CoordinateFile {
  refuseForeignText(text, file);
  const block = parseCif(text, file, WANTED).find(({ categories }) => categories.has('atom_site'));
  if (block === undefined)
    throw new InputError(file, 1, 'no category _atom_site', 'give mmCIF with coordinates, or PDB named .pdb');
  const atoms = readAtoms(block.categories.get('atom_site')!, file);
  const id = rows(block, 'entry', 'id')[0]?.id || block.name || undefined;
  const method = rows(block, 'exptl', 'method').flatMap((row) => row.method || []);
  const resolution = [
    ...rows(block, 'refine', 'ls_d_res_high').map((row) => row.ls_d_res_high),
    ...rows(block, 'em_3d_reconstruction', 'resolution').map((row) => row.resolution),
    ...rows(block, 'reflns', 'd_resolution_high').map((row) => row.d_resolution_high),
  ]
    .map((value) => (value === '' ? NaN : Number(value)))
    .find((value) => value > 0);

  const parents = new Map<string, string>();
  for (const row of rows(block, 'chem_comp', 'id', 'mon_nstd_parent_comp_id'))
    if (row.mon_nstd_parent_comp_id !== '') parents.set(row.id, row.mon_nstd_parent_comp_id);
  for (const row of rows(block, 'pdbx_struct_mod_residue', 'label_comp_id', 'parent_comp_id'))
    if (row.parent_comp_id !== '') parents.set(row.label_comp_id, row.parent_comp_id);

  return {
    file,
    ...(id === undefined ? {} : { id }),
    ...(method.length === 0 ? {} : { method: method.join('; ') }),
    ...(resolution === undefined ? {} : { resolution }),
    atoms: atomTable(atoms),
    models: atoms.at(-1)!.model + 1,
    parents,
    sequences: readSequences(block),
  };
}

/** The rows of a category as records of the named columns; none where a column is missing. */
function rows<Name extends string>(block: CifBlock, category: string, ...names: Name[]): Record<Name, string>[] {
  const table = block.categories.get(category);
  if (table === undefined) return [];
  const places = names.map((name) => table.columns.indexOf(name));
  if (places.includes(-1)) return [];
  return table.lines.map((_, row) => {
    const record = {} as Record<Name, string>;
    for (const [k, name] of names.entries()) record[name] = table.values[row * table.columns.length + places[k]!]!;
    return record;
  });
}

function readAtoms(table: CifCategory, file: string): Atom[] {
  const width = table.columns.length;
  const place = (...names: string[]) => names.map((name) => table.columns.indexOf(name)).find((at) => at >= 0) ?? -1;
  const needed = (...names: string[]) => {
    const at = place(...names);
    if (at < 0)
      throw new InputError(
        file,
        table.lines[0] ?? 1,
        `_atom_site has no column ${names.join(' or ')}`,
        'give mmCIF with it',
      );
    return at;
  };
  const at = {
    x: needed('cartn_x'),
    y: needed('cartn_y'),
    z: needed('cartn_z'),
    // Both kinds of names are the same but for files with names of their own; the label is the dictionary's.
    name: needed('label_atom_id', 'auth_atom_id'),
    residueName: needed('label_comp_id', 'auth_comp_id'),
    chain: needed('auth_asym_id', 'label_asym_id'),
    entityChain: needed('label_asym_id', 'auth_asym_id'),
    residueNumber: needed('auth_seq_id', 'label_seq_id'),
    sequenceNumber: place('label_seq_id'),
    insertionCode: place('pdbx_pdb_ins_code'),
    alternate: place('label_alt_id'),
    occupancy: place('occupancy'),
    bFactor: place('b_iso_or_equiv'),
    element: place('type_symbol'),
    group: place('group_pdb'),
    model: place('pdbx_pdb_model_num'),
  };
  const models = new Map<string, number>();
  let numbered = false;
  const atoms: Atom[] = [];
  for (const [row, line] of table.lines.entries()) {
    const value = (column: number) => (column < 0 ? '' : table.values[row * width + column]!);
    const refuse = (what: string, text: string, remedy: string) =>
      new InputError(
        file,
        line,
        `atom "${readable(value(at.name))}" of residue "${readable(`${value(at.residueName)} ${value(at.chain)}${value(at.residueNumber)}`)}": "${readable(text)}" is no ${what}`,
        remedy,
      );
    const number = (column: number, what: string, otherwise?: number): number => {
      const text = value(column);
      if (text === '' && otherwise !== undefined) return otherwise;
      // A standard uncertainty may follow in brackets.
      const parsed = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\(\d+\))?$/.exec(text);
      const written = Number(parsed?.[1]);
      if (!Number.isFinite(written)) throw refuse(what, text, 'write a decimal number');
      return written;
    };
    const whole = (column: number, what: string, otherwise: number): number => {
      const parsed = number(column, what, otherwise);
      if (!Number.isInteger(parsed) || Math.abs(parsed) >= 2 ** 31)
        throw refuse(what, value(column), 'write a whole number');
      return parsed;
    };
    const modelName = value(at.model) || '1';
    if (!models.has(modelName)) models.set(modelName, models.size);
    const sequenceNumber = whole(at.sequenceNumber, 'place in a sequence', 0);
    if (sequenceNumber > 0) numbered = true;
    const name = standardAtomName(value(at.name));
    if (name === '') throw refuse('name of an atom', value(at.name), 'name it');
    const chain = value(at.chain) || value(at.entityChain);
    atoms.push({
      x: number(at.x, 'x coordinate'),
      y: number(at.y, 'y coordinate'),
      z: number(at.z, 'z coordinate'),
      occupancy: number(at.occupancy, 'occupancy', 1),
      bFactor: number(at.bFactor, 'B-factor', 0),
      model: models.get(modelName)!,
      name,
      element: value(at.element).toUpperCase() || elementOf(name),
      residueName: value(at.residueName),
      chain,
      entityChain: value(at.entityChain) || chain,
      residueNumber: whole(at.residueNumber, 'residue number', sequenceNumber),
      insertionCode: value(at.insertionCode),
      sequenceNumber,
      alternate: value(at.alternate),
      hetero: value(at.group).toUpperCase() === 'HETATM',
      polymer: true,
      line,
    });
  }
  if (atoms.length === 0) throw new InputError(file, 1, '_atom_site has no rows', 'give mmCIF with coordinates');
  // Ligands and water have no place in a sequence, where polymers have one.
  return numbered ? atoms.map((atom) => (atom.sequenceNumber > 0 ? atom : { ...atom, polymer: false })) : atoms;
}

/** Residues of a polymer: what a damaged number may claim. */
const LONGEST_POLYMER = 2 ** 20;

/** Whole sequences by label_asym_id, with the author's numbers where the scheme states them. */
function readSequences(block: CifBlock): Map<string, SequenceResidue[]> {
  const sequences = new Map<string, SequenceResidue[]>();
  const add = (chain: string, place: number, residue: SequenceResidue) => {
    const residues = sequences.get(chain) ?? [];
    // Where several residues share a place (microheterogeneity), the first is the sequence's.
    if (Number.isInteger(place) && place > 0 && place <= LONGEST_POLYMER) residues[place - 1] ??= residue;
    sequences.set(chain, residues);
  };
  const scheme = rows(block, 'pdbx_poly_seq_scheme', 'asym_id', 'seq_id', 'mon_id', 'pdb_seq_num', 'pdb_ins_code');
  for (const row of scheme) {
    const number = row.pdb_seq_num === '' ? NaN : Number(row.pdb_seq_num);
    add(row.asym_id, Number(row.seq_id), {
      name: row.mon_id,
      ...(Number.isInteger(number) ? { number, insertionCode: row.pdb_ins_code } : {}),
    });
  }
  if (scheme.length === 0) {
    const entities = rows(block, 'entity_poly_seq', 'entity_id', 'num', 'mon_id');
    for (const { id, entity_id } of rows(block, 'struct_asym', 'id', 'entity_id'))
      for (const row of entities) if (row.entity_id === entity_id) add(id, Number(row.num), { name: row.mon_id });
  }
  // A scheme with holes is none.
  for (const [chain, residues] of sequences) if (residues.includes(undefined!)) sequences.delete(chain);
  return sequences;
}
