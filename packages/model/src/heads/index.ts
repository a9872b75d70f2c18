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
export {
  CONTACT_SEPARATION,
  contactFeatures,
  contactLabels,
  contactFeatureBytes,
  fitContacts,
  predictContacts,
  topContacts,
  contactPrecision,
  type ContactRegression,
  type ContactFitOptions,
  type ContactPrecision,
} from './contacts.ts';
export {
  predictsPairs,
  headPrefix,
  headParameters,
  initialHead,
  runHead,
  headLoss,
  headConfig,
  taskHead,
  scalarNames,
  scalar,
  type Scalars,
  type HeadNames,
  type Labelled,
  type HeadInput,
  type LabelRow,
  type LabelTable,
  type TargetColumns,
  type Head,
  type TaskHead,
  type PairTask,
} from './head.ts';
export { multiLabel } from './multiLabel.ts';
export { ncrnaFamily, type NcrnaFamilySizes } from './ncrnaFamily.ts';
export { nucleotideClassification, nucleotideRegression } from './nucleotides.ts';
export { regression } from './regression.ts';
export { ribosomeLoad } from './ribosomeLoad.ts';
export type { OwnSizes } from './ownSizes.ts';
export { secondaryStructure, pairLabels, type SecondaryStructureSizes } from './secondaryStructure.ts';
export { spliceSite, type SpliceSiteSizes } from './spliceSite.ts';
export {
  predictedPartners,
  predictsChains,
  tertiaryEvidence,
  tertiaryStructure,
  type ChainTask,
  type TertiaryHeadSizes,
  type TertiaryPrediction,
} from './tertiaryStructure.ts';
export { translationEfficiency, expressionLevel } from './translation.ts';
export { resNet1dSizes, type ResNet1dSizes } from './resnet1d.ts';
