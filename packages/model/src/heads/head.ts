/**
 * What a task's head is: one declaration in one file of its sizes, parameters,
 * names in published files, forward pass, loss, predictions, scores, and the
 * columns of its tables. Loading, saving, training and the command line take
 * everything about a task from here (index.ts lists them); adding a task is
 * adding such a file. Batches are packed, as everywhere.
 */
import type { RandomStream } from '@rna/kernels';
import type { EnginePairs, FoldingEngine, PredictionKind } from '@rna/structure';
import type { Device, Tensor } from '@rna/tensor';
import type * as z from 'zod';
import type { PassCost } from '../cost.ts';
import { LIMITS } from '../checkpoint/limits.ts';
import { CheckpointError } from '../errors.ts';
import type { EncoderConfig, HeadConfig, ParameterShapes, Shape } from '../config.ts';
import { initializeParameters, parameter, type ParameterMap } from '../parameters.ts';

/**
 * Numbers that a fine-tuned file keeps beside its weights, such as `threshold` or the mean and deviation of targets.
 */
export type Scalars = ReadonlyMap<string, number>;

/**
 * Names of modules in a file by those here, without the task's prefix; `{i}` is the block, `.weight` and `.bias`
 * follow.
 */
export type HeadNames = Readonly<Record<string, string>>;

/** An RNA and what it is labelled with. */
export interface Labelled<T> {
  readonly sequence: string;
  readonly target: T;
}

export interface HeadInput {
  readonly device: Device;
  /** [tokens, dim], `<cls>` and `<eos>` included. */
  readonly representation: Tensor;
  /** Where each sequence begins and ends, [sequences + 1]. */
  readonly cuSeqlens: Uint32Array;
  /** The sequences' letters, for a head that reads them beside the rows. */
  readonly sequences?: readonly string[];
  /** A parameter by its name without the task's prefix. */
  readonly weight: (name: string) => Tensor;
  /** Key of the pass's dropout masks; no dropout without it. */
  readonly dropoutKey?: readonly [number, number];
  /** What the folding engines that `engines` names say of each sequence. */
  readonly priors?: readonly EnginePairs[];
  /** Where a training pass draws what is random beside its dropout, such as where it crops a sequence. */
  readonly draws?: RandomStream;
}

/** What of a row in a table the label of its RNA is made of. */
export interface LabelRow {
  /** A cell of each target column. */
  readonly cells: readonly string[];
  /** Upper case, U for T. */
  readonly sequence: string;
}

/** What a table says of a task: the names of its columns, and the label cells of all rows. */
export interface LabelTable {
  readonly id: string;
  readonly sequence: string;
  readonly targets: readonly string[];
  readonly rows: readonly LabelRow[];
}

/** How labelled RNAs stand in a table: names of columns, and what a cell means. */
export interface TargetColumns<S, T> {
  readonly sequence: string;
  readonly target: string;
  /** A label may have several columns. */
  readonly several?: true;
  /** What a table may group RNAs by, such as a species or the name of a class. Default: `group`. */
  readonly group?: string;
  /** The columns, in order, of the reference's tables that have no line of names. */
  readonly headerless?: readonly string[];
  /** What a label is, in a few words for the help. */
  readonly meaning: string;
  /**
   * The label in a row, whose first target cell is `text`; undefined where nothing is known or all of it is left out.
   * Throws a RangeError that says what was expected.
   */
  parse(text: string, sizes: S, row: LabelRow): T | undefined;
  /**
   * The sizes that follow from the training set's table where they are not stated: the columns' names as titles, the
   * names of the classes. Throws a RangeError where they contradict what is stated, and where nothing can be learnt.
   */
  learn?(sizes: S, table: LabelTable): S;
  /** The columns that a model has learnt from, by `learn`. */
  learnt?(sizes: S): {
    readonly id?: string | undefined;
    readonly sequence?: string | undefined;
    readonly targets?: readonly string[] | undefined;
  };
}

/**
 * S are the sizes, T what an RNA is labelled with, P what is predicted of it. Functions are declared as methods, which
 * TypeScript compares loosely, so that a list may hold heads of any S, T and P; one task's never meet another's.
 */
export interface Head<S extends object = object, T = unknown, P = unknown> {
  /** The task's name in `config.json` and on the command line. Its parameters have it in camel case as their prefix. */
  readonly name: string;
  /** A few words for people. */
  readonly title: string;
  /** What a prediction is, and so how tables and figures show it. */
  readonly kind: PredictionKind;
  /** Every size with its default and description. */
  readonly sizes: z.ZodType<S>;
  /** Names in published files; of the port's where they differ. Without them, files have the names of this project. */
  readonly names?: { readonly official: HeadNames; readonly port?: HeadNames };
  /** The pass takes one sequence at a time. */
  readonly oneSequence?: true;
  /** The folding engines whose pair probabilities the pass takes with each sequence. Without it: none. */
  engines?(sizes: S): readonly FoldingEngine[];
  /** What a pass over a sequence of `length` nucleotides takes. Without it: little beside the encoder's. */
  cost?(device: Pick<Device, 'gpu' | 'memory'>, length: number, dim: number, sizes: S): PassCost;
  /** Every parameter and its shape, in the order of the pass, without the task's prefix. */
  parameters(dim: number, sizes: S): ParameterShapes;
  /** The value that a parameter begins with, where it is not drawn. */
  initial?(parameter: string, sizes: S): number | undefined;
  /** The parameters before any training, without the task's prefix, where they are drawn as no other's are. */
  initialize?(device: Device, dim: number, sizes: S, seed: number): ParameterMap;
  /** Whether a parameter is one that no loss depends on, such as one that published files have all the same. */
  idle?(parameter: string, sizes: S): boolean;
  /** The sizes of a published file that says nothing but its tensors; undefined if they are not this head's. */
  sizesOf?(shapeOf: (parameter: string) => Shape | undefined, dim: number): S | undefined;
  /** Recorded where a tape is open. The output is what `loss` and `predict` take. */
  forward(input: HeadInput, sizes: S): Tensor;
  /** [1], the mean over a batch; targets in the order of its sequences. */
  loss(output: Tensor, targets: readonly T[], scalars: Scalars): Tensor;
  /**
   * The loss of a training pass [1], in place of `forward` and `loss`, where it is made of more than a pass's output or
   * of a part of a sequence alone.
   */
  trainingLoss?(input: HeadInput, targets: readonly T[], sizes: S): Tensor;
  /** Terms of an RNA's loss, by which it weighs in the mean of a step. Without it all RNAs weigh the same. */
  terms?(sequence: string, target: T): number;
  /** Names of the scalars that its files may have. */
  readonly scalars?: readonly string[];
  /** Scalars that follow from the training set's targets, before the first step. */
  fit?(targets: readonly T[], sizes: S): Scalars;
  /** Predictions from an output that was read back, in the order of the sequences, whose nucleotides `lengths` counts. */
  predict(output: Float32Array, sizes: S, scalars: Scalars, lengths: readonly number[]): P[];
  /** Scalars that are chosen on a validation set, after each evaluation. */
  choose?(predictions: readonly P[], examples: readonly Labelled<T>[]): Scalars;
  metrics(
    predictions: readonly P[],
    examples: readonly Labelled<T>[],
    scalars: Scalars,
    sizes: S,
  ): Readonly<Record<string, number>>;
  /** The same scores as the reference's code rounds and averages them, where that differs. */
  published?(predictions: readonly P[], examples: readonly Labelled<T>[]): Readonly<Record<string, number>>;
  /** What classes, labels or numbers are called where a prediction has several. */
  classNames?(sizes: S): readonly string[];
  /** The sizes with the names that the training set gives to classes by their numbers; undefined where they do not fit. */
  withClassNames?(sizes: S, names: ReadonlyMap<number, string>): S | undefined;
  /** Sizes that say how to train: a model that is trained further may have had others. */
  readonly trainingSizes?: readonly string[];
  /** The metric by which a model is chosen. */
  readonly best: { readonly metric: string; readonly order: 'largest' | 'smallest' };
  /** Absent where labels are no cells of a table, as structures are. */
  readonly columns?: TargetColumns<S, T>;
}

/** A head of stated sizes. */
export interface TaskHead<S extends object = object, T = unknown, P = unknown> {
  readonly head: Head<S, T, P>;
  readonly sizes: S;
}

/** A head that predicts base pairs: labels are partners, predictions the probabilities of the strict upper triangle. */
export type PairTask = TaskHead<object, Int32Array, Float32Array>;

/** Whether a task is base pairs, whose maps are too large to be held for a whole set. */
export const predictsPairs = (task: TaskHead | undefined): task is PairTask => task?.head.kind === 'pairs';

/** What the parameters of a head begin with: `ncrnaFamily.` of `ncrna-family`. */
export const headPrefix = ({ name }: Pick<Head, 'name'>): string =>
  `${name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())}.`;

/** Every parameter of a head on an encoder of width `dim`, under the names that all parameters go by. */
export function headParameters({ head, sizes }: TaskHead, dim: number): ParameterShapes {
  const prefix = headPrefix(head);
  return new Map([...head.parameters(dim, sizes)].map(([name, shape]) => [prefix + name, shape]));
}

/** A head's parameters before any training, drawn from the seed as it says itself or else `initializeParameters`. */
export function initialHead(
  device: Device,
  task: TaskHead,
  { dim, model }: Pick<EncoderConfig, 'dim' | 'model'>,
  seed: number,
): ParameterMap {
  const { head, sizes } = task;
  const prefix = headPrefix(head);
  const own = head.initialize?.(device, dim, sizes, seed);
  if (own !== undefined) return new Map([...own].map(([name, tensor]) => [prefix + name, tensor]));
  return initializeParameters(device, headParameters(task, dim), model, seed, (name) =>
    head.initial?.(name.slice(prefix.length), sizes),
  );
}

/**
 * A head's output for a batch.
 * @param parameters Holds every name of `headParameters`; others are left alone.
 * @throws RangeError for several sequences where the head takes one.
 */
export function runHead(task: TaskHead, parameters: ParameterMap, input: PassInput): Tensor {
  const whole = headInput(task.head, parameters, input);
  return whole.device.scope(() => task.head.forward(whole, task.sizes));
}

/**
 * The loss of a training pass [1], the mean over its sequences.
 * @param parameters As of `runHead`.
 * @param targets In the order of the sequences.
 * @throws RangeError as `runHead`.
 */
export function headLoss<S extends object, T, P>(
  task: TaskHead<S, T, P>,
  parameters: ParameterMap,
  input: PassInput,
  targets: readonly T[],
  scalars: Scalars,
): Tensor {
  const { head, sizes } = task;
  if (head.trainingLoss === undefined) return head.loss(runHead(task, parameters, input), targets, scalars);
  const whole = headInput(head, parameters, input);
  return whole.device.scope(() => head.trainingLoss!(whole, targets, sizes));
}

type PassInput = Omit<HeadInput, 'device' | 'weight'>;

function headInput(
  { name, oneSequence }: Pick<Head, 'name' | 'oneSequence'>,
  parameters: ParameterMap,
  input: PassInput,
): HeadInput {
  const { representation, cuSeqlens } = input;
  if (oneSequence === true && cuSeqlens.length !== 2)
    throw new RangeError(`${name}: the head takes one sequence at a time, not ${cuSeqlens.length - 1}`);
  const prefix = headPrefix({ name });
  return { ...input, device: representation.device, weight: (each) => parameter(parameters, prefix + each) };
}

/** As `config.json` and a file's metadata name it. */
export const headConfig = ({ head, sizes }: TaskHead): HeadConfig => ({ task: head.name, sizes: { ...sizes } });

/**
 * The head that a config names, its sizes checked. Throws a CheckpointError for an unknown task or sizes that cannot
 * be.
 */
export function taskHead({ task, sizes }: HeadConfig, heads: readonly Head[], file: string): TaskHead {
  const head = heads.find((each) => each.name === task);
  if (head === undefined)
    throw new CheckpointError(
      file,
      `has a head for the task "${task}"; known are ${heads.map((each) => each.name).join(', ')}`,
    );
  const large = tooLarge(sizes);
  if (large !== undefined)
    throw new CheckpointError(
      file,
      `the size "${large.name}" of its ${task} head is ${large.value}; ${large.most} at most are read`,
    );
  const checked = head.sizes.safeParse(sizes);
  if (!checked.success) {
    const problems = checked.error.issues.map(
      ({ path, message }) => `${path.length === 0 ? '' : `"${path.join('.')}": `}${message}`,
    );
    throw new CheckpointError(file, `the sizes of its ${task} head cannot be: ${problems.join('; ')}`);
  }
  return { head, sizes: checked.data };
}

/** Sizes that say how many parts there are, or how often one is run. */
const COUNTED = /blocks|layers|iterations|recycles/i;
const mostOf = (name: string): number => (COUNTED.test(name) ? LIMITS.layers : LIMITS.headSize);

/** The first size that is larger than any model has, in groups and lists too. */
function tooLarge(
  sizes: Readonly<Record<string, unknown>>,
): { readonly name: string; readonly value: number; readonly most: number } | undefined {
  for (const [name, value] of Object.entries(sizes)) {
    const most = mostOf(name);
    const numbers = Array.isArray(value) ? [value.length, ...(value as unknown[])] : [value];
    const large = numbers.find((number) => typeof number === 'number' && number > most);
    if (typeof large === 'number') return { name, value: large, most };
    // Sizes have groups, and groups have none.
    for (const [inner, size] of Object.entries(isGroup(value) ? value : {}))
      if (typeof size === 'number' && size > mostOf(inner))
        return { name: `${name}.${inner}`, value: size, most: mostOf(inner) };
  }
  return undefined;
}

const isGroup = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names of the numbers that files of these heads keep beside the weights, as plain numbers or tensors of one element. */
export const scalarNames = (heads: readonly Head[]): Set<string> =>
  new Set(heads.flatMap(({ scalars = [] }) => scalars));

/** A scalar that a head cannot do without. Throws a RangeError that says where it comes from. */
export function scalar(scalars: Scalars, name: string): number {
  const value = scalars.get(name);
  if (value === undefined)
    throw new RangeError(`the number "${name}" is missing: it is fitted to the training set and saved with the model`);
  return value;
}
