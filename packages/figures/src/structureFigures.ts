/**
 * The figures of predicted base pairs: F1 by length, by family, by type of pair and
 * by likeness to the training set, precision against recall, and calibration. The
 * probabilities of an RNA are too many to keep, so `pairCurves` takes what is drawn
 * of them while they are there.
 */

import {
  addCalibration,
  areaUnderPrecisionRecall,
  bootstrap,
  bootstrapOf,
  calibrationBins,
  grouped,
  PAIR_TYPES,
  precisionRecallCurve,
  scoreByPairType,
  similarityBins,
  totalByPairType,
  type CalibrationBin,
  type Interval,
  type PairType,
  type StructureScore,
} from '@rna/structure';
import { scoreBars, type BarGroup } from './bars.ts';
import { scoreByLength } from './byLength.ts';
import { calibrationPlot } from './calibration.ts';
import type { Figure } from './figure.ts';
import { counted } from './format.ts';
import { precisionRecallPlot } from './precisionRecall.ts';

/** What is drawn of one RNA's pair probabilities. */
export interface PairCurves {
  readonly calibration: readonly CalibrationBin[];
  /** Precision at the recalls 0, 0.01, …, 1. */
  readonly precision: Float64Array;
  /** Average precision. */
  readonly area: number;
}

/** A model's scores of the RNAs of a test set; all models have the same RNAs. */
export interface ScoredModel {
  readonly name: string;
  readonly rnas: readonly StructureScore[];
  /** The curves of those RNAs that have a pair; absent where a model gives no probabilities. */
  readonly curves?: readonly PairCurves[];
}

export interface StructureFigureOptions {
  /** Which F1 is drawn. */
  readonly score: 'strict' | 'flexible';
  /** The family of an RNA, where there is one. */
  readonly groupOf?: (id: string) => string | undefined;
  /** Identity, 0 … 1, of an RNA's nearest neighbour in the training set. */
  readonly identityOf?: (id: string) => number;
}

const recalls = Array.from({ length: 101 }, (_, step) => step / 100);

/**
 * @param probabilities Strict upper triangle, row by row, [length · (length − 1) / 2]
 * @param target Partners [length]
 * @returns undefined where no pair is true, which has no recall.
 */
export function pairCurves(probabilities: Float32Array, target: Int32Array): PairCurves | undefined {
  const labels = labelsOf(probabilities, target);
  const curve = precisionRecallCurve(probabilities, labels);
  if (curve.length === 0) return undefined;
  let at = 0;
  const precision = Float64Array.from(recalls, (recall) => {
    // Sums of ones over their number may miss a recall by their last bit.
    while (curve[at]!.recall < recall - 1e-9) at++;
    return curve[at]!.precision;
  });
  return { calibration: calibrationBins(probabilities, labels), precision, area: areaUnderPrecisionRecall(curve) };
}

/** Only the calibration of `pairCurves`, of any RNA. */
export const pairCalibration = (probabilities: Float32Array, target: Int32Array): CalibrationBin[] =>
  calibrationBins(probabilities, labelsOf(probabilities, target));

/** 1 for each pair that is true, in the order of the strict upper triangle. */
function labelsOf({ length: pairs }: Float32Array, target: Int32Array): Uint8Array {
  const { length } = target;
  const labels = new Uint8Array(pairs);
  target.forEach((j, i) => {
    if (j > i) labels[(i * (2 * length - i - 1)) / 2 + j - i - 1] = 1;
  });
  return labels;
}

/** The figures of one test set, the model first and what it is compared with after it. */
export function structureFigures(
  models: readonly ScoredModel[],
  { score, groupOf = () => undefined, identityOf }: StructureFigureOptions,
): Figure[] {
  const rnas = models[0]?.rnas ?? [];
  const axis = score === 'strict' ? 'F1 (exact pairs)' : 'F1 (pairs within ±1)';
  const count = counted(rnas.length, 'RNA');
  const groups = [...grouped(rnas, ({ id }) => groupOf(id) ?? '')]
    .filter(([name]) => name !== '')
    .sort(([, a], [, b]) => b.length - a.length);
  const means = (parts: readonly { readonly name: string; readonly ids: ReadonlySet<string> }[]): BarGroup[] =>
    parts.map(({ name, ids }) => ({
      name,
      scores: Object.fromEntries(
        models.map((model) => [
          model.name,
          bootstrap(model.rnas.filter(({ id }) => ids.has(id)).map((rna) => rna[score].f1)),
        ]),
      ),
    }));
  const idsOf = (members: readonly StructureScore[]): ReadonlySet<string> => new Set(members.map(({ id }) => id));
  return [
    {
      name: 'f1-by-length',
      caption: `F1 of ${count} against their length. Lines are means of bins, with 95 % bootstrap intervals.`,
      svg: scoreByLength(
        'F1 by length',
        axis,
        models.map((model) => ({
          name: model.name,
          rnas: model.rnas.map((rna) => ({ length: rna.sequence.length, score: rna[score].f1 })),
        })),
      ),
    },
    ...(groups.length < 2
      ? []
      : [
          {
            name: 'f1-by-family',
            caption: 'Mean F1 by family, largest family first, with 95 % bootstrap intervals.',
            svg: scoreBars(
              'F1 by family',
              axis,
              means(groups.map(([name, members]) => ({ name: `${name} (${members.length})`, ids: idsOf(members) }))),
            ),
          },
        ]),
    ...(identityOf === undefined
      ? []
      : [
          {
            name: 'f1-by-similarity',
            caption:
              'Mean F1 by the identity of an RNA with the one most like it in the training set, with 95 % bootstrap intervals.',
            svg: scoreBars(
              'F1 by similarity to the training set',
              axis,
              means(
                similarityBins(rnas, ({ id }) => identityOf(id)).map(({ label, items }) => ({
                  name: `${label} (${items.length})`,
                  ids: idsOf(items),
                })),
              ),
            ),
          },
        ]),
    {
      name: 'f1-by-pair-type',
      caption:
        'F1 of the pairs of each type, over all RNAs, exact pairs only, with 95 % bootstrap intervals over RNAs.',
      svg: scoreBars('F1 by type of pair', 'F1 (exact pairs)', pairTypeBars(models)),
    },
    ...curveFigures(models),
  ];
}

const typeNames: Readonly<Record<PairType, string>> = {
  watsonCrick: 'Watson-Crick',
  wobble: 'wobble (GU)',
  nonCanonical: 'non-canonical',
};

function pairTypeBars(models: readonly ScoredModel[]): BarGroup[] {
  const scores = models.map(({ name, rnas }) => ({
    name,
    rnas: rnas.map(({ sequence, target, predicted }) => scoreByPairType(sequence, target, predicted)),
  }));
  return PAIR_TYPES.flatMap((type) => {
    const pairs = (scores[0]?.rnas ?? []).reduce((sum, rna) => sum + rna[type].pairs, 0);
    if (pairs === 0) return [];
    const each = scores.map(({ name, rnas }): [string, Interval] => [
      name,
      bootstrapOf(rnas, (drawn) => totalByPairType(drawn)[type].f1),
    ]);
    return [{ name: `${typeNames[type]} (${pairs})`, scores: Object.fromEntries(each) }];
  });
}

function curveFigures(models: readonly ScoredModel[]): Figure[] {
  const curved = models.flatMap(({ name, curves = [] }) => (curves.length === 0 ? [] : [{ name, curves }]));
  if (curved.length === 0) return [];
  return [
    {
      name: 'precision-recall',
      caption: 'Precision of the pair probabilities, without any decoding, at each recall: means over RNAs.',
      svg: precisionRecallPlot(
        'Precision and recall of pairs',
        curved.map(({ name, curves }) => {
          const mean = (value: (each: PairCurves) => number): number =>
            curves.reduce((sum, each) => sum + value(each), 0) / curves.length;
          return {
            name,
            curve: recalls.map((recall, k) => ({ recall, precision: mean(({ precision }) => precision[k]!) })),
            area: mean(({ area }) => area),
          };
        }),
      ),
    },
    {
      name: 'calibration',
      caption:
        'Pair probabilities against the part of these pairs that are true, with 95 % intervals, and their number (logarithmic).',
      svg: calibrationPlot(
        'Calibration of pair probabilities',
        'pairs',
        curved.map(({ name, curves }) => ({
          name,
          bins: addCalibration(curves.map(({ calibration }) => calibration)),
        })),
      ),
    },
  ];
}
