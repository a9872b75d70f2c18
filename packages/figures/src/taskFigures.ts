/**
 * The figures of a task, picked by what its predictions are: precision and recall
 * with calibration for probabilities, a confusion matrix for classes, predicted
 * against measured for numbers. A model may stand beside others that answered for the
 * same RNAs. Base pairs are structureFigures.ts's.
 */

import {
  areaUnderPrecisionRecall,
  argmax,
  calibrationBins,
  precisionRecallCurve,
  regressionScores,
  type PredictionKind,
} from '@rna/structure';
import { calibrationPlot } from './calibration.ts';
import { confusionMatrix } from './confusion.ts';
import type { Figure } from './figure.ts';
import { counted, formatScore } from './format.ts';
import { precisionRecallPlot } from './precisionRecall.ts';
import { scatter } from './scatter.ts';

/** An RNA of the test set and its label. */
export interface Example<T> {
  readonly id: string;
  readonly sequence: string;
  readonly target: T;
}

/** What a model said of each RNA, in their order. */
export interface ModelPredictions<P> {
  readonly name: string;
  readonly predictions: readonly P[];
}

export interface TaskFigureOptions {
  /** What classes are called; their numbers without it. */
  readonly classNames?: readonly string[];
  /** Where the model that is reported on answers yes; default 0.5. */
  readonly threshold?: number;
}

/** Classes that a confusion matrix of half a page has room for. */
const mostBeside = 24;

/**
 * The model that is reported on comes first. Throws a RangeError where predictions and examples are not as many, and
 * for pairs.
 */
export function taskFigures<T, P>(
  head: { readonly kind: PredictionKind; readonly title: string },
  models: readonly ModelPredictions<P>[],
  examples: readonly Example<T>[],
  options: TaskFigureOptions = {},
): Figure[] {
  for (const { name, predictions } of models) {
    if (predictions.length !== examples.length)
      throw new RangeError(`taskFigures: ${name} has ${predictions.length} predictions for ${examples.length} RNAs`);
  }
  if (models.length === 0 || examples.length === 0) return [];
  // A head's kind says what T and P are.
  switch (head.kind) {
    case 'probability':
      return probabilityFigures(
        head.title,
        models as readonly ModelPredictions<number>[],
        examples as readonly Example<number>[],
        options,
      );
    case 'classes':
      return classFigures(
        head.title,
        models as readonly ModelPredictions<Float32Array>[],
        examples as readonly Example<number>[],
        options,
      );
    case 'number':
      return numberFigures(
        head.title,
        models as readonly ModelPredictions<number>[],
        examples as readonly Example<number>[],
      );
    case 'pairs':
      throw new RangeError(
        'taskFigures: maps of pairs are too large to be held for a whole set; structureFigures draws them from their scores',
      );
  }
}

function probabilityFigures(
  title: string,
  models: readonly ModelPredictions<number>[],
  examples: readonly Example<number>[],
  { threshold = 0.5 }: TaskFigureOptions,
): Figure[] {
  const labels = examples.map(({ target }) => target);
  const positives = labels.filter((label) => label === 1).length;
  return [
    {
      name: 'precision-recall',
      caption: `Precision and recall of ${positives} positives among ${counted(examples.length, 'RNA')} at every threshold; the mark is at ${threshold}.`,
      svg: precisionRecallPlot(
        `Precision and recall: ${title}`,
        models.map(({ name, predictions }) => {
          const curve = precisionRecallCurve(predictions, labels);
          const chosen = curve.findLast((point) => point.threshold > threshold);
          return { name, curve, area: areaUnderPrecisionRecall(curve), ...(chosen !== undefined && { chosen }) };
        }),
        positives / examples.length,
      ),
    },
    {
      name: 'calibration',
      caption:
        'Predicted probabilities against the part that is positive, with 95 % intervals, and their number (logarithmic).',
      svg: calibrationPlot(
        `Calibration: ${title}`,
        'RNAs',
        models.map(({ name, predictions }) => ({ name, bins: calibrationBins(predictions, labels) })),
      ),
    },
  ];
}

function classFigures(
  title: string,
  models: readonly ModelPredictions<Float32Array>[],
  examples: readonly Example<number>[],
  { classNames = [] }: TaskFigureOptions,
): Figure[] {
  const labels = examples.map(({ target }) => target);
  return [
    {
      name: 'confusion',
      caption: `Which class ${models[0]!.name} took each RNA for; the darker, the larger the part of the row.`,
      svg: confusionMatrix(`Confusion of ${title}`, classNames, labels, models[0]!.predictions.map(argmax)),
      wide: new Set(labels).size > mostBeside,
    },
    {
      name: 'calibration',
      caption:
        'Probability of the class that was chosen against how often it is right, with 95 % intervals, and their number (logarithmic).',
      svg: calibrationPlot(
        `Calibration: ${title}`,
        'answers',
        models.map(({ name, predictions }) => {
          const chosen = predictions.map(argmax);
          return {
            name,
            bins: calibrationBins(
              predictions.map((probabilities, i) => probabilities[chosen[i]!]!),
              chosen.map((each, i) => Number(each === labels[i])),
            ),
          };
        }),
      ),
    },
  ];
}

function numberFigures(
  title: string,
  models: readonly ModelPredictions<number>[],
  examples: readonly Example<number>[],
): Figure[] {
  const targets = examples.map(({ target }) => target);
  return models.map(({ name, predictions }, k) => {
    const { r2, spearman, mae } = regressionScores(predictions, targets);
    return {
      name: k === 0 ? 'scatter' : `scatter-${k + 1}`,
      caption: `${name}: predicted against measured values of ${counted(examples.length, 'RNA')}.`,
      svg: scatter(
        `${name}: ${title}`,
        title,
        targets.map((measured, i) => ({ measured, predicted: predictions[i]! })),
        [`R² ${formatScore(r2)}`, `Spearman ${formatScore(spearman)}`, `MAE ${formatScore(mae)}`],
      ),
    };
  });
}
