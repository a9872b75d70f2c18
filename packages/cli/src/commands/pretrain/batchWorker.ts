/**
 * The thread of `rna pretrain` that reads, masks and packs: it serves the
 * batches of dataSource.ts's corpora until it is ended.
 */
import { workerData } from 'node:worker_threads';
import { runBatches, serveBatches, type Cursor } from '@rna/train';
import { openData, type BatchWork } from './dataSource.ts';

const { data, config, ports } = workerData as BatchWork;
const opened = (async () =>
  runBatches(
    { train: await openData(data.train), ...(data.validation && { validation: await openData(data.validation) }) },
    config,
  ))();
// A fault is told to whoever asks for a batch.
opened.catch(() => undefined);

for (const part of ['train', 'validation'] as const) {
  serveBatches(ports[part], {
    async at(cursor: Cursor) {
      const source = (await opened)[part];
      if (source === undefined) throw new Error('there is no held-out data');
      return source.at(cursor);
    },
    close: () => undefined,
  });
}
