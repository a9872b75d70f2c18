/** What the workers do that needs no browser: reading sequences, and naming files. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileNames } from '../src/workers/fileNames.ts';
import { readRecords } from '../src/workers/records.ts';

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
