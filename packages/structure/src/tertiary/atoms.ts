/**
 * The flat table of atoms that a coordinate file is read to: one row an atom,
 * columns of numbers and of texts. Nothing is left out or chosen here: all
 * models, alternate locations, hydrogens, ligands and water are in it, and
 * chains.ts takes from it what a model needs.
 */

export interface AtomTable {
  readonly count: number;
  /** [count, 3], Å. */
  readonly coordinates: Float64Array;
  readonly occupancies: Float64Array;
  /** B-factors in Å², or what a prediction wrote there. */
  readonly bFactors: Float64Array;
  /** Which model of the file, counted from 0. */
  readonly models: Int32Array;
  /** Names with `'` for the prime and OP1, OP2 for O1P, O2P. */
  readonly atomNames: readonly string[];
  /** Chemical symbols in upper case. */
  readonly elements: readonly string[];
  readonly residueNames: readonly string[];
  /** The author's names of chains, '' for a blank. */
  readonly chains: readonly string[];
  /** mmCIF's label_asym_id, where a ligand has a name of its own; elsewhere the chain. */
  readonly entityChains: readonly string[];
  /** The author's residue numbers, and their insertion codes ('' for none). */
  readonly residueNumbers: Int32Array;
  readonly insertionCodes: readonly string[];
  /** Places in the polymer's sequence, from 1 (label_seq_id of mmCIF); 0 where the file has none. */
  readonly sequenceNumbers: Int32Array;
  readonly alternates: readonly string[];
  /** 1 for a HETATM. */
  readonly hetero: Uint8Array;
  /** 0 where the file says that the atom is of no polymer: after a chain's TER, or without a place in a sequence. */
  readonly polymer: Uint8Array;
  /** Lines of the file, from 1. */
  readonly lines: Int32Array;
}

/** A residue of a chain's sequence as the file states it, resolved or not. */
export interface SequenceResidue {
  readonly name: string;
  /** The author's number, where the file states it. */
  readonly number?: number;
  readonly insertionCode?: string;
}

/** A coordinate file. */
export interface CoordinateFile {
  readonly file: string;
  /** The entry's id, as 3OWZ. */
  readonly id?: string;
  /** As X-RAY DIFFRACTION. */
  readonly method?: string;
  /** Å; undefined where the file has none, as of NMR and of predictions. */
  readonly resolution?: number;
  readonly atoms: AtomTable;
  readonly models: number;
  /** Parents of modified residues that the file states, by the residue's name. */
  readonly parents: ReadonlyMap<string, string>;
  /** Whole sequences of polymers, by `entityChains`. */
  readonly sequences: ReadonlyMap<string, readonly SequenceResidue[]>;
}

/** One atom's row. */
export interface Atom {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly occupancy: number;
  readonly bFactor: number;
  readonly model: number;
  readonly name: string;
  readonly element: string;
  readonly residueName: string;
  readonly chain: string;
  readonly entityChain: string;
  readonly residueNumber: number;
  readonly insertionCode: string;
  readonly sequenceNumber: number;
  readonly alternate: string;
  readonly hetero: boolean;
  readonly polymer: boolean;
  readonly line: number;
}

/** The table of a list of atoms. */
export function atomTable(atoms: readonly Atom[]): AtomTable {
  const coordinates = new Float64Array(3 * atoms.length);
  for (const [i, { x, y, z }] of atoms.entries()) coordinates.set([x, y, z], 3 * i);
  return {
    count: atoms.length,
    coordinates,
    occupancies: Float64Array.from(atoms, (atom) => atom.occupancy),
    bFactors: Float64Array.from(atoms, (atom) => atom.bFactor),
    models: Int32Array.from(atoms, (atom) => atom.model),
    atomNames: atoms.map((atom) => atom.name),
    elements: atoms.map((atom) => atom.element),
    residueNames: atoms.map((atom) => atom.residueName),
    chains: atoms.map((atom) => atom.chain),
    entityChains: atoms.map((atom) => atom.entityChain),
    residueNumbers: Int32Array.from(atoms, (atom) => atom.residueNumber),
    insertionCodes: atoms.map((atom) => atom.insertionCode),
    sequenceNumbers: Int32Array.from(atoms, (atom) => atom.sequenceNumber),
    alternates: atoms.map((atom) => atom.alternate),
    hetero: Uint8Array.from(atoms, (atom) => (atom.hetero ? 1 : 0)),
    polymer: Uint8Array.from(atoms, (atom) => (atom.polymer ? 1 : 0)),
    lines: Int32Array.from(atoms, (atom) => atom.line),
  };
}

/** The element of an atom by its name, where a file does not state it: the first letter, after digits of hydrogens. */
export const elementOf = (atomName: string): string => /[A-Za-z]/.exec(atomName)?.[0].toUpperCase() ?? '';
