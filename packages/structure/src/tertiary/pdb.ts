/**
 * Reading PDB files, the format of 80 columns: what the PDB writes, and what
 * programs write that know only half of it (no TER, no element, old names of
 * atoms, lines cut after the coordinates).
 */

import { InputError, readable } from '../errors.ts';
import { refuseForeignText } from '../records/foreign.ts';
import { atomTable, elementOf, type Atom, type CoordinateFile, type SequenceResidue } from './atoms.ts';
import { standardAtomName } from './nucleotides.ts';

/**
 * Reads a PDB file's text. Throws an InputError, with the line, the atom and the residue, for a coordinate or a residue
 * number that is none, and for a file without atoms. `file` is the name that errors give.
 */
export function readPdb(text: string, file: string): CoordinateFile {
  refuseForeignText(text, file);
  const atoms: Atom[] = [];
  const lastTer = new Map<string, number>();
  const lastAtom = new Map<string, number>();
  const parents = new Map<string, string>();
  const sequences = new Map<string, SequenceResidue[]>();
  let model = 0;
  let modelIsOpen = false;
  let id: string | undefined;
  let resolution: number | undefined;
  const method: string[] = [];

  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const record = line.slice(0, 6).trimEnd();
    if (record === 'ATOM' || record === 'HETATM') {
      const atom = readAtom(line, index + 1, file, model, record === 'HETATM');
      if (!atom.hetero) lastAtom.set(`${model} ${atom.chain}`, atoms.length);
      atoms.push(atom);
    } else if (record === 'TER') {
      // A bare TER ends the chain of the atom above it.
      const chain = line.length > 21 ? line.slice(21, 22).trim() : atoms.at(-1)?.chain;
      if (chain !== undefined) lastTer.set(`${model} ${chain}`, atoms.length);
    } else if (record === 'MODEL') {
      // Some writers leave out ENDMDL.
      if (modelIsOpen && atoms.at(-1)?.model === model) model++;
      modelIsOpen = true;
    } else if (record === 'ENDMDL') {
      if (atoms.at(-1)?.model === model) model++;
      modelIsOpen = false;
    } else if (record === 'HEADER') id = line.slice(62, 66).trim() || undefined;
    else if (record === 'EXPDTA') method.push(line.slice(10).trim());
    else if (record === 'REMARK') {
      const stated = /^REMARK {3}2 RESOLUTION\. +(\d+\.?\d*) +ANGSTROM/.exec(line);
      if (stated !== null) resolution ??= Number(stated[1]);
    } else if (record === 'MODRES') {
      const [name, parent] = [line.slice(12, 15).trim(), line.slice(24, 27).trim()];
      if (name !== '' && parent !== '') parents.set(name, parent);
    } else if (record === 'SEQRES') {
      const chain = line.slice(11, 12).trim();
      const residues = sequences.get(chain) ?? [];
      for (const name of line.slice(19).trim().split(/\s+/)) if (name !== '') residues.push({ name });
      sequences.set(chain, residues);
    }
  }
  if (atoms.length === 0)
    throw new InputError(file, 1, 'no ATOM or HETATM record', 'give a coordinate file: PDB, or mmCIF named .cif');

  return {
    file,
    ...(id === undefined ? {} : { id }),
    ...(method.length === 0 ? {} : { method: method.join(' ') }),
    ...(resolution === undefined ? {} : { resolution }),
    atoms: atomTable(
      atoms.map((atom, i) => {
        // A strand may go on after a TER. What follows the last of its ATOM records and a TER is ligands and water.
        const key = `${atom.model} ${atom.chain}`;
        const end = lastTer.get(key) ?? Infinity;
        return atom.hetero && i >= end && i > (lastAtom.get(key) ?? -1) ? { ...atom, polymer: false } : atom;
      }),
    ),
    models: atoms.at(-1)!.model + 1,
    parents,
    sequences,
  };
}

function readAtom(line: string, number: number, file: string, model: number, hetero: boolean): Atom {
  const written = line.slice(12, 16).trim();
  const residueName = line.slice(17, 20).trim();
  const place = `${line.slice(21, 22).trim()}${line.slice(22, 27).trim()}`;
  const refuse = (problem: string, remedy: string) =>
    new InputError(
      file,
      number,
      `atom "${readable(written)}" of residue "${readable(`${residueName} ${place}`.trim())}": ${problem}`,
      remedy,
    );
  const coordinate = (from: number, axis: string): number => {
    const value = decimal(line.slice(from, from + 8));
    if (value === undefined)
      throw refuse(
        `"${readable(line.slice(from, from + 8))}" is no ${axis} coordinate`,
        `columns ${from + 1} to ${from + 8} hold it in Å, as -12.345`,
      );
    return value;
  };
  const optional = (from: number, otherwise: number, what: string): number => {
    const field = line.slice(from, from + 6);
    if (field.trim() === '') return otherwise;
    const value = decimal(field);
    if (value === undefined)
      throw refuse(`"${readable(field)}" is no ${what}`, `columns ${from + 1} to ${from + 6} hold it, or blanks`);
    return value;
  };
  const residueNumber = residueNumberOf(line.slice(22, 26));
  if (residueNumber === undefined)
    throw refuse(`"${readable(line.slice(22, 26))}" is no residue number`, 'columns 23 to 26 hold it');
  if (written === '') throw refuse('no name', 'columns 13 to 16 hold the name of the atom');
  const chain = line.slice(21, 22).trim();
  const name = standardAtomName(written);
  const element = line.slice(76, 78).trim().toUpperCase();
  return {
    x: coordinate(30, 'x'),
    y: coordinate(38, 'y'),
    z: coordinate(46, 'z'),
    occupancy: optional(54, 1, 'occupancy'),
    bFactor: optional(60, 0, 'B-factor'),
    model,
    name,
    element: /^[A-Z]{1,2}$/.test(element) ? element : elementOf(name),
    residueName,
    chain,
    entityChain: chain,
    residueNumber,
    insertionCode: line.slice(26, 27).trim(),
    sequenceNumber: 0,
    alternate: line.slice(16, 17).trim(),
    hetero,
    polymer: true,
    line: number,
  };
}

/** The number that a field of columns writes, undefined for another text. */
function decimal(field: string): number | undefined {
  const text = field.trim();
  const value = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** A residue number: decimal, or from 10000 on in hybrid-36 (A000 is 10000). */
function residueNumberOf(field: string): number | undefined {
  const text = field.trim();
  if (/^-?\d+$/.test(text)) return Number(text);
  if (/^[A-Z][0-9A-Z]{3}$/.test(text)) return parseInt(text, 36) - 10 * 36 ** 3 + 10_000;
  if (/^[a-z][0-9a-z]{3}$/.test(text)) return parseInt(text, 36) + 16 * 36 ** 3 + 10_000;
  return undefined;
}
