/**
 * RDAT on excerpts of real files (RMDB entries as EternaBench has them, eternagame/EternaBench, MIT): rows 1, 2 and 60
 * of ETERNA_R93_0000, all of TRNAPH_DCP_RENORM, rows 1 to 3 of TPPRSW_DMS_0000. Values are those of the text.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRdat, type ReactivityRow } from '../src/index.ts';

const read = (name: string): Promise<ReactivityRow[]> =>
  parseRdat([readFileSync(new URL(`fixtures/rdat/${name}.rdat`, import.meta.url), 'utf8')], `${name}.rdat`);

describe('real files', () => {
  test('rows with sequences of their own, which may be shorter than the positions', async () => {
    const rows = await read('ETERNA_R93_0000');
    expect(rows.map(({ id, modifier, sequence }) => [id, modifier, sequence.length])).toEqual([
      ['ETERNA_R93_0000:1', '1M7', 82],
      ['ETERNA_R93_0000:2', '1M7', 82],
      ['ETERNA_R93_0000:60', '1M7', 124],
    ]);
    expect(rows[1]!.sequence).toBe(
      'GGAAAAGGGAUUUGGGAAACCAAAUCCAGCUCCCGGAGCAAAAGGUUAAAUUCGUUUAACCAAAAGAAACAACAACAACAAC',
    );
    expect([...rows[1]!.values.slice(0, 4)]).toEqual([0.2405, 0.6448, 0.8735, 0.7324]);
    expect(rows[1]!.values.some(Number.isNaN)).toBe(false);
    // SEQPOS ends before the longest sequence does.
    expect(rows[2]!.values.findIndex(Number.isNaN)).toBe(96);
    expect(rows[2]!.values.slice(96).every(Number.isNaN)).toBe(true);
  });

  test('several modifiers on one sequence, positions below 0, flanks in lower case, an offset before the data', async () => {
    const rows = await read('TRNAPH_DCP_RENORM');
    expect(rows.map(({ modifier }) => modifier)).toEqual(['1M7', 'DMS']);
    const [first, second] = rows as [ReactivityRow, ReactivityRow];
    expect(second.sequence).toBe(first.sequence);
    expect(first.sequence.startsWith('ggaacaaacaaaacaGCGGAUUUAGC')).toBe(true);
    // g-14 with OFFSET -15 is the first nucleotide, G1 the sixteenth.
    expect([first.values[0], first.values[15], second.values[15]]).toEqual([-5.1209, 0.0521, 0.0823]);
    expect(first.values.filter((value) => !Number.isNaN(value))).toHaveLength(113);
  });

  test('mutants of one sequence; a row of zeros was not measured', async () => {
    const rows = await read('TPPRSW_DMS_0000');
    expect(rows.map(({ sequence }) => sequence.slice(0, 5))).toEqual(['GGACU', 'NGACU', 'GNACU']);
    expect(rows[0]!.values[20]).toBe(0.0949);
    expect(rows.slice(1).every(({ values }) => values.every(Number.isNaN))).toBe(true);
  });
});

const file = (lines: readonly string[]): Promise<ReactivityRow[]> => parseRdat([lines.join('\n')], 'a.rdat');
const whole = ['RDAT_VERSION\t0.34', 'SEQUENCE\tGACU', 'SEQPOS\tG1 A2\tC3', 'REACTIVITY:1\t0.5\tnan\t-1'];

test('OFFSET may come last; nan, and what has no position, is not known', async () => {
  const [row] = await file([...whole, 'OFFSET 0', 'ANNOTATION_DATA:1 \tmodifier:DMS\tmutation:A2G']);
  expect(row).toMatchObject({ id: 'a:1', sequence: 'GGCU', modifier: 'DMS', line: 4 });
  expect([...row!.values]).toEqual([0.5, NaN, -1, NaN]);
});

test('annotations may be parted by blanks, where no tab is', async () => {
  const [row] = await file([...whole, 'ANNOTATION_DATA:1 modifier:DMS note:of two words mutation:A2G']);
  expect(row).toMatchObject({ sequence: 'GGCU', modifier: 'DMS' });
});

test.each([
  [
    'a position that is there twice',
    ['SEQUENCE GACU', 'SEQPOS 1 1', 'REACTIVITY:1 1 2'],
    'a.rdat:2: the position 1 is there twice',
  ],
  ['a value beyond all numbers', ['SEQUENCE GACU', 'SEQPOS 1', 'REACTIVITY:1 1e999'], 'a.rdat:3: "1e999" is no number'],
  ['a value in another notation', ['SEQUENCE GACU', 'SEQPOS 1', 'REACTIVITY:1 0x10'], 'a.rdat:3: "0x10" is no number'],
  [
    'a mutation beyond 2^32',
    ['SEQUENCE GACU', 'SEQPOS 1', 'ANNOTATION_DATA:1 mutation:G4294967297A', 'REACTIVITY:1 1'],
    'a.rdat:4: the mutation G4294967297A does not fit the sequence',
  ],
  ['no reactivities', ['SEQUENCE GACU', 'SEQPOS 1'], 'a.rdat:2: no row of reactivities'],
  [
    'fewer values than positions',
    [...whole, 'REACTIVITY:2 1 2'],
    'a.rdat:5: 2 values for the 3 positions of SEQPOS (line 3)',
  ],
  ['a value that is none', [...whole.slice(0, 3), 'REACTIVITY:1 1 x 2'], 'a.rdat:4: "x" is no number'],
  ['a row twice', [...whole, 'REACTIVITY:1 1 2 3'], 'a.rdat:5: the row 1 is there twice'],
  ['no positions', ['SEQUENCE GACU', 'REACTIVITY:1 1 2 3'], 'a.rdat:2: the file has no SEQPOS'],
  [
    'a position outside',
    [...whole, 'OFFSET 1'],
    'a.rdat:3: the position G1 with OFFSET 1 is outside of the 4 nucleotides',
  ],
  ['a position on another letter', [...whole, 'OFFSET -1'], 'a.rdat:3: the position G1 with OFFSET -1 is on A'],
  [
    'a position beyond numbers',
    ['SEQUENCE GACU', 'SEQPOS G99999999999999999999', 'REACTIVITY:1 1'],
    'a.rdat:2: a position of SEQPOS is "9999',
  ],
  ['no sequence', ['SEQUENCE XXXX', 'SEQPOS X1', 'REACTIVITY:1 1'], 'a.rdat:3: the row has no sequence'],
  [
    'a mutation of another letter',
    [...whole, 'ANNOTATION_DATA:1\tmutation:G2A'],
    'the mutation G2A does not fit the sequence',
  ],
])('%s: refused by line', async (_, lines, message) => {
  await expect(file(lines)).rejects.toThrow(message);
});

test('any text is read or refused by its file and line', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'SEQUENCE',
      'SEQPOS',
      'OFFSET',
      'REACTIVITY:1',
      'ANNOTATION_DATA:1',
      'mutation:',
      'sequence:',
      'GACU',
      'G1',
      'nan',
    ),
    fc.constantFrom('\t', ' ', '\n', ':', '-', 'X', '1', '0.5'),
    fc.string({ maxLength: 4 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      try {
        const rows = await parseRdat([pieces.join('')], 'a.rdat');
        for (const { sequence, values } of rows) expect(values).toHaveLength(sequence.length);
      } catch (error) {
        expect(error).toMatchObject({ name: 'InputError', message: expect.stringMatching(/^a\.rdat:\d+: /) as string });
      }
    }),
  );
});
