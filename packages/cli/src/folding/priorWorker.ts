/** A thread that computes the probable pairs of sequences by folding engines, for heads that take them. */
import { parentPort, workerData } from 'node:worker_threads';
import { parseFoldingParameters, probablePairsBy, type FoldingEngine, type ProbablePairs } from '@rna/structure';

/** Texts of the engines' parameter files. */
export type PriorParameters = Readonly<Partial<Record<FoldingEngine, string>>>;

export interface PriorTask {
  readonly engine: FoldingEngine;
  readonly sequence: string;
}

export type PriorOutcome = ProbablePairs | { readonly failure: Error };

const engines = new Map(
  Object.entries(workerData as PriorParameters).map(([name, text]) => [
    name,
    probablePairsBy(name as FoldingEngine, parseFoldingParameters(text, name)),
  ]),
);

parentPort!.on('message', ({ engine, sequence }: PriorTask) => {
  let outcome: PriorOutcome;
  try {
    outcome = engines.get(engine)!(sequence);
  } catch (error) {
    outcome = { failure: error instanceof Error ? error : new Error(String(error)) };
  }
  parentPort!.postMessage(outcome);
});
