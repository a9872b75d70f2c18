/** The tasks that there are. A task is a file here and a line below. */
import type { Head } from './head.ts';
import { ncrnaFamily } from './ncrnaFamily.ts';
import { ribosomeLoad } from './ribosomeLoad.ts';
import { secondaryStructure } from './secondaryStructure.ts';
import { spliceSite } from './spliceSite.ts';
import { expressionLevel, translationEfficiency } from './translation.ts';

export const HEADS: readonly Head[] = [
  secondaryStructure,
  spliceSite,
  ribosomeLoad,
  translationEfficiency,
  expressionLevel,
  ncrnaFamily,
];

export * from './contacts.ts';
export * from './head.ts';
export * from './ncrnaFamily.ts';
export * from './ribosomeLoad.ts';
export * from './secondaryStructure.ts';
export * from './spliceSite.ts';
export * from './translation.ts';
export { resNet1dSizes, type ResNet1dSizes } from './resnet1d.ts';
