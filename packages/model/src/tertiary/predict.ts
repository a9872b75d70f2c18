/** One structure in full: what the head predicts, with the distances that the model expects. */
import { tokenize, TOKEN, type EnginePairsProvider } from '@rna/structure';
import { softmax } from '@rna/tensor';
import type { Encoder } from '../encoder.ts';
import { packTokens } from '../packing.ts';
import { parameter, type ParameterMap } from '../parameters.ts';
import { headPrefix } from '../heads/head.ts';
import { predictionOf, runHeadModule, type ChainTask, type TertiaryPrediction } from '../heads/tertiaryStructure.ts';
import { DISTANCE_BINS } from './config.ts';
import { distograms } from './pairHeads.ts';

/** An encoder with the head on it. */
export interface TertiaryModel {
  readonly encoder: Encoder;
  readonly task: ChainTask;
  /** The head's, under the names of `headParameters`; others are left alone. */
  readonly parameters: ParameterMap;
  /** Where pair probabilities come from, for a head that takes those of folding engines. */
  readonly priors?: EnginePairsProvider | undefined;
}

export interface TertiaryDetail extends TertiaryPrediction {
  /** Cycles after the first that were run. */
  readonly recycles: number;
  /** Between P, C4' and N9 or N1, [L, L, 40] each: probabilities of 39 Å and more, then of [k − 1, k) Å. */
  readonly distograms: readonly Float32Array[];
  /** [L, L], Å: the mean of the distogram of the nitrogens, with 39 Å for all beyond. */
  readonly distances: Float32Array;
}

export interface TertiaryDetailOptions {
  /** Cycles after the first. Default: those of the model. */
  readonly recycles?: number;
  /** Places of nucleotides that the encoder reads as masks, from 0. Default: none. */
  readonly hidden?: readonly number[];
}

/** Predicts the structure of one sequence, in upper case with U for T. Throws as the language model and the module do. */
export type PredictStructure = (sequence: string, options?: TertiaryDetailOptions) => Promise<TertiaryDetail>;

/** Predicts the structure of one sequence. Throws as the encoder and the head do. */
export async function predictTertiary(
  { encoder, task, parameters, priors }: TertiaryModel,
  sequence: string,
  { recycles = task.sizes.recycles, hidden = [] }: TertiaryDetailOptions = {},
): Promise<TertiaryDetail> {
  const { device } = encoder;
  const tokens = tokenize(sequence);
  for (const place of hidden) tokens[1 + place] = TOKEN.mask;
  const batch = packTokens([tokens]);
  const engines = task.head.engines?.(task.sizes) ?? [];
  const pairs = engines.length === 0 || priors === undefined ? undefined : await priors(sequence, engines);
  const prefix = headPrefix(task.head);
  const outputs = device.scope(() => {
    const input = {
      device,
      representation: encoder.forward(batch),
      cuSeqlens: batch.cuSeqlens,
      sequences: [sequence],
      weight: (name: string) => parameter(parameters, prefix + name),
      ...(pairs && { priors: [pairs] }),
    };
    const { output, last } = runHeadModule(input, { ...task.sizes, recycles });
    return [output, ...distograms(input.weight, last.pair).map((logits) => softmax(logits))];
  });
  try {
    const [output, ...maps] = await Promise.all(outputs.map((tensor) => tensor.read()));
    return {
      ...predictionOf(output!, sequence.length),
      recycles,
      distograms: maps,
      distances: meanDistances(maps.at(-1)!),
    };
  } finally {
    for (const tensor of outputs) tensor.dispose();
  }
}

/** [L, L], Å: the mean distance of each pair by its bins' middles; the bin of all from 39 Å on counts as 39. */
export function meanDistances(map: Float32Array): Float32Array {
  const middles = Array.from({ length: DISTANCE_BINS }, (_, bin) => (bin === 0 ? DISTANCE_BINS - 1 : bin - 0.5));
  return Float32Array.from({ length: map.length / DISTANCE_BINS }, (_, pair) =>
    middles.reduce((sum, middle, bin) => sum + middle * map[pair * DISTANCE_BINS + bin]!, 0),
  );
}
