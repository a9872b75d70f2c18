/**
 * From the flat table of atoms to the RNA chains of one model, as a structure
 * model needs them: letters, coordinates by slot, a mask. One alternate location
 * is chosen for each residue, modified nucleotides become their parents, and
 * nucleotides of the sequence that are not resolved keep their place.
 */

import { InputError, readable } from '../errors.ts';
import { findInvisible } from '../records/title.ts';
import type { AtomTable, CoordinateFile, SequenceResidue } from './atoms.ts';
import { ATOM_SLOTS, atomSlot, isBase, residueKind, type ResidueKind } from './nucleotides.ts';

/** A nucleotide whose base no table knows. */
export interface UnknownNucleotide {
  /** Place in the chain, from 0. */
  readonly index: number;
  readonly name: string;
  /** The author's number with its insertion code. */
  readonly number: string;
  /** Line of its first atom; 0 for one that only the sequence names. */
  readonly line: number;
}

/** An RNA chain with its coordinates. L nucleotides, those of the sequence that are not resolved among them. */
export interface RnaChain {
  /** The author's name of the chain. */
  readonly id: string;
  /** A, G, U, C, and N for a nucleotide of unknown base: [L]. */
  readonly sequence: string;
  /** [L, 23, 3], Å, in the slots of ATOM_NAMES; 0 where the mask is 0. */
  readonly coordinates: Float64Array;
  /** [L, 23]: 1 for an atom that the file has. */
  readonly mask: Uint8Array;
  /** [L, 23]. */
  readonly bFactors: Float64Array;
  /** Names of the residues as the file has them: [L]. */
  readonly names: readonly string[];
  /** The author's numbers and insertion codes: [L]. Those of nucleotides not resolved follow from their neighbours where the file has none. */
  readonly numbers: Int32Array;
  readonly insertionCodes: readonly string[];
  readonly resolution?: number;
  /** Nucleotides with letter N: all their atoms are masked. */
  readonly unknown: readonly UnknownNucleotide[];
}

export interface ChainOptions {
  /** Which model, from 0. Default 0. */
  readonly model?: number;
  /** Whether nucleotides of the file's sequence without atoms are in the chain, masked. Default true. */
  readonly unresolved?: boolean;
}

/** Two atoms that a bond holds between nucleotides are nearer than this, Å: O3'-P is 1.61. */
const LONGEST_LINK = 2.5;

interface Residue {
  readonly name: string;
  readonly number: number;
  readonly insertionCode: string;
  readonly sequenceNumber: number;
  readonly kind: ResidueKind;
  /** Rows of the table, one an atom name. */
  readonly atoms: ReadonlyMap<string, number>;
  readonly hetero: boolean;
  readonly line: number;
}

/**
 * The RNA chains of one model of a file, in the file's order. Chains of DNA and of protein, ligands and water are left
 * out. Throws an InputError for an atom that stands twice in a nucleotide, a RangeError for a model that there is not.
 */
export function rnaChains(file: CoordinateFile, { model = 0, unresolved = true }: ChainOptions = {}): RnaChain[] {
  if (!(Number.isInteger(model) && model >= 0 && model < file.models))
    throw new RangeError(`rnaChains: model ${model} of a file with ${file.models}`);
  const rowsByChain = new Map<string, number[]>();
  for (let row = 0; row < file.atoms.count; row++) {
    if (file.atoms.models[row] !== model || file.atoms.polymer[row] === 0) continue;
    const key = `${file.atoms.chains[row]!}\0${file.atoms.entityChains[row]!}`;
    const rows = rowsByChain.get(key);
    if (rows === undefined) rowsByChain.set(key, [row]);
    else rows.push(row);
  }
  const chains: RnaChain[] = [];
  for (const rows of rowsByChain.values()) {
    const residues = withoutLigands(file.atoms, readResidues(file, rows));
    const deoxy = residues.filter(({ kind }) => kind.deoxy).length;
    if (residues.length === 0 || 2 * deoxy > residues.length || isBareDeoxy(residues)) continue;
    const sequence = unresolved ? file.sequences.get(file.atoms.entityChains[rows[0]!]!) : undefined;
    const id = file.atoms.chains[rows[0]!]!;
    // It goes into tables, names of files and terminals.
    if (findInvisible(id) >= 0)
      throw new InputError(
        file.file,
        file.atoms.lines[rows[0]!]!,
        `the chain "${readable(id)}" has a character in its name that cannot be seen`,
        'rename the chain',
      );
    chains.push(buildChain(file, id, residues, sequence));
  }
  return chains;
}

/** Whether most residues have a sugar that is whole but for O2', and none has O2': old files of DNA call deoxyadenosine A. */
function isBareDeoxy(residues: readonly Residue[]): boolean {
  const whole = residues.filter(({ atoms }) => DEOXYRIBOSE.every((name) => atoms.has(name)));
  return 2 * whole.length > residues.length && !residues.some(({ atoms }) => atoms.has("O2'"));
}
const DEOXYRIBOSE = ["C1'", "C2'", "C3'", "C4'", "C5'", "O3'", "O4'"];

/** The nucleotides among rows of a table, in the order of their first atoms. */
function readResidues(file: CoordinateFile, rows: readonly number[]): Residue[] {
  const { atoms } = file;
  const byPlace = new Map<string, number[]>();
  for (const row of rows) {
    const place = `${atoms.residueNumbers[row]!}\0${atoms.insertionCodes[row]!}\0${atoms.sequenceNumbers[row]!}`;
    const known = byPlace.get(place);
    if (known === undefined) byPlace.set(place, [row]);
    else known.push(row);
  }
  const residues: Residue[] = [];
  for (const place of byPlace.values()) {
    const chosen = chooseLocation(atoms, place);
    const first = chosen[0]!;
    const byName = new Map<string, number>();
    let repeated: readonly [number, number] | undefined;
    for (const row of chosen) {
      const name = atoms.atomNames[row]!;
      const before = byName.get(name);
      if (before === undefined) byName.set(name, row);
      else if (atoms.alternates[before] === atoms.alternates[row]) repeated = [before, row];
    }
    const name = atoms.residueNames[first]!;
    const kind = kindOf(name, file.parents) ?? (hasSugar(byName) ? UNKNOWN : undefined);
    if (kind === undefined) continue;
    if (repeated !== undefined) throw repeatedAtom(file, ...repeated);
    residues.push({
      name,
      number: atoms.residueNumbers[first]!,
      insertionCode: atoms.insertionCodes[first]!,
      sequenceNumber: atoms.sequenceNumbers[first]!,
      kind,
      atoms: byName,
      hetero: atoms.hetero[first] === 1,
      line: atoms.lines[first]!,
    });
  }
  return residues;
}

/** An atom that stands twice: two strands share a name, or models follow each other without a MODEL record. */
function repeatedAtom({ file, atoms }: CoordinateFile, before: number, row: number): InputError {
  const residue = `${atoms.residueNames[row]!} ${atoms.chains[row]!}${atoms.residueNumbers[row]!}${atoms.insertionCodes[row]!}`;
  return new InputError(
    file,
    atoms.lines[row]!,
    `atom "${readable(atoms.atomNames[row]!)}" of residue "${readable(residue)}" stands on line ${atoms.lines[before]!} too`,
    'give strands names of their own, and models a MODEL record',
  );
}

const UNKNOWN: ResidueKind = { letter: 'N', deoxy: false, free: false };

/** What a residue is: by the parent that the file states, else by the table. Whether it may be free, the table says. */
function kindOf(name: string, parents: ReadonlyMap<string, string>): ResidueKind | undefined {
  const known = residueKind(name);
  const parent = parents.get(name);
  const stated = parent === undefined ? undefined : residueKind(parent);
  return stated === undefined ? known : { ...stated, free: known?.free ?? false };
}

const hasSugar = (atoms: ReadonlyMap<string, number>) =>
  ["C1'", "C2'", "C3'", "C4'", "O4'"].filter((name) => atoms.has(name)).length >= 4;

/** The rows of one alternate location of a residue: that of the largest occupancy, the first of equals. */
function chooseLocation(atoms: AtomTable, rows: readonly number[]): readonly number[] {
  const occupancies = new Map<string, { sum: number; count: number }>();
  for (const row of rows) {
    const alternate = atoms.alternates[row]!;
    const name = atoms.residueNames[row]!;
    if (alternate === '') continue;
    const key = `${alternate}\0${name}`;
    const known = occupancies.get(key) ?? { sum: 0, count: 0 };
    occupancies.set(key, { sum: known.sum + atoms.occupancies[row]!, count: known.count + 1 });
  }
  if (occupancies.size === 0) {
    // Without alternates a place has one residue; of two names, as after a bad merge, the first.
    const name = atoms.residueNames[rows[0]!]!;
    return rows.filter((row) => atoms.residueNames[row] === name);
  }
  let best: string | undefined;
  let bestMean = -Infinity;
  for (const [key, { sum, count }] of occupancies) {
    if (sum / count <= bestMean) continue;
    bestMean = sum / count;
    best = key;
  }
  const [alternate, name] = best!.split('\0');
  const chosen = rows.filter(
    (row) => atoms.residueNames[row] === name && (atoms.alternates[row] === '' || atoms.alternates[row] === alternate),
  );
  // An atom that the chosen location lacks is taken from the first other one: a split base has one sugar.
  const names = new Set(chosen.map((row) => atoms.atomNames[row]));
  return [...chosen, ...rows.filter((row) => atoms.residueNames[row] === name && !names.has(atoms.atomNames[row]))];
}

/** Drops free nucleotides (GTP, AMP) and lone ones that are HETATM, unless a bond joins them to the chain. */
function withoutLigands(table: AtomTable, residues: readonly Residue[]): readonly Residue[] {
  const linked = (from: Residue | undefined, to: Residue | undefined) => {
    const [oxygen, phosphorus] = [from?.atoms.get("O3'"), to?.atoms.get('P')];
    return oxygen !== undefined && phosphorus !== undefined && distance(table, oxygen, phosphorus) < LONGEST_LINK;
  };
  return residues.filter(
    (residue, i) =>
      !(residue.kind.free || (residue.hetero && residue.kind.letter === 'N')) ||
      linked(residues[i - 1], residue) ||
      linked(residue, residues[i + 1]) ||
      (!residue.hetero && residues.length > 1),
  );
}

function distance({ coordinates }: AtomTable, a: number, b: number): number {
  return Math.hypot(
    coordinates[3 * a]! - coordinates[3 * b]!,
    coordinates[3 * a + 1]! - coordinates[3 * b + 1]!,
    coordinates[3 * a + 2]! - coordinates[3 * b + 2]!,
  );
}

function buildChain(
  file: CoordinateFile,
  id: string,
  residues: readonly Residue[],
  sequence: readonly SequenceResidue[] | undefined,
): RnaChain {
  const places = sequence === undefined ? undefined : placesInSequence(residues, sequence);
  const length = places === undefined ? residues.length : sequence!.length;
  const letters: string[] = Array.from({ length }, () => 'N');
  const names: string[] = Array.from({ length }, (_, i) => sequence?.[i]?.name ?? '');
  const coordinates = new Float64Array(length * ATOM_SLOTS * 3);
  const mask = new Uint8Array(length * ATOM_SLOTS);
  const bFactors = new Float64Array(length * ATOM_SLOTS);
  const numbers = new Int32Array(length);
  const insertionCodes: string[] = Array.from({ length }, () => '');
  const lines = new Int32Array(length);
  const resolved = new Uint8Array(length);

  for (const [k, residue] of residues.entries()) {
    const i = places?.[k] ?? k;
    letters[i] = residue.kind.letter;
    names[i] = residue.name;
    numbers[i] = residue.number;
    insertionCodes[i] = residue.insertionCode;
    lines[i] = residue.line;
    resolved[i] = 1;
    if (residue.kind.letter === 'N') continue;
    for (const [atom, row] of asParent(file.atoms, residue)) {
      const slot = atomSlot(residue.kind.letter, atom);
      if (slot < 0) continue;
      const at = i * ATOM_SLOTS + slot;
      mask[at] = 1;
      bFactors[at] = file.atoms.bFactors[row]!;
      coordinates.set(file.atoms.coordinates.subarray(3 * row, 3 * row + 3), 3 * at);
    }
  }
  for (let i = 0; i < length; i++) {
    if (resolved[i] === 1) continue;
    const stated = sequence![i]!;
    letters[i] = kindOf(stated.name, file.parents)?.letter ?? 'N';
    insertionCodes[i] = stated.insertionCode ?? '';
    const next = resolved.indexOf(1, i);
    numbers[i] = stated.number ?? (i > 0 ? numbers[i - 1]! + 1 : numbers[next]! - next);
  }
  const unknown = letters.flatMap((letter, index) =>
    letter === 'N'
      ? [{ index, name: names[index]!, number: `${numbers[index]!}${insertionCodes[index]!}`, line: lines[index]! }]
      : [],
  );
  return {
    id,
    sequence: letters.join(''),
    coordinates,
    mask,
    bFactors,
    names,
    numbers,
    insertionCodes,
    ...(file.resolution === undefined ? {} : { resolution: file.resolution }),
    unknown,
  };
}

/**
 * The atoms of a residue under the names of its parent. A pyrimidine that is bound by its C5 (pseudouridine) lies on
 * its parent turned: each ring atom gets the name of the place that it has on the parent.
 */
function asParent(table: AtomTable, { kind, atoms }: Residue): Iterable<readonly [string, number]> {
  if (kind.letter !== 'U') return atoms;
  const [sugar, nitrogen, carbon] = [atoms.get("C1'"), atoms.get('N1'), atoms.get('C5')];
  if (sugar === undefined || carbon === undefined) return atoms;
  const byCarbon = distance(table, sugar, carbon);
  if (byCarbon > 2 || (nitrogen !== undefined && distance(table, sugar, nitrogen) < byCarbon)) return atoms;
  return Array.from(atoms, ([name, row]) => [TURNED.get(name) ?? name, row] as const);
}
const TURNED: ReadonlyMap<string, string> = new Map([
  ['C5', 'N1'],
  ['C4', 'C2'],
  ['O4', 'O2'],
  ['C2', 'C4'],
  ['O2', 'O4'],
  ['N1', 'C5'],
]);

/**
 * The place of each residue in the whole sequence: as the file numbers them, or for SEQRES by the alignment without
 * gaps in the residues that breaks the author's numbering least. Undefined where the residues do not fit it.
 */
function placesInSequence(
  residues: readonly Residue[],
  sequence: readonly SequenceResidue[],
): readonly number[] | undefined {
  if (residues.every(({ sequenceNumber }) => sequenceNumber > 0)) {
    const places = residues.map(({ sequenceNumber }) => sequenceNumber - 1);
    return places.every((place, k) => place < sequence.length && (k === 0 || place > places[k - 1]!))
      ? places
      : undefined;
  }
  const slack = sequence.length - residues.length;
  if (slack < 0) return undefined;
  if (slack === 0)
    return residues.every(({ name }, k) => name === sequence[k]!.name) ? residues.map((_, k) => k) : undefined;
  // cost[k][gap]: the fewest breaks of residues 0 … k, the last of them at place k + gap.
  const from: Int32Array[] = [];
  let cost = new Float64Array(slack + 1);
  for (const [k, residue] of residues.entries()) {
    const next = new Float64Array(slack + 1).fill(Infinity);
    const came = new Int32Array(slack + 1);
    let bestGap = 0;
    for (let gap = 0; gap <= slack; gap++) {
      if (cost[gap]! < cost[bestGap]!) bestGap = gap;
      if (residue.name !== sequence[k + gap]!.name) continue;
      const previous = residues[k - 1];
      const step = previous === undefined ? NaN : residue.number - previous.number;
      // The gap before that makes the step of places equal to the step of numbers costs nothing.
      const smooth = gap - (step - 1);
      const stays = previous === undefined ? (k === 0 ? 0 : Infinity) : (cost[smooth] ?? Infinity);
      const jumps = k === 0 ? Infinity : cost[bestGap]! + 1;
      next[gap] = Math.min(stays, jumps);
      came[gap] = stays <= jumps ? (k === 0 ? gap : smooth) : bestGap;
    }
    from.push(came);
    cost = next;
  }
  let gap = cost.indexOf(Math.min(...cost));
  if (cost[gap] === Infinity) return undefined;
  const places: number[] = [];
  for (let k = residues.length - 1; k >= 0; k--) {
    places[k] = k + gap;
    gap = from[k]![gap]!;
  }
  return places;
}

/** [L]: 1 where no bond joins a nucleotide to the next one: O3' or P is missing, or they are apart. The last is 1. */
export function chainBreaks({
  sequence,
  coordinates,
  mask,
}: Pick<RnaChain, 'sequence' | 'coordinates' | 'mask'>): Uint8Array {
  const atom = (i: number, name: string) => {
    const letter = sequence[i] ?? 'N';
    if (!isBase(letter)) return undefined;
    const at = i * ATOM_SLOTS + atomSlot(letter, name);
    return mask[at] === 1 ? coordinates.subarray(3 * at, 3 * at + 3) : undefined;
  };
  return Uint8Array.from({ length: sequence.length }, (_, i) => {
    const [oxygen, phosphorus] = [atom(i, "O3'"), atom(i + 1, 'P')];
    if (oxygen === undefined || phosphorus === undefined) return 1;
    const length = Math.hypot(oxygen[0]! - phosphorus[0]!, oxygen[1]! - phosphorus[1]!, oxygen[2]! - phosphorus[2]!);
    return length < LONGEST_LINK ? 0 : 1;
  });
}
