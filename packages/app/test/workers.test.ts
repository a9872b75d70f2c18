/** What the workers do that needs no browser: reading sequences, and naming files. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { colouringsOf, labelsOf } from '../src/embed/colourings.ts';
import { fileNames } from '../src/workers/fileNames.ts';
import { readRecords } from '../src/workers/records.ts';
import { readRnas } from '../src/workers/rnas.ts';

test('FASTA, and a sequence without a header, are read in upper case with U for T', async () => {
  expect(await readRecords('>a first\nacg\nT\n>b\nGG', 'f')).toEqual([
    { id: 'a', sequence: 'ACGU', line: 1, description: 'first' },
    { id: 'b', sequence: 'GG', line: 4 },
  ]);
  expect(await readRecords('\n  gat\ntaca\n', 'f')).toEqual([{ id: 'RNA', sequence: 'GAUUACA', line: 1 }]);
});

test('known structures are read from dot-bracket, by its brackets, and from files by their names', async () => {
  const known = { id: 'a', sequence: 'GGAAACC', line: 1, known: Int32Array.of(6, 5, -1, -1, -1, 1, 0) };
  expect(await readRecords('>a\nGGAAACC\n((...)) (-1.20)\n', 'sequences')).toEqual([known]);
  expect(await readRecords('>a\nGGAAACC\n((...))', 'mine.fa')).toEqual([known]);
  const bpseq = ['#Name: a', '1 G 4', '2 A 0', '3 A 0', '4 C 1'].join('\n');
  const [record] = await readRecords(bpseq, 'a.bpseq');
  expect([record!.id, record!.sequence, [...record!.known!]]).toEqual(['a', 'GAAC', [3, -1, -1, 0]]);
  await expect(readRecords('>a\nGGAAACC\n((...)', 'sequences')).rejects.toThrow(/^sequences:3: /);
});

test('errors have the line of the text as it was given', async () => {
  await expect(readRecords('>a\nACGU\n>b\nACX', 'mine.fa')).rejects.toThrow(/^mine\.fa:4: .*"X"/);
  await expect(readRecords('ACGU\nAC8', 'mine.fa')).rejects.toThrow(/^mine\.fa:2: .*8/);
  await expect(readRecords('', 'mine.fa')).rejects.toThrow(/^mine\.fa:1: /);
  await expect(readRecords('<!doctype html>', 'mine.fa')).rejects.toThrow(/^mine\.fa:1: /);
});

test('names of files are plain, hold no folder, and differ', () => {
  expect(fileNames(['tRNA', 'trna', '../../etc/passwd', '<b>', '.', '-rf', 'a+b=c@d'])).toEqual([
    'tRNA',
    'trna-2',
    '_._.._etc_passwd',
    '_b_',
    '_',
    '_rf',
    'a+b=c@d',
  ]);
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 150 }), { maxLength: 30 }), (ids) => {
      const names = fileNames(ids);
      expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(ids.length);
      for (const name of names) expect(name).toMatch(/^[\w+=@][\w.+=@-]{0,110}$/);
    }),
  );
});

test('a table gives RNAs with its other columns, a FASTA what stands behind its ids', async () => {
  expect(await readRnas('name;gene;Sequence\na;x;acgt\n\nb;;GG\n', 'sequences')).toEqual({
    records: [
      { id: 'a', sequence: 'ACGU', line: 2 },
      { id: 'b', sequence: 'GG', line: 4 },
    ],
    columns: [{ name: 'gene', cells: ['x', ''] }],
  });
  const { records, columns } = await readRnas('>a hairpin\nACGU\n>b\nGG\n', 'f');
  expect(records.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(columns).toEqual([{ name: 'description', cells: ['hairpin', ''] }]);
  expect((await readRnas('sequence\nACGU\n', 'mine.csv')).records).toEqual([
    { id: 'row 1', sequence: 'ACGU', line: 2 },
  ]);
  await expect(readRnas('id,seq\na,ACGU\nb,AC8\n', 'mine.csv')).rejects.toThrow(
    /^mine\.csv:3: "8" is not a nucleotide/,
  );
  await expect(readRnas('id,seq\na,ACGU\nb,"AC\n', 'mine.csv')).rejects.toThrow(/^mine\.csv:\d: /);
  await expect(readRnas('id,letters\na,ACGU\n', 'mine.csv')).rejects.toThrow(/^mine\.csv:1: no column of sequences/);
});

test('a map is coloured by classes, or by numbers where there are many', () => {
  const lengths = Array.from({ length: 14 }, (_, at) => at);
  const columns = [
    { name: 'family', cells: lengths.map((at) => (at === 3 ? '' : 'ab'[at % 2]!)) },
    { name: 'load', cells: lengths.map((at) => String(at / 2)) },
  ];
  const coloured = { columns, clusters: lengths.map((at) => at % 3), lengths };
  expect(colouringsOf(columns, coloured.clusters).map(({ title }) => title)).toEqual([
    'family',
    'load',
    'cluster',
    'length',
  ]);
  expect(labelsOf('column family', coloured).slice(0, 4)).toEqual(['a', 'b', 'a', 'no family']);
  expect(labelsOf('column load', coloured)[3]).toBe(1.5);
  expect(labelsOf('cluster', coloured)[4]).toBe('cluster 2');
  expect(labelsOf('length', coloured)).toBe(lengths);
});
