import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../src/errors.ts';
import { parseFasta } from '../src/records/fasta.ts';
import { collect } from './collect.ts';

const read = (chunks: Iterable<string>, allowUnknown = false) =>
  collect(parseFasta(chunks, { file: 'in.fasta', allowUnknown }));

describe('parseFasta', () => {
  it('reads what the field writes', async () => {
    const text = '\uFEFF; an old comment\r\n\r\n>x first one \r\nACG U\r\nacgt\r\n\n>y\nN-\n;more\nI';
    expect(await read([text])).toEqual([
      { id: 'x', description: 'first one', sequence: 'ACGUacgt', line: 3 },
      { id: 'y', description: '', sequence: 'N-I', line: 7 },
    ]);
  });

  it('gives the same records however the text is cut', async () => {
    const text = '>x one\r\nACGU\r\nAC\r\n\r\n>y\nGGNN\n>z\nA\n';
    const whole = await read([text]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length)), async (cuts) => {
        const ends = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(await read(ends.slice(1).map((end, i) => text.slice(ends[i], end)))).toEqual(whole);
      }),
    );
  });

  it.each([
    ['', 'in.fasta:1: no record in the file; give at least one, as ">ID" and a line of letters'],
    ['\n; only a comment\n', 'in.fasta:1: no record in the file'],
    ['\nACGU\n', 'in.fasta:2: a sequence without a header; put a line ">ID" before it'],
    ['>\nACGU\n', 'in.fasta:1: a header without an id'],
    ['>x\n>y\nA\n', 'in.fasta:1: record "x" has no sequence'],
    ['>y\nA\n>x\n\n', 'in.fasta:3: record "x" has no sequence'],
    ['>x\nACG\nACZ\n', 'in.fasta:3: "Z" in record "x" is not a nucleotide code'],
    ['>x\n1 ACGU\n', 'in.fasta:2: "1" in record "x" is not a nucleotide code'],
    ['>x\nACGU>y\nA\n', 'in.fasta:2: ">" in record "x"'],
    ['>x a\nA\n>y\nC\n>x b\nG\n', 'in.fasta:5: a second record has the id "x" (the first is on line 1)'],
  ])('refuses %j', async (text, message) => {
    const failure = read([text]);
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(message);
  });

  it('lets unknown letters pass on demand, but no digit', async () => {
    expect((await read(['>x\nAXZ*\n'], true))[0]!.sequence).toBe('AXZ*');
    await expect(read(['>x\nAX2\n'], true)).rejects.toThrow('in.fasta:2: "2"');
  });

  it('gives records before the text has ended', async () => {
    const endless = function* () {
      for (let i = 0; ; i++) yield `>r${i}\nACGU\n`;
    };
    const records = parseFasta(endless(), { file: 'in.fasta' });
    for (let i = 0; i < 1000; i++)
      expect((await records.next()).value).toMatchObject({ id: `r${i}`, sequence: 'ACGU' });
    await records.return();
  });
});
