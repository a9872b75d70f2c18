/**
 * Several structures of one RNA by one model: from the second on the language model reads the sequence with a part of
 * its nucleotides masked, drawn anew for each.
 */
import { RandomStream } from '@rna/kernels';
import { STREAM } from '../randomStreams.ts';
import type { PredictStructure, TertiaryDetail } from './predict.ts';

/** Part of the nucleotides that the language model does not see in samples after the first. */
export const MASKED_SHARE = 0.15;

export interface SampleOptions {
  /** Structures to predict. Default 1. */
  readonly samples?: number;
  /** What the masks are drawn from. Default 0. */
  readonly seed?: number;
  /** Cycles after the first. Default: those of the model. */
  readonly recycles?: number;
}

export interface StructureSample {
  /** From 1; the first is without masks. */
  readonly number: number;
  /** The mean over nucleotides, 0 to 1. */
  readonly plddt: number;
  readonly detail: TertiaryDetail;
}

/** The structures of one sequence, one by one. Throws as `predict` does. */
export async function* structureSamples(
  predict: PredictStructure,
  sequence: string,
  { samples = 1, seed = 0, recycles }: SampleOptions = {},
): AsyncGenerator<StructureSample, void, undefined> {
  for (let number = 1; number <= samples; number++) {
    const detail = await predict(sequence, {
      ...(recycles !== undefined && { recycles }),
      ...(number > 1 && { hidden: hiddenPlaces(sequence.length, seed, number) }),
    });
    yield { number, plddt: meanOf(detail.plddt), detail };
  }
}

/** The surest first; of two that are as sure the one that was made first. */
export const surestFirst = (samples: readonly StructureSample[]): StructureSample[] =>
  [...samples].sort((a, b) => b.plddt - a.plddt || a.number - b.number);

/** The place of the first letter that has no atoms, from 0; -1 where there is none. */
export const letterWithoutAtoms = (sequence: string): number => sequence.search(/[^ACGU]/);

/** The places that a sample hides from the language model, drawn from the seed and the sample's number. */
function hiddenPlaces(length: number, seed: number, sample: number): number[] {
  const random = new RandomStream(seed, STREAM.tertiarySamples, sample);
  return random
    .shuffle([...Array(length).keys()])
    .slice(0, Math.round(MASKED_SHARE * length))
    .sort((a, b) => a - b);
}

const meanOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
