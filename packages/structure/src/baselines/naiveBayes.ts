/**
 * Naive Bayes on words for classes of RNAs: how often each word of some letters
 * stands in a class, and the class that makes a sequence's words most probable
 * (multinomial, with one added to every count). The length of words is chosen on
 * a tenth of the training set. Its probabilities are surer than they should be,
 * since words overlap; the most probable class is what it is for.
 */
import { portable } from '@rna/kernels';
import { argmax, softmaxRows } from '../statistics/scores.ts';
import { nucleotides, requireExamples, words, type Baseline } from './baseline.ts';

export interface NaiveBayes extends Baseline<Float32Array> {
  /** Letters of a word. */
  readonly size: number;
  /** Probabilities [classes]. */
  predict(sequence: string): Float32Array;
}

/** Tried by default. */
export const WORD_SIZES: readonly number[] = [3, 4, 5, 6, 7, 8];

const HELD_OUT = 10;

/** Fits to the numbers of classes, 0 … classes − 1, of the sequences. A class without a sequence is never predicted. */
export function fitNaiveBayes(
  sequences: readonly string[],
  labels: readonly number[],
  classes: number,
  sizes: readonly number[] = WORD_SIZES,
): NaiveBayes {
  requireExamples('fitNaiveBayes', sequences, labels, HELD_OUT);
  const wrong = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (wrong !== undefined) throw new RangeError(`fitNaiveBayes: ${wrong} is none of the classes 0 … ${classes - 1}`);
  const codes = sequences.map(nucleotides);
  const isHeld = (i: number): boolean => i % HELD_OUT === 0;
  const right = sizes.map((size) => {
    const scores = fitted(codes, labels, classes, size, (i) => !isHeld(i));
    return codes.filter((each, i) => isHeld(i) && argmax(scores(each)) === labels[i]).length;
  });
  const size = sizes[argmax(right)]!;
  const scores = fitted(codes, labels, classes, size, () => true);
  return { size, predict: (sequence) => softmaxRows(scores(nucleotides(sequence)), classes)[0]! };
}

/** The log-probability, but for a constant, of each class for the letters of a sequence. */
function fitted(
  codes: readonly Int8Array[],
  labels: readonly number[],
  classes: number,
  size: number,
  isPart: (sample: number) => boolean,
): (codes: Int8Array) => Float32Array {
  const range = 4 ** size;
  const rnas = new Float64Array(classes);
  const totals = new Float64Array(classes).fill(range);
  const counts = new Uint32Array(range * classes);
  codes.forEach((sequence, i) => {
    if (!isPart(i)) return;
    const label = labels[i]!;
    rnas[label]!++;
    for (const word of words(sequence, size)) {
      if (word < 0) continue;
      counts[word * classes + label]!++;
      totals[label]!++;
    }
  });
  const priors = rnas.map((count) => portable.log(count));
  const logTotals = totals.map(portable.log);
  // Counts are small whole numbers, most of them 0.
  const logarithms = Float64Array.from({ length: 1024 }, (_, count) => portable.log(count + 1));
  return (sequence) => {
    const sums = priors.slice();
    for (const word of words(sequence, size)) {
      if (word < 0) continue;
      for (let each = 0; each < classes; each++) {
        const count = counts[word * classes + each]!;
        sums[each]! += (logarithms[count] ?? portable.log(count + 1)) - logTotals[each]!;
      }
    }
    const largest = sums.reduce((a, b) => Math.max(a, b));
    return Float32Array.from(sums, (sum) => sum - largest);
  };
}
