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
  tableColumn,
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
    case 'numbers':
    case 'nucleotide-numbers':
      return numberTableFigures(
        head,
        models as readonly ModelPredictions<Float32Array>[],
        examples as readonly Example<Float64Array>[],
        options,
      );
    case 'labels':
      return labelFigures(
        head.title,
        models as readonly ModelPredictions<Float32Array>[],
        examples as readonly Example<Float64Array>[],
        options,
      );
    case 'nucleotide-classes':
      return nucleotideClassFigures(
        head.title,
        models as readonly ModelPredictions<Float32Array>[],
        examples as readonly Example<Float64Array>[],
        options,
      );
    case 'pairs':
      throw new RangeError(
        'taskFigures: maps of pairs are too large to be held for a whole set; structureFigures draws them from their scores',
      );
    case 'coordinates':
      throw new RangeError('taskFigures: structures in space are drawn one by one');
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
  what = 'RNA',
): Figure[] {
  const labels = examples.map(({ target }) => target);
  return [
    {
      name: 'confusion',
      caption: `Which class ${models[0]!.name} took each ${what} for; the darker, the larger the part of the row.`,
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

/** As `numberFigures`, for each column of tables of numbers, of what is known in it. */
function numberTableFigures(
  { title, kind }: { readonly title: string; readonly kind: PredictionKind },
  models: readonly ModelPredictions<Float32Array>[],
  examples: readonly Example<Float64Array>[],
  { classNames = [title] }: TaskFigureOptions,
): Figure[] {
  const targets = examples.map(({ target }) => target);
  return classNames.flatMap((name, c) => {
    const values = tableColumn(targets, classNames.length, c);
    const known = [...values.keys()].filter((row) => !Number.isNaN(values[row]));
    if (known.length === 0) return [];
    const figures = numberFigures(
      name,
      models.map((model) => {
        const predicted = tableColumn(model.predictions, classNames.length, c);
        return { name: model.name, predictions: known.map((row) => predicted[row]!) };
      }),
      known.map((row) => ({ id: '', sequence: '', target: values[row]! })),
      kind === 'numbers' ? 'RNA' : 'nucleotide',
    );
    return c === 0 ? figures : figures.map((figure) => ({ ...figure, name: `${figure.name}-of-${c + 1}` }));
  });
}

/** Precision and recall of each label by the model that is reported on. */
function labelFigures(
  title: string,
  [model]: readonly ModelPredictions<Float32Array>[],
  examples: readonly Example<Float64Array>[],
  { classNames = [title], threshold = 0.5 }: TaskFigureOptions,
): Figure[] {
  const targets = examples.map(({ target }) => target);
  let [positives, all] = [0, 0];
  const curves = classNames.slice(0, mostCurves).map((name, c) => {
    const [values, labels] = [
      tableColumn(model?.predictions ?? [], classNames.length, c),
      tableColumn(targets, classNames.length, c),
    ];
    const known = [...labels.keys()].filter((row) => !Number.isNaN(labels[row]));
    positives += known.filter((row) => labels[row] === 1).length;
    all += known.length;
    const curve = precisionRecallCurve(
      known.map((row) => values[row]!),
      known.map((row) => labels[row]!),
    );
    const chosen = curve.findLast((point) => point.threshold > threshold);
    return { name, curve, area: areaUnderPrecisionRecall(curve), ...(chosen !== undefined && { chosen }) };
  });
  const of =
    curves.length < classNames.length ? `the first ${curves.length} of ${classNames.length} labels` : 'each label';
  return [
    {
      name: 'precision-recall',
      caption: `Precision and recall of ${of} at every threshold; the mark is at ${threshold}.`,
      svg: precisionRecallPlot(`Precision and recall: ${title}`, curves, positives / Math.max(1, all)),
    },
  ];
}

/** Curves that can be told apart by their colours. */
const mostCurves = 8;

/** As `classFigures`, of nucleotides whose class is known. */
function nucleotideClassFigures(
  title: string,
  models: readonly ModelPredictions<Float32Array>[],
  examples: readonly Example<Float64Array>[],
  options: TaskFigureOptions,
): Figure[] {
  const classes = options.classNames?.length ?? 1;
  const known = examples.flatMap(({ target }, rna) =>
    [...target.keys()].filter((row) => !Number.isNaN(target[row])).map((row) => ({ rna, row, target: target[row]! })),
  );
  return classFigures(
    title,
    models.map(({ name, predictions }) => ({
      name,
      predictions: known.map(({ rna, row }) => predictions[rna]!.subarray(row * classes, (row + 1) * classes)),
    })),
    known.map(({ target }) => ({ id: '', sequence: '', target })),
    options,
    'nucleotide',
  );
}

function numberFigures(
  title: string,
  models: readonly ModelPredictions<number>[],
  examples: readonly Example<number>[],
  what = 'RNA',
): Figure[] {
  const targets = examples.map(({ target }) => target);
  return models.map(({ name, predictions }, k) => {
    const { r2, spearman, mae } = regressionScores(predictions, targets);
    return {
      name: k === 0 ? 'scatter' : `scatter-${k + 1}`,
      caption: `${name}: predicted against measured values of ${counted(examples.length, what)}.`,
      svg: scatter(
        `${name}: ${title}`,
        title,
        targets.map((measured, i) => ({ measured, predicted: predictions[i]! })),
        [`R² ${formatScore(r2)}`, `Spearman ${formatScore(spearman)}`, `MAE ${formatScore(mae)}`],
        what,
      ),
    };
  });
}
