/**
 * Folds: which of the parts 0 … folds − 1 each item is in. `kFold` and
 * `stratifiedKFold` are scikit-learn's, shuffled, to the item, as the published
 * splits were made; `groupFolds` keeps items together that must not be parted.
 */
import { RandomStream } from '@rna/kernels';
import { CommandError } from '../../commandLine/errors.ts';
import { RandomState } from './randomState.ts';

/**
 * As `KFold(folds, shuffle=True, random_state=seed)`: the fold of each of `count` items. Throws a CommandError for
 * fewer items than folds.
 */
export function kFold(count: number, folds: number, seed: number): Int32Array {
  checkFolds(count, folds, 'items');
  const order = new RandomState(seed).permutation(count);
  const foldOf = new Int32Array(count);
  let start = 0;
  for (let fold = 0; fold < folds; fold++) {
    const size = Math.floor(count / folds) + (fold < count % folds ? 1 : 0);
    for (const item of order.subarray(start, start + size)) foldOf[item] = fold;
    start += size;
  }
  return foldOf;
}

/**
 * As `StratifiedKFold(folds, shuffle=True, random_state=seed)`: every fold has its share of each class.
 * Throws a CommandError if no class has as many items as there are folds.
 */
export function stratifiedKFold(classes: readonly (number | string)[], folds: number, seed: number): Int32Array {
  // Classes are taken in the order in which they come up first.
  const counts = new Map<number | string, number>();
  for (const name of classes) counts.set(name, (counts.get(name) ?? 0) + 1);
  checkFolds(Math.max(0, ...counts.values()), folds, 'items of the largest class');
  const random = new RandomState(seed);
  const dealt = new Map<number | string, { readonly folds: Int32Array; next: number }>();
  let start = 0;
  for (const [name, count] of counts) {
    // With all items sorted by class and dealt out in turn, these are the folds that the class's items go to.
    const own = Int32Array.from({ length: count }, (_, i) => (start + i) % folds).sort();
    dealt.set(name, { folds: random.shuffle(own), next: 0 });
    start += count;
  }
  return Int32Array.from(classes, (name) => {
    const own = dealt.get(name)!;
    return own.folds[own.next++]!;
  });
}

/**
 * Whole groups, shuffled by the seed, each to the fold that has the fewest items so far: the fold of each item.
 * Throws a CommandError for fewer groups than folds.
 */
export function groupFolds(groups: readonly (number | string)[], folds: number, seed: number): Int32Array {
  const sizes = new Map<number | string, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  checkFolds(sizes.size, folds, 'groups');
  const filled = new Int32Array(folds);
  const foldOf = new Map<number | string, number>();
  for (const [group, size] of new RandomStream(seed, GROUP_STREAM).shuffle([...sizes])) {
    const fold = filled.indexOf(Math.min(...filled));
    filled[fold] = filled[fold]! + size;
    foldOf.set(group, fold);
  }
  return Int32Array.from(groups, (group) => foldOf.get(group)!);
}

const GROUP_STREAM = 1;

function checkFolds(count: number, folds: number, what: string): void {
  if (!(Number.isInteger(folds) && folds >= 2 && folds <= count))
    throw new CommandError(`${count} ${what} cannot make ${folds} folds; at least one for each fold is needed`);
}
