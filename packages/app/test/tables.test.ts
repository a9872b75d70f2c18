/** What workers make of a person's files without a browser: tables to fine-tune on, and chains to look at. */
import { helixModel, writeMmcif, writePdb } from '@rna/structure';
import { expect, test } from 'vitest';
import { readChains } from '../src/workers/chains.ts';
import { columnsOf, labelledRowsOf } from '../src/workers/labelledTable.ts';

const TABLE = 'name;seq;load;family\na;acgt;1.5;x\nb;GGCC;;y\nc;AAAA;nan;x\n';
const COLUMNS = { id: 'name', sequence: 'seq', targets: ['load', 'family'], group: 'group' };

test('the columns of a table are told apart by what they hold', () => {
  const { rows, columns } = columnsOf(TABLE, 'mine.csv');
  expect(rows).toBe(3);
  expect(columns.map(({ name, isNumeric, isSequence, different }) => [name, isNumeric, isSequence, different])).toEqual(
    [
      ['name', false, false, 3],
      ['seq', false, true, 3],
      ['load', true, false, 1],
      ['family', false, false, 2],
    ],
  );
  expect(() => columnsOf('ACGU', 'x')).toThrow(/^x:1: this is no table/);
  expect(() => columnsOf('seq,a,a\nACGU,1,2\n', 'x.csv')).toThrow(/^x\.csv:1: two columns have the name "a"/);
});

test('rows have their labels as they are written, and their lines', () => {
  expect(labelledRowsOf({ text: TABLE, file: 'mine.csv' }, COLUMNS)).toEqual([
    { id: 'a', sequence: 'ACGU', file: 'mine.csv', line: 2, labels: ['1.5', 'x'] },
    { id: 'b', sequence: 'GGCC', file: 'mine.csv', line: 3, labels: ['', 'y'] },
    { id: 'c', sequence: 'AAAA', file: 'mine.csv', line: 4, labels: ['nan', 'x'] },
  ]);
  expect(labelledRowsOf({ text: TABLE, file: 'm' }, { ...COLUMNS, id: 'id', group: 'family' })[1]).toMatchObject({
    id: 'row 2',
    group: 'y',
  });
  expect(() => labelledRowsOf({ text: TABLE, file: 'm.csv' }, { ...COLUMNS, targets: ['lod'] })).toThrow(
    /^m\.csv:1: the table has no column "lod"; its columns are name, seq, load, family/,
  );
  expect(() => labelledRowsOf({ text: 'seq,a\nAC8,1\n', file: 'm.csv' }, { ...COLUMNS, targets: ['a'] })).toThrow(
    /^m\.csv:2: "8" is not a nucleotide code/,
  );
});

test('a coordinate file gives its chains with pairs, distances, and the plDDT of a prediction', () => {
  const sequence = 'GGCGAAAGCC';
  const helix = helixModel(sequence, Int32Array.of(9, 8, 7, -1, -1, -1, -1, 2, 1, 0));
  const plddt = Float64Array.from(sequence, (_, i) => i / 10);
  for (const [text, file] of [
    [writePdb([{ id: 'A', ...helix, plddt }]), 'a.pdb'],
    [writeMmcif([{ id: 'A', ...helix, plddt }], 'a'), 'a.cif'],
  ] as const) {
    const [chain, ...others] = readChains(text, file);
    expect(others).toEqual([]);
    expect([chain!.id, chain!.sequence]).toEqual([file, sequence]);
    expect([...chain!.partners]).toEqual([9, 8, 7, -1, -1, -1, -1, 2, 1, 0]);
    expect([...chain!.plddt!].map((value) => Number(value.toFixed(2)))).toEqual([...plddt]);
    // The nitrogens of a pair, to the 0.001 Å of a file.
    const at = (i: number): readonly number[] => [0, 1, 2].map((axis) => helix.coordinates[3 * (23 * i + 2) + axis]!);
    const expected = Math.hypot(...at(0).map((value, axis) => value - at(9)[axis]!));
    expect(chain!.distances[9]).toBeCloseTo(expected, 2);
  }
  // B-factors that are all the same say nothing.
  const [without] = readChains(writePdb([{ id: 'A', ...helix }]), 'a.pdb');
  expect(without!.plddt).toBeUndefined();
  const two = writePdb([
    { id: 'A', ...helix },
    { id: 'B', ...helix },
  ]);
  expect(readChains(two, 'x.pdb').map(({ id }) => id)).toEqual(['x.pdb, chain A', 'x.pdb, chain B']);
  expect(() =>
    readChains('HETATM    1  O   HOH A   1       0.000   0.000   0.000  1.00  0.00           O  \nEND\n', 'w.pdb'),
  ).toThrow(/^w\.pdb:1: there is no RNA in the file/);
});
