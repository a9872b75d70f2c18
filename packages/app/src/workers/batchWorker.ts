/** The worker that masks and packs, ahead of the one that trains. */
import { serveRunBatches } from '@rna/web';

serveRunBatches(self);
