/**
 * What stands beside a model in `rna evaluate`: CONTRAfold's and EternaFold's
 * structures, folded here, and for the other tasks a predictor that is fitted in
 * a moment to the same training set, by what the task predicts.
 */
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { averagePrecision, fitNaiveBayes, fitRidge, fitWeightMatrix, parseDotBracket, type Baseline, type PredictionKind } from '@rna/model';
import { scoreStructure, type StructureScore } from '@rna/train';
import { foldInOrder } from '../folding/pool.ts';
import { readSettings } from '../folding/structures.ts';
import { progressBar } from '../terminal.ts';
import type { StructureRecord } from '../trainingInput.ts';

export const FOLDING_BASELINES = ['contrafold', 'eternafold'] as const;
export type FoldingBaseline = (typeof FOLDING_BASELINES)[number];

// The papers' γ, and the exact sum: several times faster, with scores that differ in the fourth digit.
const FOLDING = { gamma: 6, arithmetic: 'exact', probs: true } as const;

/** The scores of the structures of maximum expected accuracy. AUPRC is that of the ensemble's pair probabilities. */
export async function scoreFolding(params: FoldingBaseline, records: readonly StructureRecord[], signal: AbortSignal): Promise<StructureScore[]> {
  const settings = await readSettings({ ...FOLDING, params });
  const bar = progressBar(params, records.length, 'RNAs');
  const scores: StructureScore[] = [];
  try {
    for await (const [record, folded] of foldInOrder(Readable.from(records) as AsyncIterable<StructureRecord>, settings, Math.min(availableParallelism(), records.length), signal)) {
      if (folded === 'unfoldable') throw new Error(`${params}: no structure of "${record.id}" without a constraint`);
      const probabilities = triangle(folded.pairs ?? [], record.sequence.length);
      scores.push(scoreStructure(record, parseDotBracket(folded.structure), averagePrecision(probabilities, record.partners)));
      bar.update(scores.length);
    }
  } finally {
    bar.stop();
  }
  return scores;
}

/** Pairs [i, j, p], counted from 1, as the strict upper triangle, row by row. */
function triangle(pairs: readonly (readonly [number, number, number])[], length: number): Float32Array {
  const values = new Float32Array((length * (length - 1)) / 2);
  for (const [i, j, p] of pairs) values[((i - 1) * (2 * length - i)) / 2 + j - i - 1] = p;
  return values;
}

export interface FittedBaseline {
  readonly name: string;
  readonly baseline: Baseline<unknown>;
}

/** The baseline of a kind of prediction, fitted to labelled RNAs. */
export function fitBaseline(kind: Exclude<PredictionKind, 'pairs'>, sequences: readonly string[], targets: readonly number[], classes: number): FittedBaseline {
  switch (kind) {
    case 'probability': return { name: 'weight matrix', baseline: fitWeightMatrix(sequences, targets) };
    case 'number': return { name: 'ridge regression', baseline: fitRidge(sequences, targets) };
    case 'classes': return { name: 'naive Bayes', baseline: fitNaiveBayes(sequences, targets, classes) };
  }
}
