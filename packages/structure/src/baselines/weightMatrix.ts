/**
 * A weight matrix for splice sites (Staden 1984): at each position about the
 * middle, the logarithm of how much more often a letter stands there in a site
 * than in other sequences, summed up over a window. The window is chosen by
 * cross-validation on the training set. Positions are taken as independent.
 */
import { portable } from '@rna/kernels';
import { binaryScores, sigmoid } from '../statistics/scores.ts';
import { nucleotides, requireExamples, type Baseline } from './baseline.ts';

/** Positions from `first` up to and without `end`, counted from the middle of a sequence, length / 2. */
export interface Window {
  readonly first: number;
  readonly end: number;
}

export interface WeightMatrix extends Baseline<number> {
  readonly window: Window;
  /** Mean F1 of the window in cross-validation. */
  readonly f1: number;
  /** [positions][4] of the window, letters in the order A, C, G, U. */
  readonly logOdds: readonly Float64Array[];
  /**
   * The probability that the middle of the sequence is a site, by Bayes' rule with the classes' parts of the training
   * set.
   */
  predict(sequence: string): number;
}

/**
 * About the motifs: a donor's nine letters, an acceptor with its pyrimidines and with its branch point (Yeo and Burge
 * 2004), and both sides alike.
 */
export const SPLICE_WINDOWS: readonly Window[] = [
  { first: -3, end: 6 },
  { first: -20, end: 3 },
  { first: -10, end: 10 },
  { first: -30, end: 10 },
];

// Counted to every letter at every position, so that what was never seen is not impossible.
const PSEUDOCOUNT = 1;
const FOLDS = 5;

/**
 * Fits the matrix to sequences with labels of 0 and 1.
 * @throws RangeError for one class alone, and for a sequence that is shorter than a window.
 */
export function fitWeightMatrix(
  sequences: readonly string[],
  labels: readonly number[],
  windows: readonly Window[] = SPLICE_WINDOWS,
): WeightMatrix {
  requireExamples('fitWeightMatrix', sequences, labels, 2 * FOLDS);
  const first = Math.min(...windows.map((window) => window.first));
  const end = Math.max(...windows.map((window) => window.end));
  const examples = sequences.map((sequence, i) => ({ codes: around(sequence, { first, end }), label: labels[i]! }));

  // The log-odds of positions outside of a window do not matter to it, so one fit of each fold serves all windows.
  const scores = windows.map(() => new Array<number>(FOLDS).fill(0));
  for (let fold = 0; fold < FOLDS; fold++) {
    const { prior, logOdds } = fitted(
      examples.filter((_, i) => i % FOLDS !== fold),
      end - first,
    );
    const held = examples.filter((_, i) => i % FOLDS === fold);
    windows.forEach((window, w) => {
      const part = logOdds.slice(window.first - first, window.end - first);
      const predicted = held.map(({ codes }) =>
        sigmoid(prior + score(codes.subarray(window.first - first, window.end - first), part)),
      );
      scores[w]![fold] = binaryScores(
        predicted,
        held.map(({ label }) => label),
      ).f1;
    });
  }
  const means = scores.map((folds) => folds.reduce((a, b) => a + b, 0) / FOLDS);
  const f1 = Math.max(...means);
  const window = windows[means.indexOf(f1)]!;
  const { prior, logOdds: all } = fitted(examples, end - first);
  const logOdds = all.slice(window.first - first, window.end - first);
  return { window, f1, logOdds, predict: (sequence) => sigmoid(prior + score(around(sequence, window), logOdds)) };
}

/** The letters of a window. */
function around(sequence: string, { first, end }: Window): Int8Array {
  const middle = Math.floor(sequence.length / 2);
  if (middle + first < 0 || middle + end > sequence.length) {
    throw new RangeError(
      `weight matrix: a sequence of ${sequence.length} nucleotides has no window from ${first} to ${end} about its middle`,
    );
  }
  return nucleotides(sequence.slice(middle + first, middle + end));
}

function fitted(
  examples: readonly { readonly codes: Int8Array; readonly label: number }[],
  positions: number,
): { prior: number; logOdds: Float64Array[] } {
  const classes = [0, 1].map((label) => {
    const rnas = examples.filter((example) => example.label === label);
    const counts = Array.from({ length: positions }, () => new Float64Array(4).fill(PSEUDOCOUNT));
    for (const { codes } of rnas)
      codes.forEach((code, i) => {
        if (code >= 0) counts[i]![code]!++;
      });
    return { rnas: rnas.length, counts };
  });
  const [others, sites] = [classes[0]!, classes[1]!];
  if (others.rnas === 0 || sites.rnas === 0 || others.rnas + sites.rnas < examples.length) {
    throw new RangeError(
      `weight matrix: ${sites.rnas} sites and ${others.rnas} other sequences of ${examples.length}; both are needed, with labels 1 and 0`,
    );
  }
  const total = (counts: Float64Array): number => counts.reduce((a, b) => a + b, 0);
  const logOdds = sites.counts.map((site, i) => {
    const other = others.counts[i]!;
    return site.map((count, letter) => portable.log(count / total(site)) - portable.log(other[letter]! / total(other)));
  });
  return { prior: portable.log(sites.rnas / others.rnas), logOdds };
}

/** Ambiguous letters say nothing. */
const score = (codes: Int8Array, logOdds: readonly Float64Array[]): number =>
  codes.reduce((sum, code, i) => sum + (logOdds[i]![code] ?? 0), 0);
