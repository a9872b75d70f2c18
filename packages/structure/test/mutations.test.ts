/** Variants of a sequence: what is read, what is refused, and that reading, writing and applying agree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { standardLetters } from '../src/letters.ts';
import {
  applyMutations,
  formatMutations,
  MutationError,
  mutationsBetween,
  parseMutations,
  singleMutations,
} from '../src/mutations.ts';

const WILD_TYPE = 'GGGAAAUCCC';

describe('parseMutations', () => {
  it('reads one, several, none, and T for U', () => {
    expect(parseMutations('A4G', WILD_TYPE)).toEqual([{ position: 3, from: 'A', to: 'G' }]);
    expect(parseMutations('c8t, g1a', WILD_TYPE)).toEqual([
      { position: 0, from: 'G', to: 'A' },
      { position: 7, from: 'C', to: 'U' },
    ]);
    expect(parseMutations('T7C', 'GGGAAATCCC')).toEqual([{ position: 6, from: 'U', to: 'C' }]);
    expect(parseMutations(' ', WILD_TYPE)).toEqual([]);
  });

  it.each([
    ['C4G', 'nucleotide 4 of the wild type is A, not C'],
    ['A11G', 'A11G lies outside of the wild type, which has 10 nucleotides'],
    ['A0G', 'A0G lies outside of the wild type'],
    ['A4', '"A4" is no substitution; write it as A12G'],
    ['A4del', 'is no substitution'],
    ['A4G:A4C', 'position 4 is mutated twice'],
    ['A4X', '"X" is no nucleotide'],
    ['A4G:', '"" is no substitution'],
  ])('refuses %s', (text, message) => {
    expect(() => parseMutations(text, WILD_TYPE)).toThrow(MutationError);
    expect(() => parseMutations(text, WILD_TYPE)).toThrow(message);
  });
});

describe('mutationsBetween', () => {
  it('refuses another length and odd letters', () => {
    expect(() => mutationsBetween(WILD_TYPE, 'GGGAAAUCC')).toThrow('9 nucleotides and the wild type 10');
    expect(() => mutationsBetween(WILD_TYPE, 'GGGAAAUCC!')).toThrow('"!" at position 10');
  });

  const letters = fc.string({ unit: fc.constantFrom(...'ACGUTacgut'), minLength: 1, maxLength: 60 });
  it('agrees with reading, writing and applying', () => {
    fc.assert(
      fc.property(
        letters.chain((wildType) =>
          fc.tuple(
            fc.constant(wildType),
            fc.string({ unit: fc.constantFrom(...'ACGUTN'), minLength: wildType.length, maxLength: wildType.length }),
          ),
        ),
        ([wildType, variant]) => {
          const mutations = mutationsBetween(wildType, variant);
          expect(applyMutations(wildType, mutations)).toBe(standardLetters(variant));
          expect(parseMutations(formatMutations(mutations), wildType)).toEqual(mutations);
        },
      ),
    );
  });
});

it('singleMutations are three for each plain nucleotide', () => {
  expect(singleMutations('GNA').map((mutation) => formatMutations([mutation]))).toEqual([
    'G1A',
    'G1C',
    'G1U',
    'A3C',
    'A3G',
    'A3U',
  ]);
});
