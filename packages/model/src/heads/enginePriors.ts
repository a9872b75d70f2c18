/** The choice of folding engines whose pair probabilities a head begins with, which heads over pairs have in common. */
import type { FoldingEngine } from '@rna/structure';
import * as z from 'zod';

/** Engines by the name of the choice. */
export const ENGINE_PRIORS = {
  none: [],
  contrafold: ['contrafold'],
  eternafold: ['eternafold'],
  both: ['contrafold', 'eternafold'],
} as const satisfies Record<string, readonly FoldingEngine[]>;

export type EnginePrior = keyof typeof ENGINE_PRIORS;

/** The choice as a size of a head. */
export const enginePrior = z.enum(Object.keys(ENGINE_PRIORS) as EnginePrior[]);
