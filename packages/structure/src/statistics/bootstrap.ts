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
export function bootstrap(
  values: readonly number[],
  { weights, ...options }: BootstrapOptions & { readonly weights?: readonly number[] } = {},
): Interval {
  if (
    weights !== undefined &&
    (weights.length !== values.length ||
      !weights.every((weight) => weight >= 0) ||
      !weights.some((weight) => weight > 0))
  ) {
    throw new RangeError(
      `bootstrap: ${weights.length} weights for ${values.length} values; as many are needed, none negative, and not all zero`,
    );
  }
  return resample(
    values.length,
    (drawn) => {
      let [sum, total] = [0, 0];
      for (const i of drawn) {
        const weight = weights?.[i] ?? 1;
        sum += weight * values[i]!;
        total += weight;
      }
      return { value: sum / total };
    },
    options,
  ).value;
}

/** The interval of any statistic of a sample: F1 of counts, R², a rank correlation. */
export function bootstrapOf<T>(
  items: readonly T[],
  statistic: (items: readonly T[]) => number,
  options: BootstrapOptions = {},
): Interval {
  return resample(items.length, (drawn) => ({ value: statistic(Array.from(drawn, (i) => items[i]!)) }), options).value;
}

/** The intervals of several statistics by the same draws, such as all metrics of a head. */
export function bootstrapAll<T, K extends string>(
  items: readonly T[],
  statistics: (items: readonly T[]) => Readonly<Record<K, number>>,
  options: BootstrapOptions = {},
): Record<K, Interval> {
  return resample(items.length, (drawn) => statistics(Array.from(drawn, (i) => items[i]!)), options);
}

function resample<K extends string>(
  count: number,
  statistics: (drawn: Int32Array) => Readonly<Record<K, number>>,
  { resamples = 1000, confidence = 0.95, seed = 0 }: BootstrapOptions,
): Record<K, Interval> {
  if (count === 0) throw new RangeError('bootstrap: there is nothing to draw from');
  if (!(Number.isInteger(resamples) && resamples >= 1))
    throw new RangeError(`bootstrap: the number of resamples must be a whole number from 1, got ${resamples}`);
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`bootstrap: the confidence must be between 0 and 1, got ${confidence}`);
  const random = new RandomStream(seed);
  const drawn = Int32Array.from({ length: count }, (_, i) => i);
  const sample = statistics(drawn);
  const names = Object.keys(sample) as K[];
  const values = Object.fromEntries(names.map((name) => [name, new Float64Array(resamples)])) as Record<
    K,
    Float64Array
  >;
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < count; i++) drawn[i] = random.below(count);
    const again = statistics(drawn);
    for (const name of names) values[name][r] = again[name];
  }
  const interval = (name: K): Interval => {
    // A draw may have no statistic, as where none of the drawn RNAs has any weight.
    const ascending = values[name].filter((value) => !Number.isNaN(value)).sort();
    return {
      mean: sample[name],
      low: quantile(ascending, (1 - confidence) / 2),
      high: quantile(ascending, (1 + confidence) / 2),
    };
  };
  return Object.fromEntries(names.map((name) => [name, interval(name)])) as Record<K, Interval>;
}

/** Between two neighbours in proportion, as numpy's default. NaN of nothing. */
function quantile(ascending: Float64Array, part: number): number {
  const at = part * (ascending.length - 1);
  const [below, above] = [ascending[Math.floor(at)], ascending[Math.ceil(at)]];
  return below === undefined || above === undefined ? NaN : below + (at - Math.floor(at)) * (above - below);
}
