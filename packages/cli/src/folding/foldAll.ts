/** RNAs folded and held, by an engine or a model, for commands that draw or compare: the pairs, and their probabilities. */
import type { FoldingEngine } from '@rna/structure';
import { foldByEngine } from '../commands/fold/byEngine.ts';
import { foldByModel } from '../commands/fold/byModel.ts';
import { progressBar, type ProgressBar } from '../commandLine/terminal.ts';
import { noteOtherLetters } from '../input/fastaInput.ts';
import { foldingInput, type StructureRecord } from '../input/structureRecords.ts';

export interface Folded {
  readonly id: string;
  /** [length] */
  readonly partners: Int32Array;
  /** [i, j, p], counted from 0, i < j; those below `LEAST_HELD` are left out. */
  readonly probabilities: readonly (readonly [number, number, number])[];
  /** The expected share of nucleotides that the structure has right. */
  readonly accuracy: number;
}

/** What a drawing cannot show is not held: a long RNA has millions of improbable pairs. */
const LEAST_HELD = 0.005;

/** What folds. */
export type FoldedBy = { readonly engine: FoldingEngine } | { readonly model: string };

export const foldedByName = (by: FoldedBy): string => ('engine' in by ? by.engine : by.model);

/** Folds all records, in order. Throws as `rna fold` does. */
export async function foldAll(
  records: readonly StructureRecord[],
  by: FoldedBy,
  signal: AbortSignal,
): Promise<Folded[]> {
  const input = foldingInput(records);
  noteOtherLetters(input);
  const results: Folded[] = [];
  let bar: ProgressBar | undefined;
  const sink = {
    begin: () => {
      bar = progressBar(foldedByName(by), records.length, 'records');
      return Promise.resolve();
    },
    take: (folded: Parameters<Parameters<typeof foldByModel>[3]['take']>[0]) => {
      if (folded !== undefined) {
        const { id, partners, accuracy } = folded;
        const probabilities: (readonly [number, number, number])[] = [];
        for (const { i, j, probability } of folded.pairs())
          if (probability >= LEAST_HELD || partners[i] === j) probabilities.push([i, j, probability]);
        results.push({ id, partners, probabilities, accuracy });
      }
      bar?.update(results.length);
      return Promise.resolve();
    },
  };
  try {
    if ('engine' in by) await foldByEngine(input, by, signal, sink);
    else await foldByModel(input, { model: by.model, weights: 'f32', activations: 'f32' }, signal, sink);
  } finally {
    bar?.stop();
  }
  return results;
}
