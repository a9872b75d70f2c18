/** What the command line takes from this package: no part of the API, and it changes without notice. */
export { defaultTokenBudget, pooled, type Pooling } from '../embedding.ts';
export { isFiniteArray, isFinitePrediction, placeOfOverflow } from '../finite.ts';
export {
  CONFIG_FILE,
  isHubName,
  isShardIndex,
  SHARD_INDEX_FILE,
  WEIGHTS_FILE,
  WEIGHTS_FILES,
  type Progress,
} from '../names.ts';
export { halfOverlapping, reachOf } from '../windows.ts';
export { makeFolder, openFileSource, type FileSource } from './files.ts';
export { fetchHubModel, hubCacheDir, type HubOptions } from './hub.ts';
export { LORA_FILES, openLoraFiles } from './loraFiles.ts';
export { locateModel, openModelFiles, type ModelFiles } from './modelFiles.ts';
export { openNamedModel, type NamedModelOptions } from './namedModel.ts';
