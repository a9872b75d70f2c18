/** Files of the field as users sent them: read, or refused for the right reason. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseRecords, writeBpseq, writeCt, writeDotBracket, type FileRecord } from '../src/records/files.ts';
import { basePairs, partnersFromPairs } from '../src/secondary/structure.ts';
import { BRACKET_KINDS, dotBracket, pairsLeftOut, parseDotBracket } from '../src/secondary/dotBracket.ts';
import { titleId } from '../src/records/title.ts';
import { collect } from './collect.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`fixtures/reports/${name}`, import.meta.url), name === 'utf16.fa' ? 'utf16le' : 'utf8');
const read = (text: string, file: string): Promise<FileRecord[]> => collect(parseRecords([text], file));
const brackets = ({ partners }: FileRecord): string => (partners === undefined ? '' : dotBracket(partners));
const shown = (records: readonly FileRecord[]): string[][] =>
  records.map((record) => [record.id, record.sequence, brackets(record)]);

const HAIRPIN = ['GGGGAAAACCCC', '((((....))))'];

describe('files that were sent in', () => {
  it.each([
    [
      'two.dbn',
      [
        ['first', ...HAIRPIN],
        ['second', 'GGCGAAAACGCC', '((((....))))'],
      ],
    ],
    [
      'unafold.ct',
      [
        ['my.rna.1', ...HAIRPIN],
        ['my.rna.1', 'GGGGAAAACCCC', '(((......)))'],
      ],
    ],
    ['noname.ct', [['noname', ...HAIRPIN]]],
    ['contrafold.dbn', [['x', ...HAIRPIN]]],
    ['rnafoldp.dbn', [['test', ...HAIRPIN]]],
    ['wrapped.dbn', [['id', 'GGGGAAAACCCC', '((((....))))']]],
    [
      'ipknot.bpseq',
      [
        ['a', 'GAAAAC', '(....)'],
        ['b', 'CAAAAG', '(....)'],
      ],
    ],
    ['headerless.dbn', [['headerless', ...HAIRPIN]]],
    ['cr.fa', [['a', 'GGGAAACGCUUCGGCGAAACCC', '']]],
    ['utf16.fa', [['a', 'GGGAAACGCUUCGGCGAAACCC', '']]],
  ] as [string, string[][]][])('reads %s', async (file, expected) => {
    const records = await read(fixture(file), `dir/${file}`);
    if (file === 'unafold.ct') expect(records.map(({ id }) => id)).toEqual(expected.map(([id]) => id));
    else expect(shown(records)).toEqual(expected);
  });

  it.each([
    ['multi.dbn', 'dir/multi.dbn:4: a second structure of "id"'],
    ['subopt.dbn', 'dir/subopt.dbn:4: a second structure of "id"'],
    ['contra.bpseq', 'dir/contra.bpseq:3: the partner is -1, which CONTRAfold writes where it is not known'],
    ['pk.fa', 'dir/pk.fa:3: record "PK" has brackets under its sequence: this is a file of structures, not FASTA'],
    ['lfsPointer.fa', 'dir/lfsPointer.fa:1: a Git LFS pointer stands in place of the file'],
  ])('refuses %s', async (file, message) => {
    await expect(read(fixture(file), `dir/${file}`)).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([
    ['<!DOCTYPE html>\n<html><body>404', 'a web page (HTML or XML) stands in place of the file'],
    ['\n  <html>', 'a web page'],
    ['>\0a\0\n\0A\0', 'the text is UTF-16 or the file is binary'],
    ['\x1f\uFFFD\b\0', 'the file is packed (gzip)'],
    ['BZh91AY&SY', 'the file is packed (bzip2)'],
    ['PK\x03\x04\0', 'the file is packed (zip)'],
  ])('says what %j is instead of RNAs, in every format', async (text, message) => {
    for (const file of ['a.fa', 'a.dbn', 'a.ct', 'a.bpseq', 'a.st', 'a.sto'])
      await expect(read(text, file)).rejects.toThrow(`${file}:1: ${message}`);
  });
});

describe('titles', () => {
  it.each([
    ['name of it', 'name'],
    ['ENERGY = -4.8  first', 'first'],
    ['ENERGY=-4.8 first', 'first'],
    ['Energy =-4.8 first', 'first'],
    ['energy= -4.8', ''],
    ['dG = -5.70 [initially -5.50] my.rna', 'my.rna'],
    [' dG = -5.70   [initially -5.50]', ''],
    ['dG = -5.70 kcal/mol x', 'x'],
    ['ENERGY = x', 'x'],
    ['energy of mine', 'energy'],
    ['dGTP = 3', 'dGTP'],
    ['', ''],
  ])('%j names %j', (title, id) => {
    expect(titleId(title)).toBe(id);
  });
});

describe('dot-bracket files', () => {
  it.each([
    [
      'energies of all programs',
      '>a\nGAC\n(.) (-1.20)\n>b\nGAC\n(.) [ -1.2]\n>c\nGAC\n(.)  -1\n>d\nGAC\n(.) (g=4,th=0.2,e=-3.2)\n',
      ['a', 'b', 'c', 'd'],
    ],
    [
      'CONTRAfold with what it prints before',
      'Training mode: \nUse constraints: 0\n>a\nGAC\n>structure\n(.)\n>b\nGAC\n>structure\n(.)\n',
      ['a', 'b'],
    ],
    ['an RNA of the name structure', '>structure\nGAC\n(.)\n>b\nGAC\n(.)\n', ['structure', 'b']],
    ['several RNAs without headers', 'GAC\n(.) (-1.00)\n\nGAC\n(.)\n', ['x', 'x-2']],
    ['energies without names', '>ENERGY = -1\nGAC\n(.)\n>ENERGY = -2\nGAC\n(.)\n', ['x', 'x-2']],
    ['brackets in groups', '>a\nGAC GAC\n(.) (.)\n', ['a']],
    ['dots for gaps', '>a\nG.-C\n(..)\n', ['a']],
    [
      'RNAfold with a line for each energy',
      '>a\nGAC\n(.)\n minimum free energy =  -1.90 kcal/mol\n(.} [ -2.86]\n free energy of ensemble =  -2.86 kcal/mol\n',
      ['a'],
    ],
  ])('reads %s', async (_, text, ids) => {
    const records = await read(text, 'x.dbn');
    expect(records.map(({ id }) => id)).toEqual(ids);
    for (const { partners, sequence } of records) expect(partners).toHaveLength(sequence.length);
    expect(records[0]!.partners![0]).toBeGreaterThan(0);
  });

  it.each([
    ['>a\nGAC\n(.) x.x\n', 'x.dbn:3: "a" has 3 letters but 6 brackets'],
    [
      '>a\nGAC&GUC\n(((.)))\n',
      'x.dbn:2: "&" is not a nucleotide code (A C G T U, IUPAC\'s ambiguity codes, I, -); it joins two strands',
    ],
    ['>a\nGAC\n>b\nGAC\n(.)\n', 'x.dbn:1: record "a" is not complete'],
    ['>a\nGACC\n((\n.)\n))\n', 'x.dbn:3: "(" at position 1 is never closed'],
    ['>a\x1b[31mred\nA\n.\n', 'x.dbn:1: the id holds the character U+001B, which cannot be seen'],
    ['>a\u202Eb\nA\n.\n', 'x.dbn:1: the id holds the character U+202E'],
  ])('refuses %j', async (text, message) => {
    await expect(read(text, 'x.dbn')).rejects.toThrow(message);
  });
});

describe('CT and bpseq', () => {
  const rows = '1 G 0 2 3 1\n2 A 1 3 0 2\n3 C 2 0 1 3\n';
  it.each([
    ['lines of title', `3 one two\nmore of it\n${rows}3 dG = -1\n2016 a paper\n${rows}`, ['one', 'x']],
    ['a title that begins with a number', `16 S rRNA\n3 one\n${rows}`, ['one']],
    ['free text before the number', `Filename: d.5.ct\nOrganism: E. coli\n3 ENERGY = -4  two\n${rows}`, ['two']],
    ['no number at all, as CRW', `Filename: d.5.ct\nOrganism: E. coli\n${rows}`, ['x']],
    ['comments', `# RNA STRAND\n# 3 of it\n3\n${rows}`, ['x']],
  ])('reads CT with %s', async (_, text, ids) => {
    const records = await read(text, 'x.ct');
    expect(shown(records)).toEqual(ids.map((id) => [id, 'GAC', '(.)']));
  });

  it.each([
    ['x.ct', rows.replace('3 1\n', '4294967299 1\n'), 'position 1 is paired with 4294967299, outside 1 … 3'],
    ['x.ct', rows.replace('3 1\n', '-1 1\n'), 'the partner is -1'],
    ['x.ct', rows.replace('1 G', '1 GG'), '"GG" is not one letter'],
    ['x.ct', rows.replace('2 A', '4294967298 A'), 'row 4294967298 stands where row 2 is due'],
    ['x.ct', rows.replace('3 1\n', '1e0 1\n'), 'not a row of 6 columns'],
    ['x.bpseq', '1 G 4294967297\n', 'position 1 is paired with 4294967297, outside 1 … 1'],
    ['x.bpseq', '1 G 99999999999999999999999\n', 'position 1 is paired with 1e+23, outside 1 … 1'],
    ['x.bpseq', '4294967297 G 0\n', 'row 4294967297 stands where row 1 is due'],
    ['x.bpseq', '1 G 0x1\n', 'not a row of 3 columns'],
  ])('refuses numbers that no position has: %s %j', async (file, text, message) => {
    await expect(read(file === 'x.ct' ? `3 x\n${text}` : text, file)).rejects.toThrow(message);
  });

  it('reads several RNAs of a bpseq file by their comments', async () => {
    const one = '1 G 2\n2 C 1\n';
    const ids = async (text: string) => (await read(text, 'x.bpseq')).map(({ id }) => id);
    expect(await ids(`# a some words\n${one}# b\n${one}`)).toEqual(['a', 'b']);
    expect(await ids(`#Name: a b\n#Length: 2\n${one}#Name: c\n${one}`)).toEqual(['a', 'c']);
    expect(await ids(`# a sentence of no name\n${one}`)).toEqual(['x']);
    expect(await ids(`# named\n${one}`)).toEqual(['named']);
    expect(await ids(`${one}${one}`)).toEqual(['x', 'x-2']);
  });
});

describe('more kinds of crossing pairs than brackets', () => {
  it('CT and bpseq have all of them, dot-bracket those that fit, and it says which do not', async () => {
    const [knot] = await read(fixture('knot31.ct'), 'knot31.ct');
    const structure = { id: knot!.id, sequence: knot!.sequence, partners: knot!.partners! };
    expect(basePairs(structure.partners)).toHaveLength(31);
    expect(basePairs(parseDotBracket(dotBracket(structure.partners)))).toHaveLength(BRACKET_KINDS);
    expect(pairsLeftOut(structure.partners)).toHaveLength(31 - BRACKET_KINDS);
    expect((await read(writeCt(structure), 'a.ct'))[0]!.partners).toEqual(structure.partners);
    expect((await read(writeBpseq(structure), 'a.bpseq'))[0]!.partners).toEqual(structure.partners);
    expect(await read(writeDotBracket(structure), 'a.dbn')).toHaveLength(1);
  });

  it('takes the kinds with the most pairs', () => {
    // 29 stems of two pairs and two of one cross each other, and before each of the two stand a hundred hairpins that
    // cross none but all those stems' kinds are taken by longer ones.
    const stems = 31;
    const [width, gap] = [3, stems * 3];
    const pairs: [number, number][] = [];
    for (let s = 0; s < stems; s++) {
      const [i, j] = [width * s, gap + width * s];
      pairs.push([i, j + 2]);
      if (s !== 4) pairs.push([i + 1, j + 1]);
      if (s > 10) pairs.push([i + 2, j]);
    }
    const partners = partnersFromPairs(pairs, 2 * gap);
    expect(pairsLeftOut(partners)).toEqual([[12, gap + 14]]);
  });
});
