/**
 * Scores of tasks whose labels stand in tables of several columns: numbers, labels and classes, of whole RNAs or of
 * nucleotides. A table is an array, row by row, of one RNA; those of a test set are scored as one. NaN in a label's
 * place is one that is not known, and does not count. A score that a set does not have is left out.
 */
import { areaUnderPrecisionRecall, precisionRecallCurve, rocAuc } from './curves.ts';
import { argmax, binaryScores, classScores, regressionScores } from './scores.ts';

export type Tables = readonly ArrayLike<number>[];

/** Column `at` of tables of `columns` columns, one under the other. */
export function tableColumn(tables: Tables, columns: number, at: number): Float64Array {
  const rows = tables.reduce((sum, table) => sum + table.length / columns, 0);
  const values = new Float64Array(rows);
  let row = 0;
  for (const table of tables) for (let i = at; i < table.length; i += columns) values[row++] = table[i]!;
  return values;
}

/** Pearson's correlation; 0 where one side is constant. */
export function pearson(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [centreA, centreB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! - centreA, b[i]! - centreB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

/** Matthews' correlation of several classes (Gorodkin 2004), as scikit-learn has it; 0 where one side is constant. */
export function matthews(predicted: readonly number[], labels: readonly number[]): number {
  const counts = new Map<number, { called: number; support: number }>();
  const of = (label: number) => {
    const known = counts.get(label) ?? { called: 0, support: 0 };
    counts.set(label, known);
    return known;
  };
  let hits = 0;
  labels.forEach((label, i) => {
    of(label).support++;
    of(predicted[i]!).called++;
    hits += Number(predicted[i] === label);
  });
  let [both, calledSquares, supportSquares] = [0, 0, 0];
  for (const { called, support } of counts.values()) {
    both += called * support;
    calledSquares += called ** 2;
    supportSquares += support ** 2;
  }
  const all = labels.length;
  const scale = (all ** 2 - calledSquares) * (all ** 2 - supportSquares);
  return scale === 0 ? 0 : (hits * all - both) / Math.sqrt(scale);
}

type Scores = Record<string, number>;

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The means over the columns of each score, under its own name, and where there are several columns each column's,
 * under `score (title)`.
 * @param inUnits scores in the units of their columns, of which there is no mean
 */
function overColumns(
  scores: readonly (Readonly<Scores> | undefined)[],
  titles: readonly string[],
  inUnits: readonly string[] = [],
): Scores {
  const names = [...new Set(scores.flatMap((each) => Object.keys(each ?? {})))].filter(
    (name) => titles.length === 1 || !inUnits.includes(name),
  );
  const means = names.map((name) => [name, meanOf(scores.flatMap((each) => each?.[name] ?? []))] as const);
  const single =
    titles.length === 1
      ? []
      : scores.flatMap((each, c) =>
          Object.entries(each ?? {}).map(([name, value]) => [`${name} (${titles[c]!})`, value] as const),
        );
  return Object.fromEntries([...means, ...single]);
}

/** Both sides of a column where its label is known. */
function known(predicted: Tables, targets: Tables, columns: number, at: number): [number[], number[]] {
  const [values, labels] = [tableColumn(predicted, columns, at), tableColumn(targets, columns, at)];
  const rows = [...labels.keys()].filter((row) => !Number.isNaN(labels[row]));
  return [rows.map((row) => values[row]!), rows.map((row) => labels[row]!)];
}

/** R², Pearson's and Spearman's correlation, mean absolute and squared error, by column and their means. */
export function numberTableScores(predicted: Tables, targets: Tables, titles: readonly string[]): Scores {
  return overColumns(
    titles.map((_, c) => {
      const [values, labels] = known(predicted, targets, titles.length, c);
      if (labels.length === 0) return undefined;
      const { r2, spearman, mae, mse } = regressionScores(values, labels);
      return { r2, pearson: pearson(values, labels), spearman, mae, mse };
    }),
    titles,
    ['mae', 'mse'],
  );
}

/**
 * Scores of labels that are each there or not: area under the precision-recall curve (0 of a label that no RNA has), F1 and
 * accuracy above one half, and the area under the ROC curve of those of which there are both; by label and their means.
 */
export function labelTableScores(predicted: Tables, targets: Tables, titles: readonly string[]): Scores {
  return overColumns(
    titles.map((_, c) => {
      const [values, labels] = known(predicted, targets, titles.length, c);
      if (labels.length === 0) return undefined;
      const { f1, accuracy } = binaryScores(values, labels);
      const isBoth = labels.includes(0) && labels.includes(1);
      return {
        auprc: areaUnderPrecisionRecall(precisionRecallCurve(values, labels)),
        f1,
        accuracy,
        ...(isBoth && { auroc: rocAuc(values, labels) }),
      };
    }),
    titles,
  );
}

/**
 * Accuracy, macro F1 (over the classes that occur), Matthews' correlation and the mean area under the ROC curve of each
 * class against all others; the area under the precision-recall curve of each class that has a name here.
 * @param predicted tables of probabilities, a column for each class
 * @param targets the number of the class of each row
 */
export function classTableScores(
  predicted: Tables,
  targets: Tables,
  classes: number,
  names: readonly string[] = [],
): Scores {
  const labels = tableColumn(targets, 1, 0);
  const rows = [...labels.keys()].filter((row) => !Number.isNaN(labels[row]));
  const columns = Array.from({ length: classes }, (_, c) => tableColumn(predicted, classes, c));
  const truths = rows.map((row) => labels[row]!);
  const called = rows.map((row) => argmax(columns.map((column) => column[row]!)));
  const areas = columns.flatMap((column, c) => {
    const isOf = truths.map((label) => Number(label === c));
    return isOf.includes(0) && isOf.includes(1)
      ? [
          rocAuc(
            rows.map((row) => column[row]!),
            isOf,
          ),
        ]
      : [];
  });
  const named = names.map((name, c) => {
    const isOf = truths.map((label) => Number(label === c));
    const curve = precisionRecallCurve(
      rows.map((row) => columns[c]![row]!),
      isOf,
    );
    return [`auprc (${name})`, areaUnderPrecisionRecall(curve)] as const;
  });
  const { accuracy, macroF1 } = classScores(called, truths);
  return {
    accuracy,
    macroF1,
    mcc: matthews(called, truths),
    ...(areas.length > 0 && { auroc: meanOf(areas) }),
    ...Object.fromEntries(named),
  };
}
