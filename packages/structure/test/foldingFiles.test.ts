/** Parameter files and constraints that are wrong: refused by file and line, or folded to what can be trusted. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createFolder,
  foldingMemory,
  FoldingOverflowError,
  InputError,
  LONGEST_FOLDED,
  parseFoldingConstraint,
  parseFoldingParameters,
  UnfoldableError,
} from '../src/index.ts';

const text = readFileSync(
  new URL('../../builtin/engines/contrafold/contrafold.params.complementary', import.meta.url),
  'utf8',
);
const lines = text.trimEnd().split('\n');

describe('parameter files', () => {
  test.each([
    [
      'a line without a weight',
      text.replace('base_pair_AC 0', 'base_pair_AC'),
      'file:2: "base_pair_AC" is not "feature weight"',
    ],
    ['a line of three words', text.replace('base_pair_AC 0', 'base_pair_AC 0 1'), 'file:2: "base_pair_AC 0 1" is not'],
    [
      'a word for a weight',
      text.replace('base_pair_AC 0', 'base_pair_AC much'),
      'file:2: the weight of "base_pair_AC" is "much"',
    ],
    [
      'a weight of nan',
      text.replace('base_pair_AC 0', 'base_pair_AC nan'),
      'is "nan"; expected a number from -100 to 100',
    ],
    [
      'an infinite weight',
      text.replace('base_pair_AC 0', 'base_pair_AC -Infinity'),
      'file:2: the weight of "base_pair_AC" is "-Infinity"',
    ],
    [
      'a weight in base 16',
      text.replace('base_pair_AC 0', 'base_pair_AC 0x10'),
      'file:2: the weight of "base_pair_AC" is "0x10"',
    ],
    [
      'a huge weight',
      text.replace('base_pair_AC 0', 'base_pair_AC 1e300'),
      'file:2: the weight of "base_pair_AC" is "1e300"',
    ],
    [
      'a feature twice',
      text.replace('base_pair_AC 0', 'base_pair_AA 0'),
      'file:2: "base_pair_AA" is given again (first on line 1)',
    ],
    ['a feature of another model', `${text}colour_G 1\n`, 'file:709: "colour_G" is no feature'],
    ['a feature of every object', `${text}__proto__ 1\n`, 'file:709: "__proto__" is no feature'],
    ['half a file', text.slice(0, text.indexOf('multi_base')), 'ends without the feature "multi_base"'],
    [
      'one line missing',
      lines.filter((line) => !line.startsWith('external_paired')).join('\n'),
      'file:707: ends without the feature "external_paired"',
    ],
    [
      'weight for a pair that is not formed',
      text.replace('base_pair_AC 0', 'base_pair_AC -1'),
      'file:2: weight for the pair AC',
    ],
    ['another file', '>a\nACGU\n', 'file:1: ">a" is not "feature weight"'],
    ['an empty file', '', 'file:1: ends without the feature "base_pair_AA"'],
    ['bytes', '\u0000\u001b[2J\u0007', 'file:1: "\\u0000\\u001b[2J\\u0007" is not'],
    ['a long line', `${'A'.repeat(1e6)} 1\n`, `file:1: ends without the feature`],
    ['a long word', `${'A'.repeat(1e6)}\n`, `file:1: "${'A'.repeat(60)}…" is not`],
  ])('%s', (_name, wrong, message) => {
    expect(() => parseFoldingParameters(wrong, 'file')).toThrow(InputError);
    expect(() => parseFoldingParameters(wrong, 'file')).toThrow(message);
  });

  test('line ends of other systems, a byte-order mark, blank lines and blanks are nothing', () => {
    const expected = parseFoldingParameters(text, 'file');
    for (const same of [
      text.replaceAll('\n', '\r\n'),
      text.replaceAll('\n', '\r'),
      `\uFEFF${text}`,
      text.replaceAll('\n', '\n\n'),
      text.replaceAll(' ', '\t  '),
    ])
      expect(parseFoldingParameters(same, 'file')).toEqual(expected);
  });

  test('a file with any change is read or refused by one of its lines', () => {
    fc.assert(
      fc.property(
        fc.nat(lines.length - 1),
        fc.constantFrom('', ' ', '0', '-', '1e9', 'NaN', '\u0000', 'base_pair_AU 1', '\n'),
        fc.nat(20),
        (line, inserted, column) => {
          const changed = lines.with(line, lines[line]!.slice(0, column) + inserted + lines[line]!.slice(column + 1));
          try {
            parseFoldingParameters(changed.join('\n'), 'file');
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
            expect((error as InputError).line).toBeGreaterThanOrEqual(1);
            expect((error as InputError).line).toBeLessThanOrEqual(lines.length + 1);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('any weights within the bound give probabilities or the reason why not', () => {
    const names = lines.map((line) => line.split(' ')[0]!);
    const isCanonical = (name: string): boolean => !name.startsWith('base_pair_') || /_(AU|CG|GU)$/.test(name);
    const outcomes = { folded: 0, overflow: 0 };
    fc.assert(
      fc.property(
        fc.constantFrom(1, 10, 100),
        fc.infiniteStream(fc.double({ min: -1, max: 1, noNaN: true })),
        (most, random) => {
          const file = names.map((name) => `${name} ${isCanonical(name) ? most * random.next().value! : 0}`).join('\n');
          const fold = createFolder(parseFoldingParameters(file, 'file'));
          const sequence = 'GGGAUCCGAAAGGAUACCUUCGGGUAUCCAACGGAUCCCGCGAAAGCGUUUAACGGGUUUACCCGUUAAG';
          try {
            const { logPartition, probabilities } = fold(sequence);
            expect(Number.isFinite(logPartition)).toBe(true);
            expect(probabilities.every((p) => p >= 0 && p <= 1)).toBe(true);
            outcomes.folded++;
          } catch (error) {
            expect(error).toBeInstanceOf(FoldingOverflowError);
            outcomes.overflow++;
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(outcomes.folded).toBeGreaterThan(20);
  });
});

describe('constraints', () => {
  test.each([
    ['...', 'GGCC', 'a constraint of 3 characters for 4 nucleotides'],
    ['..y.', 'GGCC', '"y" at position 3'],
    ['..).', 'GGCC', '")" at position 3 closes no "("'],
    ['(...', 'GGCC', '"(" at position 1 is never closed'],
    ['(.).', 'GGAC', 'positions 1 and 3 are to pair, but G and A cannot'],
    ['(.).', 'NGCC', 'positions 1 and 3 are to pair, but N and C cannot'],
    ['.\u001b..', 'GGCC', '"\\u001b" at position 2'],
    ['😀..', 'GGCC', '"😀" at position 1'],
    ['[..]', 'GGCC', '"[" at position 1'],
  ])('%s for %s', (constraint, sequence, message) => {
    expect(() => parseFoldingConstraint(constraint, sequence, { file: 'c.txt', line: 7 })).toThrow(InputError);
    expect(() => parseFoldingConstraint(constraint, sequence, { file: 'c.txt', line: 7 })).toThrow('c.txt:7: ');
    expect(() => parseFoldingConstraint(constraint, sequence)).toThrow(message);
  });

  test('brackets around T and lower case are pairs as any', () => {
    const constraint = parseFoldingConstraint('(.....)', 'tGGGGGa');
    expect(createFolder(parseFoldingParameters(text, 'file'))('tGGGGGa', { constraint }).partners[0]).toBe(6);
  });

  test('any line of characters is read or refused, and what is read is obeyed or unfoldable', () => {
    const fold = createFolder(parseFoldingParameters(text, 'file'));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...'ACGUN'), fc.constantFrom(...'....x|<>()?!')), {
          minLength: 1,
          maxLength: 24,
        }),
        (positions) => {
          const sequence = positions.map(([letter]) => letter).join('');
          const marks = positions.map(([, mark]) => mark);
          try {
            const { partners } = fold(sequence, { constraint: parseFoldingConstraint(marks.join(''), sequence) });
            for (const [i, mark] of marks.entries()) {
              if (mark === 'x') expect(partners[i]).toBe(-1);
              if ('|<>()'.includes(mark)) expect(partners[i]).toBeGreaterThanOrEqual(0);
              if ('<('.includes(mark)) expect(partners[i]).toBeGreaterThan(i);
              if ('>)'.includes(mark)) expect(partners[i]).toBeLessThan(i);
            }
          } catch (error) {
            expect(
              [InputError, UnfoldableError].some((kind) => error instanceof kind),
              String(error),
            ).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

test('what folding takes is known before, and beyond the longest it is refused', () => {
  expect(foldingMemory(1000, 'exact') / 1e6).toBeCloseTo(19, 0);
  expect(foldingMemory(30_000, 'exact') / 1e9).toBeCloseTo(17.1, 0);
  expect(foldingMemory(1000, 'program')).toBeGreaterThan(foldingMemory(1000, 'exact'));
  const fold = createFolder(parseFoldingParameters(text, 'file'));
  expect(() => fold('A'.repeat(LONGEST_FOLDED + 1))).toThrow('the longest that can be folded has 65535');
});
