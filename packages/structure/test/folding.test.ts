/**
 * The CONTRAfold model against the programs' own numbers, against an enumeration of structures, and against the laws.
 */
import { readFileSync } from 'node:fs';
import {
  basePairs,
  createFolder,
  dotBracket,
  FOLDING_RULES,
  isCanonicalPair,
  parseFoldingConstraint,
  parseFoldingParameters,
  UnfoldableError,
  type Folding,
  type FoldingOptions,
} from '../src/index.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { structuresOf, weightOf } from './foldingEnumeration.ts';

const FILES = {
  contrafold: 'contrafold/contrafold.params.complementary',
  eternafold: 'eternafold/EternaFoldParams.v1',
} as const;
type SetName = keyof typeof FILES;
const SETS = ['contrafold', 'eternafold'] as const satisfies readonly SetName[];

const parameterText = (set: SetName): string =>
  readFileSync(new URL(`../../builtin/engines/${FILES[set]}`, import.meta.url), 'utf8');
const parameters = {
  contrafold: parseFoldingParameters(parameterText('contrafold'), 'contrafold'),
  eternafold: parseFoldingParameters(parameterText('eternafold'), 'eternafold'),
};
const folders = { contrafold: createFolder(parameters.contrafold), eternafold: createFolder(parameters.eternafold) };
const inArithmeticOfPrograms =
  (fold: ReturnType<typeof createFolder>) =>
  (sequence: string, options: FoldingOptions = {}): Folding =>
    fold(sequence, { ...options, arithmetic: 'program' });
const programs = {
  contrafold: inArithmeticOfPrograms(folders.contrafold),
  eternafold: inArithmeticOfPrograms(folders.eternafold),
};

interface Reference {
  readonly id: string;
  readonly sequence: string;
  readonly contrafold: Figures;
  readonly eternafold: Figures;
}

interface Figures {
  readonly logZ: number;
  readonly mea: string;
  /** [i, j, p], counted from 1, p of at least 0.005. */
  readonly pairs: readonly (readonly [number, number, number])[];
}

const references = JSON.parse(
  readFileSync(new URL('./fixtures/folding/oracle.json', import.meta.url), 'utf8'),
) as Reference[];

/** What the programs print has six significant digits. */
const logTolerance = (logZ: number): number => Math.max(1e-4, 0.5 * 10 ** (Math.floor(Math.log10(Math.abs(logZ))) - 5));
const TOLERANCE = 1e-4;

const place = (length: number, i: number, j: number): number => (i * (2 * length - i - 1)) / 2 + j - i - 1;

/** The probability that each position is paired. */
function paired({ probabilities }: Folding, length: number): number[] {
  const sums = new Array<number>(length).fill(0);
  for (let i = 0, index = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++, index++) {
      sums[i]! += probabilities[index]!;
      sums[j]! += probabilities[index]!;
    }
  }
  return sums;
}

describe.each(SETS)('%s against its program', (set) => {
  test.each(references.map((reference) => [reference.id, reference] as const))(
    '%s',
    (_id, { sequence, [set]: expected }) => {
      const folding = programs[set](sequence, { rules: FOLDING_RULES[set] });
      expect(Math.abs(folding.logPartition - expected.logZ)).toBeLessThanOrEqual(logTolerance(expected.logZ));
      for (const [i, j, p] of expected.pairs)
        expect(
          Math.abs(folding.probabilities[place(sequence.length, i - 1, j - 1)]! - p),
          `${i} ${j}`,
        ).toBeLessThanOrEqual(TOLERANCE);
      expect(dotBracket(folding.partners)).toBe(expected.mea);
    },
  );
});

describe.each(SETS)('%s against an enumeration', (set) => {
  test.each([
    'GC',
    'GCGCGAUCGC',
    'GGACUAGACUC',
    'GACGUACGUC',
    'GGCGCAUGCC',
    'CAUGCAUGCGUAG',
    'GGAAACCNGUUUUC',
    'GCGUAUAGCGCAAC',
    'GAGGAAACCAAGGAAACCAC',
  ])('%s', (sequence) => {
    const rules = FOLDING_RULES[set];
    const { logPartition, probabilities } = folders[set](sequence, { rules });
    let total = 0;
    const sums = new Map<number, number>();
    for (const pairs of structuresOf(sequence, rules.minHairpin)) {
      const weight = weightOf(sequence, pairs, parameters[set], rules);
      total += weight;
      for (const [i, j] of pairs)
        sums.set(place(sequence.length, i, j), (sums.get(place(sequence.length, i, j)) ?? 0) + weight);
    }
    expect(logPartition).toBeCloseTo(Math.log(total), 10);
    for (const [index, p] of probabilities.entries()) expect(p).toBeCloseTo((sums.get(index) ?? 0) / total, 6);
  });

  test('the structure is the best of all', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ACGU'), minLength: 1, maxLength: 13 }),
        fc.double({ min: 0.1, max: 20, noNaN: true }),
        (sequence, gamma) => {
          const rules = FOLDING_RULES[set];
          const folding = folders[set](sequence, { rules, gamma });
          const sums = paired(folding, sequence.length);
          const accuracy = (pairs: readonly (readonly [number, number])[]): number =>
            pairs.reduce(
              (sum, [i, j]) =>
                sum +
                2 * gamma * folding.probabilities[place(sequence.length, i, j)]! -
                (1 - sums[i]!) -
                (1 - sums[j]!),
              0,
            );
          const best = Math.max(...[...structuresOf(sequence, rules.minHairpin)].map(accuracy));
          expect(accuracy(basePairs(folding.partners))).toBeCloseTo(best, 5);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('laws', () => {
  const sequences = fc.string({ unit: fc.constantFrom(...'ACGUACGUN'), minLength: 1, maxLength: 60 });

  test('structures are nested pairs that can form, and no position is paired more than surely', () => {
    fc.assert(
      fc.property(sequences, fc.constantFrom(...SETS), (sequence, set) => {
        const folding = folders[set](sequence, { rules: FOLDING_RULES[set] });
        expect(dotBracket(folding.partners)).toMatch(/^[.()]*$/);
        for (const [i, j] of basePairs(folding.partners)) {
          expect(isCanonicalPair(sequence[i]!, sequence[j]!)).toBe(true);
          expect(j - i).toBeGreaterThan(FOLDING_RULES[set].minHairpin);
        }
        for (const sum of paired(folding, sequence.length)) expect(sum).toBeLessThan(1 + 1e-5);
      }),
      { numRuns: 60 },
    );
  });

  test('case and T or U make no difference, and a call leaves no trace in the next', () => {
    const sequence = references[3]!.sequence;
    const first = folders.contrafold(sequence);
    folders.contrafold('GGGGGGAAAACCCCCC'.repeat(12));
    expect(folders.contrafold(sequence.toLowerCase().replaceAll('u', 't'))).toEqual(first);
  });

  test('a constraint is obeyed, and the sum over both values of one position is the whole', () => {
    fc.assert(
      fc.property(
        sequences.filter((sequence) => sequence.length > 1),
        fc.nat(),
        (sequence, seed) => {
          const position = seed % sequence.length;
          const mark = (character: string): string =>
            '.'.repeat(position) + character + '.'.repeat(sequence.length - position - 1);
          const fold = (character: string): Folding | undefined => {
            try {
              return folders.contrafold(sequence, { constraint: parseFoldingConstraint(mark(character), sequence) });
            } catch (error) {
              if (error instanceof UnfoldableError) return undefined;
              throw error;
            }
          };
          const parts = ['x', '<', '>'].map(fold);
          const whole = folders.contrafold(sequence).logPartition;
          expect(
            Math.log(parts.reduce((sum, part) => sum + (part ? Math.exp(part.logPartition - whole) : 0), 0)),
          ).toBeCloseTo(0, 9);
          expect(parts[0]!.partners[position]).toBe(-1);
          if (parts[1]) expect(parts[1].partners[position]).toBeGreaterThan(position);
          if (parts[2]) expect(parts[2].partners[position]).toBeLessThan(position);
          const either = fold('|');
          if (either) expect(either.partners[position]).toBeGreaterThanOrEqual(0);
          expect(either === undefined).toBe(parts[1] === undefined && parts[2] === undefined);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the arithmetic of the programs is near the true sum, and refuses the same', () => {
    const constrained = fc.array(
      fc.tuple(fc.constantFrom(...'ACGUACGUACGUN'), fc.constantFrom(...'............x<>|')),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(constrained, fc.constantFrom(...SETS), (positions, set) => {
        const sequence = positions.map(([letter]) => letter).join('');
        const options = {
          rules: FOLDING_RULES[set],
          constraint: parseFoldingConstraint(positions.map(([, mark]) => mark).join(''), sequence),
        };
        const attempt = (fold: (sequence: string, options: FoldingOptions) => Folding): Folding | undefined => {
          try {
            return fold(sequence, options);
          } catch (error) {
            if (error instanceof UnfoldableError) return undefined;
            throw error;
          }
        };
        const [program, exact] = [attempt(programs[set]), attempt(folders[set])];
        expect(program === undefined).toBe(exact === undefined);
        if (program === undefined || exact === undefined) return;
        expect(Math.abs(program.logPartition - exact.logPartition)).toBeLessThan(1e-3);
        for (const [index, p] of program.probabilities.entries())
          expect(Math.abs(p - exact.probabilities[index]!)).toBeLessThan(5e-3);
      }),
      { numRuns: 100 },
    );
  });

  test('brackets pair with each other', () => {
    const sequence = 'GGGGAAAACCCCAAAAGGGG';
    expect(folders.contrafold(sequence).partners[8]).not.toBe(16);
    expect(
      folders.contrafold(sequence, { constraint: parseFoldingConstraint('........(.......)...', sequence) })
        .partners[8],
    ).toBe(16);
  });

  test('sums beyond the range of doubles are no hindrance', () => {
    const steep = createFolder(
      parseFoldingParameters(
        parameterText('contrafold').replaceAll(/ (.+)/g, (_row, weight: string) => ` ${8 * Number(weight)}`),
        'steep',
      ),
    );
    const sequence = `${'GC'.repeat(60)}${'A'.repeat(40)}${'GC'.repeat(30)}`;
    const { logPartition, probabilities, partners } = steep(sequence);
    expect(logPartition).toBeGreaterThan(1000);
    expect(probabilities.every((p) => p >= 0 && p <= 1)).toBe(true);
    expect(basePairs(partners).length).toBeGreaterThan(60);
    // The whole is the sum over what one position may be, whatever the scales of each.
    for (const position of [0, 60, 130]) {
      const part = (character: string): number =>
        steep(sequence, {
          constraint: parseFoldingConstraint(
            '.'.repeat(position) + character + '.'.repeat(sequence.length - position - 1),
            sequence,
          ),
        }).logPartition;
      const parts = ['x', '|'].map((character) =>
        character === '|' && position === 130 ? -Infinity : part(character),
      );
      expect(Math.log(parts.reduce((sum, each) => sum + Math.exp(each - logPartition), 0))).toBeCloseTo(0, 9);
    }
  });

  test('what cannot be folded is refused', () => {
    expect(() => folders.contrafold('')).toThrow(RangeError);
    expect(() => folders.contrafold('ACGU', { gamma: 0 })).toThrow(RangeError);
    expect(() => folders.contrafold('AAAA', { constraint: parseFoldingConstraint('.|..', 'AAAA') })).toThrow(
      UnfoldableError,
    );
  });
});

test.each(SETS)('%s: what a bulge or internal loop scores by its lengths', (set) => {
  const weights = new Map(
    parameterText(set)
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
  const weight = (name: string): number => Number(weights.get(name) ?? 0);
  const atLeast = (name: string, first: number, last: number): number =>
    Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => weight(`${name}_at_least_${first + k}`)).reduce(
      (sum, each) => sum + each,
      0,
    );
  for (let left = 0; left <= 30; left++) {
    for (let right = left === 0 ? 1 : 0; left + right <= 30; right++) {
      const [less, more] = [Math.min(left, right), Math.max(left, right)];
      const expected =
        less === 0
          ? atLeast('bulge_length', 1, more)
          : atLeast('internal_length', 2, less + more) +
            weight(`internal_explicit_${less}_${more}`) +
            (less === more
              ? atLeast('internal_symmetric_length', 1, less)
              : atLeast('internal_asymmetry', 1, more - less));
      expect(parameters[set].loopLengths[31 * left + right], `${left} ${right}`).toBeCloseTo(expected, 10);
    }
  }
});
