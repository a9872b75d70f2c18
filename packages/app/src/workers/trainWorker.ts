/** The worker that trains: the scripts of pre-training and of fine-tuning, served to the page. */
import { openBuiltin } from '@rna/inference/browser';
import { openKeptModel, serveRuns } from '@rna/web';
import { BUILTIN } from '../calls/modelCalls.ts';
import { labelledRowsOf } from './labelledTable.ts';
import { fetchFile } from './fetchFile.ts';

serveRuns(self, {
  batchWorker: () => new Worker(new URL('./batchWorker.ts', import.meta.url), { type: 'module' }),
  tuning: {
    openModel: (name) => (name === BUILTIN ? openBuiltin(fetchFile) : openKeptModel(name)),
    readRows: (table, columns) => Promise.resolve().then(() => labelledRowsOf(table, columns)),
  },
});
