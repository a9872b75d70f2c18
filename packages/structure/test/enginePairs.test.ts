/** What folding engines say of a sequence's pairs, as a model takes it. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createFolder,
  enginePairsInProcess,
  FOLDING_RULES,
  LEAST_PAIR_PROBABILITY,
  logOddsMap,
  MOST_LOG_ODDS,
  parseFoldingParameters,
  probablePairsBy,
} from '../src/index.ts';

const parameters = (file: string) =>
  parseFoldingParameters(readFileSync(new URL(`../../builtin/engines/${file}`, import.meta.url), 'utf8'), file);
const contrafold = parameters('contrafold/contrafold.params.complementary');
const eternafold = parameters('eternafold/EternaFoldParams.v1');

const sequences = fc
  .array(fc.constantFrom('A', 'C', 'G', 'U', 'N'), { minLength: 1, maxLength: 50 })
  .map((letters) => letters.join(''));

describe('probablePairsBy', () => {
  it.each([
    ['contrafold', contrafold],
    ['eternafold', eternafold],
  ] as const)('gives the pairs of %s of 1e-4 and more, in order, by its own rules', (engine, set) => {
    const [fold, pairsOf] = [createFolder(set), probablePairsBy(engine, set)];
    fc.assert(
      fc.property(sequences, (sequence) => {
        const { probabilities } = fold(sequence, { rules: FOLDING_RULES[engine], arithmetic: 'exact' });
        const expected: number[][] = [];
        let index = 0;
        for (let i = 0; i < sequence.length; i++) {
          for (let j = i + 1; j < sequence.length; j++) {
            const p = probabilities[index++]!;
            if (p >= LEAST_PAIR_PROBABILITY) expected.push([i, j, p]);
          }
        }
        const { i, j, probability } = pairsOf(sequence);
        expect(Array.from(i, (each, at) => [each, j[at], probability[at]])).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('takes T for U and either case', () => {
    const pairsOf = probablePairsBy('eternafold', eternafold);
    expect(pairsOf('ggggaaaatttc')).toEqual(pairsOf('GGGGAAAAUUUC'));
    expect(pairsOf('GGGGAAAAUUUC').probability.length).toBeGreaterThan(0);
  });
});

describe('enginePairsInProcess', () => {
  it('gives each engine that is asked for, and says which parameters are missing', async () => {
    const provide = enginePairsInProcess({ contrafold });
    const pairs = await provide('GGGGAAAACCCC', ['contrafold']);
    expect(Object.keys(pairs)).toEqual(['contrafold']);
    expect(pairs.contrafold).toEqual(probablePairsBy('contrafold', contrafold)('GGGGAAAACCCC'));
    await expect(provide('GGGGAAAACCCC', ['contrafold', 'eternafold'])).rejects.toThrow(
      'the parameters of eternafold were not given',
    );
  });
});

describe('logOddsMap', () => {
  const pairs = (i: number[], j: number[], probability: number[]) => ({
    i: Uint16Array.from(i),
    j: Uint16Array.from(j),
    probability: Float32Array.from(probability),
  });

  it('has ln(p / (1 - p)) both ways, cut where it is beyond that of 1e-4', () => {
    const map = logOddsMap([pairs([0, 1], [2, 2], [0.75, 1]), pairs([0], [1], [0.25])], 3);
    const of = (i: number, j: number, engine: number): number => map[(i * 3 + j) * 2 + engine]!;
    expect(MOST_LOG_ODDS).toBeCloseTo(Math.log(9999), 12);
    expect(of(0, 2, 0)).toBeCloseTo(Math.log(3), 6);
    expect(of(2, 0, 0)).toBe(of(0, 2, 0));
    expect(of(1, 2, 0)).toBe(Math.fround(MOST_LOG_ODDS));
    expect(of(0, 1, 1)).toBeCloseTo(-Math.log(3), 6);
    for (const [i, j, engine] of [
      [0, 0, 0],
      [0, 1, 0],
      [0, 2, 1],
      [2, 1, 1],
    ] as const)
      expect(of(i, j, engine)).toBe(Math.fround(-MOST_LOG_ODDS));
  });

  it('refuses pairs of another sequence, and engines that are missing', () => {
    expect(() => logOddsMap([pairs([0], [5], [0.5])], 5)).toThrow('the pair (0, 5) is not within 5 positions');
    expect(() => logOddsMap([undefined], 5)).toThrow('the pairs of an engine are missing');
  });
});
