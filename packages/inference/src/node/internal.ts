/** What the command line takes from this package: no part of the API, and it changes without notice. */
export { defaultTokenBudget } from '../embedding.ts';
export { isFiniteArray, isFinitePrediction, placeOfOverflow } from '../finite.ts';
export type { Progress } from '../progress.ts';
export { halfOverlapping, reachOf } from '../windows.ts';
export { makeFolder, openFileSource, type FileSource } from './files.ts';
export { fetchHubModel, hubCacheDir, type HubOptions } from './hub.ts';
export { LORA_FILES, openLoraFiles } from './loraFiles.ts';
export { locateModel, openModelFiles, type ModelFiles } from './modelFiles.ts';
export { openNamedModel, type NamedModelOptions } from './namedModel.ts';
