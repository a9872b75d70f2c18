/** The worker that trains: the pre-training script, served to the page. */
import { serveRuns } from '@rna/web';

serveRuns(self, { batchWorker: () => new Worker(new URL('./batchWorker.ts', import.meta.url), { type: 'module' }) });
