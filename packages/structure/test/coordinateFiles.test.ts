import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../src/errors.ts';
import { ATOM_NAMES, ATOM_SLOTS, BASES, atomSlot, isBase, residueKind } from '../src/tertiary/nucleotides.ts';
import { chainBreaks, rnaChains, type RnaChain } from '../src/tertiary/chains.ts';
import { readMmcif } from '../src/tertiary/mmcif.ts';
import { readPdb } from '../src/tertiary/pdb.ts';
import { readCoordinates } from '../src/tertiary/readCoordinates.ts';
import { writeMmcif, writePdb, type WrittenChain } from '../src/tertiary/write.ts';

const fixture = (name: string) => readFileSync(new URL(`fixtures/tertiary/${name}`, import.meta.url), 'utf8');
const read = (name: string) => readCoordinates(fixture(name), name);
const position = (chain: RnaChain, index: number, atom: string) => {
  const letter = chain.sequence[index]!;
  const at = index * ATOM_SLOTS + (isBase(letter) ? atomSlot(letter, atom) : -1);
  return chain.mask[at] === 1 ? Array.from(chain.coordinates.subarray(3 * at, 3 * at + 3)) : undefined;
};
const problem = (text: string, file = 'x.pdb') => {
  try {
    readCoordinates(text, file);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'none';
};

/** An ATOM record of the columns that the format gives. */
const record = (
  atom: string,
  residue: string,
  place: string,
  [x, y, z]: readonly [number, number, number],
  { alternate = ' ', occupancy = 1, hetero = false, end = '' } = {},
) =>
  `${hetero ? 'HETATM' : 'ATOM  '}    1 ${atom.length > 3 ? atom : ` ${atom.padEnd(3)}`}${alternate}${residue.padStart(3)} ${place}   ` +
  `${[x, y, z].map((value) => value.toFixed(3).padStart(8)).join('')}${occupancy.toFixed(2).padStart(6)}  7.50${end}`;

describe('the table of atoms', () => {
  it('has C4 prime, C1 prime and the nitrogen first, and 22, 23, 20 and 20 atoms', () => {
    for (const base of BASES) {
      expect(ATOM_NAMES[base].slice(0, 3)).toEqual(["C4'", "C1'", base === 'A' || base === 'G' ? 'N9' : 'N1']);
      expect(new Set(ATOM_NAMES[base]).size).toBe({ A: 22, G: 23, U: 20, C: 20 }[base]);
    }
  });

  it('knows modified nucleotides by their parent', () => {
    const letters = ['PSU', 'H2U', '5MC', '7MG', 'YYG', '1MA', 'RG', 'C5', 'ade', 'N'].map(
      (name) => residueKind(name)?.letter,
    );
    expect(letters.join('')).toBe('UUCGGAGCAN');
    expect(residueKind('DT')).toMatchObject({ letter: 'U', deoxy: true });
    expect(residueKind('HOH')).toBeUndefined();
  });
});

describe('reading a piece of 4QLN', () => {
  it('is the same in PDB and in mmCIF', () => {
    const [pdb, cif] = [read('4qln_15-19.pdb'), read('4qln_15-19.cif')];
    expect(pdb).toMatchObject({ id: '4QLN', method: 'X-RAY DIFFRACTION', resolution: 2.65, models: 1 });
    expect(cif).toMatchObject({ id: '4QLN', method: 'X-RAY DIFFRACTION', resolution: 2.65, models: 1 });
    const [[fromPdb], [fromCif]] = [rnaChains(pdb), rnaChains(cif)];
    expect({ ...fromPdb, unknown: [] }).toEqual({ ...fromCif, unknown: [] });
    expect(rnaChains(pdb)).toHaveLength(1);
  });

  it('keeps the place of nucleotides that are not resolved', () => {
    const chain = rnaChains(read('4qln_15-19.pdb'))[0]!;
    expect(chain.sequence).toHaveLength(125);
    expect(chain.sequence.slice(13, 20)).toBe('CGAAAGG');
    const resolved = Array.from(chain.sequence, (_, i) => i).filter((i) => position(chain, i, "C1'") !== undefined);
    expect(resolved).toEqual([14, 15, 17, 18]);
    expect(Array.from(chain.numbers)).toEqual(Array.from({ length: 125 }, (_, i) => i + 1));
    expect(rnaChains(read('4qln_15-19.pdb'), { unresolved: false })[0]!.sequence).toBe('GAAG');
  });

  it('takes one location of an atom: that of the largest occupancy', () => {
    const chain = rnaChains(read('4qln_15-19.pdb'))[0]!;
    expect(position(chain, 17, 'P')).toEqual([9.862, -60.924, -29.644]);
  });
});

describe('reading a piece of 1EFW', () => {
  const chain = rnaChains(read('1efw_16-23.cif'))[0]!;

  it('gives insertion codes and parents of modified nucleotides', () => {
    expect(chain.id).toBe('C');
    expect(chain.sequence.slice(15, 23)).toBe('UCGGUUAG');
    expect(chain.names.slice(15, 23)).toEqual(['H2U', 'C', 'G', 'G', 'H2U', 'H2U', 'A', 'G']);
    expect(Array.from(chain.numbers.subarray(15, 23))).toEqual([16, 17, 18, 19, 20, 20, 21, 22]);
    expect(chain.insertionCodes.slice(18, 23)).toEqual(['', '', 'A', '', '']);
    expect(chain.unknown).toEqual([]);
    expect(chain.resolution).toBe(3);
  });

  it('finds the bonds of the chain', () => {
    expect(Array.from(chainBreaks(chain).subarray(14, 23))).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 1]);
  });
});

describe('PDB as programs write it', () => {
  it('reads old names, short lines, hydrogens, and models without ENDMDL', () => {
    const text = [
      'MODEL        1',
      record('C1*', 'RA5', 'B   7 ', [1, 2, 3]),
      record('O1P', 'RA5', 'B   7 ', [-1, -2, -3]).slice(0, 54),
      record('H1*', 'RA5', 'B   7 ', [0, 0, 0], { end: '           H' }),
      'MODEL        2',
      record("C1'", 'A', 'B   7 ', [4, 5, 6]),
    ].join('\r\n');
    const file = readPdb(text, 'x.pdb');
    expect(file.models).toBe(2);
    expect(file.atoms.atomNames).toEqual(["C1'", 'OP1', "H1'", "C1'"]);
    expect(file.atoms.elements).toEqual(['C', 'O', 'H', 'C']);
    expect(Array.from(file.atoms.occupancies)).toEqual([1, 1, 1, 1]);
    expect(Array.from(file.atoms.bFactors)).toEqual([7.5, 0, 7.5, 7.5]);
    const [first, second] = [rnaChains(file)[0]!, rnaChains(file, { model: 1 })[0]!];
    expect(position(first, 0, "C1'")).toEqual([1, 2, 3]);
    expect(position(first, 0, 'OP1')).toEqual([-1, -2, -3]);
    expect(first.mask.reduce((sum, value) => sum + value, 0)).toBe(2);
    expect(position(second, 0, "C1'")).toEqual([4, 5, 6]);
    expect(() => rnaChains(file, { model: 2 })).toThrow(RangeError);
  });

  it('leaves out what follows TER, free nucleotides, and DNA, and keeps a GTP that is bound', () => {
    const file = readPdb(
      [
        record("O3'", 'GTP', 'A   1 ', [0, 0, 0], { hetero: true }),
        record('P', 'C', 'A   2 ', [1.6, 0, 0]),
        record("C1'", 'GTP', 'A   9 ', [30, 0, 0], { hetero: true }),
        'TER',
        record("C1'", 'PSU', 'A  99 ', [9, 0, 0], { hetero: true }),
        record("C1'", 'DA', 'D   1 ', [9, 0, 0]),
        record('CA', 'GLY', 'P   1 ', [9, 0, 0]),
      ].join('\n'),
      'x.pdb',
    );
    expect(rnaChains(file).map(({ id, sequence }) => [id, sequence])).toEqual([['A', 'GC']]);
  });

  it('names a modified nucleotide that it does not know, and masks it', () => {
    const sugar = ["C1'", "C2'", "C3'", "C4'", "O4'", "O2'", 'P', "O3'"].map((atom, i) =>
      record(atom, 'XY7', 'A   4A', [i, 0, 0], { hetero: true }),
    );
    const text = [record("O3'", 'G', 'A   3 ', [6, 1.6, 0]), ...sugar, record('P', 'C', 'A   5 ', [7, 1.6, 0])].join(
      '\n',
    );
    const chain = rnaChains(readPdb(text, 'x.pdb'))[0]!;
    expect(chain.sequence).toBe('GNC');
    expect(chain.unknown).toEqual([{ index: 1, name: 'XY7', number: '4A', line: 2 }]);
    expect(chain.mask.subarray(ATOM_SLOTS, 2 * ATOM_SLOTS)).toEqual(new Uint8Array(ATOM_SLOTS));
    const stated = `MODRES 1ABC XY7 A    4  U  MODIFIED\n${text}`;
    expect(rnaChains(readPdb(stated, 'x.pdb'))[0]!.sequence).toBe('GUC');
  });

  it('turns pseudouridine onto uridine', () => {
    const atoms: [string, [number, number, number]][] = [
      ["C1'", [0, 0, 0]],
      ['C5', [1.5, 0, 0]],
      ['C4', [2, 1, 0]],
      ['O4', [1, 2, 0]],
      ['N1', [2, -1, 0]],
    ];
    const text = atoms.map(([atom, at]) => record(atom, 'PSU', 'A   1 ', at)).join('\n');
    const chain = rnaChains(readPdb(text, 'x.pdb'))[0]!;
    expect(['N1', 'C2', 'O2', 'C5'].map((atom) => position(chain, 0, atom))).toEqual([
      [1.5, 0, 0],
      [2, 1, 0],
      [1, 2, 0],
      [2, -1, 0],
    ]);
  });

  it('chooses a whole residue where two share a place', () => {
    const text = [
      record("C1'", 'A', 'A   1 ', [1, 0, 0], { alternate: 'A', occupancy: 0.4 }),
      record("C1'", 'G', 'A   1 ', [2, 0, 0], { alternate: 'B', occupancy: 0.6 }),
    ].join('\n');
    const chain = rnaChains(readPdb(text, 'x.pdb'))[0]!;
    expect([chain.sequence, position(chain, 0, "C1'")]).toEqual(['G', [2, 0, 0]]);
  });

  it('refuses two strands of one name, and not a second location', () => {
    const line = record('P', 'A', 'B   7 ', [1, 2, 3]);
    const other = record("C1'", 'G', 'B   8 ', [1, 2, 3]);
    expect(() => rnaChains(readPdb([line, other, line].join('\n'), 'x.pdb'))).toThrow(
      'x.pdb:3: atom "P" of residue "A B7" stands on line 1 too; give strands names of their own, and models a MODEL record',
    );
    const second = record('P', 'A', 'B   7 ', [1, 2, 3], { alternate: 'B', occupancy: 0.1 });
    expect(rnaChains(readPdb([line, second].join('\n'), 'x.pdb'))[0]!.sequence).toBe('A');
  });

  it('refuses a chain whose name steers the terminal that it is printed on', () => {
    const row = "ATOM      1  C1'   A \u001b   1       1.000   2.000   3.000  1.00  0.00           C\n";
    expect(() => rnaChains(readCoordinates(row, 'a.pdb'))).toThrow(
      /^a\.pdb:1: the chain "\\u\{1b\}" has a character in its name that cannot be seen; rename the chain$/,
    );
  });

  it('names file, line, atom and residue of what it refuses', () => {
    const line = record("C1'", 'A', 'B   7 ', [1, 2, 3]);
    expect(problem(`REMARK\n${line.replace('   2.000', '   2,000')}`)).toBe(
      `x.pdb:2: atom "C1'" of residue "A B7": "   2,000" is no y coordinate; columns 39 to 46 hold it in Å, as -12.345`,
    );
    expect(problem(line.replace('   7 ', '  x7 '))).toContain('"  x7" is no residue number');
    expect(problem(line.replace('  1.00  7.50', '  1.o0  7.50'))).toContain('"  1.o0" is no occupancy');
    expect(problem('HEADER\n')).toContain('x.pdb:1: no ATOM or HETATM record');
    expect(problem('\x1f\x8b')).toContain('packed (gzip)');
    expect(problem('<html>')).toContain('a web page');
  });
});

describe('mmCIF as programs write it', () => {
  const columns = ['label_atom_id', 'label_comp_id', 'label_asym_id', 'label_seq_id', 'Cartn_x', 'Cartn_y', 'Cartn_z'];
  const sites = (...rows: string[]) =>
    `data_X\n# comment\nloop_\n${columns.map((name) => `_atom_site.${name}\n`).join('')}${rows.join('\n')}\n`;

  it('reads quoted primes, texts, uncertainties and names that are bare', () => {
    const file = readMmcif(
      `${sites(`"C1'" A AA 1 1.5(2) -2 3e0`, `C4' A AA 1 1 2 3 # end`, `'O4'' A AA 1 1 2 3`, `P`, `A AA 1 9 9 9`)}_entry.title\n;data_ in\nloop_ text\n;\n`,
      'x.cif',
    );
    expect(file.atoms.atomNames).toEqual(["C1'", "C4'", "O4'", 'P']);
    expect(Array.from(file.atoms.coordinates.subarray(0, 3))).toEqual([1.5, -2, 3]);
    expect(Array.from(file.atoms.lines)).toEqual([11, 12, 13, 14]);
    expect(rnaChains(file)[0]).toMatchObject({ id: 'AA', sequence: 'A' });
  });

  it('leaves out ligands, which have no place in a sequence', () => {
    const file = readMmcif(sites(`P A A 1 1 2 3`, `P G B . 1 2 3`), 'x.cif');
    expect(rnaChains(file).map(({ sequence }) => sequence)).toEqual(['A']);
  });

  it('names file, line, atom and residue of what it refuses', () => {
    expect(problem(sites('P A B 7 1 2 x'), 'x.cif')).toBe(
      'x.cif:11: atom "P" of residue "A B7": "x" is no z coordinate; write a decimal number',
    );
    expect(problem(sites('P A B 7 1 2'), 'x.cif')).toContain('has 6 values, no multiple of its 7 columns');
    expect(problem(sites(`"P A B 7 1 2 3`), 'x.cif')).toContain('x.cif:11: a quote has no end');
    expect(problem('data_X\n_cell_length_a 3\n')).toContain('small-molecule CIF');
    expect(problem('data_X\n_entry.text\n;never ends\n')).toContain(':3: a text between semicolons has no end');
    expect(problem('data_X\n_entry.id X\n')).toContain('no category _atom_site');
    expect(problem('data_X\n_entry.id\nloop_\n')).toContain('"_entry.id" has no value');
  });
});

const thousandth = fc.integer({ min: -999_999, max: 9_999_999 }).map((value) => value / 1000);
/** Any chain: letters, numbers, insertion codes and atoms that are missing, in any mixture. */
const anyChain = (id: string): fc.Arbitrary<WrittenChain & { mask: number[]; coordinates: number[] }> =>
  fc.array(fc.constantFrom(...BASES), { minLength: 1, maxLength: 30 }).chain((letters) =>
    fc.record({
      id: fc.constant(id),
      sequence: fc.constant(letters.join('')),
      numbers: fc.integer({ min: -99, max: 900 }).map((from) => letters.map((_, i) => from + i)),
      coordinates: fc.array(thousandth, { minLength: letters.length * 69, maxLength: letters.length * 69 }),
      mask: fc
        .array(fc.integer({ min: 0, max: 1 }), { minLength: letters.length * 23, maxLength: letters.length * 23 })
        .map((mask) =>
          mask.map((value, at) => (at % 23 < ATOM_NAMES[letters[Math.floor(at / 23)]!].length ? value : 0)),
        )
        // A nucleotide between others may have no atom at all; in the first two an atom stands, so that numbers are known.
        .map((mask) =>
          mask.map((value, at) => (at === 1 || at === 6 || at === 24 ? 1 : Math.floor(at / 23) % 5 === 3 ? 0 : value)),
        ),
      plddt: fc
        .array(fc.integer({ min: 0, max: 100 }), { minLength: letters.length, maxLength: letters.length })
        .map((values) => values.map((value) => value / 100)),
    }),
  );

describe('what is written', () => {
  const same = (chain: WrittenChain & { mask: number[]; coordinates: number[] }, back: RnaChain) => {
    expect(back).toMatchObject({ id: chain.id, sequence: chain.sequence });
    expect(Array.from(back.numbers)).toEqual(chain.numbers);
    expect(Array.from(back.mask)).toEqual(chain.mask);
    const expected = chain.coordinates.map((value, k) => (chain.mask[Math.floor(k / 3)] === 1 ? value : 0));
    expect(Array.from(back.coordinates)).toEqual(expected.map((value) => value + 0));
    for (const [at, value] of chain.mask.entries())
      if (value === 1) expect(back.bFactors[at]).toBeCloseTo(100 * chain.plddt![Math.floor(at / 23)]!, 6);
  };

  it('is read back as it was, from PDB', () => {
    fc.assert(
      fc.property(anyChain('A'), anyChain('b'), (first, second) => {
        const text = writePdb([first, second]);
        for (const line of text.split('\n').slice(0, -1)) expect(line).toHaveLength(80);
        const back = rnaChains(readPdb(text, 'x.pdb'));
        expect(back).toHaveLength(2);
        same(first, back[0]!);
        same(second, back[1]!);
      }),
      { numRuns: 15 },
    );
  });

  it('is read back as it was, from mmCIF, with names of any length and insertion codes', () => {
    fc.assert(
      fc.property(anyChain('A-2'), anyChain('_b"'), (first, second) => {
        const insertionCodes = Array.from(first.sequence, (_, i) => (i % 3 === 1 ? 'B' : ''));
        const text = writeMmcif([{ ...first, insertionCodes }, second], 'a model');
        const back = rnaChains(readCoordinates(text, 'x.cif'));
        same(first, back[0]!);
        expect(back[0]!.insertionCodes).toEqual(insertionCodes);
        same(second, back[1]!);
      }),
      { numRuns: 15 },
    );
  });

  it('stands in its columns', () => {
    const coordinates = new Float64Array(69).fill(-1.5);
    coordinates[0] = 1234.5678;
    const lines = writePdb([{ id: 'A', sequence: 'G', coordinates, plddt: [0.875] }]).split('\n');
    expect(lines[0]).toBe("ATOM      1  C4'   G A   1    1234.568  -1.500  -1.500  1.00 87.50           C  ");
    expect(lines[23]).toBe(`TER      24        G A   1${' '.repeat(54)}`);
    expect(lines[24]).toBe(`END${' '.repeat(77)}`);
  });

  it('is refused where it has no place in the format', () => {
    const coordinates = new Float64Array(69);
    const chain = { id: 'A', sequence: 'G', coordinates };
    expect(() => writePdb([{ ...chain, id: 'AB' }])).toThrow('not one character');
    expect(() => writePdb([{ ...chain, numbers: [12_345] }])).toThrow('wider than its 4 columns');
    expect(() => writePdb([{ ...chain, coordinates: coordinates.map(() => 12_345) }])).toThrow('8 columns');
    expect(() => writePdb([{ ...chain, coordinates: coordinates.map(() => NaN) }])).toThrow('is at (NaN');
    expect(() => writePdb([{ ...chain, plddt: [87] }])).toThrow('not in 0 to 1');
    expect(() => writePdb([chain, chain])).toThrow('two chains');
    expect(() => writeMmcif([{ ...chain, sequence: 'GA' }], 'x')).toThrow('69 values, not 138');
  });
});
