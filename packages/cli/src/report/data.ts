/**
 * The data behind the demonstration's report: everything that the HTML page and the terminal's
 * tables show. Whoever trains and scores a model fills it in; `renderReport` draws it.
 */
import type { Measured, RnaScore, ScoreRow, StructureExample, TrainingRun } from '@rna/figures';

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
