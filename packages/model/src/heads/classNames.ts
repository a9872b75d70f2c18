/** Names of classes as a user's own table has them: learnt from the training set, rare ones left out, and read back. */
import { readable } from '@rna/structure';
import * as z from 'zod';

const name = z.string().min(1);

export interface NamedSizes {
  readonly names?: readonly string[] | undefined;
  readonly dropRare: number;
  readonly dropped?: readonly string[] | undefined;
}

export const namedSizes = {
  names: z.array(name).min(1).optional().describe('Names of the classes; by default those of the training set'),
  dropRare: z.int().nonnegative().default(0).describe('Classes of fewer than so many labels are left out'),
  dropped: z.array(name).optional().describe('Names of the classes that were left out; set by the training set'),
};

export const UNIQUE_NAMES = 'names must be given once each, and none of them left out';

export const hasUniqueNames = ({ names = [], dropped = [] }: Omit<NamedSizes, 'dropRare'>): boolean =>
  new Set([...names, ...dropped]).size === names.length + dropped.length;

// More names than this, each of which is there once, are no classes; nor are many of which most are there once.
const FEW = 10;
const MANY = 50;

/**
 * The names of the classes by what all labels say, and those that are too rare: whole numbers in their order, other
 * names in that of their letters. Stated names stay as they are.
 * @throws RangeError for fewer than `least` classes, and for labels that are no classes.
 */
export function learntNames<S extends NamedSizes>(sizes: S, labels: readonly string[], least: number): S {
  if (sizes.names !== undefined) return sizes;
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  if (counts.size > (counts.size === labels.length ? FEW : MANY) && 2 * counts.size > labels.length)
    throw new RangeError(
      `${labels.length} labels of ${counts.size} names are no classes (${some([...counts.keys()])}); numbers are what regression learns`,
    );
  const isWhole = [...counts.keys()].every((label) => /^-?\d{1,15}$/.test(label));
  const ordered = [...counts.keys()].sort((a, b) => (isWhole ? Number(a) - Number(b) : a < b ? -1 : 1));
  const [names, dropped] = [true, false].map((kept) =>
    ordered.filter((label) => counts.get(label)! >= sizes.dropRare === kept),
  ) as [string[], string[]];
  if (names.length < least)
    throw new RangeError(
      `the labels have ${names.length} ${names.length === 1 ? 'class' : 'classes'} (${some(names)}${dropped.length > 0 ? `; left out as rare: ${some(dropped)}` : ''}); at least ${least} are needed`,
    );
  return { ...sizes, names, ...(dropped.length > 0 && { dropped }) };
}

/** The number of a class; undefined of one that was left out. Throws a RangeError for another name. */
export function classNumber(label: string, { names = [], dropped = [] }: NamedSizes): number | undefined {
  const number = names.indexOf(label);
  if (number >= 0) return number;
  if (dropped.includes(label)) return undefined;
  throw new RangeError(`expected one of the classes ${some(names)}, got "${label}"`);
}

const SHOWN = 20;
const some = (names: readonly string[]): string =>
  `${names
    .slice(0, SHOWN)
    .map((each) => readable(each))
    .join(', ')}${names.length > SHOWN ? `, … (${names.length})` : ''}`;

/** The weights that give all classes the same part of a loss; their mean over the labels is 1. */
export function balancedWeights(labels: Iterable<number>, classes: number): Float32Array {
  const counts = new Float64Array(classes);
  for (const label of labels) counts[label]!++;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const occurring = counts.filter((count) => count > 0).length;
  return Float32Array.from(counts, (count) => (count === 0 ? 0 : total / (occurring * count)));
}

const WEIGHT = (number: number): string => `class.${number}.weight`;

/** Weights of classes as scalars, which a run keeps, and back; undefined where there are none. */
export const weightScalars = (weights: Float32Array): Map<string, number> =>
  new Map(Array.from(weights, (weight, number) => [WEIGHT(number), weight]));

export function weightsIn(scalars: ReadonlyMap<string, number>, classes: number): Float32Array | undefined {
  return scalars.has(WEIGHT(0))
    ? Float32Array.from({ length: classes }, (_, number) => scalars.get(WEIGHT(number)) ?? 0)
    : undefined;
}

export const classWeights = z
  .enum(['none', 'balanced'])
  .default('none')
  .describe('Weights of the classes in the loss; balanced: all have the same part of it');
