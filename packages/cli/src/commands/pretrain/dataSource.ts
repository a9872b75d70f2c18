/**
 * A corpus as plain data, which a worker can be sent, and what a batch worker
 * is started with.
 */
import { memorySource } from '@rna/model';
import { openCorpus, type BatchPort, type OpenedCorpus, type PretrainConfig } from '@rna/train';
import { openFileSource } from '../../files/files.ts';

/** A corpus file on disk, or one in memory. */
export type DataSource = { readonly file: string } | { readonly bytes: Uint8Array };

export interface TrainingData {
  readonly train: DataSource;
  readonly validation?: DataSource;
}

export interface BatchWork {
  readonly data: TrainingData;
  readonly config: PretrainConfig;
  readonly ports: { readonly train: BatchPort; readonly validation: BatchPort };
}

/** Opens a corpus. A file stays open as long as the process or worker. */
export async function openData(source: DataSource): Promise<OpenedCorpus> {
  return openCorpus(
    'file' in source ? await openFileSource(source.file) : memorySource('corpus in memory', source.bytes),
  );
}
