/** A thread of `rna structures`: folds the sequences that it is sent, one at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  createFolder,
  dotBracket,
  expectedAccuracy,
  FoldingOverflowError,
  parseFoldingConstraint,
  parseFoldingParameters,
  UnfoldableError,
  type Folding,
} from '@rna/structure';
import type { FoldingSettings, FoldingTask, FoldingOutcome } from './pool.ts';

/** Pairs below it are not written, as CONTRAfold and EternaFold are mostly told. */
const LEAST_PROBABILITY = 1e-4;

const { parameters, gamma, rules, arithmetic, probabilities } = workerData as FoldingSettings;
const fold = createFolder(parseFoldingParameters(parameters.text, parameters.file));

parentPort!.on('message', ({ sequence, constraint }: FoldingTask) => {
  parentPort!.postMessage(outcome(sequence, constraint));
});

function outcome(sequence: string, constraint: string | undefined): FoldingOutcome {
  try {
    const folding = fold(sequence, {
      gamma,
      rules,
      arithmetic,
      ...(constraint !== undefined && { constraint: parseFoldingConstraint(constraint, sequence) }),
    });
    return {
      structure: dotBracket(folding.partners),
      logPartition: folding.logPartition,
      accuracy: expectedAccuracy(folding.probabilities, folding.partners),
      ...(probabilities && { pairs: probablePairs(folding, sequence.length) }),
    };
  } catch (error) {
    if (error instanceof UnfoldableError) return 'unfoldable';
    if (error instanceof FoldingOverflowError) return 'overflow';
    return { failure: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** Pairs [i, j, p], counted from 1. */
function probablePairs({ probabilities: triangle }: Folding, length: number): [number, number, number][] {
  const pairs: [number, number, number][] = [];
  let index = 0;
  for (let i = 1; i <= length; i++) {
    for (let j = i + 1; j <= length; j++) {
      const p = triangle[index++]!;
      if (p >= LEAST_PROBABILITY) pairs.push([i, j, Number(p.toPrecision(6))]);
    }
  }
  return pairs;
}
