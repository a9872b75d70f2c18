export { openDevice, requestAdapter } from './device.ts';
export { serveRunBatches, type BatchScope } from './batches.ts';
export { connectRun, type RunClient } from './client.ts';
export { httpSource } from './httpSource.ts';
export {
  childFile,
  childFolder,
  fileNames,
  folderNames,
  openKept,
  openRuns,
  readText,
  removeEntry,
  writeFile,
} from './opfs.ts';
export type { Command, CorpusChoice, RunEvent } from './protocol.ts';
export { openRunFolder, type RunFolder, type RunLog } from './runFolder.ts';
export { packRun, unpackRun } from './archive.ts';
export { deleteRun, savedRuns, type SavedRun } from './savedRuns.ts';
export { serveRuns, type CommandScope, type RunServer } from './worker.ts';
