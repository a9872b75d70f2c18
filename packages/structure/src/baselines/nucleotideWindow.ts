/**
 * Baselines for labels of nucleotides, from the letters about each: ridge regression for numbers, such as reactivities,
 * and naive Bayes for classes, such as modifications (a weight matrix for each class, Staden 1984). Neither knows of
 * pairs: what a model adds beyond them is what it knows of structure. Labels that are NaN are not known and not counted.
 */
import { portable } from '@rna/kernels';
import { softmaxRows } from '../statistics/scores.ts';
import { nucleotides, requireExamples, words, type Baseline } from './baseline.ts';
import { fitSparse, FOLDS, linearValue, RIDGE_PENALTIES } from './sparseRidge.ts';

/** Nucleotides on either side of one that its number follows from. */
const SIDE = 5;
const LETTERS = 4 * (2 * SIDE + 1);
/** The nucleotide and its neighbours as one word. */
const WORD = 3;

export interface NucleotideRidge extends Baseline<Float32Array> {
  /** That of each column. */
  readonly penalties: readonly number[];
  /** Numbers [nucleotides, columns]. */
  predict(sequence: string): Float32Array;
}

/**
 * Fits to tables [nucleotides, columns] of the sequences. Penalties are chosen by cross-validation over RNAs.
 * @throws RangeError for fewer than five RNAs in which a column has a known value.
 */
export function fitNucleotideRidge(
  sequences: readonly string[],
  tables: readonly Float64Array[],
  columns: number,
  penalties: readonly number[] = RIDGE_PENALTIES,
): NucleotideRidge {
  requireTables('fitNucleotideRidge', sequences, tables, columns);
  const features = sequences.map(featuresOf);
  const solutions = Array.from({ length: columns }, (_, column) => {
    const [rows, values, folds]: [Int32Array[], number[], number[]] = [[], [], []];
    let rnas = 0;
    for (const [k, table] of tables.entries()) {
      const before = rows.length;
      features[k]!.forEach((row, i) => {
        const value = table[i * columns + column]!;
        if (Number.isNaN(value)) return;
        rows.push(row);
        values.push(value);
        folds.push(rnas % FOLDS);
      });
      if (rows.length > before) rnas++;
    }
    if (rnas < FOLDS)
      throw new RangeError(
        `fitNucleotideRidge: column ${column + 1} has known values in ${rnas} RNAs, ${FOLDS} are needed at least`,
      );
    return fitSparse(rows, values, LETTERS + 4 ** WORD, (i) => folds[i]!, penalties);
  });
  return {
    penalties: solutions.map(({ penalty }) => penalty),
    predict: (sequence) =>
      Float32Array.from(featuresOf(sequence).flatMap((row) => solutions.map((solution) => linearValue(row, solution)))),
  };
}

/** For each nucleotide the letters about it, by their distance, and the word of three in its middle. */
function featuresOf(sequence: string): Int32Array[] {
  const codes = nucleotides(sequence);
  const middle = words(codes, WORD);
  return Array.from(codes, (_, i) => {
    const found: number[] = [];
    for (let offset = -SIDE; offset <= SIDE; offset++) {
      const code = codes[i + offset] ?? -1;
      if (code >= 0) found.push(4 * (offset + SIDE) + code);
    }
    const word = middle[i - 1] ?? -1;
    if (word >= 0) found.push(LETTERS + word);
    return Int32Array.from(found);
  });
}

export interface NucleotideBayes extends Baseline<Float32Array> {
  /** Nucleotides on either side that count. */
  readonly side: number;
  /** Probabilities [nucleotides, classes]. */
  predict(sequence: string): Float32Array;
}

/** Tried by default. */
const SIDES: readonly number[] = [0, 1, 2, 3, 5, 10];
const HELD_OUT = 5;
// Counted to every letter at every distance, so that what was never seen is not impossible.
const PSEUDOCOUNT = 1;

/**
 * Fits to the numbers of the nucleotides' classes, 0 … classes − 1. The window is that under which the classes of a
 * fifth of the RNAs are the most probable.
 * @throws RangeError for fewer than five RNAs, and for a label that is no class.
 */
export function fitNucleotideBayes(
  sequences: readonly string[],
  tables: readonly Float64Array[],
  classes: number,
  sides: readonly number[] = SIDES,
): NucleotideBayes {
  requireTables('fitNucleotideBayes', sequences, tables, 1);
  const wrong = tables.flatMap((labels) =>
    Array.from(labels).filter(
      (label) => !Number.isNaN(label) && !(Number.isInteger(label) && label >= 0 && label < classes),
    ),
  );
  if (wrong.length > 0)
    throw new RangeError(`fitNucleotideBayes: ${wrong[0]!} is none of the classes 0 … ${classes - 1}`);
  const examples = sequences.map((sequence, k) => ({ codes: nucleotides(sequence), labels: tables[k]! }));
  const held = examples.filter((_, k) => k % HELD_OUT === 0);
  const others = examples.filter((_, k) => k % HELD_OUT !== 0);
  const likelihoods = sides.map((side) => {
    const probabilities = fitBayes(others, classes, side);
    let sum = 0;
    for (const { codes, labels } of held) {
      const table = probabilities(codes);
      labels.forEach((label, i) => {
        if (!Number.isNaN(label)) sum += portable.log(Math.max(1e-30, table[i * classes + label]!));
      });
    }
    return sum;
  });
  const side = sides[likelihoods.indexOf(Math.max(...likelihoods))]!;
  const probabilities = fitBayes(examples, classes, side);
  return { side, predict: (sequence) => probabilities(nucleotides(sequence)) };
}

interface Labelled {
  readonly codes: Int8Array;
  readonly labels: Float64Array;
}

/** The probabilities [nucleotides, classes] of a sequence. */
function fitBayes(examples: readonly Labelled[], classes: number, side: number): (codes: Int8Array) => Float32Array {
  const distances = 2 * side + 1;
  const nucleotidesOf = new Float64Array(classes).fill(PSEUDOCOUNT);
  const counts = new Float64Array(classes * distances * 4).fill(PSEUDOCOUNT);
  /** Where the counts of each distance's letter are, of which the class's own begin at class · distances · 4. */
  const letters = (codes: Int8Array, i: number, use: (place: number) => void): void => {
    for (let distance = 0; distance < distances; distance++) {
      const code = codes[i + distance - side] ?? -1;
      if (code >= 0) use(4 * distance + code);
    }
  };
  for (const { codes, labels } of examples)
    labels.forEach((label, i) => {
      if (Number.isNaN(label)) return;
      nucleotidesOf[label]!++;
      letters(codes, i, (place) => {
        counts[label * distances * 4 + place]!++;
      });
    });
  const priors = nucleotidesOf.map(portable.log);
  const logarithms = counts.map((count, at) => {
    const start = at - (at % 4);
    return portable.log(count / counts.subarray(start, start + 4).reduce((a, b) => a + b, 0));
  });
  return (codes) => {
    const scores = new Float32Array(codes.length * classes);
    for (const i of codes.keys())
      for (let each = 0; each < classes; each++) {
        let sum = priors[each]!;
        letters(codes, i, (place) => {
          sum += logarithms[each * distances * 4 + place]!;
        });
        scores[i * classes + each] = sum;
      }
    const probabilities = new Float32Array(scores.length);
    softmaxRows(scores, classes).forEach((row, i) => {
      probabilities.set(row, i * classes);
    });
    return probabilities;
  };
}

function requireTables(
  caller: string,
  sequences: readonly string[],
  tables: readonly Float64Array[],
  columns: number,
): void {
  requireExamples(caller, sequences, tables, FOLDS);
  const wrong = sequences.findIndex(({ length }, k) => tables[k]!.length !== columns * length);
  if (wrong >= 0)
    throw new RangeError(
      `${caller}: ${tables[wrong]!.length} labels of ${sequences[wrong]!.length} nucleotides and ${columns} columns`,
    );
}
