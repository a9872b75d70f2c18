/** Baselines for labels of nucleotides against rules that made the labels, and against counts by hand. */
import { RandomStream } from '@rna/kernels';
import { describe, expect, it } from 'vitest';
import { fitNucleotideBayes, fitNucleotideRidge } from '../src/index.ts';

const letters = (random: RandomStream, length: number): string =>
  Array.from({ length }, () => 'ACGU'[random.below(4)]!).join('');

const rnas = (seed: number, count: number): string[] => {
  const random = new RandomStream(seed);
  return Array.from({ length: count }, () => letters(random, 20 + random.below(20)));
};

describe('ridge regression of nucleotides', () => {
  /** What a nucleotide is worth, more before a G and more still where the word is GAU; the second column is its negative. */
  const table = (sequence: string): Float64Array =>
    Float64Array.from(
      [...sequence].flatMap((letter, i) => {
        const value =
          'ACGU'.indexOf(letter) + (sequence[i + 1] === 'G' ? 2 : 0) + (sequence.slice(i - 1, i + 2) === 'GAU' ? 3 : 0);
        return [value, 1 - value];
      }),
    );

  it('finds what a letter, its neighbours and the word about it are worth', () => {
    const sequences = rnas(1, 100);
    const ridge = fitNucleotideRidge(sequences, sequences.map(table), 2);
    // Without noise the smallest penalty is the best.
    expect(ridge.penalties).toEqual([1, 1]);
    for (const sequence of rnas(2, 5)) {
      const [predicted, expected] = [ridge.predict(sequence), table(sequence)];
      expect(predicted).toHaveLength(2 * sequence.length);
      expected.forEach((value, i) => {
        expect(Math.abs(predicted[i]! - value), `${sequence} ${i}`).toBeLessThan(0.15);
      });
    }
  });

  it('does not learn from what is not known, and reads DNA', () => {
    const sequences = rnas(3, 60);
    const whole = fitNucleotideRidge(sequences, sequences.map(table), 2, [1e-3]);
    // Less is seen of each word, so the solutions differ somewhat.
    const partial = sequences.map((sequence) => table(sequence).map((value, i) => (i % 3 === 0 ? NaN : value)));
    const ridge = fitNucleotideRidge(sequences, partial, 2, [1e-3]);
    const sequence = letters(new RandomStream(4), 30);
    ridge.predict(sequence).forEach((value, i) => {
      expect(Math.abs(value - whole.predict(sequence)[i]!)).toBeLessThan(0.25);
    });
    expect(ridge.predict(sequence.replaceAll('U', 't').toLowerCase())).toEqual(ridge.predict(sequence));
    expect(ridge.predict('')).toHaveLength(0);
    expect([...ridge.predict('N')].every(Number.isFinite)).toBe(true);
  });

  it('says what it cannot be fitted to', () => {
    const sequences = rnas(5, 6);
    const tables = sequences.map(table);
    expect(() => fitNucleotideRidge(sequences.slice(0, 4), tables.slice(0, 4), 2)).toThrow(/at least 5/);
    expect(() => fitNucleotideRidge(sequences, tables, 3)).toThrow(/nucleotides and 3 columns/);
    const unknown = tables.map((each, k) => (k < 2 ? each.map((value, i) => (i % 2 === 1 ? NaN : value)) : each));
    expect(() => fitNucleotideRidge(sequences, unknown, 2)).toThrow(/column 2 has known values in 4 RNAs/);
  });
});

describe('naive Bayes of nucleotides', () => {
  it('is the counts of a letter and of the classes with one added, where the letter alone counts', () => {
    // Class 1 has A 3 times and G once, class 0 has G 4 times and C twice; one C is not known.
    const sequences = ['AAG', 'AG', 'GG', 'GC', 'CC'];
    const tables = [
      [1, 1, 0],
      [1, 1],
      [0, 0],
      [0, 0],
      [0, NaN],
    ].map((row) => Float64Array.from(row));
    const bayes = fitNucleotideBayes(sequences, tables, 2, [0]);
    const inClass = { 1: { n: 5, A: 4 / 8, G: 2 / 8, C: 1 / 8 }, 0: { n: 7, A: 1 / 10, G: 5 / 10, C: 3 / 10 } };
    (['A', 'G', 'C'] as const).forEach((letter) => {
      const [zero, one] = [inClass[0].n * inClass[0][letter], inClass[1].n * inClass[1][letter]];
      expect(bayes.predict(letter)[1]).toBeCloseTo(one / (zero + one), 6);
    });
    expect(bayes.predict('N')[0]).toBeCloseTo(7 / 12, 6);
  });

  it('takes the window that a motif needs', () => {
    // An A is marked where a C follows it two letters on.
    const table = (sequence: string): Float64Array =>
      Float64Array.from([...sequence].map((letter, i) => Number(letter === 'A' && sequence[i + 2] === 'C')));
    const sequences = rnas(6, 60);
    const bayes = fitNucleotideBayes(sequences, sequences.map(table), 2);
    expect(bayes.side).toBeGreaterThanOrEqual(2);
    const [right, all] = rnas(7, 20).reduce(
      ([hits, count], sequence) => {
        const probabilities = bayes.predict(sequence);
        const found = [...table(sequence)].filter((label, i) => Number(probabilities[2 * i + 1]! > 0.5) === label);
        return [hits + found.length, count + sequence.length];
      },
      [0, 0],
    );
    expect(right / all).toBeGreaterThan(0.97);
  });

  it('refuses what is no class', () => {
    const sequences = rnas(8, 5);
    const tables = sequences.map(({ length }) => new Float64Array(length).fill(2));
    expect(() => fitNucleotideBayes(sequences, tables, 2)).toThrow(/2 is none of the classes 0 … 1/);
  });
});
