/** Structures of the same RNAs by several engines and models, and what they have in common. */
import { scoreBasePairs, type PairScore } from '@rna/structure';
import type { Folded } from '../../folding/foldAll.ts';
import type { StructureRecord } from '../../input/structureRecords.ts';

/** The structures of all RNAs by one engine or model. */
export interface ComparedStructures {
  readonly name: string;
  readonly rnas: readonly Folded[];
}

export interface Comparison {
  readonly records: readonly StructureRecord[];
  readonly structures: readonly ComparedStructures[];
  /** [length] of each record, where the structures are known. */
  readonly truth?: readonly Int32Array[];
}

export const EXACT = { flexible: false };

/** F1 of the pairs of two structures, the same either way round. */
export const agreement = (a: Folded, b: Folded): number => scoreBasePairs(a.partners, b.partners, EXACT).f1;

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Scores of one engine's or model's structures, RNA by RNA. */
export const scoresOf = (truth: readonly Int32Array[], rnas: readonly Folded[]): PairScore[] =>
  rnas.map(({ partners }, k) => scoreBasePairs(truth[k]!, partners, EXACT));
