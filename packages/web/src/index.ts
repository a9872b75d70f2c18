export { adapterMemory, memoryBudget, openDevice, requestAdapter } from './device.ts';
export { serveRunBatches, type BatchScope } from './batches.ts';
export { connectRun, type RunClient } from './client.ts';
export { httpSource, rangedHttpSource } from './httpSource.ts';
export { openRuns, StorageFullError } from './opfs.ts';
export type { Command, CorpusChoice, RunEvent, TableChoice } from './protocol.ts';
export type { TuningServer } from './tuning.ts';
export { openRunFolder, type RunFolder, type RunLog } from './runFolder.ts';
export { packRun, unpackRun } from './archive.ts';
export { deleteRun, savedRuns, type SavedRun } from './savedRuns.ts';
export { serveRuns, type CommandScope, type RunServer } from './worker.ts';
export {
  addressOffer,
  fileOffer,
  hubFiles,
  hubOffer,
  openOffer,
  runOffer,
  type ModelOffer,
} from './models/modelOffer.ts';
export { keepModel, resumeModel, type KeepOptions, type KeepProgress } from './models/keepModel.ts';
export { NotKeptError, openKeptModel } from './models/openKeptModel.ts';
export { openKeptRhoFold } from './models/rhoFold.ts';
export { fileBytes, isWhole } from './models/wholeness.ts';
export {
  deleteModel,
  keptBytes,
  keptModels,
  readRecord,
  type ModelFacts,
  type ModelRecord,
} from './models/modelRecord.ts';
