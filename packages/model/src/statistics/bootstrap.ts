/**
 * Confidence intervals by the percentile bootstrap (Efron 1979): what a score
 * would have been on other samples as large as the one at hand, drawn from it with
 * replacement. The draws follow from the seed alone, so a table comes out the
 * same on every machine; two models scored on the same RNAs with the same seed
 * are drawn the same RNAs. It says how much a score owes to the choice of test
 * RNAs, not how much another training run would change it.
 */
import { RandomStream } from '@rna/kernels';

/** A score with the interval that it is in with the stated confidence. */
export interface Interval {
  /** The score of the sample itself. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** Default 1000. */
  readonly resamples?: number;
  /** Part of the resamples inside of the interval. Default 0.95. */
  readonly confidence?: number;
  readonly seed?: number;
}

/**
 * The interval of a mean, or of a weighted one, for instance by length.
 * @param weights As many as values, not negative; drawn along with them.
 */
export function bootstrap(values: readonly number[], { weights, ...options }: BootstrapOptions & { readonly weights?: readonly number[] } = {}): Interval {
  if (weights !== undefined && (weights.length !== values.length || !weights.every((weight) => weight >= 0) || !weights.some((weight) => weight > 0))) {
    throw new RangeError(`bootstrap: ${weights.length} weights for ${values.length} values; as many are needed, none negative, and not all zero`);
  }
  return resample(values.length, (drawn) => {
    let [sum, total] = [0, 0];
    for (const i of drawn) {
      const weight = weights?.[i] ?? 1;
      sum += weight * values[i]!;
      total += weight;
    }
    return sum / total;
  }, options);
}

/** The interval of any statistic of a sample: F1 of counts, R², a rank correlation. */
export function bootstrapOf<T>(items: readonly T[], statistic: (items: readonly T[]) => number, options: BootstrapOptions = {}): Interval {
  return resample(items.length, (drawn) => statistic(Array.from(drawn, (i) => items[i]!)), options);
}

function resample(count: number, statistic: (drawn: Int32Array) => number, { resamples = 1000, confidence = 0.95, seed = 0 }: BootstrapOptions): Interval {
  if (count === 0) throw new RangeError('bootstrap: there is nothing to draw from');
  if (!(Number.isInteger(resamples) && resamples >= 1)) throw new RangeError(`bootstrap: the number of resamples must be a whole number from 1, got ${resamples}`);
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`bootstrap: the confidence must be between 0 and 1, got ${confidence}`);
  const random = new RandomStream(seed);
  const drawn = Int32Array.from({ length: count }, (_, i) => i);
  const mean = statistic(drawn);
  // A resample may have no statistic, as where the drawn RNAs have no weight at all.
  const statistics = Float64Array.from({ length: resamples }, () => {
    for (let i = 0; i < count; i++) drawn[i] = random.below(count);
    return statistic(drawn);
  }).filter((value) => !Number.isNaN(value)).sort();
  return { mean, low: quantile(statistics, (1 - confidence) / 2), high: quantile(statistics, (1 + confidence) / 2) };
}

/** Between two neighbours in proportion, as numpy's default. NaN of nothing. */
function quantile(ascending: Float64Array, part: number): number {
  const at = part * (ascending.length - 1);
  const [below, above] = [ascending[Math.floor(at)], ascending[Math.ceil(at)]];
  return below === undefined || above === undefined ? NaN : below + (at - Math.floor(at)) * (above - below);
}
