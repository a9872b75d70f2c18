/** The parameter sets of folding engines that come with the program. */
import { readFile } from 'node:fs/promises';
import type { FoldingEngine } from '@rna/structure';

const SETS: Readonly<Record<FoldingEngine, string>> = {
  contrafold: 'contrafold/contrafold.params.complementary',
  eternafold: 'eternafold/EternaFoldParams.v1',
};

export const isParameterSet = (name: string): name is FoldingEngine => name in SETS;

/** The text of a set's file. */
export const readParameterSet = (name: FoldingEngine): Promise<string> =>
  readFile(new URL(`../../data/${SETS[name]}`, import.meta.url), 'utf8');
