/**
 * The atoms of a nucleotide as tertiary-structure models hold them: 23 slots,
 * filled from the first, in an order of their own for each base (RhoFold's),
 * so that C4', C1' and the nitrogen of the glycosidic bond are slots 0, 1, 2
 * of all four. What files call atoms and residues is mapped to these names.
 */

/** The bases in the order of RhoFold's vocabulary. */
export const BASES = ['A', 'G', 'U', 'C'] as const;
export type Base = (typeof BASES)[number];

/** Slots of a nucleotide: as many as guanosine has heavy atoms. */
export const ATOM_SLOTS = 23;
/** The slots that are the same atom in every base. */
export const C4_SLOT = 0;
export const C1_SLOT = 1;
export const NITROGEN_SLOT = 2;

const SUGAR = ["C2'", "C3'", "C5'", "O2'", "O3'", "O4'"];
const PHOSPHATE = ["O5'", 'P', 'OP1', 'OP2'];
const slots = (nitrogen: string, base: string): readonly string[] => [
  "C4'",
  "C1'",
  nitrogen,
  ...SUGAR,
  ...base.split(' '),
  ...PHOSPHATE,
];

/** Names of the atoms in the slots of each base; 22, 23, 20 and 20 of them. */
export const ATOM_NAMES: Readonly<Record<Base, readonly string[]>> = {
  A: slots('N9', 'N1 C2 N3 C4 C5 C6 N6 N7 C8'),
  G: slots('N9', 'N1 N2 N3 C2 C4 C5 C6 N7 C8 O6'),
  U: slots('N1', 'C2 O2 N3 C4 O4 C5 C6'),
  C: slots('N1', 'C2 O2 N3 C4 N4 C5 C6'),
};

const slotsOf = (base: Base): ReadonlyMap<string, number> =>
  new Map(ATOM_NAMES[base].map((name, slot) => [name, slot]));
const SLOTS: Readonly<Record<Base, ReadonlyMap<string, number>>> = {
  A: slotsOf('A'),
  G: slotsOf('G'),
  U: slotsOf('U'),
  C: slotsOf('C'),
};

export const isBase = (letter: string): letter is Base => (BASES as readonly string[]).includes(letter);

/** The slot of a base's atom, -1 for an atom that it does not have. */
export const atomSlot = (base: Base, atom: string): number => SLOTS[base].get(atom) ?? -1;

/** An atom's name as the PDB has it since 2007: older files have `*` for the prime and O1P for OP1. */
export function standardAtomName(name: string): string {
  const primed = name.replaceAll('*', "'");
  return OLD_ATOM_NAMES.get(primed) ?? primed;
}
const OLD_ATOM_NAMES: ReadonlyMap<string, string> = new Map([
  ['O1P', 'OP1'],
  ['O2P', 'OP2'],
  ['O3P', 'OP3'],
]);

/** What the name of a residue says. */
export interface ResidueKind {
  /** The base that it is, or is made of; `N` for a nucleotide of unknown base. */
  readonly letter: Base | 'N';
  readonly deoxy: boolean;
  /** True of names that are the end of no chain by rule: GTP may be a chain's first nucleotide or a ligand. */
  readonly free: boolean;
}

/**
 * The kind of a residue by its name alone, undefined for what is no nucleotide or none that is known: standard names,
 * spellings of force fields and older programs (RA, A5, ADE, A3), deoxynucleotides, and modified nucleotides of the
 * PDB by their parent.
 */
export function residueKind(name: string): ResidueKind | undefined {
  return KINDS.get(name.toUpperCase());
}

const KINDS = new Map<string, ResidueKind>();
const declare = (letter: Base | 'N', names: string, properties: Partial<ResidueKind> = {}) => {
  for (const name of names.split(' ')) KINDS.set(name, { letter, deoxy: false, free: false, ...properties });
};
for (const base of BASES) {
  declare(base, [base, `R${base}`, `${base}5`, `${base}3`, `R${base}5`, `R${base}3`, `${base}N`].join(' '));
  declare(base, `D${base}`, { deoxy: true });
}
declare('A', 'ADE RAD');
declare('G', 'GUA RGU');
declare('C', 'CYT RCY');
declare('U', 'URA RUR URI');
declare('U', 'DT DU THY', { deoxy: true });
declare('N', 'N');
declare('N', 'DN', { deoxy: true });
declare('A', 'AMP ADP ATP ANP ACP AGS APC', { free: true });
declare('G', 'GMP GDP GTP GNP GCP GSP 5GP G3P PGP', { free: true });
declare('C', 'C5P CDP CTP', { free: true });
declare('U', 'U5P UDP UTP', { free: true });
// Modified nucleotides of the PDB's dictionary of components, by the parent that it states.
declare('A', '1MA 2MA 6MA 6MZ MA6 A2M A23 A2L A3P A44 A5O AET AP7 AVC 12A 6IA MAD MIA MTU P5P PPU RIA SRA T6A');
declare('A', 'V3L 2AD 31H 31M 365 45A 574 7TA 5FA 8AN 8AZ LCA DJF');
declare('G', '1MG 2MG 7MG G7M M2G OMG YYG YG QUO G46 G48 GAO GOM GRB I IG 23G 2SG G25 G2L N6G XUG O2G MGQ MGV');
declare('G', 'CG1 GDO KAG LGP P1P GH3 56B HYJ B9B');
declare('C', '5MC BVC OMC CCC CBV CH 4OC 4AC A5M M4C M5M 5HM 5IC 10C 1SC A6C B8T C25 C2L C31 C43 CFZ CSF CSL');
declare('C', 'E3C IC LCC LHH N5M PMT RPC RSP RSQ S4C TPG ZBC ZCY');
declare('U', '5MU H2U PSU 4SU 5BU OMU UR3 UMS 2MU 70U 75B 3AU 125 126 127 A6U B8H B8N CM0 CNU DHU FHU 1RN IU');
declare('U', 'LHU MNU MUM ONE P4U PYO S4U SSU SUR T31 TLN U25 U2L U2N U2P U31 U34 U36 U37 U8U UAR UBD UD5 US5');
declare('U', 'UZR ZBU 3TD 5FU');
