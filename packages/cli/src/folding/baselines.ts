/**
 * What stands beside a model in `rna evaluate`: CONTRAfold's and EternaFold's
 * structures, folded here, and for the other tasks a predictor that is fitted in
 * a moment to the same training set, by what the task predicts.
 */
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import {
  averagePrecision,
  fitNaiveBayes,
  fitNucleotideBayes,
  fitNucleotideRidge,
  fitRidge,
  fitWeightMatrix,
  parseDotBracket,
  type Baseline,
  type Structure,
  scoreStructure,
  type StructureScore,
  type PredictionKind,
} from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import { foldingThreads } from './memory.ts';
import { foldInOrder } from './pool.ts';
import { readSettings } from './settings.ts';
import { progressBar } from '../commandLine/terminal.ts';

export const FOLDING_BASELINES = ['contrafold', 'eternafold'] as const;
export type FoldingBaseline = (typeof FOLDING_BASELINES)[number];

// The papers' γ, and the exact sum: several times faster, with scores that differ in the fourth digit.
const FOLDING = { gamma: 6, arithmetic: 'exact', probs: true } as const;

/**
 * What a folding program says of each RNA: the structure of maximum expected accuracy, and the ensemble's pair
 * probabilities.
 */
export async function foldEach<R extends Structure, T>(
  params: FoldingBaseline,
  records: readonly R[],
  signal: AbortSignal,
  score: (record: R, probabilities: Float32Array, partners: Int32Array) => T,
): Promise<T[]> {
  const settings = await readSettings({ ...FOLDING, params });
  const threads = foldingThreads(
    records.map((record) => ({ ...record, length: record.sequence.length })),
    settings.arithmetic,
    Math.min(availableParallelism(), records.length),
  );
  const bar = progressBar(params, records.length, 'RNAs');
  const scores: T[] = [];
  try {
    for await (const [record, folded] of foldInOrder(
      Readable.from(records) as AsyncIterable<R>,
      settings,
      threads,
      signal,
    )) {
      if (typeof folded === 'string') throw new Error(`${params}: "${record.id}" is ${folded}, without a constraint`);
      bar.update(
        scores.push(
          score(record, triangle(folded.pairs ?? [], record.sequence.length), parseDotBracket(folded.structure)),
        ),
      );
    }
  } finally {
    bar.stop();
  }
  return scores;
}

/** Base pairs of the structures; AUPRC is that of the probabilities. */
export const scoreFolding = (
  params: FoldingBaseline,
  records: readonly Structure[],
  signal: AbortSignal,
): Promise<StructureScore[]> =>
  foldEach(params, records, signal, (record, probabilities, partners) =>
    scoreStructure(record, partners, averagePrecision(probabilities, record.partners)),
  );

/** Pairs [i, j, p], counted from 1, as the strict upper triangle, row by row. */
function triangle(pairs: readonly (readonly [number, number, number])[], length: number): Float32Array {
  const values = new Float32Array((length * (length - 1)) / 2);
  for (const [i, j, p] of pairs) values[((i - 1) * (2 * length - i)) / 2 + j - i - 1] = p;
  return values;
}

export interface FittedBaseline {
  readonly name: string;
  readonly baseline: Baseline<unknown>;
}

/**
 * The baseline of a kind of prediction, fitted to labelled RNAs. Throws a CommandError where nothing can be fitted to
 * them.
 */
export function fitBaseline(
  kind: PredictionKind,
  sequences: readonly string[],
  targets: readonly unknown[],
  classes: number,
): FittedBaseline {
  try {
    return fitted(kind, sequences, targets, classes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandError(`--train: ${error.message}; give more or other RNAs, or leave out --baselines`, {
      cause: error,
    });
  }
}

function fitted(
  kind: PredictionKind,
  sequences: readonly string[],
  targets: readonly unknown[],
  classes: number,
): FittedBaseline {
  // The kind says what a target is.
  switch (kind) {
    case 'probability':
      return { name: 'weight matrix', baseline: fitWeightMatrix(sequences, targets as readonly number[]) };
    case 'number':
      return { name: 'ridge regression', baseline: fitRidge(sequences, targets as readonly number[]) };
    case 'classes':
      return { name: 'naive Bayes', baseline: fitNaiveBayes(sequences, targets as readonly number[], classes) };
    case 'numbers':
      return {
        name: 'ridge regression',
        baseline: byColumn(sequences, targets as readonly Float64Array[], classes, (some, values) => {
          const ridge = fitRidge(some, values);
          return (sequence) => ridge.predict(sequence);
        }),
      };
    case 'labels':
      return {
        name: 'naive Bayes',
        baseline: byColumn(sequences, targets as readonly Float64Array[], classes, (some, values) => {
          const bayes = fitNaiveBayes(some, values, 2);
          return (sequence) => bayes.predict(sequence)[1]!;
        }),
      };
    case 'nucleotide-numbers':
      return {
        name: 'ridge regression',
        baseline: fitNucleotideRidge(sequences, targets as readonly Float64Array[], classes),
      };
    case 'nucleotide-classes':
      return {
        name: 'naive Bayes',
        baseline: fitNucleotideBayes(sequences, targets as readonly Float64Array[], classes),
      };
    case 'pairs':
    case 'coordinates':
      throw new RangeError('there is no baseline that is fitted to structures');
  }
}

/** A baseline for each column of labels, fitted to the RNAs of which that is known. */
function byColumn(
  sequences: readonly string[],
  targets: readonly Float64Array[],
  columns: number,
  fit: (sequences: readonly string[], values: readonly number[]) => (sequence: string) => number,
): Baseline<Float32Array> {
  const predictors = Array.from({ length: columns }, (_, c) => {
    const known = [...sequences.keys()].filter((i) => !Number.isNaN(targets[i]![c]));
    return fit(
      known.map((i) => sequences[i]!),
      known.map((i) => targets[i]![c]!),
    );
  });
  return { predict: (sequence) => Float32Array.from(predictors, (predict) => predict(sequence)) };
}
