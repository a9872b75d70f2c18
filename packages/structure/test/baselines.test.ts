/** Baselines against what they must find in made-up data, and against solutions by hand. */
import { RandomStream } from '@rna/kernels';
import { describe, expect, it } from 'vitest';
import { argmax, binaryScores, fitNaiveBayes, fitRidge, fitWeightMatrix, regressionScores } from '../src/index.ts';

const letters = (random: RandomStream, length: number): string =>
  Array.from({ length }, () => 'ACGU'[random.below(4)]!).join('');

describe('weight matrix', () => {
  /** A site mostly has GU in its middle and CA some letters before it; others have both by chance alone. */
  const examples = (seed: number, count: number) => {
    const random = new RandomStream(seed);
    const labels = Array.from({ length: count }, (_, i) => i % 2);
    return {
      labels,
      sequences: labels.map((label) => {
        const sequence = [...letters(random, 80)];
        if (label === 1 && random.uniform() < 0.8) sequence.splice(40, 2, 'G', 'U');
        if (label === 1 && random.uniform() < 0.9) sequence.splice(33, 2, 'C', 'A');
        return sequence.join('');
      }),
    };
  };

  it('finds a motif, chooses the window that holds it, and predicts probabilities', () => {
    const { sequences, labels } = examples(1, 600);
    const matrix = fitWeightMatrix(sequences, labels);
    expect(matrix.window.first).toBeLessThanOrEqual(-7);
    expect(matrix.logOdds.length).toBe(matrix.window.end - matrix.window.first);
    const test = examples(2, 400);
    const { f1 } = binaryScores(
      test.sequences.map((sequence) => matrix.predict(sequence)),
      test.labels,
    );
    expect(f1).toBeGreaterThan(0.85);
    expect(Math.abs(f1 - matrix.f1)).toBeLessThan(0.05);
    const dna = test.sequences[1]!.replaceAll('U', 'T').toLowerCase();
    expect(matrix.predict(dna)).toBe(matrix.predict(test.sequences[1]!));
  });

  it('is the ratio of counts with one added, and of the classes', () => {
    // At the one position, sites have A eight times and C twice, others G five times.
    const sequences = [...'AAAAAAAACC', ...'GGGGG'].map((letter) => `N${letter}`);
    const labels = sequences.map((_, i) => Number(i < 10));
    const matrix = fitWeightMatrix(sequences, labels, [{ first: 0, end: 1 }]);
    const expected = [
      [9, 1],
      [3, 1],
      [1, 6],
      [1, 1],
    ].map(([site, other]) => Math.log(site! / 14 / (other! / 9)));
    expect(matrix.logOdds).toHaveLength(1);
    matrix.logOdds[0]!.forEach((value, letter) => {
      expect(value).toBeCloseTo(expected[letter]!, 12);
    });
    expect(matrix.predict('NA')).toBeCloseTo(1 / (1 + Math.exp(-(expected[0]! + Math.log(2)))), 12);
    expect(matrix.predict('NN')).toBeCloseTo(2 / 3, 12);
  });

  it('says what it cannot be fitted to', () => {
    expect(() => fitWeightMatrix(['ACGU'], [1])).toThrow('1 sequences and 1 targets');
    expect(() => fitWeightMatrix(new Array<string>(10).fill('ACGU'), new Array<number>(10).fill(1))).toThrow(
      'no window from -30 to 10',
    );
    const long = new Array<string>(10).fill('A'.repeat(80));
    expect(() => fitWeightMatrix(long, new Array<number>(10).fill(1))).toThrow('8 sites and 0 other sequences');
  });
});

describe('ridge regression', () => {
  it('is the solution of two groups by hand', () => {
    // One letter each, A with 5 and C with 1: about the means, the weights are ± n·d / (n + 2·penalty) with d half the
    // difference.
    const sequences = [...'ACACACACAC'];
    const targets = sequences.map((letter) => (letter === 'A' ? 5 : 1));
    const ridge = fitRidge(sequences, targets, [3]);
    const weight = (10 * 2) / (10 + 2 * 3);
    expect(ridge.predict('A')).toBeCloseTo(3 + weight, 12);
    expect(ridge.predict('t')).toBeCloseTo(3, 12);
    expect([...ridge.weights].filter((value) => Math.abs(value) > 1e-12)).toHaveLength(2);
    expect(ridge.intercept).toBeCloseTo(3, 12);
  });

  it('learns a start codon out of frame with the end, in sequences of any length', () => {
    const random = new RandomStream(5);
    const examples = (count: number) => {
      const sequences = Array.from({ length: count }, () => letters(random, 25 + random.below(20)));
      const targets = sequences.map((sequence) => {
        const outOfFrame = [...sequence.matchAll(/AUG/g)].filter(
          ({ index }) => (sequence.length - index) % 3 !== 0,
        ).length;
        return 8 - 2 * outOfFrame + (sequence.at(-3) === 'A' ? 1 : 0) + 0.1 * random.normal();
      });
      return { sequences, targets };
    };
    const { sequences, targets } = examples(1000);
    const ridge = fitRidge(sequences, targets, [1, 1000]);
    expect(ridge.penalty).toBe(1);
    const test = examples(300);
    expect(
      regressionScores(
        test.sequences.map((sequence) => ridge.predict(sequence)),
        test.targets,
      ).r2,
    ).toBeGreaterThan(0.97);
    // Longer than any of the training set.
    expect(Number.isFinite(ridge.predict('ACGU'.repeat(50)))).toBe(true);
  });

  it('takes a greater penalty where there is nothing to learn', () => {
    const random = new RandomStream(7);
    const sequences = Array.from({ length: 100 }, () => letters(random, 12));
    expect(
      fitRidge(
        sequences,
        sequences.map(() => random.normal()),
        [0.1, 1000],
      ).penalty,
    ).toBe(1000);
    expect(() => fitRidge(sequences, [1])).toThrow('100 sequences and 1 targets');
    expect(() =>
      fitRidge(
        sequences,
        sequences.map(() => 1),
        [0],
      ),
    ).toThrow('must be positive, got 0');
  });
});

describe('naive Bayes', () => {
  it('is the probability of words by hand', () => {
    // Class 0 has six A and two C in four sequences, class 1 six G in six.
    const sequences = ['AA', 'AC', 'AA', 'AC', 'G', 'G', 'G', 'G', 'G', 'G'];
    const model = fitNaiveBayes(sequences, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1], 3, [1]);
    expect(model.size).toBe(1);
    const [a, g] = [4 * (7 / 12) * (3 / 12), 6 * (1 / 10) * (1 / 10)];
    const probabilities = model.predict('AC');
    expect(probabilities[0]).toBeCloseTo(a / (a + g), 6);
    expect([...probabilities].reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
    // Nobody is of class 2.
    expect(probabilities[2]).toBe(0);
    expect(argmax(model.predict('NNN'))).toBe(1);
  });

  it('tells classes by their words and chooses how long these are', () => {
    const random = new RandomStream(11);
    const motifs = ['GAAGAC', 'CUUAGG', 'AGAAGC'];
    const examples = (count: number) =>
      Array.from({ length: count }, (_, i) => ({
        label: i % 3,
        sequence: letters(random, 30) + motifs[i % 3]! + letters(random, 30),
      }));
    const train = examples(600);
    const model = fitNaiveBayes(
      train.map(({ sequence }) => sequence),
      train.map(({ label }) => label),
      3,
    );
    expect(model.size).toBeGreaterThan(3);
    const test = examples(90);
    expect(test.filter(({ sequence, label }) => argmax(model.predict(sequence)) === label).length).toBeGreaterThan(75);
    expect(() =>
      fitNaiveBayes(
        train.map(({ sequence }) => sequence),
        train.map(() => 3),
        3,
      ),
    ).toThrow('3 is none of the classes 0 … 2');
  });
});
