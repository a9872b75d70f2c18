/**
 * What the figures of RNAs and of training runs are drawn from: plain values that survive JSON.
 * Nothing is computed from them but what drawing needs: scores and losses come from the code that
 * owns them, so a figure cannot disagree with a log.
 */

import type { PairScore } from '@rna/structure';

/** A measured value. JSON has no NaN: a loss that was not finite is `null`, and NaN is read the same. */
export type Measured = number | null;

/** A base pair as 0-based positions, 5' end first. */
export type Pair = readonly [number, number];

/** One model's scores on one set of RNAs. Rows of one `set` stand together, the baseline first. */
export interface ScoreRow {
  readonly set: string;
  readonly model: string;
  /** Stands beside the model that is reported on, such as a folding program. */
  readonly beside?: true;
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
