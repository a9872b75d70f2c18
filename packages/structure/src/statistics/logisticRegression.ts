/**
 * L1-penalised logistic regression, in doubles: minimises over β0 and β
 *
 *     Σᵢ log(1 + e^fᵢ) − yᵢ·fᵢ  +  penalty · Σⱼ |βⱼ|,    fᵢ = β0 + Σⱼ βⱼ·xᵢⱼ,
 *
 * by proximal Newton steps on the coordinates that are not held at zero (Lee, Sun
 * and Saunders 2014; Friedman, Hastie and Tibshirani 2010). The objective is
 * convex, and the end is known by its optimality conditions and not by small
 * steps. With scikit-learn's C, penalty = 1 / C; the intercept has no
 * penalty, as in SSR-LM's formula and scikit-learn's saga (its liblinear penalises it too).
 */
import { portable } from '@rna/kernels';

/** A part of the samples: for each feature its value in every sample, and what the samples are. */
export interface Samples {
  /** [features][samples] */
  readonly columns: readonly Float32Array[];
  /** [samples], 0 or 1 */
  readonly labels: Uint8Array;
}

export interface LogisticRegression {
  readonly intercept: number;
  /** [features] */
  readonly weights: Float64Array;
  /** The largest violation of an optimality condition, as a part of the penalty. */
  readonly violation: number;
  readonly iterations: number;
}

export interface LogisticOptions {
  readonly penalty: number;
  /** Ends when no optimality condition is violated by more than this part of the penalty. Default 1e-6. */
  readonly tolerance?: number;
}

const MOST_ITERATIONS = 200;
// At first most coordinates may violate and few be kept: a step's matrix grows with the square of those that it moves.
const MOST_JOINING = 50;
// A step must give this part of the decrease that the quadratic model promises (Armijo).
const LEAST_DECREASE = 1e-4;

/**
 * @throws RangeError where all samples have one label, since the intercept then has no end, or columns do not fit.
 * @throws Error where the conditions are not met after 200 steps; it says how far off they are.
 */
export function fitLogistic(parts: readonly Samples[], options: LogisticOptions): LogisticRegression {
  const steps = logisticSteps(parts, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * `fitLogistic` a Newton step at a time, for whoever has other things to do in between; yields the violation before
 * each.
 */
export function* logisticSteps(
  parts: readonly Samples[],
  { penalty, tolerance = 1e-6 }: LogisticOptions,
): Generator<number, LogisticRegression, undefined> {
  const features = parts[0]?.columns.length ?? 0;
  const { samples, positives } = check(parts, features);
  if (!(penalty > 0)) throw new RangeError(`fitLogistic: the penalty must be positive, got ${penalty}`);
  // Coordinate `features` is the intercept, which starts where it belongs with all weights zero.
  const beta = new Float64Array(features + 1);
  beta[features] = portable.log(positives / (samples - positives));
  let values = parts.map(({ labels }) => new Float64Array(labels.length).fill(beta[features]!));
  let objective = loss(parts, values);

  for (let iteration = 0; ; iteration++) {
    const { gradient, curvature } = derivatives(parts, values, features);
    const violation = worstViolation(beta, gradient, penalty) / penalty;
    if (violation <= tolerance)
      return { intercept: beta[features], weights: beta.slice(0, features), violation, iterations: iteration };
    if (iteration === MOST_ITERATIONS)
      throw new Error(
        `fitLogistic: after ${MOST_ITERATIONS} steps the optimality conditions are off by ${violation} of the penalty, not ${tolerance}`,
      );
    yield violation;
    const active = activeCoordinates(beta, gradient, penalty, features);
    const step = newtonStep(active, beta, gradient, hessian(parts, curvature, active, features), penalty, features);
    const change = parts.map(({ columns, labels }) => combination(columns, labels.length, active, step, features));
    // What the linear part of the model promises of a whole step.
    const promised = active.reduce(
      (sum, j, a) =>
        sum +
        gradient[j]! * step[a]! +
        (j === features ? 0 : penalty * (Math.abs(beta[j]! + step[a]!) - Math.abs(beta[j]!))),
      0,
    );
    let accepted = false;
    for (let length = 1; length > 1e-12 && !accepted; length /= 2) {
      const trial = values.map((part, p) => part.map((value, i) => value + length * change[p]![i]!));
      const moved = beta.slice();
      active.forEach((j, a) => {
        moved[j]! += length * step[a]!;
      });
      const after = loss(parts, trial) + penalty * norm(moved, features);
      // At the end the decrease drowns in the objective's rounding.
      if (after <= objective + LEAST_DECREASE * length * promised + 1e-13 * Math.abs(objective)) {
        accepted = true;
        values = trial;
        beta.set(moved);
        objective = after;
      }
    }
    if (!accepted)
      throw new Error(
        `fitLogistic: no step decreases the objective, and the optimality conditions are off by ${violation} of the penalty, not ${tolerance}`,
      );
  }
}

/** β0 + Σ βⱼ·xⱼ of every sample. */
export const logisticValues = (
  { intercept, weights }: Pick<LogisticRegression, 'intercept' | 'weights'>,
  columns: readonly Float32Array[],
): Float64Array => {
  const active = [...weights.keys()].filter((j) => weights[j] !== 0);
  const values = combination(
    columns,
    columns[0]?.length ?? 0,
    active,
    Float64Array.from(active, (j) => weights[j]!),
    weights.length,
  );
  return values.map((value) => value + intercept);
};

function check(parts: readonly Samples[], features: number): { samples: number; positives: number } {
  let [samples, positives] = [0, 0];
  for (const { columns, labels } of parts) {
    if (columns.length !== features || columns.some((column) => column.length !== labels.length)) {
      throw new RangeError(`fitLogistic: every part needs ${features} columns of as many samples as it has labels`);
    }
    samples += labels.length;
    for (const label of labels) positives += label;
  }
  if (positives === 0 || positives === samples)
    throw new RangeError(`fitLogistic: ${positives} of ${samples} samples are positive; some of both are needed`);
  return { samples, positives };
}

/** What a step moves: the intercept, the weights that are not zero, and of those that should not be zero the worst. */
function activeCoordinates(beta: Float64Array, gradient: Float64Array, penalty: number, features: number): number[] {
  const weights = [...beta.subarray(0, features).keys()];
  const size = (j: number): number => Math.abs(gradient[j]!);
  const joining = weights
    .filter((j) => beta[j] === 0 && size(j) > penalty)
    .sort((a, b) => size(b) - size(a))
    .slice(0, MOST_JOINING);
  return [...weights.filter((j) => beta[j] !== 0), ...joining, features];
}

/** Σ log(1 + e^f) − y·f. */
function loss(parts: readonly Samples[], values: readonly Float64Array[]): number {
  let sum = 0;
  parts.forEach(({ labels }, p) => {
    values[p]!.forEach((f, i) => {
      sum += Math.max(f, 0) - labels[i]! * f + portable.log(1 + portable.exp(-Math.abs(f)));
    });
  });
  return sum;
}

const norm = (beta: Float64Array, features: number): number =>
  beta.subarray(0, features).reduce((sum, value) => sum + Math.abs(value), 0);

/** The gradient of the loss by every coordinate, and each sample's p · (1 − p). */
function derivatives(
  parts: readonly Samples[],
  values: readonly Float64Array[],
  features: number,
): { gradient: Float64Array; curvature: Float64Array[] } {
  const gradient = new Float64Array(features + 1);
  const curvature = parts.map(({ columns, labels }, p) => {
    const probabilities = values[p]!.map((f) => {
      const small = portable.exp(-Math.abs(f));
      return f >= 0 ? 1 / (1 + small) : small / (1 + small);
    });
    const residuals = probabilities.map((value, i) => value - labels[i]!);
    columns.forEach((column, j) => {
      gradient[j]! += dot(column, residuals);
    });
    gradient[features]! += residuals.reduce((sum, value) => sum + value, 0);
    return probabilities.map((value) => value * (1 - value));
  });
  return { gradient, curvature };
}

function dot(column: Float32Array, values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += column[i]! * values[i]!;
  return sum;
}

/** How far the subgradient of the objective is from containing zero, at worst over the coordinates. */
function worstViolation(beta: Float64Array, gradient: Float64Array, penalty: number): number {
  const intercept = beta.length - 1;
  return gradient.reduce(
    (worst, g, j) =>
      Math.max(
        worst,
        j === intercept
          ? Math.abs(g)
          : beta[j] === 0
            ? Math.max(0, Math.abs(g) - penalty)
            : Math.abs(g + penalty * Math.sign(beta[j]!)),
      ),
    0,
  );
}

/** Second derivatives of the loss by the active coordinates, [active, active]. */
function hessian(
  parts: readonly Samples[],
  curvature: readonly Float64Array[],
  active: readonly number[],
  features: number,
): Float64Array {
  const size = active.length;
  const matrix = new Float64Array(size * size);
  parts.forEach(({ columns }, p) => {
    const weights = curvature[p]!;
    active.forEach((j, a) => {
      const weighted = j === features ? weights : weights.map((weight, i) => weight * columns[j]![i]!);
      for (let b = 0; b <= a; b++) {
        const other = active[b]!;
        matrix[a * size + b]! +=
          other === features ? weighted.reduce((sum, value) => sum + value, 0) : dot(columns[other]!, weighted);
      }
    });
  });
  for (let a = 0; a < size; a++) for (let b = 0; b < a; b++) matrix[b * size + a] = matrix[a * size + b]!;
  return matrix;
}

/** The step of the active coordinates to the minimum of the quadratic model with the penalty, by coordinate descent. */
function newtonStep(
  active: readonly number[],
  beta: Float64Array,
  gradient: Float64Array,
  matrix: Float64Array,
  penalty: number,
  features: number,
): Float64Array {
  const size = active.length;
  const step = new Float64Array(size);
  // The model's gradient at the step.
  const slope = Float64Array.from(active, (j) => gradient[j]!);
  for (let sweep = 0; sweep < 10_000; sweep++) {
    let largest = 0;
    for (let a = 0; a < size; a++) {
      const j = active[a]!;
      const curvature = matrix[a * size + a]!;
      if (curvature <= 0) continue;
      const at = beta[j]! + step[a]!;
      const wanted = at - slope[a]! / curvature;
      const threshold = j === features ? 0 : penalty / curvature;
      const moved = Math.sign(wanted) * Math.max(0, Math.abs(wanted) - threshold) - at;
      if (moved === 0) continue;
      step[a]! += moved;
      for (let b = 0; b < size; b++) slope[b]! += moved * matrix[a * size + b]!;
      largest = Math.max(largest, Math.abs(moved) * curvature);
    }
    if (largest <= 1e-9 * penalty) break;
  }
  return step;
}

/** Σ coefficient · column over the active coordinates, for every sample; the column of the intercept is 1. */
function combination(
  columns: readonly Float32Array[],
  samples: number,
  active: readonly number[],
  coefficients: Float64Array,
  features: number,
): Float64Array {
  const values = new Float64Array(samples);
  active.forEach((j, a) => {
    const factor = coefficients[a]!;
    const column = columns[j];
    for (let i = 0; i < samples; i++) values[i]! += j === features ? factor : factor * column![i]!;
  });
  return values;
}
