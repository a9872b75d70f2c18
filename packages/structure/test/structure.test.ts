import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../src/errors.ts';
import { bracketLevels, dotBracket, nestedPartners, parseDotBracket } from '../src/secondary/dotBracket.ts';
import { parseStructureFile, writeBpseq, writeCt, writeDotBracket } from '../src/records/files.ts';
import { basePairs, cropPartners, partnersFromPairs } from '../src/secondary/structure.ts';

interface FormatCase {
  file?: string;
  text: string;
  seq: string;
  pairs_directed?: [number, number][];
  stem?: string;
  pairs?: [number, number][];
}
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const formats = JSON.parse(fixture('formats.json')) as FormatCase[];

/** Any set of disjoint pairs, crossing or not. */
const anyPartners = fc.integer({ min: 1, max: 40 }).chain((length) =>
  fc.shuffledSubarray(Array.from({ length }, (_, i) => i)).map((positions) => {
    const pairs: [number, number][] = [];
    for (let k = 0; k + 1 < positions.length; k += 2) pairs.push([positions[k]!, positions[k + 1]!]);
    return partnersFromPairs(pairs, length);
  }),
);
const anyStructure = anyPartners.chain((partners) =>
  fc.record({
    id: fc.stringMatching(/^[A-Za-z0-9_.|-]{1,12}$/),
    sequence: fc.string({
      unit: fc.constantFrom(...'ACGUTNacgu'),
      minLength: partners.length,
      maxLength: partners.length,
    }),
    partners: fc.constant(partners),
  }),
);

describe('dot-bracket', () => {
  it('reads nested and crossing pairs', () => {
    expect(basePairs(parseDotBracket('((.[[.))..]]'))).toEqual([
      [0, 7],
      [1, 6],
      [3, 11],
      [4, 10],
    ]);
    expect(basePairs(parseDotBracket('<A{:>-a}'))).toEqual([
      [0, 4],
      [1, 6],
      [2, 7],
    ]);
  });

  it('gives back any set of pairs', () => {
    fc.assert(
      fc.property(anyPartners, (partners) => {
        expect(parseDotBracket(dotBracket(partners))).toEqual(partners);
      }),
    );
  });

  it('never crosses two pairs of one kind of bracket, and needs each kind', () => {
    fc.assert(
      fc.property(anyPartners, (partners) => {
        const levels = bracketLevels(partners);
        const crossing = (level: number, [a, b]: [number, number]) =>
          basePairs(partners).some(
            ([c, d]) => levels[c] === level && ((a < c && c < b && b < d) || (c < a && a < d && d < b)),
          );
        for (const pair of basePairs(partners)) {
          const level = levels[pair[0]]!;
          expect(crossing(level, pair)).toBe(false);
          for (let lower = 0; lower < level; lower++) expect(crossing(lower, pair)).toBe(true);
        }
      }),
    );
  });

  it('gives round brackets to the longer stem, bulges included, whichever opens first', () => {
    expect(dotBracket(parseDotBracket('((..[[.[..))..]]].'))).toBe('[[..((.(..]]..))).');
    expect(dotBracket(nestedPartners(parseDotBracket('((..[[.[..))..]]].')))).toBe('....((.(......))).');
  });

  it.each([
    ['(()', '"(" at position 1 is never closed'],
    ['())', '")" at position 3 closes no "("'],
    ['(]', '"]" at position 2 closes no "["'],
    ['(x)', '"x" at position 2 closes no "X"'],
    ['.?', '"?" at position 2 is no dot-bracket character'],
  ])('refuses %s', (text, message) => {
    expect(() => parseDotBracket(text, { file: 'a.dbn', line: 3 })).toThrow(`a.dbn:3: ${message}`);
  });

  it('refuses partners that do not agree', () => {
    expect(() => dotBracket(Int32Array.of(1, -1))).toThrow('position 1 is paired with 2, but 2 with none');
    expect(() => dotBracket(Int32Array.of(5, -1))).toThrow('outside 1 … 2');
  });
});

describe('partners', () => {
  it('refuses pairs that do not fit', () => {
    expect(() =>
      partnersFromPairs(
        [
          [0, 1],
          [1, 2],
        ],
        3,
      ),
    ).toThrow('(1, 2)');
    expect(() => partnersFromPairs([[0, 3]], 3)).toThrow('(0, 3)');
    expect(() => partnersFromPairs([[1, 1]], 3)).toThrow('(1, 1)');
  });

  it('crops to a stretch, without the pairs that leave it', () => {
    fc.assert(
      fc.property(anyPartners, fc.nat(), fc.nat(), (partners, a, b) => {
        const start = a % partners.length;
        const length = b % (partners.length - start + 1);
        const inside = basePairs(partners).filter(([i, j]) => i >= start && j < start + length);
        expect(basePairs(cropPartners(partners, start, length))).toEqual(
          inside.map(([i, j]) => [i - start, j - start]),
        );
      }),
    );
    expect(() => cropPartners(new Int32Array(3), 2, 2)).toThrow(RangeError);
  });
});

describe('structure files', () => {
  it.each(formats.filter((c) => c.file))('reads $file as the reference does', ({ file, text, seq, pairs_directed }) => {
    const [structure, ...others] = parseStructureFile(text, file!);
    expect(others).toEqual([]);
    expect(structure!.sequence).toBe(seq);
    const directed = [...structure!.partners.entries()].filter(([, j]) => j >= 0);
    expect(directed).toEqual(pairs_directed);
  });

  it('writes CT in the reference text', () => {
    const { stem, seq, pairs, text } = formats.find((c) => c.stem)!;
    expect(writeCt({ id: stem!, sequence: seq, partners: partnersFromPairs(pairs!, seq.length) })).toBe(text);
  });

  it('gives back what it wrote, in every format', () => {
    fc.assert(
      fc.property(anyStructure, (structure) => {
        expect(parseStructureFile(writeDotBracket(structure), 'a.dbn')).toEqual([structure]);
        expect(parseStructureFile(writeCt(structure), 'a.ct')).toEqual([structure]);
        expect(parseStructureFile(writeBpseq(structure), 'a.bpseq')).toEqual([structure]);
        const remarked = { ...structure, remark: 'accuracy=0.5 two words' };
        expect(parseStructureFile(writeDotBracket(remarked), 'a.dbn')).toEqual([structure]);
        expect(parseStructureFile(writeCt(remarked), 'a.ct')).toEqual([structure]);
        expect(parseStructureFile(writeBpseq(remarked), 'a.bpseq')).toEqual([structure]);
      }),
    );
  });

  it('reads a structure of the archive', () => {
    const [structure] = parseStructureFile(
      fixture('5s_Acanthamoeba-castellanii-1.ct'),
      '5s_Acanthamoeba-castellanii-1.ct',
    );
    expect(structure!.id).toBe('5s_Acanthamoeba-castellanii-1');
    expect(structure!.sequence).toHaveLength(119);
    expect(structure!.partners[0]).toBe(117);
  });

  it('reads several records, comments, energies, titles, blank lines and CRLF', () => {
    expect(
      parseStructureFile('>x a title\r\nacgu\r\n(..) (-1.20)\r\n\r\n>y\r\nAC\r\n..\r\n', 'dir/a.DBN').map(
        ({ id }) => id,
      ),
    ).toEqual(['x', 'y']);
    expect(parseStructureFile('#Name: z\n#Length: 2\n#PageNumber: 1\nAC\n()\n', 'a.dbn')[0]).toMatchObject({
      id: 'z',
      sequence: 'AC',
    });
    const rows = '1 A 0 2 2 1\n2 T 1 0 1 2\n';
    const several = parseStructureFile(
      `  2  ENERGY = -3.1  one two\n${rows}\n2 dG = -1\n${rows}2\n${rows}`,
      'dir/stem.ct',
    );
    expect(several.map(({ id }) => id)).toEqual(['one', 'stem', 'stem-2']);
    expect(parseStructureFile('2 m\n1 A 0 2 2 1 0 0\n2 T 1 0 1 2 0 0\n', 'a.ct')[0]!.partners).toEqual(
      Int32Array.of(1, 0),
    );
    expect(parseStructureFile('Filename: q\nOrganism: r\n1 A 2\n2 U 1\n', 'q.bpseq')[0]).toMatchObject({
      id: 'q',
      sequence: 'AU',
    });
  });

  it.each([
    ['a.txt', 'x', 'a.txt:1: no structure format has the extension "txt"'],
    ['a.dbn', '\n', 'a.dbn:1: no structure in the file'],
    ['a.dbn', '>x\nA\n.\nACGU\n....\n', 'a.dbn:4: a record without a header'],
    ['a.dbn', '(..)\nACGU\n', 'a.dbn:1: brackets without a sequence'],
    ['a.dbn', '>x\nACGU\n>y\nA\n.\n', 'a.dbn:1: record "x" is not complete'],
    ['a.dbn', '>y\nA\n.\n>x\nACGU\n', 'a.dbn:4: record "x" is not complete'],
    ['a.dbn', '>x\nA\n.\n>x\nA\n.\n', 'a.dbn:4: a second record has the id "x" (the first is on line 1)'],
    ['a.dbn', '>x\nACGU\n...\n', 'a.dbn:3: "x" has 4 letters but 3 brackets and dots'],
    ['a.dbn', '>x\nACZU\n(..)\n', 'a.dbn:2: "Z" is not a nucleotide code'],
    ['a.dbn', '>x\nACGU\n((.)\n', 'a.dbn:3: "(" at position 1 is never closed'],
    ['a.st', '#Name: x\nACGU\n', 'a.st:2: a sequence without brackets'],
    ['a.ct', 'x\n1 A 0 2 0 1\n', 'a.ct:2: the file ends after row 1, which is not the last by its fourth column'],
    ['a.ct', 'x\n', 'a.ct:1: not the first line of a CT structure'],
    ['a.ct', '3 x\n1 A 0 2 0 1\n2 A 1 0 0 2\n', 'a.ct:3: the file ends after 2 of 3 rows'],
    ['a.ct', '1 x\n1 A 0 2 0 1\n2 A 1 0 0 2\n', 'a.ct:3: not the first line of a CT structure'],
    ['a.ct', '2 x\n1 A 0 2 0 1\n3 A 1 0 0 3\n', 'a.ct:3: row 3 stands where row 2 is due'],
    ['a.ct', '2 x\n1 A 0 2 2 1\n2 A 1 0 0 2\n', 'a.ct:2: position 1 is paired with 2, but 2 with none'],
    ['a.ct', '2 x\n1 A 0 2 3 1\n2 A 1 0 0 2\n', 'a.ct:2: position 1 is paired with 3, outside 1 … 2'],
    ['a.ct', '0 x\n1 A 0 2 0 1\n', 'a.ct:1: a structure of 0 rows'],
    ['a.ct', '9999999999 x\n1 A 0 0 0 1\n', 'a.ct:1: a structure of 9999999999 rows'],
    ['a.bpseq', '# c\n1 A 1\n', 'a.bpseq:2: position 1 is paired with itself'],
    ['a.bpseq', '1 A 3\n2 A 3\n3 U 1\n', 'a.bpseq:2: position 2 is paired with 3, but 3 with 1'],
    ['a.bpseq', '1 A 0\n2 AC 0\n', 'a.bpseq:2: "AC" is not one letter'],
    ['a.bpseq', '1 A 0\n2 A x\n', 'a.bpseq:2: not a row of 3 columns'],
    ['a.bpseq', '1 A 0\n2 A\n', 'a.bpseq:2: not a row of 3 columns'],
  ])('refuses %s %j', (file, text, message) => {
    expect(() => parseStructureFile(text, file)).toThrow(InputError);
    expect(() => parseStructureFile(text, file)).toThrow(message);
  });

  it('lets unknown letters pass on demand', () => {
    expect(parseStructureFile('1 X 0\n', 'a.bpseq', { allowUnknown: true })[0]!.sequence).toBe('X');
  });
});
