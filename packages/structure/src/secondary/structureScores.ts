/**
 * How well a model predicts secondary structures: per RNA, as means, and the
 * threshold tuned on a validation set. The model is anything that gives pair
 * probabilities for a sequence, so an untrained or another model is scored the
 * same way. Nothing is drawn here.
 */
import { greedyPairs, type DecodeOptions, type ScoredPair } from './decode.ts';
import {
  averagePrecision,
  bestThreshold,
  meanScore,
  scoreBasePairs,
  thresholdCurve,
  CANDIDATE_THRESHOLDS,
  type PairScore,
} from './metrics.ts';
import { partnersFromPairs, type Structure } from './structure.ts';

/**
 * Pair probabilities of a sequence: strict upper triangle, row-major, [length · (length − 1) / 2]. `next` is the
 * sequence that will be asked for after it, for which something may be made ready meanwhile.
 */
export type PairPredictor = (sequence: string, next?: string) => Promise<Float32Array>;

/** The scores of one RNA. */
export interface StructureScore {
  readonly id: string;
  readonly sequence: string;
  /** Partners [length], true and predicted. */
  readonly target: Int32Array;
  readonly predicted: Int32Array;
  /** Exact pairs count. */
  readonly strict: PairScore;
  /** Pairs off by one position count as well. */
  readonly flexible: PairScore;
  /** Area under the precision-recall curve of the probabilities. */
  readonly averagePrecision: number;
}

export interface StructureEvaluation {
  readonly threshold: number;
  readonly rnas: readonly StructureScore[];
  /** Means over RNAs. */
  readonly strict: PairScore;
  readonly flexible: PairScore;
  readonly averagePrecision: number;
}

/** Scores a model on RNAs with known structures, at a threshold. Throws a RangeError for no record. */
export async function evaluateStructures(
  predict: PairPredictor,
  records: readonly Structure[],
  options: DecodeOptions & { readonly threshold: number },
  onRna?: (score: StructureScore, probabilities: Float32Array) => void,
): Promise<StructureEvaluation> {
  const rnas: StructureScore[] = [];
  for (const [index, record] of records.entries()) {
    const probabilities = await predict(record.sequence, records[index + 1]?.sequence);
    const score = scoreRna(
      record,
      greedyPairs(probabilities, record.sequence, options),
      averagePrecision(probabilities, record.partners),
    );
    rnas.push(score);
    onRna?.(score, probabilities);
  }
  return summarise(rnas, options.threshold);
}

export interface ThresholdOptions extends Omit<DecodeOptions, 'threshold'> {
  /** Choose by the F1 with a tolerance of one position, as RiNALMo does. */
  readonly flexible: boolean;
}

/** The threshold with the best mean F1 over the records (RiNALMo, section 4.3), and the scores at it. */
export async function chooseThreshold(
  predict: PairPredictor,
  records: readonly Structure[],
  options: ThresholdOptions,
): Promise<StructureEvaluation> {
  const decoded: {
    readonly record: Structure;
    readonly pairs: readonly ScoredPair[];
    readonly area: number;
    readonly curve: Float64Array;
  }[] = [];
  for (const [index, record] of records.entries()) {
    const { sequence, partners } = record;
    const probabilities = await predict(sequence, records[index + 1]?.sequence);
    decoded.push({
      record,
      pairs: greedyPairs(probabilities, sequence, { ...options, threshold: CANDIDATE_THRESHOLDS[0]! }),
      area: averagePrecision(probabilities, partners),
      curve: thresholdCurve(probabilities, sequence, partners, options),
    });
  }
  const { threshold } = bestThreshold(decoded.map(({ curve }) => curve));
  // The pairs at a higher threshold are the head of the list; the comparison is the decode's, in f32.
  const above = ({ probability }: ScoredPair): boolean => probability > Math.fround(threshold);
  return summarise(
    decoded.map(({ record, pairs, area }) => scoreRna(record, pairs.filter(above), area)),
    threshold,
  );
}

const scoreRna = (record: Structure, pairs: readonly ScoredPair[], area: number): StructureScore =>
  scoreStructure(
    record,
    partnersFromPairs(
      pairs.map(({ i, j }) => [i, j] as const),
      record.partners.length,
    ),
    area,
  );

/** The scores of predicted partners [length], however they were predicted. */
export function scoreStructure(
  { id, sequence, partners: target }: Structure,
  predicted: Int32Array,
  area: number,
): StructureScore {
  return {
    id,
    sequence,
    target,
    predicted,
    strict: scoreBasePairs(target, predicted, { flexible: false }),
    flexible: scoreBasePairs(target, predicted, { flexible: true }),
    averagePrecision: area,
  };
}

function summarise(rnas: readonly StructureScore[], threshold: number): StructureEvaluation {
  return {
    threshold,
    rnas,
    strict: meanScore(rnas.map(({ strict }) => strict)),
    flexible: meanScore(rnas.map(({ flexible }) => flexible)),
    averagePrecision: rnas.reduce((sum, rna) => sum + rna.averagePrecision, 0) / rnas.length,
  };
}
