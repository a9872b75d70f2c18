/**
 * Writing chains as PDB, column by column, and as mmCIF. What is written is
 * read back to the same chains: coordinates to 0.001 Å, letters, numbers, atoms
 * that are missing, nucleotides that are not resolved.
 */

import { ATOM_NAMES, ATOM_SLOTS, isBase, type Base } from './nucleotides.ts';

/** A chain to write. L nucleotides. */
export interface WrittenChain {
  /** The chain's name: one character in PDB, any without blanks in mmCIF. */
  readonly id: string;
  /** A, G, U, C, and N for a nucleotide that has no atoms to write: [L]. */
  readonly sequence: string;
  /** [L, 23, 3], Å. */
  readonly coordinates: ArrayLike<number>;
  /** [L, 23]: which atoms are written. Default: all that each base has. */
  readonly mask?: ArrayLike<number>;
  /** [L]. Default 1 … L. */
  readonly numbers?: ArrayLike<number>;
  /** [L], '' for none. */
  readonly insertionCodes?: readonly string[];
  /** [L], the predicted lDDT of each nucleotide, 0 to 1: 100 times it is the B-factor of the nucleotide's atoms. Default 0. */
  readonly plddt?: ArrayLike<number>;
}

interface WrittenAtom {
  readonly chain: WrittenChain;
  readonly index: number;
  readonly base: Base;
  readonly name: string;
  readonly position: readonly [number, number, number];
  readonly bFactor: number;
}

/** Throws a RangeError for lengths that differ, a coordinate that is not finite, a plDDT out of 0 to 1. */
function* writtenAtoms(chain: WrittenChain): Generator<WrittenAtom> {
  for (let index = 0; index < chain.sequence.length; index++) {
    const letter = chain.sequence[index]!;
    if (!isBase(letter)) continue;
    const plddt = chain.plddt?.[index] ?? 0;
    for (const [slot, name] of ATOM_NAMES[letter].entries()) {
      const at = index * ATOM_SLOTS + slot;
      if (chain.mask !== undefined && !chain.mask[at]) continue;
      const position = [0, 1, 2].map((axis) => chain.coordinates[3 * at + axis]!) as [number, number, number];
      if (!position.every(Number.isFinite))
        throw new RangeError(`chain "${chain.id}": ${name} of nucleotide ${index + 1} is at (${position.join(', ')})`);
      yield { chain, index, base: letter, name, position, bFactor: 100 * plddt };
    }
  }
}

function checkChains(chains: readonly WrittenChain[], caller: string): void {
  for (const { id, sequence, coordinates, mask, numbers, insertionCodes, plddt } of chains) {
    const length = sequence.length;
    const wrong = [
      ['coordinates', coordinates.length, length * ATOM_SLOTS * 3],
      ['mask', mask?.length, length * ATOM_SLOTS],
      ['numbers', numbers?.length, length],
      ['insertionCodes', insertionCodes?.length, length],
      ['plddt', plddt?.length, length],
    ].find(([, given, expected]) => given !== undefined && given !== expected);
    if (wrong !== undefined)
      throw new RangeError(`${caller}: ${wrong[0]} of chain "${id}" has ${wrong[1]} values, not ${wrong[2]}`);
    if (!/^[AGUCN]*$/.test(sequence))
      throw new RangeError(`${caller}: the sequence of chain "${id}" has letters besides A, G, U, C and N`);
    for (let i = 0; i < length; i++) {
      const value = plddt?.[i] ?? 0;
      if (!(value >= 0 && value <= 1))
        throw new RangeError(`${caller}: plDDT ${value} of nucleotide ${i + 1} of chain "${id}" is not in 0 to 1`);
    }
  }
  const repeated = chains.find(({ id }, i) => chains.findIndex((other) => other.id === id) < i);
  if (repeated !== undefined) throw new RangeError(`${caller}: two chains are named "${repeated.id}"`);
}

const numberAt = ({ numbers }: WrittenChain, index: number) => numbers?.[index] ?? index + 1;
const insertionCodeAt = ({ insertionCodes }: WrittenChain, index: number) => insertionCodes?.[index] ?? '';
/** Whether a nucleotide of the chain has no atom to write, so that the sequence is written beside the atoms. */
const hasUnresolved = (chain: WrittenChain) => {
  const written = new Set(Array.from(writtenAtoms(chain), ({ index }) => index));
  return written.size < chain.sequence.length;
};

/** A text in exactly so many columns. */
function field(text: string, width: number, what: string): string {
  if (text.length > width)
    throw new RangeError(`writePdb: ${what} "${text}" is wider than its ${width} columns; mmCIF has no such limit`);
  return text.padStart(width);
}

/**
 * Chains as a PDB file: ATOM records of 80 columns, TER after each chain, END. SEQRES states the sequence of a chain
 * that has nucleotides without atoms. Throws a RangeError for what PDB has no columns for: names of chains of more than
 * one character, coordinates below -999.999 or above 9999.999, more than 99,999 atoms.
 */
export function writePdb(chains: readonly WrittenChain[]): string {
  checkChains(chains, 'writePdb');
  const lines: string[] = [];
  for (const chain of chains) {
    if (!hasUnresolved(chain)) continue;
    const { sequence } = chain;
    for (let from = 0, row = 1; from < sequence.length; from += 13, row++) {
      const residues = [...sequence.slice(from, from + 13)].map((letter) => ` ${letter.padStart(3)}`).join('');
      lines.push(
        `SEQRES ${field(String(row), 3, 'row')} ${chain.id.padStart(1)} ${field(String(sequence.length), 4, 'length')} ${residues}`.padEnd(
          80,
        ),
      );
    }
  }
  let serial = 0;
  const serialField = () => field(String(++serial), 5, 'the number of atoms');
  for (const chain of chains) {
    if (chain.id.length > 1 || chain.id === ' ')
      throw new RangeError(
        `writePdb: the name of chain "${chain.id}" is not one character; mmCIF takes names of any length`,
      );
    const residueField = (index: number, base: Base) => {
      const code = insertionCodeAt(chain, index);
      const number = field(String(numberAt(chain, index)), 4, 'residue number');
      return `${base.padStart(3)} ${chain.id.padStart(1)}${number}${field(code, 1, 'insertion code')}`;
    };
    let last: WrittenAtom | undefined;
    for (const atom of writtenAtoms(chain)) {
      const residue = residueField(atom.index, atom.base);
      const position = atom.position.map((value) => field(value.toFixed(3), 8, 'coordinate')).join('');
      // The name begins in column 14: column 13 is for elements of two letters and names of four characters.
      lines.push(
        `ATOM  ${serialField()}  ${atom.name.padEnd(3)} ${residue}   ${position}  1.00${atom.bFactor.toFixed(2).padStart(6)}          ${atom.name.slice(0, 1).padStart(2)}  `,
      );
      last = atom;
    }
    if (last !== undefined) lines.push(`TER   ${serialField()}      ${residueField(last.index, last.base)}`.padEnd(80));
  }
  lines.push('END'.padEnd(80));
  return `${lines.join('\n')}\n`;
}

/**
 * Chains as mmCIF: _entity_poly and the sequence with its numbering, _atom_site, and with plDDT _ma_qa_metric_local
 * (Å-free, 0 to 100) beside the B-factors.
 * @param name The data block's name; characters besides letters, digits, `_`, `-` and `.` become `_`.
 */
export function writeMmcif(chains: readonly WrittenChain[], name: string): string {
  checkChains(chains, 'writeMmcif');
  const lines = [`data_${name.replace(/[^A-Za-z0-9_.-]/g, '_') || 'model'}`, '#'];
  const loop = (category: string, columns: readonly string[], values: Iterable<readonly (string | number)[]>) => {
    const body = Array.from(values, (row) => row.map(cifValue).join(' '));
    if (body.length === 0) return;
    lines.push('loop_', ...columns.map((column) => `_${category}.${column}`), ...body, '#');
  };
  loop('entry', ['id'], [[name]]);
  loop(
    'entity',
    ['id', 'type'],
    chains.map((_, i) => [i + 1, 'polymer']),
  );
  loop(
    'entity_poly',
    ['entity_id', 'type', 'pdbx_seq_one_letter_code', 'pdbx_strand_id'],
    chains.map(({ sequence, id }, i) => [i + 1, 'polyribonucleotide', sequence, id]),
  );
  loop(
    'struct_asym',
    ['id', 'entity_id'],
    chains.map(({ id }, i) => [id, i + 1]),
  );
  const residues = chains.flatMap((chain, entity) =>
    [...chain.sequence].map((letter, index) => ({ chain, entity, letter, index })),
  );
  loop(
    'pdbx_poly_seq_scheme',
    ['asym_id', 'entity_id', 'seq_id', 'mon_id', 'pdb_seq_num', 'pdb_ins_code', 'pdb_strand_id'],
    residues.map(({ chain, entity, letter, index }) => [
      chain.id,
      entity + 1,
      index + 1,
      letter,
      numberAt(chain, index),
      insertionCodeAt(chain, index),
      chain.id,
    ]),
  );
  let serial = 0;
  loop(
    'atom_site',
    [
      'group_PDB',
      'id',
      'type_symbol',
      'label_atom_id',
      'label_alt_id',
      'label_comp_id',
      'label_asym_id',
      'label_entity_id',
      'label_seq_id',
      'pdbx_PDB_ins_code',
      'Cartn_x',
      'Cartn_y',
      'Cartn_z',
      'occupancy',
      'B_iso_or_equiv',
      'auth_seq_id',
      'auth_asym_id',
      'pdbx_PDB_model_num',
    ],
    chains.flatMap((chain, entity) =>
      Array.from(writtenAtoms(chain), ({ index, base, name: atom, position, bFactor }) => [
        'ATOM',
        ++serial,
        atom.slice(0, 1),
        atom,
        '',
        base,
        chain.id,
        entity + 1,
        index + 1,
        insertionCodeAt(chain, index),
        ...position.map((value) => value.toFixed(3)),
        '1.00',
        bFactor.toFixed(2),
        numberAt(chain, index),
        chain.id,
        1,
      ]),
    ),
  );
  if (chains.some(({ plddt }) => plddt !== undefined)) {
    loop(
      'ma_qa_metric',
      ['id', 'name', 'description', 'type', 'mode'],
      [[1, 'pLDDT', 'Predicted lDDT, 0 to 100', 'pLDDT', 'local']],
    );
    loop(
      'ma_qa_metric_local',
      ['ordinal_id', 'model_id', 'label_asym_id', 'label_seq_id', 'label_comp_id', 'metric_id', 'metric_value'],
      residues
        .filter(({ chain }) => chain.plddt !== undefined)
        .map(({ chain, index, letter }, i) => [
          i + 1,
          1,
          chain.id,
          index + 1,
          letter,
          1,
          (100 * chain.plddt![index]!).toFixed(2),
        ]),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A value as CIF writes it: quoted where it would be read as something else; '' is `.`. */
function cifValue(value: string | number): string {
  const text = String(value);
  if (text === '') return '.';
  if (/[\n\r]/.test(text)) throw new RangeError(`writeMmcif: the value "${text}" has several lines`);
  if (/^[A-Za-z0-9+-][^\s'"]*$/.test(text) && !/^(?:data_|save_|loop_|global_|stop_)/i.test(text)) return text;
  const quote = ['"', "'"].find((mark) => !new RegExp(`${mark}(?:\\s|$)`).test(text));
  if (quote === undefined) throw new RangeError(`writeMmcif: the value ${text} has quotes of both kinds`);
  return `${quote}${text}${quote}`;
}
