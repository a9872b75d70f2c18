/** The tasks that there are. A task is a file here and a line below. */
import { classification } from './classification.ts';
import type { Head } from './head.ts';
import { multiLabel } from './multiLabel.ts';
import { ncrnaFamily } from './ncrnaFamily.ts';
import { nucleotideClassification, nucleotideRegression } from './nucleotides.ts';
import { regression } from './regression.ts';
import { ribosomeLoad } from './ribosomeLoad.ts';
import { secondaryStructure } from './secondaryStructure.ts';
import { spliceSite } from './spliceSite.ts';
import { tertiaryStructure } from './tertiaryStructure.ts';
import { expressionLevel, translationEfficiency } from './translation.ts';

export const HEADS: readonly Head[] = [
  secondaryStructure,
  tertiaryStructure,
  spliceSite,
  ribosomeLoad,
  translationEfficiency,
  expressionLevel,
  ncrnaFamily,
  regression,
  classification,
  multiLabel,
  nucleotideRegression,
  nucleotideClassification,
];

export { classification, type ClassificationSizes } from './classification.ts';
export * from './contacts.ts';
export * from './head.ts';
export { multiLabel } from './multiLabel.ts';
export * from './ncrnaFamily.ts';
export { nucleotideClassification, nucleotideRegression } from './nucleotides.ts';
export { regression } from './regression.ts';
export * from './ribosomeLoad.ts';
export type { OwnSizes } from './ownSizes.ts';
export * from './secondaryStructure.ts';
export * from './spliceSite.ts';
export {
  predictedPartners,
  predictsChains,
  tertiaryStructure,
  type ChainTask,
  type TertiaryHeadSizes,
  type TertiaryPrediction,
} from './tertiaryStructure.ts';
export * from './translation.ts';
export { resNet1dSizes, type ResNet1dSizes } from './resnet1d.ts';
