/**
 * What a model with a task head predicts, for any task: sequences are packed as
 * far as a budget of tokens goes, and predictions come in their order. Scores
 * of them are the head's (`head.metrics`).
 */
import {
  batchesOf,
  packTokens,
  runHead,
  type BatchPart,
  type Encoder,
  type ParameterMap,
  type Scalars,
  type TaskHead,
} from '@rna/model';
import { tokenize, type EnginePairs, type EnginePairsProvider, type PairPredictor } from '@rna/structure';

/** An encoder with a head on it. */
export interface TaskModel<S extends object = object, T = unknown, P = unknown> {
  readonly encoder: Encoder;
  readonly task: TaskHead<S, T, P>;
  /** The head's, under the names of `headParameters`; others are left alone. */
  readonly parameters: ParameterMap;
  /** Where pair probabilities come from, for a head that takes those of folding engines. */
  readonly priors?: EnginePairsProvider;
}

/** An RNA with what a head is to predict of it. */
export interface LabelledRna<T = unknown> {
  readonly id: string;
  readonly sequence: string;
  readonly target: T;
}

/**
 * Tokens of a pass at most, `<cls>` and `<eos>` included; a longer RNA has one of its own. One number for all, as heads
 * with padding see it.
 */
const PASS_TOKENS = 4096;

/**
 * Predictions for RNAs in their order, without dropout. Heads that take one sequence at a time get one. A head that
 * pads to the longest RNA of a pass, as the reference's do, predicts the same of the same RNAs in the same order, also
 * where only a part of them is wanted.
 * @param part Which of the RNAs of a set are given, and which of these are wanted. Without it all are.
 * @throws what the device says of a pass that it cannot run; all RNAs before that pass have been predicted then.
 */
export async function* predictions<S extends object, T, P>(
  model: TaskModel<S, T, P>,
  rnas: AsyncIterable<{ readonly sequence: string }> | Iterable<{ readonly sequence: string }>,
  scalars: Scalars,
  part?: BatchPart,
): AsyncGenerator<P, void, undefined> {
  const budget = model.task.head.oneSequence === true ? 1 : PASS_TOKENS;
  for await (const { records, from, to } of batchesOf(rnas, budget, tokensOf, part)) {
    const pass = await predictPack(
      model,
      records.map(({ sequence }) => sequence),
      scalars,
    );
    yield* pass.slice(from, to);
  }
}

/** Tokens that a sequence takes in a pass. */
export const tokensOf = ({ sequence }: { readonly sequence: string }): number => sequence.length + 2;

/** Predictions of one pass. `next` is the first sequence of the pass after it, if it is known. */
export async function predictPack<S extends object, T, P>(
  model: TaskModel<S, T, P>,
  sequences: readonly string[],
  scalars: Scalars,
  next?: string,
): Promise<P[]> {
  const { encoder, task, parameters } = model;
  const batch = packTokens(sequences.map((sequence) => tokenize(sequence)));
  const priors = await priorsOf(model, sequences, next);
  const output = encoder.device.scope(() =>
    runHead(task, parameters, {
      representation: encoder.forward(batch),
      cuSeqlens: batch.cuSeqlens,
      sequences,
      ...(priors && { priors }),
    }),
  );
  try {
    const lengths = sequences.map(({ length }) => length);
    return task.head.predict(await output.read(), task.sizes, scalars, lengths);
  } finally {
    output.dispose();
  }
}

/**
 * What the folding engines of a model's head say of sequences, all asked for at once; undefined for a head without any.
 * @param next The sequence that will be asked for after them
 * @throws RangeError where the head needs them and the model has no provider.
 */
export async function priorsOf<S extends object, T, P>(
  { task: { head, sizes }, priors }: Pick<TaskModel<S, T, P>, 'task' | 'priors'>,
  sequences: readonly string[],
  next?: string,
): Promise<readonly EnginePairs[] | undefined> {
  const engines = head.engines?.(sizes) ?? [];
  if (engines.length === 0) return undefined;
  if (priors === undefined)
    throw new RangeError(
      `${head.name}: this head takes the pair probabilities of ${engines.join(' and ')}; give the model \`priors\`, enginePairsInProcess for one`,
    );
  return Promise.all(sequences.map((sequence, i) => priors(sequence, engines, sequences[i + 1] ?? next)));
}

/** An encoder with a head that predicts base pairs. */
export type StructureModel = TaskModel<object, Int32Array, Float32Array>;

/** Pair probabilities by a model, without dropout; none for an RNA that has no pair of positions. */
export function pairPredictor(model: StructureModel): PairPredictor {
  return async (sequence, next) => {
    if (sequence.length < 2) return new Float32Array(0);
    const [probabilities] = await predictPack(model, [sequence], new Map(), next);
    return probabilities!;
  };
}
