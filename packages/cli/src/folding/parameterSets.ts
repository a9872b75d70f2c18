/** The parameter sets of folding engines that come with the program. */
import { readFile } from 'node:fs/promises';
import { engineFiles } from '@rna/builtin';
import type { FoldingEngine } from '@rna/structure';

export const isParameterSet = (name: string): name is FoldingEngine => name in engineFiles;

/** The text of a set's file. */
export const readParameterSet = (name: FoldingEngine): Promise<string> => readFile(engineFiles[name], 'utf8');
