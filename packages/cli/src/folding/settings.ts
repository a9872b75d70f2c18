/** What a fold is told, from the names that options give: a parameter set or file, γ, rules and arithmetic. */
import { readFile } from 'node:fs/promises';
import { FOLDING_RULES, parseFoldingParameters, type FoldingArithmetic } from '@rna/structure';
import { isParameterSet, readParameterSet } from './parameterSets.ts';
import type { FoldingSettings } from './pool.ts';

export interface SettingsOptions {
  /** `contrafold`, `eternafold` or a file. */
  readonly params: string;
  readonly gamma: number;
  /** Default: of the set's own program, for a file CONTRAfold's. */
  readonly rules?: keyof typeof FOLDING_RULES;
  readonly arithmetic: FoldingArithmetic;
  readonly probs?: boolean;
}

/** Settings of the threads. Throws as parseFoldingParameters does, for the file that `params` names. */
export async function readSettings({
  params,
  gamma,
  rules,
  arithmetic,
  probs,
}: SettingsOptions): Promise<FoldingSettings> {
  const text = isParameterSet(params) ? await readParameterSet(params) : await readFile(params, 'utf8');
  parseFoldingParameters(text, params);
  return {
    parameters: { text, file: params },
    gamma,
    rules: FOLDING_RULES[rules ?? (isParameterSet(params) ? params : 'contrafold')],
    arithmetic,
    probabilities: probs ?? false,
  };
}
