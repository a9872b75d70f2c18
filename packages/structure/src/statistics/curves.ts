/**
 * What is plotted and summed up of probabilities beside their labels: calibration,
 * precision against recall, and the area under the ROC curve. Pair maps are long
 * and many, so bins of single RNAs can be added up.
 */

/** Answers with a probability from `low`, below `high` (the last bin holds 1 too). */
export interface CalibrationBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean of the probabilities; NaN in an empty bin. */
  readonly predicted: number;
  /** The part of them whose label is 1; NaN in an empty bin. */
  readonly observed: number;
}

/** Bins of equal width over 0 … 1, empty ones among them. */
export function calibrationBins(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  bins = 10,
): CalibrationBin[] {
  requireLabels('calibrationBins', probabilities, labels);
  const [counts, sums, positives] = [new Float64Array(bins), new Float64Array(bins), new Float64Array(bins)];
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i]!;
    if (!(probability >= 0 && probability <= 1))
      throw new RangeError(`calibrationBins: value ${i} is ${probability}, no probability`);
    const bin = Math.min(bins - 1, Math.floor(probability * bins));
    counts[bin]!++;
    sums[bin]! += probability;
    positives[bin]! += labels[i]!;
  }
  return Array.from(counts, (count, b) => ({
    low: b / bins,
    high: (b + 1) / bins,
    count,
    predicted: sums[b]! / count,
    observed: positives[b]! / count,
  }));
}

/** The bins of all parts as one set. */
export function addCalibration(parts: readonly (readonly CalibrationBin[])[]): CalibrationBin[] {
  const bins = parts[0]?.length ?? 0;
  if (parts.some((part) => part.length !== bins))
    throw new RangeError('addCalibration: the parts have different numbers of bins');
  return (parts[0] ?? []).map(({ low, high }, b) => {
    const filled = parts.map((part) => part[b]!).filter(({ count }) => count > 0);
    const count = filled.reduce((sum, bin) => sum + bin.count, 0);
    const mean = (value: (bin: CalibrationBin) => number): number =>
      filled.reduce((sum, bin) => sum + bin.count * value(bin), 0) / count;
    return {
      low,
      high,
      count,
      predicted: mean(({ predicted }) => predicted),
      observed: mean(({ observed }) => observed),
    };
  });
}

/** Expected calibration error: the mean distance of predicted and observed, by count (Naeini et al. 2015). */
export function calibrationError(bins: readonly CalibrationBin[]): number {
  const filled = bins.filter(({ count }) => count > 0);
  const total = filled.reduce((sum, { count }) => sum + count, 0);
  return (
    filled.reduce((sum, { count, predicted, observed }) => sum + count * Math.abs(predicted - observed), 0) / total
  );
}

export interface OperatingPoint {
  /** What is at least this is called positive. */
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
}

/** One point for each distinct score, from the largest down, so that recall rises. Empty without a positive label. */
export function precisionRecallCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): OperatingPoint[] {
  const { groups, positives } = descending('precisionRecallCurve', scores, labels);
  if (positives === 0) return [];
  let [called, hits] = [0, 0];
  return groups.map(({ score, count, positives: found }) => {
    called += count;
    hits += found;
    return { threshold: score, precision: hits / called, recall: hits / positives };
  });
}

/** Average precision: the area under the curve in steps, Σ (R_n − R_n−1) · P_n. 0 of an empty curve. */
export function areaUnderPrecisionRecall(curve: readonly OperatingPoint[]): number {
  return curve.reduce((sum, { precision, recall }, n) => sum + (recall - (curve[n - 1]?.recall ?? 0)) * precision, 0);
}

/**
 * Area under the ROC curve: the chance that a positive scores above a negative, a tie counting half.
 * Throws a RangeError where one of the labels does not occur.
 */
export function rocAuc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const { groups, positives } = descending('rocAuc', scores, labels);
  const negatives = scores.length - positives;
  if (positives === 0 || negatives === 0)
    throw new RangeError(`rocAuc: ${positives} positives and ${negatives} negatives; at least one of both is needed`);
  let [above, wins] = [0, 0];
  for (const { count, positives: found } of groups) {
    // Positives above this score's negatives, and half of those beside them.
    wins += (count - found) * (above + found / 2);
    above += found;
  }
  return wins / (positives * negatives);
}

interface ScoreGroup {
  readonly score: number;
  readonly count: number;
  readonly positives: number;
}

/** How often each distinct score occurs, and how often with a positive label, from the largest score down. */
function descending(
  caller: string,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): { groups: ScoreGroup[]; positives: number } {
  requireLabels(caller, scores, labels);
  const all = Float64Array.from(scores).sort();
  // The numeric order puts NaN last.
  if (Number.isNaN(all.at(-1))) throw new RangeError(`${caller}: the scores contain NaN`);
  const trues = Float64Array.from(scores)
    .filter((_, i) => labels[i] === 1)
    .sort();
  const groups: ScoreGroup[] = [];
  let [from, fromTrue] = [all.length, trues.length];
  while (from > 0) {
    const score = all[from - 1]!;
    const [end, endTrue] = [from, fromTrue];
    while (from > 0 && all[from - 1] === score) from--;
    while (fromTrue > 0 && trues[fromTrue - 1] === score) fromTrue--;
    groups.push({ score, count: end - from, positives: endTrue - fromTrue });
  }
  return { groups, positives: trues.length };
}

function requireLabels(caller: string, values: ArrayLike<number>, labels: ArrayLike<number>): void {
  if (values.length !== labels.length)
    throw new RangeError(`${caller}: ${values.length} values and ${labels.length} labels`);
  for (let i = 0; i < labels.length; i++)
    if (labels[i] !== 0 && labels[i] !== 1) throw new RangeError(`${caller}: label ${i} is ${labels[i]}, not 0 or 1`);
}
