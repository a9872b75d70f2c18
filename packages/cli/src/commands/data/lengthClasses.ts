/**
 * How well the length of an RNA alone gives away its class, as ncrna-deep
 * (Noviello et al. 2020) and RiNALMo measure it to leave such classes out: F1 of
 * a decision tree on lengths, the mean of ten stratified folds. Trees and folds
 * are scikit-learn's (Gini impurity, depth 10, seed 42), and so are the answers.
 */
import { stratifiedKFold } from './folds.ts';

export interface MeasuredRna {
  readonly length: number;
  readonly name: string;
}

const FOLDS = 10;
const SEED = 42;
const DEPTH = 10;
// Below it a node is pure but for rounding.
const EPSILON = 2 ** -52;

/** Mean F1 of each class over the folds. Throws a CommandError if no class has ten RNAs. */
export function lengthScores(rnas: readonly MeasuredRna[]): Map<string, number> {
  const names = [...new Set(rnas.map(({ name }) => name))].sort();
  const classOf = new Map(names.map((name, k) => [name, k]));
  const foldOf = stratifiedKFold(
    rnas.map(({ name }) => name),
    FOLDS,
    SEED,
  );
  const sums = new Float64Array(names.length);
  for (let fold = 0; fold < FOLDS; fold++) {
    const predict = lengthTree(
      rnas.filter((_, i) => foldOf[i] !== fold),
      classOf,
    );
    const right = new Float64Array(names.length);
    const counted = new Float64Array(names.length);
    for (const [i, { length, name }] of rnas.entries()) {
      if (foldOf[i] !== fold) continue;
      const [truth, predicted] = [classOf.get(name)!, predict(length)];
      if (truth === predicted) right[truth] = right[truth]! + 1;
      counted[truth] = counted[truth]! + 1;
      counted[predicted] = counted[predicted]! + 1;
    }
    // F1 is twice the hits over predictions and truths together.
    for (const k of names.keys()) sums[k] = sums[k]! + (counted[k] === 0 ? 0 : (2 * right[k]!) / counted[k]!);
  }
  return new Map(names.map((name, k) => [name, sums[k]! / FOLDS]));
}

/** A tree on one number is a list of intervals: the class of a length is that of the first leaf that reaches so far. */
function lengthTree(rnas: readonly MeasuredRna[], classOf: ReadonlyMap<string, number>): (length: number) => number {
  const lengths = [...new Set(rnas.map(({ length }) => length))].sort((a, b) => a - b);
  const index = new Map(lengths.map((length, i) => [length, i]));
  // counts[i][k]: RNAs of the i-th length and class k.
  const counts = lengths.map(() => new Float64Array(classOf.size));
  for (const { length, name } of rnas) {
    const row = counts[index.get(length)!]!;
    const k = classOf.get(name)!;
    row[k] = row[k]! + 1;
  }
  const leaves: { readonly upTo: number; readonly name: number }[] = [];
  const grow = (from: number, to: number, depth: number, upTo: number): void => {
    const total = sum(counts.slice(from, to), classOf.size);
    const split = depth < DEPTH && impurity(total) > EPSILON ? bestSplit(counts, from, to, total) : undefined;
    if (split === undefined) {
      leaves.push({ upTo, name: total.indexOf(Math.max(...total)) });
      return;
    }
    const threshold = lengths[split - 1]! / 2 + lengths[split]! / 2;
    grow(from, split, depth + 1, threshold);
    grow(split, to, depth + 1, upTo);
  };
  grow(0, lengths.length, 0, Infinity);
  return (length) => leaves.find(({ upTo }) => length <= upTo)!.name;
}

/** Where the weighted impurity of both sides is least, the first such place; undefined if there is one length. */
function bestSplit(counts: readonly Float64Array[], from: number, to: number, total: Float64Array): number | undefined {
  const left = new Float64Array(total.length);
  const right = total.slice();
  let best: { readonly at: number; readonly score: number } | undefined;
  for (let at = from + 1; at < to; at++) {
    for (const [k, count] of counts[at - 1]!.entries()) {
      left[k] = left[k]! + count;
      right[k] = right[k]! - count;
    }
    const score = -size(right) * impurity(right) - size(left) * impurity(left);
    if (best === undefined || score > best.score) best = { at, score };
  }
  return best?.at;
}

const size = (counts: Float64Array): number => counts.reduce((whole, count) => whole + count, 0);

/** Gini's. */
function impurity(counts: Float64Array): number {
  const whole = size(counts);
  return 1 - counts.reduce((squares, count) => squares + count * count, 0) / (whole * whole);
}

function sum(rows: readonly Float64Array[], classes: number): Float64Array {
  const total = new Float64Array(classes);
  for (const row of rows) for (const [k, count] of row.entries()) total[k] = total[k]! + count;
  return total;
}
