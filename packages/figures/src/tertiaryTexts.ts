/**
 * What is said of a structure in space wherever one is shown: what its figures are, what plDDT means, and what a model
 * can be trusted for by what is known of its training.
 */
import { counted, formatCount, formatScore } from './format.ts';

export const STRUCTURE_CAPTION = 'The structure, coloured by plDDT: blue is sure, orange is not.';
export const CONFIDENCE_CAPTION = 'plDDT along the sequence, base pairs as arcs.';
export const DISTANCES_CAPTION =
  'Distances between nucleotides that the distogram expects: light is near, dark is 39 Å and more.';

export const PLDDT_MEANING =
  'plDDT is the lDDT that the model itself expects of a nucleotide, from 0 to 1: the share of the distances to its ' +
  'neighbours that come out right. From 0.7 on the surroundings of a nucleotide are probably right; below 0.5 its place ' +
  'is a guess. It judges neighbourhoods: how two parts of high plDDT lie to each other may still be wrong.';

/** What is known of how a model was trained. */
export interface StructureEvidence {
  /** It is RhoFold's published one, or has its form. */
  readonly isRhoFold?: boolean;
  readonly trainedChains?: number;
  readonly heldOutChains?: number;
  /** The mean lDDT of C1' of the held-out chains, 0 to 1. */
  readonly heldOutLddt?: number;
}

/** A model of fewer chains has seen a small part of what RNAs look like; the PDB has some thousands that differ. */
const FEW_CHAINS = 500;
/** Mean lDDT of C1' below which folds are mostly wrong as a whole. */
const POOR_LDDT = 0.5;

/** What a model can be trusted for, a sentence each. */
export function structureTrust({
  isRhoFold = false,
  trainedChains,
  heldOutChains,
  heldOutLddt,
}: StructureEvidence): string[] {
  if (isRhoFold)
    return [
      'RhoFold’s authors trained it on RNA chains of the PDB.',
      'It runs from the sequence alone here. The scores in its paper are those of runs with an alignment, which are better.',
    ];
  const said: string[] = [];
  if (trainedChains !== undefined)
    said.push(`The model was trained on ${counted(trainedChains, 'chain')} of known structure.`);
  if (trainedChains !== undefined && trainedChains < FEW_CHAINS)
    said.push(
      `So few do not show what RNAs look like in general: trust it for RNAs that are close to ${trainedChains === 1 ? 'that one' : 'these'}, and for no others.`,
    );
  if (heldOutChains !== undefined && heldOutLddt !== undefined)
    said.push(
      `On ${heldOutChains === 1 ? 'one chain' : `${formatCount(heldOutChains)} chains`} held out of its training its mean lDDT of C1′ was ${formatScore(heldOutLddt)}, where 1 is exact${heldOutLddt < POOR_LDDT ? '; folds of that score are mostly wrong as a whole' : ''}.`,
    );
  else
    said.push(
      'Its file does not say how well it did on chains that it had not seen. Compare it with known structures before you rely on it.',
    );
  return said;
}
