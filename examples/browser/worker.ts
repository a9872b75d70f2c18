/** The worker that trains: the shared script, served to the page. */
import { serveRuns } from '@rna/web';
import { runPretraining } from '../shared/pretraining.ts';

serveRuns(self, {
  script: runPretraining,
  batchWorker: () => new Worker(new URL('./batchWorker.ts', import.meta.url), { type: 'module' }),
});
