/**
 * The data behind the report: everything that the HTML page and the terminal's tables show, as
 * plain values that survive JSON. Whoever trains and scores a model fills it in; `renderReport`
 * draws it. Nothing is computed from it but what drawing needs: scores and losses come from the
 * code that owns them, so the page cannot disagree with the log.
 */

import type { PairScore } from '@rna/model';

/** A measured value. JSON has no NaN: a loss that was not finite is `null`, and NaN is read the same. */
export type Measured = number | null;

/** A base pair as 0-based positions, 5' end first. */
export type Pair = readonly [number, number];

export interface Fact {
  readonly label: string;
  readonly value: string;
}

export interface ConfigGroup {
  readonly title: string;
  readonly entries: readonly Fact[];
}

/** One loss on the same RNAs before and after training. */
export interface LossRow {
  readonly what: string;
  /** What one unit is, e.g. "nats per masked token". */
  readonly unit: string;
  readonly before: Measured;
  readonly after: Measured;
}

/** One model's scores on one set of RNAs. Rows of one `set` stand together, the baseline first. */
export interface ScoreRow {
  readonly set: string;
  readonly model: string;
  /** How many RNAs were scored. */
  readonly rnas: number;
  /** Only the exact pair counts. */
  readonly strict: PairScore;
  /** A pair counts if one of its ends is off by at most one position. */
  readonly tolerant: PairScore;
}

/** One training run; `steps`, `loss` and `learningRate` have one entry per logged step. */
export interface TrainingRun {
  readonly name: string;
  readonly lossUnit: string;
  readonly steps: readonly number[];
  readonly loss: readonly Measured[];
  readonly learningRate: readonly number[];
  /** Losses on RNAs that are not trained on. */
  readonly evaluations: readonly { readonly step: number; readonly loss: Measured }[];
}

/** F1 (strict) of one RNA before and after training. */
export interface RnaScore {
  readonly id: string;
  readonly family: string;
  /** In nucleotides. */
  readonly length: number;
  readonly f1Untrained: Measured;
  readonly f1Trained: Measured;
}

/** One RNA drawn in full. */
export interface StructureExample {
  readonly id: string;
  readonly family: string;
  readonly sequence: string;
  /** Each position is in one pair at most; pairs may cross. */
  readonly truth: readonly Pair[];
  /** `null` where the model was not run. */
  readonly prediction: readonly Pair[] | null;
  /** Strict scores of the prediction. */
  readonly scores: PairScore | null;
  /** Pair probabilities as [i, j, p] with i < j; pairs that are left out count as 0. */
  readonly probabilities: readonly (readonly [number, number, number])[] | null;
}

export interface ReportData {
  readonly title: string;
  /** One short paragraph: what was done, on which RNAs. */
  readonly summary: string;
  /** ISO 8601. */
  readonly date: string;
  /** The command that repeats the run. */
  readonly command: string;
  /** Machine, adapter, driver, versions, seed, duration. */
  readonly machine: readonly Fact[];
  readonly config: readonly ConfigGroup[];
  readonly losses: readonly LossRow[];
  readonly scores: readonly ScoreRow[];
  readonly runs: readonly TrainingRun[];
  readonly rnas: readonly RnaScore[];
  readonly examples: readonly StructureExample[];
  /** What a reader must know to read the numbers: what was counted, what they do not show. */
  readonly notes: readonly string[];
}
