/**
 * Scores of predictions that are numbers, yes or no, or classes, and the small
 * functions that turn logits into predictions. Scores of base pairs are
 * secondary/metrics.ts. A score that is 0 / 0 is 0, as the references have it.
 */

/** 1 / (1 + e^−x). */
export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** exp(x) / Σ exp(x) of each row of [rows, cols]. */
export function softmaxRows(logits: Float32Array, cols: number): Float32Array[] {
  return Array.from({ length: logits.length / cols }, (_, r) => {
    const row = logits.subarray(r * cols, (r + 1) * cols);
    const largest = Math.max(...row);
    const exponentials = row.map((value) => Math.exp(value - largest));
    const sum = exponentials.reduce((a, b) => a + b, 0);
    return exponentials.map((value) => value / sum);
  });
}

/** Index of the largest value, the first of equals. */
export const argmax = (values: ArrayLike<number>): number => {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
};

/** A number of a table, in decimals. Throws a RangeError where the cell is none. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || /^\s*0[box]/i.test(text) || !Number.isFinite(value))
    throw new RangeError(`expected a number, got "${text}"`);
  return value;
}

/** How often a yes or no was right and wrong. */
export interface Confusion {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
}

export interface BinaryScores {
  readonly accuracy: number;
  readonly precision: number;
  readonly recall: number;
  readonly specificity: number;
  readonly f1: number;
}

/** Counts of answers above the threshold beside labels of 0 and 1. */
export function confusion(values: readonly number[], labels: readonly number[], threshold = 0.5): Confusion {
  requirePairs('confusion', values, labels);
  let [tp, fp, fn, tn] = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const [isYes, label] = [values[i]! > threshold, labels[i]!];
    tp += Number(isYes && label === 1);
    fp += Number(isYes && label === 0);
    fn += Number(!isYes && label === 1);
    tn += Number(!isYes && label === 0);
  }
  return { tp, fp, fn, tn };
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function scoresOf({ tp, fp, fn, tn }: Confusion): BinaryScores {
  return {
    accuracy: ratio(tp + tn, tp + fp + fn + tn),
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, tp + fn),
    specificity: ratio(tn, tn + fp),
    f1: ratio(2 * tp, 2 * tp + fp + fn),
  };
}

export const binaryScores = (
  probabilities: readonly number[],
  labels: readonly number[],
  threshold = 0.5,
): BinaryScores => scoresOf(confusion(probabilities, labels, threshold));

/** The threshold of the best F1: half-way between two neighbouring probabilities, of equals the one nearest to 0.5. */
export function bestBinaryThreshold(probabilities: readonly number[], labels: readonly number[]): number {
  requirePairs('bestBinaryThreshold', probabilities, labels);
  const descending = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!);
  const positives = labels.filter((label) => label === 1).length;
  let [tp, best] = [0, { threshold: 0.5, f1: -1 }];
  descending.forEach((index, k) => {
    tp += Number(labels[index] === 1);
    const [here, next] = [probabilities[index]!, probabilities[descending[k + 1] ?? -1] ?? 0];
    if (here === next) return;
    const [threshold, f1] = [(here + next) / 2, ratio(2 * tp, k + 1 + positives)];
    if (f1 > best.f1 || (f1 === best.f1 && Math.abs(threshold - 0.5) < Math.abs(best.threshold - 0.5)))
      best = { threshold, f1 };
  });
  return best.threshold;
}

/**
 * The counts that the reference's splice-site code takes of logits in batches: it passes a batch through the sigmoid
 * only if one of its logits lies outside of [0, 1] (torchmetrics 1.2), and so takes a batch that does not for
 * probabilities.
 */
export function publishedConfusion(logits: readonly number[], labels: readonly number[], batchSize: number): Confusion {
  const answers: number[] = [];
  for (let start = 0; start < logits.length; start += batchSize) {
    const batch = logits.slice(start, start + batchSize);
    answers.push(...(batch.some((logit) => logit < 0 || logit > 1) ? batch.map(sigmoid) : batch));
  }
  return confusion(answers, labels);
}

/**
 * The reference's splice-site scores: in percent, rounded to two decimals, F1 from rounded precision and recall. All in
 * float32 as PyTorch does it, halves to the even neighbour.
 */
export function publishedBinaryScores(counts: Confusion): BinaryScores {
  const { accuracy, precision, recall, specificity } = scoresOf(counts);
  const rounded = (value: number): number => Math.fround(halfToEven(Math.fround(value * 100)) / 100);
  const percent = (score: number): number => rounded(Math.fround(Math.fround(score) * 100));
  const [p, r] = [percent(precision), percent(recall)];
  const f1 = 2 * Math.fround(ratio(Math.fround(p * r), Math.fround(p + r)));
  return { accuracy: percent(accuracy), precision: p, recall: r, specificity: percent(specificity), f1: rounded(f1) };
}

function halfToEven(value: number): number {
  const down = Math.floor(value);
  const above = value - down;
  return above > 0.5 || (above === 0.5 && down % 2 === 1) ? down + 1 : down;
}

export interface ClassScores {
  readonly accuracy: number;
  /** Mean of the classes' F1, weighted by how often a class is the truth. */
  readonly weightedF1: number;
  /** Plain mean over the classes that occur as truth or prediction. */
  readonly macroF1: number;
}

export function classScores(predicted: readonly number[], labels: readonly number[]): ClassScores {
  requirePairs('classScores', predicted, labels);
  const counts = new Map<number, { support: number; called: number; hits: number }>();
  const of = (label: number) => {
    const known = counts.get(label);
    if (known !== undefined) return known;
    const none = { support: 0, called: 0, hits: 0 };
    counts.set(label, none);
    return none;
  };
  labels.forEach((label, i) => {
    of(label).support++;
    of(predicted[i]!).called++;
    if (predicted[i] === label) of(label).hits++;
  });
  const scores = [...counts.values()].map(({ support, called, hits }) => ({
    support,
    hits,
    f1: ratio(2 * hits, support + called),
  }));
  return {
    accuracy: scores.reduce((sum, { hits }) => sum + hits, 0) / labels.length,
    weightedF1: scores.reduce((sum, { support, f1 }) => sum + support * f1, 0) / labels.length,
    macroF1: scores.reduce((sum, { f1 }) => sum + f1, 0) / scores.length,
  };
}

export interface RegressionScores {
  /**
   * Coefficient of determination; negative for what is worse than the mean. Of targets that do not differ 1 if all are
   * met, else 0.
   */
  readonly r2: number;
  readonly mse: number;
  readonly mae: number;
  /** Rank correlation, equal values with their mean rank; 0 where one side is constant. */
  readonly spearman: number;
}

export function regressionScores(predicted: readonly number[], targets: readonly number[]): RegressionScores {
  requirePairs('regressionScores', predicted, targets);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const centre = mean(targets);
  const mse = mean(predicted.map((value, i) => (value - targets[i]!) ** 2));
  const variance = mean(targets.map((value) => (value - centre) ** 2));
  return {
    // As scikit-learn has it, so that a score is always a number.
    r2: variance === 0 ? Number(mse === 0) : 1 - mse / variance,
    mse,
    mae: mean(predicted.map((value, i) => Math.abs(value - targets[i]!))),
    spearman: correlation(ranks(predicted), ranks(targets)),
  };
}

/** Ranks from 0, equal values with the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  const ascending = Float64Array.from(values).sort();
  const rankOf = new Map<number, number>();
  for (let start = 0, end = 1; start < ascending.length; start = end++) {
    while (ascending[end] === ascending[start]) end++;
    rankOf.set(ascending[start]!, (start + end - 1) / 2);
  }
  return values.map((value) => rankOf.get(value)!);
}

function correlation(a: readonly number[], b: readonly number[]): number {
  // Ranks have the same mean on both sides.
  const centre = (a.length - 1) / 2;
  const product = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, i) => sum + (value - centre) * (y[i]! - centre), 0);
  return ratio(product(a, b), Math.sqrt(product(a, a) * product(b, b)));
}

function requirePairs(what: string, values: readonly unknown[], labels: readonly unknown[]): void {
  if (values.length !== labels.length || values.length === 0) {
    throw new RangeError(
      `${what}: ${values.length} predictions and ${labels.length} labels; as many of both are needed, and at least one`,
    );
  }
}
