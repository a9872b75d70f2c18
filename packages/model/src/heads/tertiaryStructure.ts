/**
 * Structures in space: RhoFold's module without an alignment, on the rows of a
 * language model (SSR-LM 3.3.3; TERTIARY sections 1 and 7). It is a head as the
 * others are, but for its loss, which is made of what the last of several cycles
 * leaves on the way, and of a part of a long chain alone.
 */
import {
  ATOM_NAMES,
  ATOM_SLOTS,
  confidences,
  decodeBasePairs,
  isBase,
  lddt,
  pearson,
  resolvedCount,
  rmsd,
  sigmoid,
  softmaxRows,
  upperTriangle,
  type ChainAtoms,
  type FoldingEngine,
} from '@rna/structure';
import { concatenate, rows, type Tensor } from '@rna/tensor';
import * as z from 'zod';
import { DISTANCE_BINS, LDDT_BINS, TERTIARY_PRESETS, tertiarySizes, type TertiarySizes } from '../tertiary/config.ts';
import { cropPartners, cropTarget, targetPartners, tertiaryLabels, type TertiaryTarget } from '../tertiary/labels.ts';
import { initializeTertiary, tertiaryParameters } from '../tertiary/parameters.ts';
import type { Head, HeadInput, TaskHead } from './head.ts';

/** Folding engines whose pair probabilities the pair representation begins with, by the name of the choice. */
const PRIORS = {
  none: [],
  contrafold: ['contrafold'],
  eternafold: ['eternafold'],
  both: ['contrafold', 'eternafold'],
} as const satisfies Record<string, readonly FoldingEngine[]>;

/** What the head predicts of an RNA of L nucleotides. */
export interface TertiaryPrediction {
  /** [L, 23, 3], Å, in the slots of ATOM_NAMES. */
  readonly coordinates: Float32Array;
  /** [L, 23]: 1 for each atom that a base has; none of a nucleotide of unknown base. */
  readonly mask: Uint8Array;
  /** [L], 0 to 1: the predicted lDDT. */
  readonly plddt: Float32Array;
  /** [L, L], symmetric: base pairs of the secondary structure. */
  readonly pairProbabilities: Float32Array;
}

/** A head that predicts structures in space. */
export type ChainTask = TaskHead<TertiaryHeadSizes, TertiaryTarget, TertiaryPrediction>;

/** Whether a task is structures in space. */
export const predictsChains = (task: TaskHead | undefined): task is ChainTask => task?.head.kind === 'coordinates';

/** Pairs of the secondary structure above this probability. */
const PAIR_THRESHOLD = 0.5;

/** The secondary structure of a prediction: partners [L], −1 without. */
export function predictedPartners(
  sequence: string,
  { pairProbabilities }: Pick<TertiaryPrediction, 'pairProbabilities'>,
): Int32Array {
  if (sequence.length < 2) return new Int32Array(sequence.length).fill(-1);
  return decodeBasePairs(upperTriangle(pairProbabilities, sequence.length), sequence, { threshold: PAIR_THRESHOLD });
}

const weight = z.number().nonnegative();
const { lmDim: _, pairPrior: __, ...moduleShape } = tertiarySizes.shape;
