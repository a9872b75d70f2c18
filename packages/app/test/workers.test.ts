/** What the workers do that needs no browser: reading sequences, and naming files. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileNames } from '../src/workers/fileNames.ts';
import { readRecords } from '../src/workers/records.ts';

test('FASTA, and a sequence without a header, are read in upper case with U for T', async () => {
  expect(await readRecords('>a first\nacg\nT\n>b\nGG', 'f')).toEqual([
    { id: 'a', sequence: 'ACGU', line: 1 },
    { id: 'b', sequence: 'GG', line: 4 },
  ]);
  expect(await readRecords('\n  gat\ntaca\n', 'f')).toEqual([{ id: 'RNA', sequence: 'GAUUACA', line: 1 }]);
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
